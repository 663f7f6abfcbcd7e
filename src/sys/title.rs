//! What ps shows of this process.
//!
//! FreeBSD has setproctitle(3). On Linux the title overwrites the argument area, so a title is cut to
//! the length of the command line the process was started with; whoever starts a process that is to
//! show titles pads its arguments.
#![allow(unsafe_code)]

/// The place of the title; made once, at the start of main.
#[derive(Debug)]
pub struct Title(platform::Area);

impl Title {
    /// Finds the place of the title.
    ///
    /// Take what is needed of the arguments before the first [`Self::set`]: afterwards
    /// `std::env::args_os` gives pieces of the title.
    pub fn take() -> Self {
        Self(platform::Area::find())
    }

    /// Shows `title`, for example `sendmail: accepting connections`; NULs become spaces.
    ///
    /// The program's name is part of the title. Where there is no place, nothing happens.
    pub fn set(&mut self, title: &[u8]) {
        self.0.write(title);
    }

    /// Returns how many bytes of a title are shown.
    pub fn room(&self) -> usize {
        self.0.room()
    }
}

#[cfg(target_os = "linux")]
mod platform {
    use std::ops::Range;

    /// The argument area of this process; empty where it cannot be found.
    #[derive(Debug)]
    pub(super) struct Area(Range<usize>);

    impl Area {
        pub(super) fn find() -> Self {
            let found = std::fs::read("/proc/self/stat").ok().as_deref().and_then(argument_area);
            // The kernel and the area must agree before anything is written there.
            let told = std::fs::read("/proc/self/cmdline").map_or(0, |line| line.len());
            Self(found.filter(|area| area.len() == told).unwrap_or(0..0))
        }

        pub(super) fn write(&mut self, title: &[u8]) {
            let Some(room) = self.0.len().checked_sub(1) else {
                return;
            };
            let shown = &title[..title.len().min(room)];
            let area = self.0.start as *mut u8;
            for index in 0..=room {
                let byte = match shown.get(index) {
                    Some(0) => b' ',
                    Some(byte) => *byte,
                    None => 0,
                };
                // SAFETY: `index` stays inside the argument area, which the kernel mapped writable
                // for the life of the process. argv's pointers into it stay C strings, as the last
                // byte is always NUL. Volatile, since others read it behind the compiler's back.
                unsafe { area.add(index).write_volatile(byte) };
            }
        }

        pub(super) fn room(&self) -> usize {
            self.0.len().saturating_sub(1)
        }
    }

    /// Reads arg_start and arg_end, fields 48 and 49 of proc_pid_stat(5).
    pub(super) fn argument_area(stat: &[u8]) -> Option<Range<usize>> {
        // The second field is a name in brackets that may hold anything.
        let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
        let mut fields = std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace().skip(45);
        let start = fields.next()?.parse().ok()?;
        let end = fields.next()?.parse().ok()?;
        (start != 0 && start < end).then_some(start..end)
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::ffi::CString;

    /// setproctitle(3) cuts at this length, in bytes (SPT_BUFSIZE).
    const ROOM: usize = 2047;

    #[derive(Debug)]
    pub(super) struct Area;

    impl Area {
        pub(super) fn find() -> Self {
            Self
        }

        pub(super) fn write(&mut self, title: &[u8]) {
            let shown: Vec<u8> = title.iter().take(ROOM).map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
            let shown = CString::new(shown).expect("NULs were replaced");
            // SAFETY: the format is constant and takes one C string; "-" leaves out the name.
            unsafe { libc::setproctitle(c"-%s".as_ptr(), shown.as_ptr()) };
        }

        pub(super) fn room(&self) -> usize {
            ROOM
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::platform::argument_area;
    use super::*;
    use crate::sys::process::{alone, branch_for_test};

    #[test]
    fn the_area_is_found_behind_a_name_with_brackets_and_spaces() {
        let mut stat = b"12 (a) b) (c) S".to_vec();
        for field in 4..=52 {
            stat.extend(format!(" {}", field * 10).as_bytes());
        }
        assert_eq!(argument_area(&stat), Some(480..490));
        assert_eq!(argument_area(b"12 (a) S 1 2 3"), None);
    }

    #[test]
    fn when_a_title_is_set_then_ps_shows_it_and_no_rest_of_the_old() {
        alone(|| {
            let status = branch_for_test(|| {
                let mut title = Title::take();
                let room = title.room();
                title.set(&vec![b'x'; room + 50]);
                title.set(b"sendmail: short");
                let shown = std::fs::read("/proc/self/cmdline").unwrap();
                let expected = &b"sendmail: short"[..room.min(15)];
                let rest_is_empty = shown[expected.len()..].iter().all(|byte| *byte == 0);
                u8::from(!(shown.starts_with(expected) && rest_is_empty && shown.len() == room + 1))
            });
            assert_eq!(status, 0);
        });
    }
}
