//! Facts about this machine: its name, addresses, load, free space, services and descriptors.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::zeroed;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::ptr;

use bstr::BString;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::sys::statvfs::{Statvfs, fstatvfs, statvfs};

/// Returns the name this machine has been given, as it is, without asking DNS.
pub fn name() -> io::Result<BString> {
    Ok(nix::unistd::gethostname()?.into_vec().into())
}

/// Returns how many processors this process may use.
pub fn processors() -> i64 {
    std::thread::available_parallelism().map_or(1, |count| i64::try_from(count.get()).unwrap_or(1))
}

/// Returns what tells this start of the machine from every other: process ids count only within it.
///
/// `None` where the system does not tell. In a container of its own it differs from the host's.
pub fn boot() -> Option<BString> {
    platform::boot()
}

/// An address of one of this machine's interfaces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interface {
    /// Interface name, for example `em0`.
    pub name: String,
    /// The address; a scope identifier is left out.
    pub address: IpAddr,
    /// Whether it is the loopback interface.
    pub is_loopback: bool,
}

/// Returns the addresses of all interfaces that are up.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    use nix::net::if_::InterfaceFlags;
    let mut found = Vec::new();
    for entry in nix::ifaddrs::getifaddrs()? {
        let Some(storage) = entry.address else {
            continue;
        };
        let address = if let Some(v4) = storage.as_sockaddr_in() {
            IpAddr::V4(v4.ip())
        } else if let Some(v6) = storage.as_sockaddr_in6() {
            IpAddr::V6(v6.ip())
        } else {
            continue;
        };
        if entry.flags.contains(InterfaceFlags::IFF_UP) {
            let is_loopback = entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
            found.push(Interface { name: entry.interface_name, address, is_loopback });
        }
    }
    Ok(found)
}

/// Tells the load average, also in a process that can open no file any more.
#[derive(Debug)]
pub struct LoadAverage(platform::LoadSource);

impl LoadAverage {
    /// Opens what tells the load, while it can be opened.
    pub fn open() -> Self {
        Self(platform::LoadSource::open())
    }

    /// Returns the load average over the last minute, rounded as the options have it; 0 where the system does not tell.
    #[expect(clippy::cast_possible_truncation, reason = "a load average has few digits")]
    pub fn now(&self) -> i64 {
        self.0.minute().unwrap_or(0.0).round() as i64
    }
}

/// Free space on a file system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Space {
    /// Bytes that an ordinary user may still write.
    pub available_bytes: u64,
    /// Files that may still be made; `None` where the file system has no such limit.
    pub available_files: Option<u64>,
    /// The unit in which the file system counts, in bytes.
    pub block_bytes: u64,
}

impl Space {
    /// Returns the free space at `path`.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&statvfs(path)?))
    }

    /// Returns the free space where `file` lies.
    pub fn of_file(file: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self::of(&fstatvfs(file)?))
    }

    // The widths of these fields differ between the systems.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    fn of(found: &Statvfs) -> Self {
        let block_bytes = found.fragment_size() as u64;
        let files = found.files() as u64;
        Self {
            available_bytes: (found.blocks_available() as u64).saturating_mul(block_bytes),
            available_files: (files != 0).then(|| found.files_available() as u64),
            block_bytes,
        }
    }
}

/// Tells whether a descriptor is one of a directory.
pub fn is_directory(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    let mode = SFlag::from_bits_truncate(fstat(descriptor)?.st_mode);
    Ok(mode & SFlag::S_IFMT == SFlag::S_IFDIR)
}

/// Returns the TCP port that services(5) has for `service`; a number is its own port.
pub fn service_port(service: &[u8]) -> Option<u16> {
    port(service, libc::SOCK_STREAM)
}

/// Returns the UDP port that services(5) has for `service`; a number is its own port.
pub fn datagram_port(service: &[u8]) -> Option<u16> {
    port(service, libc::SOCK_DGRAM)
}

fn port(service: &[u8], socket_type: libc::c_int) -> Option<u16> {
    // Numbers are read here: getaddrinfo(3) takes 70000 for 4464.
    if service.iter().all(u8::is_ascii_digit) {
        return std::str::from_utf8(service).ok()?.parse().ok();
    }
    // It takes `-1` for 65535, too.
    let begins_well = service.first().is_some_and(u8::is_ascii_alphanumeric);
    let service = CString::new(service).ok().filter(|_| begins_well)?;
    // SAFETY: addrinfo is plain data for which all zero bits mean "no wish".
    let mut wish: libc::addrinfo = unsafe { zeroed() };
    wish.ai_family = libc::AF_INET;
    wish.ai_socktype = socket_type;
    wish.ai_flags = libc::AI_PASSIVE;
    let mut list = ptr::null_mut();
    // SAFETY: no host is named, so only services are looked up; `service` and `wish` outlive the
    // call. On success the list has an IPv4 address first, as wished, and is freed once, unused after.
    unsafe {
        if libc::getaddrinfo(ptr::null(), service.as_ptr(), &raw const wish, &raw mut list) != 0 || list.is_null() {
            return None;
        }
        let port = u16::from_be((*(*list).ai_addr.cast::<libc::sockaddr_in>()).sin_port);
        libc::freeaddrinfo(list);
        Some(port)
    }
}

/// Returns how many descriptors this process may have open.
pub fn descriptor_limit() -> io::Result<u64> {
    Ok(getrlimit(Resource::RLIMIT_NOFILE)?.0 as u64)
}

/// Raises the descriptor limit as far as the system lets it and returns the new one.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    descriptor_limit()
}

/// Makes descriptors 0, 1 and 2 point to /dev/null where the caller left them closed.
///
/// First act of every program: a file opened later must not become somebody's standard error.
pub fn open_standard_descriptors() -> io::Result<()> {
    loop {
        let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
        if std::os::fd::AsRawFd::as_raw_fd(&null) > 2 {
            return Ok(());
        }
        fcntl(&null, FcntlArg::F_SETFD(FdFlag::empty()))?;
        // It stays open for the life of the process, as standard descriptors do.
        let _ = null.into_raw_fd();
    }
}

/// Closes every descriptor from `first` on: those that a careless caller let us inherit.
///
/// Call before anything is opened; numbers that a value of this process owns must not be among them.
pub fn close_inherited(first: RawFd) -> io::Result<()> {
    platform::close_from(first)
}

/// Takes the descriptor that whoever executed this process put under `number`.
///
/// Once for every number, at the start; sets close-on-exec. Fails where nothing is open under it.
pub fn take_inherited(number: RawFd) -> io::Result<std::os::fd::OwnedFd> {
    // SAFETY: only looked at, not closed; an invalid number is answered with EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and by the rule above nobody else in this process owns it.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(number) })
}

#[cfg(target_os = "linux")]
mod platform {
    use std::fs::File;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::FileExt;

    use bstr::{BString, ByteSlice};
    use nix::errno::Errno;

    use super::{RawFd, io};

    /// Descriptors are closed one by one up to here on kernels before 5.9.
    const CLOSE_MAX: RawFd = 65_536;

    /// The kernel's file: it is new whenever it is read from its start.
    #[derive(Debug)]
    pub(super) struct LoadSource(Option<File>);

    impl LoadSource {
        pub(super) fn open() -> Self {
            Self(File::open("/proc/loadavg").ok())
        }

        pub(super) fn minute(&self) -> Option<f64> {
            let mut line = [0; 64];
            let len = self.0.as_ref()?.read_at(&mut line, 0).ok()?;
            std::str::from_utf8(&line[..len]).ok()?.split(' ').next()?.parse().ok()
        }
    }

    pub(super) fn boot() -> Option<BString> {
        let boot = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
        // A process id means something within its namespace only.
        let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let mut name = BString::from(boot.trim());
        name.push(b'/');
        name.extend(namespace.as_os_str().as_bytes());
        Some(name)
    }

    pub(super) fn close_from(first: RawFd) -> io::Result<()> {
        let lowest = libc::c_uint::try_from(first).map_err(|_| Errno::EBADF)?;
        // SAFETY: plain numbers; by the caller's promise nobody in this process owns them.
        let answer = unsafe { libc::syscall(libc::SYS_close_range, lowest, libc::c_uint::MAX, 0 as libc::c_uint) };
        match Errno::result(answer) {
            Ok(_) => Ok(()),
            Err(Errno::ENOSYS) => {
                for descriptor in first..CLOSE_MAX {
                    // SAFETY: as above.
                    unsafe { libc::close(descriptor) };
                }
                Ok(())
            }
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::ptr;

    use bstr::BString;

    use super::{RawFd, io};

    /// Longer than any identifier of a start, in bytes.
    const BOOT_BYTES_MAX: usize = 64;

    /// The system call answers in every process.
    #[derive(Debug)]
    pub(super) struct LoadSource;

    impl LoadSource {
        pub(super) fn open() -> Self {
            Self
        }

        pub(super) fn minute(&self) -> Option<f64> {
            let mut minute = [0.0_f64];
            // SAFETY: getloadavg writes at most as many numbers as asked for, one.
            let got = unsafe { libc::getloadavg(minute.as_mut_ptr(), 1) };
            (got == 1).then_some(minute[0])
        }
    }

    pub(super) fn boot() -> Option<BString> {
        let mut room = [0_u8; BOOT_BYTES_MAX];
        let mut length = room.len();
        // SAFETY: the name is a C string; at most `length` bytes of `room` are written and `length`
        // then says how many; nothing is set.
        let answer = unsafe {
            libc::sysctlbyname(c"kern.boot_id".as_ptr(), room.as_mut_ptr().cast(), &raw mut length, ptr::null_mut(), 0)
        };
        (answer == 0).then(|| room[..length].iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
    }

    pub(super) fn close_from(first: RawFd) -> io::Result<()> {
        // SAFETY: a plain number; by the caller's promise nobody in this process owns what is above.
        unsafe { libc::closefrom(first) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{alone, branch_for_test};

    #[test]
    fn services_are_found_by_name_and_number() {
        assert_eq!(service_port(b"2525"), Some(2525));
        assert_eq!(service_port(b"no-such-service"), None);
        assert_eq!(service_port(b"70000"), None);
        assert_eq!(service_port(b"-1"), None);
        if std::fs::read_to_string("/etc/services").is_ok_and(|text| text.contains("smtp")) {
            assert_eq!(service_port(b"smtp"), Some(25));
            assert_eq!(datagram_port(b"smtp").unwrap_or(25), 25);
        }
    }

    #[test]
    fn the_machine_has_a_name_space_and_a_descriptor_limit() {
        assert!(!name().unwrap().is_empty());
        assert!(Space::at(Path::new("/")).unwrap().block_bytes > 0);
        assert!(descriptor_limit().unwrap() >= 20);
        assert!(LoadAverage::open().now() >= 0);
        assert!(interfaces().unwrap().iter().all(|found| !found.name.is_empty()));
    }

    #[test]
    fn when_standard_descriptors_are_closed_then_they_become_dev_null() {
        alone(|| {
            let status = branch_for_test(|| {
                close_inherited(0).unwrap();
                open_standard_descriptors().unwrap();
                let opened = [0, 1, 2].map(|number| take_inherited(number).is_ok());
                u8::from(opened != [true; 3] || take_inherited(3).is_ok())
            });
            assert_eq!(status, 0);
        });
    }
}
