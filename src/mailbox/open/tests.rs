//! Mailboxes of every kind, locks of every kind, and what is left after each way to end.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

use bstr::ByteSlice;
use nix::sys::stat::Mode as FileMode;
use nix::unistd::{chown, mkfifo};

use super::*;
use crate::mailbox::append::{Appender, Durability};
use crate::mailbox::form;
use crate::sys::process::{Ended, Program, alone, branch_for_test};
use crate::sys::signal::ignore_write_signals;

const NO_PATIENCE: Duration = Duration::ZERO;

/// A spool in a new directory, and a user with a mailbox to be in it.
struct World {
    room: tempfile::TempDir,
    user: User,
}

impl World {
    /// As root the user is another and the spool has `mode` and group mail; else all is the caller's.
    fn new(mode: u32) -> Self {
        let room = tempfile::tempdir().unwrap();
        let is_root = geteuid().is_root();
        let (uid, gid) = match is_root {
            true => (65534, 65534),
            false => (geteuid().as_raw(), nix::unistd::getegid().as_raw()),
        };
        let user = User {
            name: "joe".into(),
            uid,
            gid,
            gecos: "".into(),
            home: room.path().join("home"),
            shell: PathBuf::new(),
        };
        if is_root {
            chown(room.path(), None, Some(Gid::from_raw(8))).unwrap();
            fs::set_permissions(room.path(), fs::Permissions::from_mode(mode)).unwrap();
        }
        Self { room, user }
    }

    fn usual() -> Self {
        Self::new(0o1777)
    }

    fn path(&self) -> PathBuf {
        self.room.path().join("joe")
    }

    fn lock_path(&self) -> PathBuf {
        self.room.path().join("joe.lock")
    }

    fn place(&self) -> Place {
        Place::Spool { directory: self.room.path().to_owned(), depth: 0 }
    }

    fn open(&self) -> Result<Locked, MailboxError> {
        self.open_for(1)
    }

    /// Opens it for so many messages of which the first is from `a`.
    fn open_for(&self, messages: u64) -> Result<Locked, MailboxError> {
        open(&self.place(), &self.user, Expected::new(messages, b"From a DATE\n"), NO_PATIENCE)
    }

    /// Makes the mailbox with `text` in it, as the user's own.
    fn write(&self, text: &[u8]) {
        fs::write(self.path(), text).unwrap();
        self.own();
    }

    fn own(&self) {
        if geteuid().is_root() {
            chown(&self.path(), Some(Uid::from_raw(self.user.uid)), None).unwrap();
        }
    }

    fn read(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }
}

fn append(locked: &Locked, text: &[u8]) {
    let mut file = File::from(locked.file().try_clone_to_owned().unwrap());
    file.write_all(text).unwrap();
}

#[track_caller]
fn check_refused(world: &World, expected: &str) {
    let error = world.open().unwrap_err();
    assert_eq!(error.to_string(), format!("{}: {expected}", world.path().display()));
    assert!(!world.lock_path().exists());
}

#[test]
fn when_there_is_no_mailbox_then_one_is_made_for_the_user_in_every_kind_of_spool() {
    alone(|| {
        for mode in [0o1777, 0o2775, 0o755, 0o775] {
            let world = World::new(mode);
            let locked = world.open().unwrap();
            assert!(world.lock_path().exists());
            append(&locked, b"x");
            locked.keep().unwrap();
            let found = fs::metadata(world.path()).unwrap();
            assert_eq!((found.mode() & 0o7777, found.uid(), found.len()), (0o600, world.user.uid, 1), "{mode:o}");
            assert_eq!(found.gid(), world.user.gid, "{mode:o}");
            assert!(!world.lock_path().exists());
            if geteuid().is_root() && mode != 0o755 {
                assert!(matches!(world.open().unwrap().held.as_ref().unwrap().rights, Rights::User { .. }));
            }
        }
    });
}

#[test]
fn when_the_mailbox_is_no_plain_file_of_the_users_then_it_is_refused() {
    alone(|| {
        let world = World::usual();
        symlink("/etc/passwd", world.path()).unwrap();
        check_refused(&world, "irregular file");
        fs::remove_file(world.path()).unwrap();
        symlink("dangling", world.path()).unwrap();
        check_refused(&world, "irregular file");
        fs::remove_file(world.path()).unwrap();
        mkfifo(&world.path(), FileMode::S_IRUSR).unwrap();
        check_refused(&world, "irregular file");
        fs::remove_file(world.path()).unwrap();
        fs::create_dir(world.path()).unwrap();
        check_refused(&world, "too many links");
        fs::remove_dir(world.path()).unwrap();
        world.write(b"");
        fs::hard_link(world.path(), world.room.path().join("other")).unwrap();
        check_refused(&world, "too many links");
    });
}

#[test]
fn when_the_mailbox_is_somebody_elses_then_it_is_refused() {
    alone(|| {
        let mut world = World::usual();
        world.write(b"x");
        world.user.uid += 1;
        let owner = fs::metadata(world.path()).unwrap().uid();
        check_refused(&world, &format!("wrong ownership ({owner})"));
        assert_eq!(world.read(), b"x");
    });
}

#[test]
fn when_the_maker_of_a_mailbox_is_killed_before_it_gave_it_away_then_the_next_does() {
    if !geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    alone(|| {
        for (mode, text, is_given) in [(0o600, "", true), (0o644, "", false), (0o600, "x", false)] {
            let world = World::new(0o755);
            fs::write(world.path(), text).unwrap();
            fs::set_permissions(world.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(world.open().is_ok(), is_given, "{mode:o} {text:?}");
        }
        let world = World::new(0o1777);
        fs::write(world.path(), "").unwrap();
        fs::set_permissions(world.path(), fs::Permissions::from_mode(0o600)).unwrap();
        assert!(world.open().is_err(), "anybody might have made it there");
    });
}

#[test]
fn when_the_spool_does_not_exist_then_the_failure_is_temporary() {
    alone(|| {
        let world = World::usual();
        let place = Place::Spool { directory: world.room.path().join("none"), depth: 0 };
        let error = open(&place, &world.user, Expected::new(1, b"From a"), NO_PATIENCE).unwrap_err();
        assert!(error.is_temporary());
        assert!(error.to_string().ends_with("/none/joe: No such file or directory"), "{error}");
    });
}

#[test]
fn the_end_of_the_file_decides_about_the_separator() {
    alone(|| {
        for (text, separator) in
            [(&b""[..], &b""[..]), (b"\n", b""), (b"a", b"\n\n"), (b"a\n", b"\n"), (b"a\n\n", b""), (b"a\n\n\n", b"")]
        {
            let world = World::usual();
            world.write(text);
            let locked = world.open().unwrap();
            assert_eq!((locked.old_len(), locked.separator()), (text.len() as u64, separator), "{text:?}");
        }
    });
}

#[test]
fn when_a_hold_is_restored_or_dropped_then_the_length_is_the_old_one() {
    alone(|| {
        let world = World::usual();
        world.write(b"old\n\n");
        let locked = world.open().unwrap();
        append(&locked, b"new");
        locked.restore().unwrap();
        assert_eq!(world.read(), b"old\n\n");
        let locked = world.open().unwrap();
        append(&locked, b"new");
        drop(locked);
        assert_eq!(world.read(), b"old\n\n");
        assert!(!world.lock_path().exists());
        let locked = world.open().unwrap();
        append(&locked, b"new\n\n");
        locked.keep().unwrap();
        assert_eq!(world.read(), b"old\n\nnew\n\n");
    });
}

#[test]
fn when_somebody_holds_any_of_the_locks_then_the_mailbox_is_locked() {
    alone(|| {
        let world = World::usual();
        world.write(b"");
        let holder = File::options().append(true).open(world.path()).unwrap();
        let is_locked = || matches!(world.open(), Err(MailboxError::Locked { .. })) && !world.lock_path().exists();
        assert!(lock::exclusive(holder.as_fd(), Patience::Try).unwrap());
        assert!(is_locked());
        lock::unlock(holder.as_fd()).unwrap();
        if cfg!(target_os = "linux") {
            assert!(lock::record(holder.as_fd()).unwrap());
            assert!(is_locked());
            lock::release_record(holder.as_fd()).unwrap();
        }
        let first = world.open().unwrap();
        assert!(matches!(world.open(), Err(MailboxError::Locked { .. })));
        drop(first);
        fs::write(world.lock_path(), format!("{}\n", std::process::id())).unwrap();
        assert!(matches!(world.open(), Err(MailboxError::Locked { .. })));
        fs::write(world.lock_path(), format!("{}\n", i32::MAX)).unwrap();
        world.open().unwrap();
    });
}

#[test]
fn when_a_copy_of_the_descriptor_lives_on_then_the_locks_still_end_with_the_hold() {
    alone(|| {
        let world = World::usual();
        let locked = world.open().unwrap();
        let _copy = locked.file().try_clone_to_owned().unwrap();
        locked.keep().unwrap();
        world.open().unwrap();
    });
}

/// Appends `text` in a process that is then killed, dot-lock and all.
fn append_and_die(world: &World, text: &[u8]) {
    let status = branch_for_test(|| {
        let locked = world.open().unwrap();
        append(&locked, text);
        std::mem::forget(locked);
        0
    });
    assert_eq!(status, 0);
    assert!(world.lock_path().exists());
}

#[test]
fn when_a_holder_is_killed_then_its_torn_message_is_cut_off_by_the_next() {
    alone(|| {
        if crate::sys::host::boot().is_none() {
            eprintln!("skipped: this system does not tell its starts apart");
            return;
        }
        for torn in [&b""[..], b"Fr", b"From a DATE\nA: b\n\nhalf", b"\nFrom a DATE\n"] {
            let world = World::usual();
            world.write(b"old\n\n");
            append_and_die(&world, torn);
            let locked = world.open().unwrap();
            assert_eq!(locked.old_len(), 5, "{torn:?}");
            drop(locked);
            assert_eq!(world.read(), b"old\n\n");
        }
    });
}

#[test]
fn when_several_messages_were_expected_then_all_of_them_are_cut_off() {
    if crate::sys::host::boot().is_none() {
        return;
    }
    alone(|| {
        let long = b"x".repeat(3 * WINDOW_BYTES);
        for (expected, cut) in [(3, true), (2, true), (1, false)] {
            let world = World::usual();
            world.write(b"old\n\n");
            let status = branch_for_test(|| {
                let locked = world.open_for(expected).unwrap();
                append(&locked, &[b"From a DATE\n", &long[..], b"\n\nFrom b DATE\nhalf"].concat());
                std::mem::forget(locked);
                0
            });
            assert_eq!(status, 0);
            assert_eq!(world.open().unwrap().old_len() == 5, cut, "{expected}");
        }
    });
}

#[test]
fn when_the_killed_holders_writer_still_has_the_mailbox_then_the_remark_stays_for_later() {
    if crate::sys::host::boot().is_none() {
        return;
    }
    alone(|| {
        let world = World::usual();
        world.write(b"old\n\n");
        let (ours, theirs) = crate::sys::passing::pair().unwrap();
        let status = branch_for_test(|| {
            let locked = world.open().unwrap();
            crate::sys::passing::send(theirs.as_fd(), b"x", &[locked.file()]).unwrap();
            std::mem::forget(locked);
            0
        });
        assert_eq!(status, 0);
        let (_, mut passed) = crate::sys::passing::receive(ours.as_fd(), &mut [0; 8]).unwrap();
        let mut writer = File::from(passed.pop().unwrap());
        writer.write_all(b"From a DATE\nhalf").unwrap();
        assert!(matches!(world.open(), Err(MailboxError::Locked { .. })));
        assert!(matches!(world.open(), Err(MailboxError::Locked { .. })));
        drop(writer);
        assert_eq!(world.open().unwrap().old_len(), 5);
    });
}

#[test]
fn when_others_have_written_after_a_killed_holder_then_nothing_is_cut() {
    alone(|| {
        let laters: [&[u8]; 5] = [
            b"torn\n\nFrom b DATE\nwhole\n\n",
            b"From a DATE\n\nFrom b DATE\n\n",
            b"something else",
            // The holder had written nothing.
            b"From b DATE\nwhole\n\n",
            b"From a LATER\nwhole\n\n",
        ];
        for later in laters {
            let world = World::usual();
            world.write(b"old\n\n");
            append_and_die(&world, later);
            drop(world.open().unwrap());
            assert_eq!(world.read(), [b"old\n\n", later].concat());
        }
        let world = World::usual();
        world.write(b"old\n\n");
        append_and_die(&world, b"From a DATE\n");
        // A mail reader has written the mailbox anew.
        fs::rename(world.path(), world.room.path().join("kept")).unwrap();
        world.write(b"old\n\nFrom b DATE\n\n");
        drop(world.open().unwrap());
        assert_eq!(world.read(), b"old\n\nFrom b DATE\n\n");
    });
}

#[test]
fn when_a_limit_stops_the_writing_then_the_error_is_temporary_and_the_length_restored() {
    alone(|| {
        use nix::sys::resource::{Resource, setrlimit};
        let world = World::usual();
        world.write(b"old\n\n");
        let status = branch_for_test(|| {
            ignore_write_signals().unwrap();
            let locked = world.open().unwrap();
            setrlimit(Resource::RLIMIT_FSIZE, 100_000, 100_000).unwrap();
            let file = File::from(locked.file().try_clone_to_owned().unwrap());
            let mut appender = Appender::new(file, world.path(), locked.separator());
            let mut message = appender.message(b"a", b"DATE");
            let pushed = message.push(&[b'x'; 200_000]);
            let torn = fs::metadata(world.path()).unwrap().len();
            locked.restore().unwrap();
            u8::from(!(pushed.is_err_and(|error| error.is_temporary()) && torn == 100_000))
        });
        assert_eq!(status, 0);
        assert_eq!(world.read(), b"old\n\n");
    });
}

#[test]
fn when_the_disk_is_full_then_the_error_is_temporary_and_the_length_restored() {
    alone(|| {
        if !geteuid().is_root() || !cfg!(target_os = "linux") {
            eprintln!("skipped: needs root to mount a small file system");
            return;
        }
        let room = tempfile::tempdir().unwrap();
        let mut program = Program::new(Path::new("/bin/sh"), b"sh");
        let script = "unshare -m true || exit 0; \
        exec unshare -m sh -c 'mount -t tmpfs -o size=64k,mode=1777 none \"$MAILBOX_ROOM\" && \"$0\" \"$@\"' \"$0\" \"$@\"";
        program
            .arg(b"-c")
            .arg(script.as_bytes())
            .arg(std::env::current_exe().unwrap().as_os_str().as_bytes())
            .arg(b"--exact")
            .arg(b"mailbox::open::tests::full_disk_process")
            .env(b"MAILBOX_ROOM", room.path().as_os_str().as_bytes())
            .env(b"PATH", b"/usr/bin:/bin:/usr/sbin:/sbin");
        assert_eq!(program.start().unwrap().wait().unwrap(), Ended::Exited(0));
    });
}

#[test]
fn full_disk_process() {
    let Some(room) = std::env::var_os("MAILBOX_ROOM") else { return };
    let world = World::usual();
    let place = Place::Spool { directory: room.into(), depth: 0 };
    let path = place.of(&world.user).unwrap().path();
    let status = branch_for_test(|| {
        let locked = open(&place, &world.user, Expected::new(1, b"From a"), NO_PATIENCE).unwrap();
        append(&locked, b"old\n\n");
        locked.keep().unwrap();
        let locked = open(&place, &world.user, Expected::new(1, b"From a"), NO_PATIENCE).unwrap();
        let file = File::from(locked.file().try_clone_to_owned().unwrap());
        let mut appender = Appender::new(file, path.clone(), locked.separator());
        let pushed = appender.message(b"a", b"DATE").push(&[b'x'; 200_000]);
        locked.restore().unwrap();
        let is_full = pushed.is_err_and(|error| matches!(error, MailboxError::Io { errno: Errno::ENOSPC, .. }));
        u8::from(!(is_full && fs::read(&path).unwrap() == b"old\n\n"))
    });
    assert_eq!(status, 0);
}

#[test]
fn when_many_append_at_once_then_no_message_is_mixed_or_lost() {
    alone(|| {
        const WRITERS: usize = 6;
        const EACH: usize = 8;
        let world = World::usual();
        let children: Vec<_> = (0..WRITERS)
            .map(|writer: usize| {
                let mut program = Program::new(&std::env::current_exe().unwrap(), b"writer");
                program
                    .arg(b"--exact")
                    .arg(b"mailbox::open::tests::writer_process")
                    .arg(b"--test-threads=1")
                    .env(b"MAILBOX_ROOM", world.room.path().as_os_str().as_bytes())
                    .env(b"MAILBOX_WRITER", writer.to_string().as_bytes());
                program.start().unwrap()
            })
            .collect();
        for mut child in children {
            assert_eq!(child.wait().unwrap(), Ended::Exited(0));
        }
        let text = world.read();
        let parser = mail_parser::mailbox::mbox::MessageIterator::new(text.as_slice());
        let mut seen: Vec<_> =
            parser.map(|message| message.unwrap().contents().trim_end().as_bstr().to_string()).collect();
        seen.sort();
        let mut expected: Vec<_> =
            (0..WRITERS * EACH).map(|number| body(number / EACH, number % EACH).trim_end().to_owned()).collect();
        expected.sort();
        assert_eq!(seen.len(), expected.len());
        assert!(seen == expected);
    });
}

fn body(writer: usize, number: usize) -> String {
    format!("Subject: {writer}.{number}\n\n{}\n", format!("{writer}.{number} ").repeat(5000))
}

#[test]
fn writer_process() {
    let Some(room) = std::env::var_os("MAILBOX_ROOM") else { return };
    let writer = std::env::var("MAILBOX_WRITER").unwrap().parse().unwrap();
    let mut world = World::usual();
    let place = Place::Spool { directory: room.into(), depth: 0 };
    world.user.name = "joe".into();
    for number in 0..8 {
        let locked = open(&place, &world.user, Expected::new(1, b"From a@b"), Duration::from_secs(60)).unwrap();
        let file = File::from(locked.file().try_clone_to_owned().unwrap());
        let mut appender = Appender::new(file, locked.path().to_owned(), locked.separator());
        let text = form::encode(b"a@b", b"Sun Nov 22 22:43:44 2026", body(writer, number).as_bytes());
        appender.encoded(&text).unwrap();
        appender.finish(Durability::Cached).unwrap();
        locked.keep().unwrap();
    }
}

#[test]
fn when_the_mailbox_is_at_home_then_the_user_opens_it_there() {
    alone(|| {
        let world = World::usual();
        fs::create_dir(&world.user.home).unwrap();
        if geteuid().is_root() {
            chown(&world.user.home, Some(Uid::from_raw(world.user.uid)), Some(Gid::from_raw(world.user.gid))).unwrap();
        }
        let place = Place::Home { file: "mbox".into() };
        let locked = open(&place, &world.user, Expected::new(1, b"From a"), NO_PATIENCE).unwrap();
        append(&locked, b"x");
        locked.keep().unwrap();
        let found = fs::metadata(world.user.home.join("mbox")).unwrap();
        assert_eq!((found.uid(), found.len()), (world.user.uid, 1));
    });
}
