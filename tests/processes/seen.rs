//! What can be seen of a process from outside.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

/// How long anything may take that should come soon.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How often it is looked whether it has come.
const LOOK: Duration = Duration::from_millis(10);

/// The user that the network process becomes; it needs no entry anywhere.
pub(crate) const NETWORK_UID: &str = "4242";

/// Waits until `look` finds something.
#[track_caller]
pub(crate) fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {SOON:?}: {what}");
        thread::sleep(LOOK);
    }
}

/// Returns a port that nobody has.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Returns a line of proc_pid_status(5) without its name.
pub(crate) fn status(pid: i32, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches(':').split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Returns the process that started a process, or took it over.
pub(crate) fn parent(pid: i32) -> Option<Pid> {
    status(pid, "PPid")?.parse().ok().map(Pid::from_raw)
}

/// Returns the title of a process.
pub(crate) fn shown(pid: i32) -> String {
    fs::read(format!("/proc/{pid}/cmdline")).map(|line| String::from_utf8_lossy(&line).into_owned()).unwrap_or_default()
}

/// Returns all processes.
pub(crate) fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").expect("proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
}

/// Asserts that a process has no right, and no way to one.
#[track_caller]
pub(crate) fn has_no_rights(pid: i32) {
    let ids = [NETWORK_UID; 4].join(" ");
    assert_eq!(status(pid, "Uid"), Some(ids.clone()), "{}", shown(pid));
    assert_eq!(status(pid, "Gid"), Some(ids));
    assert_eq!(status(pid, "Groups").as_deref(), Some(NETWORK_UID));
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(pid, set).as_deref(), Some("0000000000000000"), "{set}");
    }
    assert_eq!(status(pid, "NoNewPrivs").as_deref(), Some("1"));
    let root = fs::read_dir(format!("/proc/{pid}/root/")).expect("root may look");
    assert_eq!(root.count(), 0, "its root directory is empty");
}

/// Returns the other processes that have a connection to or from `port` of this host.
pub(crate) fn holders(port: u16) -> Vec<i32> {
    let sockets = connections(port);
    let has_one = |pid: &i32| {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut links = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
        links.any(|link| sockets.iter().any(|socket| link.as_os_str().to_str() == Some(socket)))
    };
    let own = i32::try_from(std::process::id()).expect("a pid");
    processes().filter(|pid| *pid != own).filter(has_one).collect()
}

/// Returns the names in proc_pid_fd(5) of the established connections to or from `port`.
fn connections(port: u16) -> Vec<String> {
    let table = fs::read_to_string("/proc/net/tcp").expect("proc");
    let port = format!(":{port:04X}");
    let established = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    established
        .filter(|words| words[3] == "01" && (words[1].ends_with(&port) || words[2].ends_with(&port)))
        .map(|words| format!("socket:[{}]", words[9]))
        .collect()
}
