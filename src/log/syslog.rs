//! A client of syslogd: datagrams, never waiting, over restarts of the daemon.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use bstr::BString;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::handle::Priority;

/// Where syslogd listens: Linux, then FreeBSD (`/var/run/logpriv` is for root there).
pub const SYSLOG_SOCKETS: &[&str] = &["/dev/log", "/var/run/log"];

/// LOG_MAIL, shifted as it stands in a priority.
const FACILITY: u8 = 2 << 3;

/// Lines kept while syslogd is not there or does not read, a few seconds of a busy host; older ones are dropped and counted.
const WAITING_MAX: usize = 4096;

/// How long the last lines may take when the program ends.
const PARTING: Duration = Duration::from_secs(1);

/// Makes a connected, non-blocking socket.
type Opener = Box<dyn Fn() -> io::Result<UnixDatagram> + Send>;

/// A connection to syslogd.
pub struct Syslog {
    open: Opener,
    socket: Option<UnixDatagram>,
    waiting: VecDeque<BString>,
    lost: u64,
}

impl Syslog {
    /// Returns a client that connects to the system's syslogd when it has something to say.
    pub fn system() -> Self {
        Self::with_opener(|| {
            let mut last = io::Error::from(io::ErrorKind::NotFound);
            for path in SYSLOG_SOCKETS {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                match socket.connect(path) {
                    Ok(()) => return Ok(socket),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
    }

    /// Returns a client whose sockets `open` makes, for a process that cannot reach the path itself.
    ///
    /// The sockets must be connected and non-blocking.
    pub fn with_opener(open: impl Fn() -> io::Result<UnixDatagram> + Send + 'static) -> Self {
        Self { open: Box::new(open), socket: None, waiting: VecDeque::new(), lost: 0 }
    }

    /// Connects now, while the path can still be reached; returns whether that worked.
    pub fn connect(&mut self) -> bool {
        if self.socket.is_none() {
            self.socket = (self.open)().ok();
        }
        self.socket.is_some()
    }

    /// Sends a line, after those that still wait.
    pub(super) fn send(&mut self, priority: Priority, stamp: &str, tag: &str, line: &[u8]) {
        let datagram = packet(priority, stamp, tag, line);
        self.waiting.push_back(datagram);
        self.flush(stamp, tag);
        while self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
            self.lost += 1;
        }
    }

    /// Sends what waits, as far as syslogd takes it; tells whether that was all.
    pub(super) fn flush(&mut self, stamp: &str, tag: &str) -> bool {
        if self.lost > 0 {
            let note = format!("{} log lines lost: syslogd did not take them", self.lost);
            if self.send_now(&packet(Priority::Warning, stamp, tag, note.as_bytes())) {
                self.lost = 0;
            }
        }
        while let Some(datagram) = self.waiting.pop_front() {
            if !self.send_now(&datagram) {
                self.waiting.push_front(datagram);
                return false;
            }
        }
        self.lost == 0
    }

    /// Sends one datagram; connects again once if syslogd was restarted.
    fn send_now(&mut self, datagram: &[u8]) -> bool {
        for _ in 0..2 {
            if !self.connect() {
                return false;
            }
            let Some(socket) = &self.socket else { return false };
            match socket.send(datagram) {
                Ok(_) => return true,
                Err(error) if is_full(&error) => return false,
                Err(_) => self.socket = None,
            }
        }
        false
    }
}

/// Tells whether the error only says that syslogd is slow.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::OutOfMemory)
        || error.raw_os_error() == Some(nix::errno::Errno::ENOBUFS as i32)
}

/// Puts a datagram together (RFC 3164 §4.1, without the host name, as local programs do).
fn packet(priority: Priority, stamp: &str, tag: &str, line: &[u8]) -> BString {
    let mut datagram = BString::from(format!("<{}>{stamp} {tag}: ", FACILITY | priority as u8));
    datagram.extend_from_slice(line);
    datagram
}

/// Who ends gives a slow syslogd a moment for the last lines.
impl Drop for Syslog {
    fn drop(&mut self) {
        let end = Instant::now() + PARTING;
        while let (Some(datagram), Some(socket)) = (self.waiting.front(), &self.socket) {
            let left = end.saturating_duration_since(Instant::now());
            let mut waited = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            if !matches!(poll(&mut waited, timeout), Ok(1..)) {
                return;
            }
            match socket.send(datagram) {
                Ok(_) => drop(self.waiting.pop_front()),
                Err(error) if is_full(&error) => {}
                Err(_) => return,
            }
        }
    }
}

impl fmt::Debug for Syslog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Syslog")
            .field("socket", &self.socket)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn client(path: PathBuf) -> Syslog {
        Syslog::with_opener(move || {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.connect(&path)?;
            Ok(socket)
        })
    }

    #[track_caller]
    fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 2048];
        socket.set_nonblocking(true).expect("a socket");
        let len = socket.recv(&mut buffer).expect("a datagram");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    #[test]
    fn lines_have_priority_stamp_and_tag() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let server = UnixDatagram::bind(&path).expect("a socket");
        client(path).send(Priority::Info, "Nov 22 23:10:35", "sm-mta[69]", b"hello");
        assert_eq!(receive(&server), "<22>Nov 22 23:10:35 sm-mta[69]: hello");
    }

    #[test]
    fn a_restart_of_syslogd_loses_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let server = UnixDatagram::bind(&path).expect("a socket");
        let mut client = client(path.clone());
        client.send(Priority::Info, "S", "t", b"one");
        receive(&server);
        drop(server);
        std::fs::remove_file(&path).expect("removable");
        client.send(Priority::Info, "S", "t", b"two");
        let server = UnixDatagram::bind(&path).expect("a socket");
        client.send(Priority::Notice, "S", "t", b"three");
        assert_eq!(receive(&server), "<22>S t: two");
        assert_eq!(receive(&server), "<21>S t: three");
    }

    #[test]
    fn what_waits_is_sent_without_a_next_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut client = client(path.clone());
        client.send(Priority::Info, "S", "t", b"one");
        assert!(!client.flush("S", "t"));
        let server = UnixDatagram::bind(&path).expect("a socket");
        assert!(client.flush("S", "t"));
        assert_eq!(receive(&server), "<22>S t: one");
    }

    #[test]
    fn the_last_lines_wait_for_a_slow_syslogd() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let server = UnixDatagram::bind(&path).expect("a socket");
        let mut client = client(path);
        for number in 0..WAITING_MAX {
            client.send(Priority::Info, "S", "t", number.to_string().as_bytes());
        }
        assert!(!client.waiting.is_empty());
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 64];
            for _ in 0..WAITING_MAX {
                server.recv(&mut buffer).expect("a datagram");
            }
            buffer
        });
        drop(client);
        assert!(reader.join().expect("all lines came").starts_with(b"<22>S t: 4095"));
    }

    #[test]
    fn a_full_queue_drops_the_oldest_and_says_how_many() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut client = client(path.clone());
        for number in 0..WAITING_MAX + 3 {
            client.send(Priority::Info, "S", "t", number.to_string().as_bytes());
        }
        let server = UnixDatagram::bind(&path).expect("a socket");
        client.send(Priority::Info, "S", "t", b"last");
        assert_eq!(receive(&server), "<20>S t: 3 log lines lost: syslogd did not take them");
        assert_eq!(receive(&server), "<22>S t: 3");
    }

    #[test]
    fn a_syslogd_that_does_not_read_never_blocks() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let _server = UnixDatagram::bind(&path).expect("a socket");
        let mut client = client(path);
        for _ in 0..2 * WAITING_MAX {
            client.send(Priority::Info, "S", "t", &[b'x'; 1000]);
        }
        assert!(client.waiting.len() <= WAITING_MAX);
    }
}
