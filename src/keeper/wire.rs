//! How values lie in a packet: numbers of fixed width, texts behind their length, everything bounded.

use bstr::BString;

use crate::name::{MailerName, MapName, QueueId};

/// The longest packet, in bytes: below the smallest default of the systems for one message of a local socket.
pub const PACKET_BYTES_MAX: usize = 32 * 1024;

/// The longest list in a packet, in elements: more would not fit with one byte each.
const LIST_LEN_MAX: usize = PACKET_BYTES_MAX;

/// The bytes are no packet.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadPacket {
    /// The packet ends inside a value.
    #[error("packet ends inside a value")]
    Short,
    /// Bytes stand behind the last value.
    #[error("{0} bytes behind the last value of a packet")]
    Surplus(usize),
    /// A number that names nothing.
    #[error("{number} is no {what}")]
    Unknown {
        /// What the number should name.
        what: &'static str,
        /// The number found.
        number: u64,
    },
    /// A text that does not spell what stands there.
    #[error("bad {0} in a packet")]
    Spelling(&'static str),
    /// The two ends are of different releases.
    #[error("packet of version {0}, this program speaks version {version}", version = super::packet::VERSION)]
    Version(u8),
}

/// The rest of a packet that is being read.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Returns a reader of all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Takes `len` bytes off the front.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], BadPacket> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(BadPacket::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// Something is.
    pub fn finish(&self) -> Result<(), BadPacket> {
        if self.0.is_empty() { Ok(()) } else { Err(BadPacket::Surplus(self.0.len())) }
    }
}

/// A value that lies in packets.
pub trait Wire: Sized {
    /// Appends the value to `out`.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes the value off the front of `from`.
    ///
    /// # Errors
    /// The bytes there are no such value.
    fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket>;
}

macro_rules! wire_numbers {
    ($($number:ty),*) => {$(
        impl Wire for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket> {
                let bytes = from.bytes(size_of::<$number>())?;
                Ok(<$number>::from_be_bytes(bytes.try_into().expect("as many bytes as the number has")))
            }
        }
    )*};
}

wire_numbers!(u8, u16, u32, u64, i32, i64);

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(BadPacket::Unknown { what: "truth value", number: number.into() }),
        }
    }
}

/// Texts have their length before them, in two bytes: none is longer than a packet.
impl Wire for BString {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(out, self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket> {
        Ok(take_text(from)?.into())
    }
}

impl Wire for QueueId {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(out, self.as_str().as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket> {
        Self::from_bytes(take_text(from)?).map_err(|_| BadPacket::Spelling("queue identifier"))
    }
}

macro_rules! wire_names {
    ($($name:ty),*) => {$(
        impl Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                put_text(out, self.as_bytes());
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket> {
                Ok(<$name>::new(take_text(from)?))
            }
        }
    )*};
}

wire_names!(MailerName, MapName);

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket> {
        if bool::take(from)? { T::take(from).map(Some) } else { Ok(None) }
    }
}

/// Lists have their number of elements before them, in two bytes.
impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        let len = self.len().min(LIST_LEN_MAX);
        u16::try_from(len).expect("the limit fits two bytes").put(out);
        for element in &self[..len] {
            element.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, BadPacket> {
        let len = u16::take(from)?;
        (0..len).map(|_| T::take(from)).collect()
    }
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    let len = text.len().min(PACKET_BYTES_MAX);
    u16::try_from(len).expect("the limit fits two bytes").put(out);
    out.extend_from_slice(&text[..len]);
}

fn take_text<'a>(from: &mut Reader<'a>) -> Result<&'a [u8], BadPacket> {
    let len = u16::take(from)?;
    from.bytes(len.into())
}

/// Defines an enum or a struct together with its place in packets; each variant has its number there.
macro_rules! wire {
    (
        $(#[$doc:meta])*
        $vis:vis enum $name:ident ($what:literal) {
            $( $(#[$variant_doc:meta])* $number:literal => $variant:ident { $( $(#[$field_doc:meta])* $field:ident : $type:ty, )* }, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, PartialEq)]
        $vis enum $name {
            $( $(#[$variant_doc])* $variant { $( $(#[$field_doc])* $field: $type, )* }, )*
        }

        impl crate::keeper::wire::Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $( Self::$variant { $($field,)* } => {
                        out.push($number);
                        $( crate::keeper::wire::Wire::put($field, out); )*
                    } )*
                }
            }

            fn take(from: &mut crate::keeper::wire::Reader<'_>) -> Result<Self, crate::keeper::wire::BadPacket> {
                match <u8 as crate::keeper::wire::Wire>::take(from)? {
                    $( $number => Ok(Self::$variant { $( $field: crate::keeper::wire::Wire::take(from)?, )* }), )*
                    number => Err(crate::keeper::wire::BadPacket::Unknown { what: $what, number: number.into() }),
                }
            }
        }

        #[cfg(test)]
        impl crate::keeper::wire::sample::Sample for $name {
            fn sample(dice: &mut crate::keeper::wire::sample::Dice) -> Self {
                let numbers: &[u8] = &[$($number),*];
                match numbers[dice.below(numbers.len())] {
                    $( $number => Self::$variant { $( $field: crate::keeper::wire::sample::Sample::sample(dice), )* }, )*
                    _ => unreachable!("drawn from the list of all numbers"),
                }
            }
        }
    };
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident { $( $(#[$field_doc:meta])* $field_vis:vis $field:ident : $type:ty, )* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, PartialEq)]
        $vis struct $name { $( $(#[$field_doc])* $field_vis $field: $type, )* }

        impl crate::keeper::wire::Wire for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $( crate::keeper::wire::Wire::put(&self.$field, out); )*
            }

            fn take(from: &mut crate::keeper::wire::Reader<'_>) -> Result<Self, crate::keeper::wire::BadPacket> {
                Ok(Self { $( $field: crate::keeper::wire::Wire::take(from)?, )* })
            }
        }

        #[cfg(test)]
        impl crate::keeper::wire::sample::Sample for $name {
            fn sample(dice: &mut crate::keeper::wire::sample::Dice) -> Self {
                Self { $( $field: crate::keeper::wire::sample::Sample::sample(dice), )* }
            }
        }
    };
}

pub(crate) use wire;

#[cfg(test)]
pub(crate) mod sample {
    //! Draws values of every shape for the round trip.

    use super::{BString, MailerName, MapName, QueueId};

    /// A source of numbers that a property test fills.
    pub(crate) struct Dice(pub(crate) Vec<u8>, pub(crate) usize);

    impl Dice {
        pub(crate) fn below(&mut self, limit: usize) -> usize {
            self.1 += 1;
            usize::from(self.0[self.1 % self.0.len()]) % limit
        }
    }

    pub(crate) trait Sample {
        fn sample(dice: &mut Dice) -> Self;
    }

    macro_rules! sample_numbers {
        ($($number:ty),*) => {$(
            impl Sample for $number {
                fn sample(dice: &mut Dice) -> Self {
                    <$number>::try_from(dice.below(120)).expect("small")
                }
            }
        )*};
    }

    sample_numbers!(u8, u16, u32, u64, i32, i64);

    impl Sample for bool {
        fn sample(dice: &mut Dice) -> Self {
            dice.below(2) == 1
        }
    }

    impl Sample for BString {
        fn sample(dice: &mut Dice) -> Self {
            (0..dice.below(20)).map(|_| u8::sample(dice)).collect::<Vec<u8>>().into()
        }
    }

    impl Sample for QueueId {
        fn sample(dice: &mut Dice) -> Self {
            format!("6AMAKU110{:05}", dice.below(250)).parse().expect("letters and digits")
        }
    }

    impl Sample for MailerName {
        fn sample(dice: &mut Dice) -> Self {
            Self::new(BString::sample(dice))
        }
    }

    impl Sample for MapName {
        fn sample(dice: &mut Dice) -> Self {
            Self::new(BString::sample(dice))
        }
    }

    impl<T: Sample> Sample for Option<T> {
        fn sample(dice: &mut Dice) -> Self {
            bool::sample(dice).then(|| T::sample(dice))
        }
    }

    impl<T: Sample> Sample for Vec<T> {
        fn sample(dice: &mut Dice) -> Self {
            (0..dice.below(5)).map(|_| T::sample(dice)).collect()
        }
    }
}
