//! One message into one mailbox.

use std::net::{Ipv4Addr, UdpSocket};

use super::desk::{Desk, Opened, Refusal};
use super::spool::Spool;
use crate::mailbox::MailboxError;
use crate::mailbox::append::{Appender, Durability};
use crate::sys::host;

/// Delivers spooled messages, one mailbox after the other.
#[derive(Debug)]
pub(super) struct Delivery {
    desk: Desk,
    final_quota: bool,
    durability: Durability,
    biff: Option<Biff>,
}

impl Delivery {
    pub(super) fn new(desk: Desk, final_quota: bool, durability: Durability, biff: bool) -> Self {
        let biff = if biff { Biff::find() } else { None };
        Self { desk, final_quota, durability, biff }
    }

    /// Checks that a user exists.
    pub(super) fn look_up(&mut self, name: &[u8]) -> Result<(), Refusal> {
        self.desk.look_up(name)
    }

    /// Appends the spooled message to the user's mailbox; `Ok` when it is there for good.
    pub(super) fn deliver(&mut self, name: &[u8], spool: &mut Spool) -> Result<(), Refusal> {
        let opened = self.desk.open(name, spool.first_line())?;
        let old_len = opened.old_len;
        match self.append(opened, spool) {
            Ok(()) => self.desk.settle(true)?,
            Err(failure) => {
                // The failure to append is the one to tell.
                let _ = self.desk.settle(false);
                return Err(match failure {
                    Failure::Mailbox(error) if self.final_quota => error.with_final_quota().into(),
                    Failure::Mailbox(error) => error.into(),
                    Failure::Spool(refusal) => refusal,
                });
            }
        }
        if let Some(biff) = &self.biff {
            biff.tell(name, old_len);
        }
        Ok(())
    }

    fn append(&self, opened: Opened, spool: &Spool) -> Result<(), Failure> {
        let mut appender = Appender::new(opened.file, opened.path, &opened.separator);
        spool.read(|bytes| appender.encoded(bytes).map_err(Failure::Mailbox))?;
        appender.finish(self.durability).map_err(Failure::Mailbox)
    }
}

/// Which side of the copying failed.
enum Failure {
    Mailbox(MailboxError),
    Spool(Refusal),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Spool(refusal)
    }
}

/// comsat(8) on this machine, which tells users of new mail.
#[derive(Debug)]
struct Biff {
    socket: UdpSocket,
    port: u16,
}

impl Biff {
    /// Finds the service; `None` where there is none.
    fn find() -> Option<Self> {
        let port = host::datagram_port(b"biff")?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        Some(Self { socket, port })
    }

    /// Tells where in whose mailbox new mail begins; whether anybody hears does not matter.
    fn tell(&self, name: &[u8], offset: u64) {
        let datagram = [name, format!("@{offset}\n\0").as_bytes()].concat();
        let _ = self.socket.send_to(&datagram, (Ipv4Addr::LOCALHOST, self.port));
    }
}
