//! Building a hash file at one stroke.

use bstr::BString;

use super::hash::{self, item};
use super::image::{BuildError, Image, PAGE_BYTES};
use super::meta::{HASH_MAGIC, field};
use super::page::{ByteOrder, header, kind};

/// Items longer than this go to pages of their own, as libdb does it.
const ITEM_BYTES_MAX: usize = PAGE_BYTES / 4;
/// How full a bucket's page is meant to be at most; the rest takes the uneven spread of the hashes.
const FILL_PERCENT: usize = 75;
/// Smallest number of buckets, that of an empty file.
const BUCKETS_MIN: u64 = 2;
/// Largest number of buckets: page numbers have 32 bits, and the overflow pages need some.
const BUCKETS_MAX: u64 = 1 << 30;

/// Builds a hash file with these pairs, whose keys differ.
///
/// `file_id` distinguishes the file from every other one on the machine.
pub fn build_hash(pairs: &[(BString, BString)], order: ByteOrder, file_id: [u8; 20]) -> Result<Vec<u8>, BuildError> {
    let buckets = bucket_count(pairs)?;
    let mut image = Image::new(order, HASH_MAGIC, kind::HASH_META, file_id);
    describe(&mut image, buckets, pairs.len())?;
    for _ in 0..buckets {
        image.add_page(kind::HASH, 0)?;
    }
    let mut sorted: Vec<(u32, &[u8], &[u8])> =
        pairs.iter().map(|(key, value)| (hash::hash(key) & (buckets - 1), &key[..], &value[..])).collect();
    sorted.sort_unstable();
    if let Some(twins) = sorted.windows(2).find(|twins| twins[0].1 == twins[1].1) {
        return Err(BuildError::DuplicateKey(twins[0].1.into()));
    }
    for bucket in sorted.chunk_by(|left, right| left.0 == right.0) {
        fill_bucket(&mut image, bucket)?;
    }
    Ok(image.finish())
}

fn bucket_count(pairs: &[(BString, BString)]) -> Result<u32, BuildError> {
    let bytes: usize = pairs.iter().map(|(key, value)| item_bytes(key) + item_bytes(value) + 4).sum();
    let page_bytes = (PAGE_BYTES - header::LENGTH) * FILL_PERCENT / 100;
    let buckets = (bytes.div_ceil(page_bytes) as u64).next_power_of_two().max(BUCKETS_MIN);
    if buckets > BUCKETS_MAX {
        return Err(BuildError::TooLarge);
    }
    u32::try_from(buckets).map_err(|_| BuildError::TooLarge)
}

/// Writes page 0: `buckets`, a power of two, have the pages from 1 on.
fn describe(image: &mut Image, buckets: u32, pairs: usize) -> Result<(), BuildError> {
    image.put_u32(0, field::MAX_BUCKET, buckets - 1);
    image.put_u32(0, field::HIGH_MASK, buckets - 1);
    image.put_u32(0, field::LOW_MASK, (buckets >> 1) - 1);
    image.put_u32(0, field::PAIRS, u32::try_from(pairs).map_err(|_| BuildError::TooLarge)?);
    image.put_u32(0, field::CHAR_KEY, hash::hash(hash::CHAR_KEY));
    for doubling in 0..=buckets.trailing_zeros() as usize {
        image.put_u32(0, field::SPARES + 4 * doubling, 1);
    }
    Ok(())
}

fn fill_bucket(image: &mut Image, bucket: &[(u32, &[u8], &[u8])]) -> Result<(), BuildError> {
    let mut page = bucket[0].0 + 1;
    for (_, key, value) in bucket {
        let (key, value) = (encode(image, key)?, encode(image, value)?);
        if image.free_bytes(page) < key.len() + value.len() + 4 {
            let next = image.add_page(kind::HASH, 0)?;
            image.link(page, next);
            page = next;
        }
        image.push_item(page, &key);
        image.push_item(page, &value);
    }
    Ok(())
}

fn item_bytes(data: &[u8]) -> usize {
    if data.len() > ITEM_BYTES_MAX { 12 } else { 1 + data.len() }
}

fn encode(image: &mut Image, data: &[u8]) -> Result<Vec<u8>, BuildError> {
    if data.len() <= ITEM_BYTES_MAX {
        return Ok([&[item::DATA], data].concat());
    }
    let length = u32::try_from(data.len()).map_err(|_| BuildError::TooLarge)?;
    let first = image.add_chain(data)?;
    let order = image.order;
    Ok([&[item::OFF_PAGE, 0, 0, 0][..], &order.write_u32(first), &order.write_u32(length)].concat())
}
