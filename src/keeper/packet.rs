//! Several requests or answers in one packet, each with its number and its descriptors.

use super::wire::{BadPacket, PACKET_BYTES_MAX, Reader, Wire};

/// The version of the packets: both ends are usually the same binary, but a restart may pick up a new one.
pub const VERSION: u8 = 5;

/// The most requests or answers in one packet.
pub const BATCH_LEN_MAX: usize = 64;

/// The most descriptors with one packet: below what any system takes, two for each of the batch at most.
pub const DESCRIPTORS_MAX: usize = 64;

/// One request or answer with the number that brings the two together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Numbered<T> {
    /// Chosen by the one who asks, repeated by the one who answers.
    pub serial: u32,
    /// How many of the packet's descriptors belong to it, in order.
    pub descriptors: u8,
    /// The request or the answer.
    pub body: T,
}

impl<T: Wire> Wire for Numbered<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.serial.put(out);
        self.descriptors.put(out);
        self.body.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket> {
        Ok(Self { serial: Wire::take(from)?, descriptors: Wire::take(from)?, body: Wire::take(from)? })
    }
}

/// A packet that is being filled.
#[derive(Debug)]
pub struct Packet {
    bytes: Vec<u8>,
    count: u8,
}

impl Packet {
    /// Returns an empty packet.
    pub fn new() -> Self {
        Self { bytes: vec![VERSION, 0], count: 0 }
    }

    /// Appends `item` if it fits; returns whether it did.
    pub fn push(&mut self, item: &impl Wire) -> bool {
        let before = self.bytes.len();
        if usize::from(self.count) >= BATCH_LEN_MAX {
            return false;
        }
        item.put(&mut self.bytes);
        if self.bytes.len() > PACKET_BYTES_MAX {
            self.bytes.truncate(before);
            return false;
        }
        self.count += 1;
        self.bytes[1] = self.count;
        true
    }

    /// Returns whether nothing has been appended.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the bytes to send.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for Packet {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads a whole packet.
///
/// # Errors
/// The bytes are no packet of this version.
pub fn decode<T: Wire>(bytes: &[u8]) -> Result<Vec<Numbered<T>>, BadPacket> {
    let mut reader = Reader::new(bytes);
    let items = decode_front(&mut reader)?;
    reader.finish()?;
    Ok(items)
}

/// Reads a packet off the front of `reader`, whatever stands behind it.
///
/// # Errors
/// The bytes are no packet of this version.
pub fn decode_front<T: Wire>(reader: &mut Reader<'_>) -> Result<Vec<Numbered<T>>, BadPacket> {
    match u8::take(reader)? {
        VERSION => {}
        other => return Err(BadPacket::Version(other)),
    }
    let count = u8::take(reader)?;
    if usize::from(count) > BATCH_LEN_MAX {
        return Err(BadPacket::Unknown { what: "length of a batch", number: count.into() });
    }
    (0..count).map(|_| Numbered::take(reader)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keeper::request::{Answer, Request};
    use crate::keeper::wire::sample::{Dice, Sample};

    fn round_trip<T: Wire + PartialEq + std::fmt::Debug>(items: Vec<T>) {
        let items: Vec<_> = (0..).zip(items).map(|(serial, body)| Numbered { serial, descriptors: 1, body }).collect();
        let mut packet = Packet::new();
        for item in &items {
            assert!(packet.push(item));
        }
        assert_eq!(decode(packet.bytes()), Ok(items));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode::<Request>(&bytes);
            let _ = decode::<Answer>(&bytes);
            bytes.splice(0..0, [VERSION, 3]);
            if let Ok(items) = decode::<Request>(&bytes) {
                round_trip(items.into_iter().map(|item| item.body).collect());
            }
        }

        #[test]
        fn what_is_written_is_read_back(bytes in proptest::collection::vec(any::<u8>(), 1..400)) {
            let mut dice = Dice(bytes, 0);
            round_trip((0..6).map(|_| Request::sample(&mut dice)).collect());
            round_trip((0..6).map(|_| Answer::sample(&mut dice)).collect());
        }

        #[test]
        fn a_packet_cut_short_is_refused(bytes in proptest::collection::vec(any::<u8>(), 1..90), cut in 1_usize..40) {
            let mut packet = Packet::new();
            let body = Request::sample(&mut Dice(bytes, 0));
            packet.push(&Numbered { serial: 7, descriptors: 0, body });
            let len = packet.bytes().len().saturating_sub(cut);
            prop_assert!(decode::<Request>(&packet.bytes()[..len]).is_err());
        }
    }

    #[test]
    fn a_packet_that_is_full_takes_no_more() {
        let large = Numbered { serial: 0, descriptors: 0, body: Request::User { name: vec![b'x'; 20_000].into() } };
        let mut packet = Packet::new();
        assert!(packet.push(&large));
        assert!(!packet.push(&large));
        assert_eq!(decode::<Request>(packet.bytes()).map(|items| items.len()), Ok(1));
    }

    #[test]
    fn when_the_other_end_is_of_another_release_then_it_is_said() {
        assert_eq!(decode::<Request>(&[9, 0]), Err(BadPacket::Version(9)));
    }
}
