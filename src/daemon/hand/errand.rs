//! Reading what leads to a program: a user's file system may hold that up, so a copy of the hand does it, within a time.
//!
//! A hand for programs serves many at once and watches over those that run: it must neither wait nor be ended.

use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bstr::BString;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, alarm};

use super::{failure_of, refusal, seconds};
use crate::keeper::kind::READING_LIMIT;
use crate::keeper::packet::{Numbered, Packet, decode};
use crate::keeper::request::{Account, Failure, FailureKind, Launch};
use crate::keeper::wire::{PACKET_BYTES_MAX, wire};
use crate::name::Sysexit;
use crate::sys::passing;
use crate::sys::process::{Child, Ended, Forked, exit_now, fork};
use crate::sys::user::User;

/// The most copies of one hand at a time.
const ERRANDS_MAX: usize = 256;

/// What a source names, and the user it speaks for.
pub(super) type Named = (BString, User);

wire! {
    /// What a copy says at its end.
    enum Found ("finding") {
        /// What the source names.
        1 => Named {
            /// The command.
            text: BString,
            /// Whom it speaks for.
            user: Account,
        },
        /// Why it names nothing that may be used.
        2 => Refused {
            /// Why.
            failure: Failure,
        },
    }
}

/// The copies that are reading.
#[derive(Default)]
pub(super) struct Errands(Vec<Errand>);

/// One of them.
struct Errand {
    child: Child,
    /// Where it says what it has found.
    socket: OwnedFd,
    /// Which request waits for that.
    serial: u32,
    launch: Launch,
}

impl Errands {
    /// Does `work` for `launch` in a copy of this process, which has so much time for it.
    pub(super) fn begin(
        &mut self,
        (serial, launch): (u32, Launch),
        limit: Duration,
        work: impl FnOnce(&Launch) -> Result<Named, Failure>,
    ) -> Result<(), Failure> {
        if self.0.len() >= ERRANDS_MAX {
            let text = format!("{ERRANDS_MAX} lists are being read already: try again later");
            return Err(refusal(FailureKind::Temporary {}, text));
        }
        // Whatever stands against it, the next hand may do better.
        let later = |error| refusal(FailureKind::Temporary {}, format!("a new process cannot be had: {error}"));
        let (socket, theirs) = passing::pair().map_err(later)?;
        match fork().map_err(later)? {
            Forked::Parent(child) => {
                self.0.push(Errand { child, socket, serial, launch });
                Ok(())
            }
            Forked::Child => {
                // Nothing of the hand's own may be ended or cleared up by its copy.
                let done = catch_unwind(AssertUnwindSafe(|| {
                    alarm::set(seconds(limit));
                    tell(&theirs, work(&launch));
                }));
                exit_now(if done.is_ok() { 0 } else { Sysexit::Software as u8 });
            }
        }
    }

    /// Returns what the copy `pid`, which has ended, has found, and for whom; none if it is no copy.
    pub(super) fn ended(&mut self, pid: Pid, ended: Ended) -> Option<(u32, Launch, Result<Named, Failure>)> {
        let place = self.0.iter().position(|errand| errand.child.pid() == pid)?;
        let Errand { socket, serial, launch, .. } = self.0.swap_remove(place);
        Some((serial, launch, heard(&socket, ended)))
    }
}

/// Says what was found.
fn tell(socket: &OwnedFd, found: Result<Named, Failure>) {
    let found = match found {
        Ok((text, user)) => Found::Named { text, user: user.into() },
        Err(failure) => Found::Refused { failure },
    };
    let item = |body| Numbered { serial: 0, descriptors: 0, body };
    let mut packet = Packet::new();
    if !packet.push(&item(found)) {
        let failure = refusal(FailureKind::Permanent {}, "the command is too long for a packet");
        packet.push(&item(Found::Refused { failure }));
    }
    // A hand that is gone needs not hear.
    let _ = passing::send(socket.as_fd(), packet.bytes(), &[]);
}

/// Hears what a copy has said before it ended.
fn heard(socket: &OwnedFd, ended: Ended) -> Result<Named, Failure> {
    let mut room = vec![0; PACKET_BYTES_MAX];
    let (len, _) = passing::receive(socket.as_fd(), &mut room).map_err(|error| failure_of("a list", &error))?;
    let found = decode::<Found>(&room[..len]).ok().and_then(|mut found| found.pop());
    match (found.map(|found| found.body), ended) {
        (Some(Found::Named { text, user }), _) => Ok((text, user.into())),
        (Some(Found::Refused { failure }), _) => Err(failure),
        (None, Ended::Killed(Signal::SIGALRM)) => {
            let text = format!("what names the program cannot be read within {READING_LIMIT:?}; does its disk answer?");
            Err(refusal(FailureKind::Temporary {}, text))
        }
        (None, _) => Err(refusal(FailureKind::Temporary {}, format!("reading what names the program: {ended:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use nix::unistd::pipe;

    use super::*;
    use crate::name::MailerName;
    use crate::sys::process::{branch_for_test, reap_any};

    fn launch() -> Launch {
        let (sender, user) = (BString::default(), None);
        Launch { mailer: MailerName::new("prog"), words: Vec::new(), source: None, user, sender }
    }

    /// Waits until one copy has ended; returns what was heard.
    fn next(errands: &mut Errands) -> (u32, Result<Named, Failure>) {
        loop {
            if let Some((pid, ended)) = reap_any().expect("children") {
                let (serial, _, heard) = errands.ended(pid, ended).expect("a copy");
                return (serial, heard);
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_cannot_be_read_in_time_is_put_off() {
        // A copy of a process with threads is refused.
        let status = branch_for_test(|| {
            let mut errands = Errands::default();
            let (silent, _writer) = pipe().expect("a pipe");
            let hangs = |_: &Launch| {
                let mut text = Vec::new();
                std::fs::File::from(silent).read_to_end(&mut text).expect("readable");
                Ok((text.into(), User::nameless(1, 1)))
            };
            errands.begin((7, launch()), Duration::from_secs(1), hangs).expect("begun");
            errands.begin((8, launch()), READING_LIMIT, |_| Ok(("true".into(), User::nameless(4, 5)))).expect("begun");
            errands
                .begin((9, launch()), READING_LIMIT, |_| Err(refusal(FailureKind::Missing {}, "gone")))
                .expect("begun");
            errands.begin((10, launch()), READING_LIMIT, |_| panic!("a fault")).expect("begun");
            let mut heard: Vec<_> = (0..4).map(|_| next(&mut errands)).collect();
            heard.sort_by_key(|(serial, _)| *serial);
            let of = |place: usize| heard[place].1.as_ref().map_err(|failure| failure.kind.clone());
            assert_eq!(of(0), Err(FailureKind::Temporary {}));
            assert_eq!(of(1), Ok(&("true".into(), User::nameless(4, 5))));
            assert_eq!(of(2), Err(FailureKind::Missing {}));
            assert_eq!(of(3), Err(FailureKind::Temporary {}));
            let told = heard[0].1.as_ref().expect_err("put off").text.to_string();
            assert_eq!(told, "what names the program cannot be read within 30s; does its disk answer?");
            0
        });
        assert_eq!(status, 0);
    }
}
