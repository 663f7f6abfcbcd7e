//! Accepting connections: one task a listener, one a session.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use crate::daemon::programs::{AcceptDelay, Connection, Session};
use crate::daemon::runner::Stage;
use crate::log::{Level, Log};

/// Descriptors kept for everything but sessions.
const DESCRIPTORS_KEPT: u64 = 256;

/// Descriptors a session may need: the connection, two queue files, a filter or two, a delivery.
const DESCRIPTORS_EACH: u64 = 6;

/// Sessions that are served however few descriptors there are.
const SESSIONS_MIN: usize = 32;

/// How long to wait when the system is short of what a connection needs.
const SHORTAGE_WAIT: Duration = Duration::from_millis(100);

/// How often a shortage is logged.
const SHORTAGE_LOG: Duration = Duration::from_secs(60);

/// How long a client that is turned away may take to hear it.
const TURN_AWAY: Duration = Duration::from_secs(5);

/// What a client hears that is one too many.
const TOO_MANY: &[u8] = b"421 4.3.2 Too many connections; please try again later\r\n";

/// The sessions that are served now.
#[derive(Clone)]
pub(super) struct Sessions(Arc<Shared>);

struct Shared {
    count: AtomicUsize,
    count_max: usize,
    changed: Notify,
}

/// One session; dropped, it has ended.
struct Counted(Arc<Shared>);

impl Sessions {
    /// Returns a count that is bounded by the descriptors this process may have.
    pub(super) fn new(descriptors_max: Option<u64>) -> Self {
        let sessions = descriptors_max.unwrap_or(1024).saturating_sub(DESCRIPTORS_KEPT) / DESCRIPTORS_EACH;
        let count_max = usize::try_from(sessions).unwrap_or(usize::MAX).max(SESSIONS_MIN);
        Self(Arc::new(Shared { count: AtomicUsize::new(0), count_max, changed: Notify::new() }))
    }

    /// Counts one more; none if there are too many.
    fn enter(&self) -> Option<Counted> {
        let before = self.0.count.fetch_add(1, Ordering::AcqRel);
        let counted = Counted(Arc::clone(&self.0));
        (before < self.0.count_max).then_some(counted)
    }

    /// Tells whether there is room for no more.
    fn are_full(&self) -> bool {
        self.0.count.load(Ordering::Acquire) >= self.0.count_max
    }

    /// Waits until there is none.
    pub(super) async fn ended(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.0.count.load(Ordering::Acquire) == 0 {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.changed.notify_waiters();
        }
    }
}

/// A port, and what becomes of those who come to it.
pub(super) struct Acceptor {
    /// Its place in the options.
    pub(super) port: u16,
    /// All sessions, of other ports too.
    pub(super) sessions: Sessions,
    pub(super) session: Session,
    pub(super) pace: AcceptDelay,
    pub(super) log: Log,
}

impl Acceptor {
    /// Accepts connections as long as `stage` is the first; then the listener closes.
    pub(super) async fn serve(self, listener: TcpListener, mut stage: watch::Receiver<Stage>) {
        let mut logged: Option<Instant> = None;
        let mut reserve = Reserve::take(&listener);
        loop {
            let accepted = tokio::select! {
                _ = stage.wait_for(|stage| *stage > Stage::Serving) => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.admit(stream, peer);
                    wait((self.pace)(self.port), &mut stage).await;
                }
                Err(error) if is_shortage(&error) => {
                    if logged.is_none_or(|at| at.elapsed() >= SHORTAGE_LOG) {
                        logged = Some(Instant::now());
                        self.log.say(
                            Level::SYSTEM_ERROR,
                            None,
                            format_args!("cannot accept connections: {error}; raise the limit of open files"),
                        );
                    }
                    if !reserve.turn_away(&listener) {
                        tokio::time::sleep(SHORTAGE_WAIT).await;
                    }
                }
                // The client went away before it was accepted.
                Err(_) => {}
            }
        }
        // A listener that cannot be taken out of the runtime closes as it is.
        if let Ok(listener) = listener.into_std() {
            self.admit_waiting(&listener);
        }
    }

    /// Serves those who have connected already, as long as there is room: when `listener` closes, the system would reset
    /// their connections, unless a successor has the port, too.
    fn admit_waiting(&self, listener: &std::net::TcpListener) {
        for _ in 0..self.sessions.0.count_max {
            if self.sessions.are_full() {
                return;
            }
            match listener.accept() {
                Ok((stream, peer)) => {
                    let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                    let Ok(stream) = stream else { return };
                    self.admit(stream, peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_shortage(&error) => return,
                // The client went away before it was accepted.
                Err(_) => {}
            }
        }
    }

    /// Starts a session, or turns the client away.
    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        // An IPv6 port may take IPv4 connections.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        match self.sessions.enter() {
            Some(counted) => {
                let session = (self.session)(Connection { stream, peer, port: self.port });
                tokio::spawn(async move {
                    session.await;
                    drop(counted);
                });
            }
            None => drop(tokio::spawn(turn_away(stream))),
        }
    }
}

/// A descriptor that is given up to tell a client that there are no more.
struct Reserve(Option<OwnedFd>);

impl Reserve {
    fn take(listener: &TcpListener) -> Self {
        Self(listener.as_fd().try_clone_to_owned().ok())
    }

    /// Accepts one client with the descriptor that is kept back, and turns it away; tells whether there was one.
    fn turn_away(&mut self, listener: &TcpListener) -> bool {
        self.0 = None;
        let accepted = listener.poll_accept(&mut Context::from_waker(Waker::noop()));
        let met = match accepted {
            Poll::Ready(Ok((stream, _))) => {
                // There is room for so few bytes; a client that is gone needs not hear it.
                let _ = stream.try_write(TOO_MANY);
                true
            }
            _ => false,
        };
        *self = Self::take(listener);
        met
    }
}

/// Waits, but no longer than connections are accepted.
async fn wait(time: Duration, stage: &mut watch::Receiver<Stage>) {
    if !time.is_zero() {
        // Whatever ends the wait, the loop looks again.
        let _ = tokio::time::timeout(time, stage.wait_for(|stage| *stage > Stage::Serving)).await;
    }
}

/// Tells whether the system is short of something, rather than the client gone.
fn is_shortage(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM))
}

async fn turn_away(mut stream: TcpStream) {
    // Whether it hears that or not, it is turned away.
    let _ = tokio::time::timeout(TURN_AWAY, stream.write_all(TOO_MANY)).await;
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// Does what is done at a port when it is given up.
    async fn end(listener: TcpListener, sessions: &Sessions, session: Session) {
        let (sessions, pace): (_, AcceptDelay) = (sessions.clone(), Arc::new(|_| Duration::ZERO));
        let acceptor = Acceptor { port: 0, sessions, session, pace, log: Log::nowhere() };
        acceptor.serve(listener, watch::channel(Stage::Finishing).1).await;
    }

    #[tokio::test]
    async fn when_there_is_no_room_then_whoever_waits_at_the_end_is_left_to_a_successor() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let successor = listener.as_fd().try_clone_to_owned().map(std::net::TcpListener::from).expect("a copy");
        let client = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("the backlog takes it");
        let sessions = Sessions::new(Some(0));
        let held: Vec<_> = std::iter::from_fn(|| sessions.enter()).collect();
        assert_eq!(held.len(), SESSIONS_MIN);
        end(listener, &sessions, Arc::new(|_| Box::pin(std::future::ready(())))).await;
        let (_, peer) = successor.accept().expect("it still waits");
        assert_eq!(peer, client.local_addr().expect("connected"));
    }

    #[tokio::test]
    async fn whoever_waits_at_the_end_is_served() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let clients = [(); 3].map(|()| std::net::TcpStream::connect(address).expect("the backlog takes it"));
        let session: Session = Arc::new(|mut connection| {
            Box::pin(async move { connection.stream.write_all(b"421 bye\r\n").await.expect("room for it") })
        });
        let sessions = Sessions::new(None);
        end(listener, &sessions, session).await;
        sessions.ended().await;
        for mut client in clients {
            let mut heard = String::new();
            client.read_to_string(&mut heard).expect("closed in order");
            assert_eq!(heard, "421 bye\r\n");
        }
        std::net::TcpStream::connect(address).expect_err("the port is closed");
    }

    #[tokio::test]
    async fn when_descriptors_are_short_then_the_reserve_tells_a_client() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut reserve = Reserve::take(&listener);
        assert!(!reserve.turn_away(&listener), "nobody has come");
        let mut client = std::net::TcpStream::connect(address).expect("the backlog takes it");
        while !reserve.turn_away(&listener) {
            tokio::task::yield_now().await;
        }
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).expect("closed in order");
        assert_eq!(heard, TOO_MANY);
        assert!(reserve.0.is_some());
    }
}
