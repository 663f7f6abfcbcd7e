//! What the keeper tells the processes it starts, and what they tell it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use bstr::BString;

use crate::keeper::Kind;
use crate::keeper::request::Entry;
use crate::keeper::wire::{BadPacket, PACKET_BYTES_MAX, Reader, Wire, wire};
use crate::sys::passing;

/// The version of these messages: a restart may bring a new binary under a running one.
const VERSION: u8 = 2;

/// The most bytes of configuration text in one message.
const TEXT_BYTES: usize = PACKET_BYTES_MAX / 2;

wire! {
    /// What a daemon was started for: all that its processes must know beside the configuration's text.
    pub struct Order {
        /// The program's file, to be executed again.
        pub program: BString,
        /// The command line as it was given.
        pub argv: Vec<BString>,
        /// The letter of its mode (`${opMode}`).
        pub mode: u8,
        /// The name of the configuration file.
        pub config_file: BString,
        /// Whether a built-in default may stand for that file: it did at the start.
        pub has_default: bool,
        /// Macros that have values before the configuration is read.
        pub macros: Vec<Named>,
        /// What the command line sets, in its order.
        pub overrides: Vec<Named>,
        /// Processors of the machine.
        pub processors: i64,
        /// The tag of log lines.
        pub tag: BString,
        /// Whether connections are accepted.
        pub listen: bool,
        /// Seconds between two queue runs; 0: none.
        pub queue_secs: u64,
        /// Whether it does one thing for its caller, whose standard descriptors it has, and ends.
        pub once: bool,
        /// Whether the caller waits for its end.
        pub foreground: bool,
    }
}

wire! {
    /// A name and a value.
    pub struct Named {
        /// The name.
        pub name: BString,
        /// The value.
        pub value: BString,
    }
}

impl Order {
    /// Returns the time between two queue runs.
    pub fn queue_interval(&self) -> Option<Duration> {
        (self.queue_secs > 0).then(|| Duration::from_secs(self.queue_secs))
    }

    /// Returns the command line as one line, for the pid file.
    pub fn command_line(&self) -> BString {
        bstr::join(" ", &self.argv).into()
    }
}

wire! {
    /// Whom the network process becomes, and where it is locked in.
    pub struct Cage {
        /// The user.
        pub uid: u32,
        /// The group.
        pub gid: u32,
        /// The empty directory that becomes its root; empty: none.
        pub root: BString,
    }
}

wire! {
    /// A message between the keeper and a process it started.
    pub enum Control ("control message") {
        /// The first one: what everything is for.
        1 => Order {
            /// The order.
            order: Order,
        },
        /// A piece of the configuration's text.
        2 => Text {
            /// The bytes.
            text: BString,
        },
        /// The configuration is complete: serve as a hand, with the socket to the network process.
        3 => Serve {
            /// The pool.
            kind: Kind,
        },
        /// The configuration is complete: be the network process, with the table of work and the listeners.
        4 => Listen {
            /// Whom to become; none: whoever started it.
            cage: Option<Cage>,
            /// Which of DaemonPortOptions each listener is.
            ports: Vec<u16>,
            /// Entries that were in work at two successive deaths.
            suspects: Vec<Entry>,
        },
        /// To the network process: a new hand, with the socket to it.
        5 => Hand {
            /// Its pool.
            kind: Kind,
        },
        /// To the network process: accept no more, run no queue, end when the sessions have ended.
        6 => Finish {
            /// Seconds until sessions are cut off; 0: never.
            within_secs: u16,
        },
        /// From a process: it serves.
        10 => Ready {},
        /// From the network process: all hands of this kind are busy.
        11 => Wish {
            /// The kind.
            kind: Kind,
        },
        /// From the network process: its caller may go, while the work goes on.
        13 => Release {
            /// What the caller's process exits with.
            exit: u8,
        },
        /// From a process: it cannot start.
        12 => Refused {
            /// Why, and what to do.
            text: BString,
            /// The exit status.
            exit: u8,
        },
    }
}

impl Control {
    /// Sends the message with `descriptors`.
    ///
    /// # Errors
    /// The other end is gone, or does not read.
    pub fn send(&self, socket: BorrowedFd<'_>, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut bytes = vec![VERSION];
        self.put(&mut bytes);
        passing::send(socket, &bytes, descriptors)
    }

    /// Receives a message with its descriptors; none when the other end is gone.
    ///
    /// # Errors
    /// The socket fails (`WouldBlock` on one that does not wait), or what came is no message of this version.
    pub fn receive(socket: BorrowedFd<'_>) -> io::Result<Option<(Self, Vec<OwnedFd>)>> {
        // A message may be a little longer than the text in it.
        let mut room = vec![0; 2 * PACKET_BYTES_MAX];
        let (len, descriptors) = passing::receive(socket, &mut room)?;
        if len == 0 {
            return Ok(None);
        }
        let message = Self::decode(&room[..len]).map_err(|bad| io::Error::new(io::ErrorKind::InvalidData, bad))?;
        Ok(Some((message, descriptors)))
    }

    /// Reads one whole message.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadPacket> {
        let mut reader = Reader::new(bytes);
        match u8::take(&mut reader)? {
            VERSION => {}
            other => return Err(BadPacket::Version(other)),
        }
        let message = Self::take(&mut reader)?;
        reader.finish()?;
        Ok(message)
    }
}

/// Sends an order and the text of its configuration.
///
/// # Errors
/// The other end is gone, or does not read.
pub fn send_order(socket: &OwnedFd, order: &Order, text: &[u8]) -> io::Result<()> {
    Control::Order { order: order.clone() }.send(socket.as_fd(), &[])?;
    for piece in text.chunks(TEXT_BYTES) {
        Control::Text { text: piece.into() }.send(socket.as_fd(), &[])?;
    }
    Ok(())
}

/// An order with what followed it.
#[derive(Debug)]
pub struct Received {
    /// The order.
    pub order: Order,
    /// The text of the configuration.
    pub text: Vec<u8>,
    /// The message that completed it.
    pub last: Control,
    /// The descriptors that came with that one.
    pub descriptors: Vec<OwnedFd>,
}

/// Receives what [`send_order`] sent, and the message after it.
///
/// # Errors
/// Something else came, or the end.
pub fn receive_order(socket: &OwnedFd) -> io::Result<Received> {
    let out_of_turn = || io::Error::new(io::ErrorKind::InvalidData, "no order came from whoever started this process");
    let next = || Control::receive(socket.as_fd())?.ok_or_else(out_of_turn);
    let (Control::Order { order }, _) = next()? else { return Err(out_of_turn()) };
    let mut text = Vec::new();
    loop {
        match next()? {
            (Control::Text { text: piece }, _) => text.extend_from_slice(&piece),
            (last, descriptors) => return Ok(Received { order, text, last, descriptors }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keeper::wire::sample::{Dice, Sample};

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Control::decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = Control::decode(&bytes);
        }

        #[test]
        fn what_is_written_is_read_back(bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
            let message = Control::sample(&mut Dice(bytes, 0));
            let mut packet = vec![VERSION];
            message.put(&mut packet);
            prop_assert_eq!(Control::decode(&packet), Ok(message));
        }
    }

    #[test]
    fn a_long_configuration_arrives_whole() {
        let (ours, theirs) = passing::pair().expect("a pair");
        let order = Order::sample(&mut Dice(vec![3, 1, 4], 0));
        let text: Vec<u8> = (0..100_000_u32).map(|number| number.to_be_bytes()[3]).collect();
        let expected = (order.clone(), text.clone());
        let sender = std::thread::spawn(move || {
            send_order(&ours, &order, &text).expect("sent");
            Control::Serve { kind: Kind::Queue }.send(ours.as_fd(), &[ours.as_fd()]).expect("sent");
        });
        let received = receive_order(&theirs).expect("an order");
        sender.join().expect("no panic");
        assert_eq!((received.order, received.text), expected);
        assert_eq!((received.last, received.descriptors.len()), (Control::Serve { kind: Kind::Queue }, 1));
    }
}
