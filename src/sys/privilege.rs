//! Giving up power, and proof that it is gone.
//!
//! **Invariant:** a function here that returns `Ok` has looked at the result; one that returns `Err`
//! may have changed a part, so the only right answer to an error is to exit.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::{
    Gid, Uid, chdir, chroot, fchdir, getegid, geteuid, getgid, getgroups, getresgid, getresuid, setegid, seteuid,
    setgid, setgroups, setresgid, setresuid, setuid,
};

use super::errors::reason_of;

/// Why power could not be given up; exit on it.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// A system call failed.
    #[error("{call}: {}", reason_of(*.errno))]
    Call {
        /// The call, with what it was asked.
        call: String,
        /// Its answer.
        errno: Errno,
    },
    /// The caller is not root and not already the user asked for.
    #[error("cannot become uid {uid} gid {gid}: not started as root")]
    NotRoot {
        /// The user id asked for.
        uid: u32,
        /// The group id asked for.
        gid: u32,
    },
    /// The ids are not what was set, or the old ones can be had back.
    #[error("privileges are still there after giving them up ({what}); refusing to go on")]
    StillThere {
        /// The check that failed.
        what: &'static str,
    },
    /// The directory to be locked into is not an empty one of root's.
    #[error("{path}: not an empty directory that only root can write; it is to be the root of an unprivileged process")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
}

fn failed(call: impl Into<String>) -> impl FnOnce(Errno) -> PrivilegeError {
    let call = call.into();
    move |errno| PrivilegeError::Call { call, errno }
}

/// Becomes `uid`, `gid` with exactly `groups` besides, for good, and checks that no way leads back.
///
/// All of real, effective and saved ids are set. A process that is not root may only "become" what
/// it is already; its supplementary groups then stay.
pub fn drop_to(uid: u32, gid: u32, groups: &[u32]) -> Result<(), PrivilegeError> {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    if geteuid().is_root() {
        let wanted = with_primary(gid, groups);
        setgroups(&wanted).map_err(failed("setgroups"))?;
        setresgid(group, group, group).map_err(failed(format!("setresgid {gid}")))?;
        setresuid(user, user, user).map_err(failed(format!("setresuid {uid}")))?;
        verify_groups(&wanted)?;
    } else if geteuid() != user || getegid() != group {
        return Err(PrivilegeError::NotRoot { uid, gid });
    } else {
        setresgid(group, group, group).map_err(failed(format!("setresgid {gid}")))?;
        setresuid(user, user, user).map_err(failed(format!("setresuid {uid}")))?;
    }
    verify(user, group)
}

/// Gives up the group that a setgid program was started with and checks that it is gone.
pub fn drop_group() -> Result<(), PrivilegeError> {
    let (real, effective) = (getgid(), getegid());
    setresgid(real, real, real).map_err(failed(format!("setresgid {real}")))?;
    verify_gid(real)?;
    if effective != real && !geteuid().is_root() && setgid(effective).is_ok() && getegid() == effective {
        return Err(PrivilegeError::StillThere { what: "setgid to the old group worked" });
    }
    Ok(())
}

/// Forbids this process and its children to gain power by exec, and makes it unreadable to debuggers.
///
/// Never for processes that start mailers: those may be setgid programs.
pub fn harden() -> Result<(), PrivilegeError> {
    platform::no_new_privileges()?;
    platform::not_dumpable()
}

/// Makes this process unreadable to debuggers and core dumps.
pub fn not_dumpable() -> Result<(), PrivilegeError> {
    platform::not_dumpable()
}

/// Empties the capability bounding set, so that no exec brings one back; call while still root.
///
/// Does nothing where the system has no capabilities of this kind.
pub fn drop_capability_bounds() -> Result<(), PrivilegeError> {
    platform::drop_capability_bounds()
}

/// Locks this process into the directory `path`, which must be empty and root's alone.
///
/// Needs root. `/var/empty` is the usual directory; nothing is created.
pub fn chroot_empty(path: &Path) -> Result<(), PrivilegeError> {
    let room = open_empty(path)?;
    fchdir(&room).map_err(failed(format!("fchdir {}", path.display())))?;
    chroot(".").map_err(failed(format!("chroot {}", path.display())))?;
    chdir("/").map_err(failed("chdir /"))
}

/// Effective ids of another user, for as long as this value lives.
///
/// For single-threaded root processes that must touch a user's files as that user (mailboxes, home
/// directories); root remains in the saved ids, so this guards against the file system's traps, not
/// against hostile code. If root cannot be had back the process aborts.
#[derive(Debug)]
pub struct Acting {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Acting {
    /// Takes on the effective ids; only root can.
    pub fn start(uid: u32, gid: u32, groups: &[u32]) -> Result<Self, PrivilegeError> {
        let before = Self { uid: geteuid(), gid: getegid(), groups: getgroups().map_err(failed("getgroups"))? };
        if !before.uid.is_root() {
            return Err(PrivilegeError::NotRoot { uid, gid });
        }
        setgroups(&with_primary(gid, groups)).map_err(failed("setgroups"))?;
        // From here on `before` puts everything back when it is dropped.
        setegid(Gid::from_raw(gid)).map_err(failed(format!("setegid {gid}")))?;
        seteuid(Uid::from_raw(uid)).map_err(failed(format!("seteuid {uid}")))?;
        Ok(before)
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        let back = seteuid(self.uid).and_then(|()| setegid(self.gid)).and_then(|()| setgroups(&self.groups));
        if back.is_err() {
            // Going on with a mixture of two users' rights is the one thing that must not happen.
            std::process::abort();
        }
    }
}

fn with_primary(gid: u32, groups: &[u32]) -> Vec<Gid> {
    // FreeBSD keeps the effective group as the first of the list.
    let mut all = vec![Gid::from_raw(gid)];
    all.extend(groups.iter().filter(|other| **other != gid).map(|other| Gid::from_raw(*other)));
    all
}

fn verify(user: Uid, group: Gid) -> Result<(), PrivilegeError> {
    let uids = getresuid().map_err(failed("getresuid"))?;
    if uids.real != user || uids.effective != user || uids.saved != user {
        return Err(PrivilegeError::StillThere { what: "user ids differ" });
    }
    verify_gid(group)?;
    if !user.is_root() {
        if setuid(Uid::from_raw(0)).is_ok() || seteuid(Uid::from_raw(0)).is_ok() {
            return Err(PrivilegeError::StillThere { what: "setuid(0) worked" });
        }
        if group.as_raw() != 0 && setgid(Gid::from_raw(0)).is_ok() {
            return Err(PrivilegeError::StillThere { what: "setgid(0) worked" });
        }
    }
    Ok(())
}

fn verify_gid(group: Gid) -> Result<(), PrivilegeError> {
    let gids = getresgid().map_err(failed("getresgid"))?;
    if gids.real != group || gids.effective != group || gids.saved != group {
        return Err(PrivilegeError::StillThere { what: "group ids differ" });
    }
    Ok(())
}

fn verify_groups(wanted: &[Gid]) -> Result<(), PrivilegeError> {
    let numbers = |list: &[Gid]| {
        let mut numbers: Vec<u32> = list.iter().map(|gid| gid.as_raw()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    let found = getgroups().map_err(failed("getgroups"))?;
    if numbers(&found) != numbers(wanted) {
        return Err(PrivilegeError::StillThere { what: "supplementary groups differ" });
    }
    Ok(())
}

fn open_empty(path: &Path) -> Result<OwnedFd, PrivilegeError> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let room = open(path, flags, Mode::empty()).map_err(failed(format!("open {}", path.display())))?;
    let found = fstat(&room).map_err(failed(format!("fstat {}", path.display())))?;
    let mut names = Dir::from_fd(room.as_fd().try_clone_to_owned().map_err(unclonable)?)
        .map_err(failed(format!("opendir {}", path.display())))?;
    let occupied =
        names.iter().any(|entry| entry.map_or(true, |entry| !matches!(entry.file_name().to_bytes(), b"." | b"..")));
    if occupied || found.st_uid != 0 || found.st_mode & 0o022 != 0 {
        return Err(PrivilegeError::NotEmpty { path: path.to_owned() });
    }
    Ok(room)
}

fn unclonable(error: io::Error) -> PrivilegeError {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EMFILE));
    PrivilegeError::Call { call: "dup".into(), errno }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform {
    use nix::errno::Errno;

    use super::{PrivilegeError, failed};

    /// More than any kernel's capability numbers (41 today); the loop ends at the first unknown one.
    const CAPABILITIES_MAX: libc::c_ulong = 64;

    pub(super) fn no_new_privileges() -> Result<(), PrivilegeError> {
        nix::sys::prctl::set_no_new_privs().map_err(failed("prctl PR_SET_NO_NEW_PRIVS"))
    }

    pub(super) fn not_dumpable() -> Result<(), PrivilegeError> {
        nix::sys::prctl::set_dumpable(false).map_err(failed("prctl PR_SET_DUMPABLE"))
    }

    pub(super) fn drop_capability_bounds() -> Result<(), PrivilegeError> {
        let none: libc::c_ulong = 0;
        for capability in 0..CAPABILITIES_MAX {
            // SAFETY: prctl with these commands takes plain numbers and touches no memory of ours.
            let answer = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, none, none, none) };
            match Errno::result(answer) {
                Ok(_) => {}
                Err(Errno::EINVAL) => return Ok(()),
                Err(errno) => {
                    return Err(failed(format!("prctl PR_CAPBSET_DROP {capability}"))(errno));
                }
            }
        }
        Ok(())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod platform {
    use nix::errno::Errno;

    use super::{PrivilegeError, failed};

    fn control(call: &str, command: libc::c_int, mut value: libc::c_int) -> Result<(), PrivilegeError> {
        let ourselves = libc::id_t::from(nix::unistd::getpid().as_raw());
        // SAFETY: these commands read one int through the pointer, which lives until after the call.
        let answer = unsafe { libc::procctl(libc::P_PID, ourselves, command, (&raw mut value).cast()) };
        Errno::result(answer).map(drop).map_err(failed(call))
    }

    pub(super) fn no_new_privileges() -> Result<(), PrivilegeError> {
        match control("procctl PROC_NO_NEW_PRIVS_CTL", libc::PROC_NO_NEW_PRIVS_CTL, libc::PROC_NO_NEW_PRIVS_ENABLE) {
            // Before FreeBSD 14 there is no such control.
            Err(PrivilegeError::Call { errno: Errno::EINVAL, .. }) => Ok(()),
            other => other,
        }
    }

    pub(super) fn not_dumpable() -> Result<(), PrivilegeError> {
        control("procctl PROC_TRACE_CTL", libc::PROC_TRACE_CTL, libc::PROC_TRACE_CTL_DISABLE)
    }

    pub(super) fn drop_capability_bounds() -> Result<(), PrivilegeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::{alone, branch_for_test};

    /// Runs `body` in a child process, as ids cannot be changed back; `true` is success.
    #[track_caller]
    fn in_child(body: impl FnOnce() -> bool) {
        alone(|| assert_eq!(branch_for_test(|| u8::from(!body())), 0, "the child's check failed"));
    }

    fn skipped_without_root() -> bool {
        let skipped = !geteuid().is_root();
        if skipped {
            eprintln!("skipped: needs root");
        }
        skipped
    }

    #[test]
    fn when_root_drops_then_ids_and_groups_are_the_new_ones_and_root_is_out_of_reach() {
        if skipped_without_root() {
            return;
        }
        in_child(|| {
            drop_to(65534, 65533, &[4, 8]).is_ok()
                && getgroups().unwrap().len() == 3
                && setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_err()
                && matches!(drop_to(0, 0, &[]), Err(PrivilegeError::NotRoot { .. }))
                && drop_to(65534, 65533, &[]).is_ok()
        });
    }

    #[test]
    fn when_root_acts_as_another_then_root_is_back_after() {
        if skipped_without_root() {
            return;
        }
        in_child(|| {
            let before = getgroups().unwrap();
            let acting = Acting::start(65534, 65533, &[]).unwrap();
            let inside = geteuid().as_raw() == 65534 && getegid().as_raw() == 65533;
            drop(acting);
            inside && geteuid().is_root() && getgroups().unwrap() == before
        });
    }

    #[test]
    fn when_hardened_then_the_process_still_works() {
        in_child(|| harden().is_ok());
    }

    #[test]
    fn when_a_setgid_program_drops_its_group_then_it_is_gone() {
        if skipped_without_root() {
            return;
        }
        in_child(|| {
            setgroups(&[]).unwrap();
            let (real, special, user) = (Gid::from_raw(65533), Gid::from_raw(12), Uid::from_raw(65534));
            setresgid(real, special, special).unwrap();
            setresuid(user, user, user).unwrap();
            getegid() == special && drop_group().is_ok() && getegid() == real && setgid(special).is_err()
        });
    }

    #[test]
    fn when_the_new_root_has_a_file_or_another_owner_then_it_is_refused() {
        let room = tempfile::tempdir().unwrap();
        if geteuid().is_root() {
            open_empty(room.path()).unwrap();
            std::fs::write(room.path().join("file"), b"").unwrap();
        }
        assert!(matches!(open_empty(room.path()), Err(PrivilegeError::NotEmpty { .. })));
    }

    #[test]
    fn when_root_is_locked_in_then_nothing_is_found() {
        if skipped_without_root() {
            return;
        }
        let room = tempfile::tempdir().unwrap();
        in_child(|| {
            chroot_empty(room.path()).is_ok() && drop_capability_bounds().is_ok() && std::fs::metadata("/etc").is_err()
        });
    }
}
