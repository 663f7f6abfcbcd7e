//! What requests about queue files say, in the words of the queue, and back.

use crate::keeper::request;
use crate::queue::spool;

/// Ties words of requests to those of the queue by their variants; one that either lacks does not compile.
macro_rules! tie {
    ($($name:ident: $($variant:ident),*;)*) => {$(
        impl From<spool::$name> for request::$name {
            fn from(word: spool::$name) -> Self {
                match word {
                    $( spool::$name::$variant => Self::$variant {}, )*
                }
            }
        }

        impl From<request::$name> for spool::$name {
            fn from(word: request::$name) -> Self {
                match word {
                    $( request::$name::$variant {} => Self::$variant, )*
                }
            }
        }
    )*};
}

tie! {
    FileKind: Data, Control, Quarantined, Lost, New, Transcript;
    Hold: Lock, Look, LookLost;
    Swept: Removed, InUse, Owned, Gone;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::packet::{Numbered, Packet, decode};
    use crate::keeper::request::{Entry, Request};
    use crate::keeper::wire::BadPacket;

    #[test]
    fn a_kind_that_is_none_stands_in_no_request() {
        let entry = Entry { directory: 0, id: "6AMAKU11004711".parse().expect("an id") };
        let [from, to] = [spool::FileKind::New, spool::FileKind::Control].map(request::FileKind::from);
        let mut packet = Packet::new();
        assert!(packet.push(&Numbered { serial: 1, descriptors: 0, body: Request::Rename { entry, from, to } }));
        let mut bytes = packet.bytes().to_vec();
        decode::<Request>(&bytes).expect("a request");
        *bytes.last_mut().expect("not empty") = 7;
        let expected = BadPacket::Unknown { what: "kind of queue file", number: 7 };
        assert_eq!(decode::<Request>(&bytes), Err(expected));
    }
}
