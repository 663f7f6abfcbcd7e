//! What the processes are told to do by the floor above: how a configuration is read, where lines are logged, and the
//! work of the network process.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::order::Order;
use super::runner::Delivery;
use crate::cf::Config;
use crate::keeper::Hands;
use crate::log::{About, Level, Log};
use crate::name::Sysexit;
use crate::queue::schedule::Facts;
use crate::queue::select::Selection;
use crate::queue::spool::Spool;
use crate::queue::{Claimed, Queue};
use crate::site::{Classes, NameFiles, Services};
use crate::submit::Caller;
use crate::sys::host::LoadAverage;

/// A piece of work under way.
pub type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How the processes do what is not theirs.
#[derive(Clone, Copy)]
pub struct Programs {
    /// Returns the text of the configuration as it is now.
    pub text: fn(&Order) -> io::Result<Vec<u8>>,
    /// Reads the text of a configuration; the problems that forbid its use, one a line.
    pub read: fn(&Order, &[u8]) -> Result<Config, Vec<String>>,
    /// Opens the log; called once in each process, while it may still open files.
    pub log: fn(&Order, &Config) -> Log,
    /// Opens the queue directories, for a process that may.
    pub spool: fn(&Config) -> Result<Arc<dyn Spool>, String>,
    /// Makes the network process ready to serve; it has no rights any more.
    pub open: fn(Surroundings) -> Task<Result<Work, String>>,
    /// Does in the network process the one thing that the command line says; returns what the program exits with.
    pub perform: fn(Surroundings) -> Task<Sysexit>,
}

impl Programs {
    /// Tells the caller and the log why what `order` asks for cannot begin, line by line.
    ///
    /// The configuration may be what cannot be read: the log is that of a site which says nothing of it.
    pub(super) fn tell_failure(&self, order: &Order, failure: &str) {
        let (log, name) = ((self.log)(order, &Config::default()), Caller::find().name);
        for line in failure.lines() {
            eprintln!("{line}");
            log.say(Level::SYSTEM_ERROR, About::NoQueue, format_args!("SYSERR({name}): {line}"));
        }
    }
}

/// Lets the caller of the program go, with this exit status, while the work goes on.
pub type Release = Arc<dyn Fn(Sysexit) + Send + Sync>;

/// What the work of the network process is made from.
#[derive(Clone)]
pub struct Surroundings {
    /// What the daemon was started for.
    pub order: Arc<Order>,
    /// The configuration.
    pub config: Arc<Config>,
    /// Its text, for those who read it again with more knowledge of this host.
    pub text: Arc<[u8]>,
    /// Who opens, locks and starts things.
    pub hands: Arc<Hands>,
    /// The queue.
    pub queue: Queue,
    /// Where log lines go.
    pub log: Log,
    /// The files that say how host names are looked up, read before the process was locked in.
    pub names: NameFiles,
    /// The services that the configuration names, looked up likewise.
    pub services: Services,
    /// The time zone of dates, read likewise.
    pub zone: jiff::tz::TimeZone,
    /// Who called the program.
    pub caller: Caller,
    /// Lets the caller go.
    pub release: Release,
    /// Becomes true when sessions must end.
    pub ending: watch::Receiver<bool>,
    /// Takes entries that are to be delivered at once.
    pub delivery: Delivery,
    /// Tells the load of the machine.
    pub load: Arc<LoadAverage>,
}

/// The work of the network process.
#[derive(Clone)]
pub struct Work {
    /// Serves one connection to its end.
    pub session: Session,
    /// Takes note that a port has accepted a connection; returns how long it waits before it accepts the next.
    pub pace: AcceptDelay,
    /// Which entries queue runs try.
    pub meant: Selection,
    /// Attempts messages.
    pub attempt: Attempt,
    /// The classes of the site.
    pub classes: Arc<Classes>,
    /// Puts away what is counted, and sees the last lines into the log; called once all work has ended.
    pub part: Arc<dyn Fn() -> Task<()> + Send + Sync>,
}

/// Serves a connection.
pub type Session = Arc<dyn Fn(Connection) -> Task<()> + Send + Sync>;

/// Tells of a port how long it waits before it accepts the next connection.
pub type AcceptDelay = Arc<dyn Fn(u16) -> Duration + Send + Sync>;

/// Attempts a message whose lock we hold.
pub type Attempt = Arc<dyn Fn(Claimed) -> Task<Attempted> + Send + Sync>;

/// A connection that was accepted.
#[derive(Debug)]
pub struct Connection {
    /// The connection.
    pub stream: TcpStream,
    /// The other end.
    pub peer: SocketAddr,
    /// Which of DaemonPortOptions it came in through.
    pub port: u16,
}

/// What became of an attempt.
pub enum Attempted {
    /// The message is done with and gone.
    Settled,
    /// It must be tried again, when these facts say.
    Waits(Facts),
    /// What became of it could not be written down: it must be held until it can.
    Unwritten(Box<Claimed>),
}
