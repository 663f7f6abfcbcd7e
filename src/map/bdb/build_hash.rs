//! Building a hash file at one stroke.

use std::cmp::Ordering;

use super::super::layout::{BuildError, Layout, Pair};
use super::super::sorted;
use super::build_leaf;
use super::hash::{self, item};
use super::image::{Image, PAGE_BYTES};
use super::meta::{HASH_DUPLICATES, HASH_MAGIC, field};
use super::page::{header, kind};

/// Items longer than this go to pages of their own, as libdb does it.
const ITEM_BYTES_MAX: usize = PAGE_BYTES / 4;
/// How full a bucket's page is meant to be at most; the rest takes the uneven spread of the hashes.
const FILL_PERCENT: usize = 75;
/// Smallest number of buckets, that of an empty file.
const BUCKETS_MIN: u64 = 2;
/// Largest number of buckets: page numbers have 32 bits, and the overflow pages need some.
const BUCKETS_MAX: u64 = 1 << 30;

/// Builds a hash file with these pairs; those with the same key stay in their order.
pub(in super::super) fn build(pairs: &[Pair<'_>], layout: &Layout) -> Result<Vec<u8>, BuildError> {
    let buckets = bucket_count(pairs)?;
    let data_bytes = buckets as usize * PAGE_BYTES;
    let mut image = Image::new(layout.order, HASH_MAGIC, kind::HASH_META, layout.file_id, data_bytes);
    describe(&mut image, buckets, pairs.len())?;
    for _ in 0..buckets {
        image.add_page(kind::HASH, 0)?;
    }
    let mut duplicates = layout.duplicates;
    let mut sorted = sorted::by_bucket(pairs, |key| hash::hash(key) & (buckets - 1), buckets);
    for bucket in sorted.chunk_by_mut(|left, right| left.0 == right.0) {
        // A stable sort: the values of one key keep their order.
        bucket.sort_by(|(_, left), (_, right)| compare_keys(left.0, right.0));
        duplicates |= bucket.windows(2).any(|twins| twins[0].1.0 == twins[1].1.0);
        fill_bucket(&mut image, bucket)?;
    }
    image.put_u32(0, field::FLAGS, if duplicates { HASH_DUPLICATES } else { 0 });
    Ok(image.finish())
}

/// Compares keys of a bucket as libdb searches for them: of two that begin alike the longer one comes first, but the
/// shorter one where both lie on pages of their own.
pub(super) fn compare_keys(left: &[u8], right: &[u8]) -> Ordering {
    let common = left.len().min(right.len());
    let by_length = if common > ITEM_BYTES_MAX { left.len().cmp(&right.len()) } else { right.len().cmp(&left.len()) };
    left[..common].cmp(&right[..common]).then(by_length)
}

fn bucket_count(pairs: &[Pair<'_>]) -> Result<u32, BuildError> {
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

fn fill_bucket(image: &mut Image, bucket: &[(u32, Pair<'_>)]) -> Result<(), BuildError> {
    let mut page = bucket[0].0 + 1;
    for set in bucket.chunk_by(|(_, left), (_, right)| left.0 == right.0) {
        let (key, value) = set[0].1;
        if set.len() == 1 && key.len() <= ITEM_BYTES_MAX && value.len() <= ITEM_BYTES_MAX {
            page = page_with_room(image, page, key.len() + value.len() + 2)?;
            push_short(image, page, key);
            push_short(image, page, value);
            continue;
        }
        let (key, value) = (encode(image, key)?, encode_values(image, set)?);
        page = page_with_room(image, page, key.len() + value.len())?;
        image.push_item(page, &key);
        image.push_item(page, &value);
    }
    Ok(())
}

/// Returns `page`, or a new page behind it if it has no room for two items of so many bytes.
fn page_with_room(image: &mut Image, page: u32, bytes: usize) -> Result<u32, BuildError> {
    if image.free_bytes(page) >= bytes + 4 {
        return Ok(page);
    }
    let next = image.add_page(kind::HASH, 0)?;
    image.link(page, next);
    Ok(next)
}

fn push_short(image: &mut Image, page: u32, data: &[u8]) {
    let (_, place) = image.reserve(page, 1 + data.len());
    place[0] = item::DATA;
    place[1..].copy_from_slice(data);
}

/// Encodes the values of one key: one as it is, some side by side, many on a tree of their own.
fn encode_values(image: &mut Image, set: &[(u32, Pair<'_>)]) -> Result<Vec<u8>, BuildError> {
    if let [(_, (_, value))] = set {
        return encode(image, value);
    }
    let values = set.iter().map(|(_, (_, value))| *value);
    let bytes: usize = values.clone().map(|value| value.len() + 4).sum();
    if bytes > ITEM_BYTES_MAX {
        let values: Vec<Vec<u8>> = values.map(|value| build_leaf::encode(image, value)).collect::<Result<_, _>>()?;
        let root = build_leaf::build_duplicates(image, &values)?;
        return Ok([&[item::DUPLICATE_TREE, 0, 0, 0][..], &image.order.write_u32(root)].concat());
    }
    let mut set = vec![item::DUPLICATES];
    for value in values {
        let length = image.order.write_u16(u16::try_from(value.len()).expect("a short item"));
        set.extend_from_slice(&[&length[..], value, &length].concat());
    }
    Ok(set)
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
