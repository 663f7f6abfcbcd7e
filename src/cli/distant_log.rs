//! The log of a process that reaches syslogd only by way of hands.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bstr::ByteSlice;
use tokio::sync::Notify;

use crate::daemon::programs::Surroundings;
use crate::keeper::{self, Hands, Request};
use crate::log::{Log, Sink, Syslog};

/// How often it is tried to send lines that syslogd has not taken.
const SYSLOG_PERIOD: Duration = Duration::from_secs(1);

/// The same while lines wait for syslogd to read.
const SYSLOG_FULL_PERIOD: Duration = Duration::from_millis(20);

/// The way to syslogd, which a hand finds.
struct SyslogSearch {
    /// What a hand has found and the log has not taken yet.
    found: Mutex<Option<UnixDatagram>>,
    /// Told when the log wants a new one.
    wanted: Notify,
}

/// Returns a log that finds a restarted syslogd again, by way of a hand: there is no path to it in here.
///
/// **Invariant:** whoever logs never waits, neither for a hand nor for syslogd. Others wait for the one that logs, and
/// were they all to wait, nobody would be left to read the hand's answer. Lines are kept until they can be sent.
pub(super) async fn open(surroundings: &Surroundings) -> Log {
    let hands = Arc::clone(&surroundings.hands);
    let found = Mutex::new(find_syslog(&hands).await);
    let search = Arc::new(SyslogSearch { found, wanted: Notify::new() });
    let asking = Arc::clone(&search);
    let open = move || {
        let found = asking.found.lock().unwrap_or_else(PoisonError::into_inner).take();
        found.ok_or_else(|| {
            asking.wanted.notify_one();
            io::Error::from(io::ErrorKind::NotConnected)
        })
    };
    let detail = surroundings.config.options.log_level;
    let log = Log::new(Sink::Syslog(Syslog::with_opener(open)), &surroundings.order.tag.to_str_lossy(), detail);
    tokio::spawn(keep_up(log.clone(), search, hands));
    log
}

/// Sends what could not be sent at once, as soon as syslogd is there and reads.
async fn keep_up(log: Log, search: Arc<SyslogSearch>, hands: Arc<Hands>) {
    let mut is_sent = true;
    loop {
        // Nobody tells when a socket that was full has room again.
        let period = if is_sent { SYSLOG_PERIOD } else { SYSLOG_FULL_PERIOD };
        if tokio::time::timeout(period, search.wanted.notified()).await.is_ok() {
            match find_syslog(&hands).await {
                Some(socket) => *search.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket),
                None => tokio::time::sleep(SYSLOG_PERIOD).await,
            }
        }
        is_sent = log.flush();
    }
}

/// Asks a hand for a socket to syslogd.
async fn find_syslog(hands: &Hands) -> Option<UnixDatagram> {
    let request = Request::Connect { service: keeper::request::Service::Syslog {} };
    hands.ask_for_one(request).await.ok().map(UnixDatagram::from)
}
