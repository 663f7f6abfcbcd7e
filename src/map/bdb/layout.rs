//! What a file to be built is like.

use bstr::BString;

use super::image::BuildError;
use super::{ByteOrder, Method, build_btree, build_hash};

/// What a file to be built is like, beside its pairs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    /// How keys are found.
    pub method: Method,
    /// Whether a key may get several values, also where none has now.
    pub duplicates: bool,
    /// The order of the bytes in numbers.
    pub order: ByteOrder,
    /// Distinguishes the file from every other one on the machine.
    pub file_id: [u8; 20],
}

impl Layout {
    /// A file of this machine's byte order, without duplicates.
    pub fn new(method: Method) -> Layout {
        Layout { method, duplicates: false, order: ByteOrder::NATIVE, file_id: [0; 20] }
    }

    /// Builds a file with these pairs.
    ///
    /// Pairs with the same key stay in the order in which they are given, and make it a file with duplicates.
    ///
    /// # Errors
    /// Page numbers and lengths have 32 bits.
    pub fn build(&self, pairs: &[(BString, BString)]) -> Result<Vec<u8>, BuildError> {
        match self.method {
            Method::Hash => build_hash::build(pairs, self),
            Method::Btree => build_btree::build(pairs, self),
        }
    }
}
