//! Records in the order in which files have them: by key for trees, by bucket for hash tables.

use super::layout::Pair;

/// Sorts pairs by their keys; those with the same key stay in their order.
pub(super) fn by_key(pairs: Vec<Pair<'_>>) -> Vec<Pair<'_>> {
    // Most comparisons end within the first bytes: side by side in memory they cost a fraction of following two
    // references into it.
    let mut heads: Vec<(u128, Pair<'_>)> = pairs.into_iter().map(|pair| (head(pair.0), pair)).collect();
    heads.sort_by(|(left, one), (right, other)| left.cmp(right).then_with(|| one.0.cmp(other.0)));
    heads.into_iter().map(|(_, pair)| pair).collect()
}

/// Returns the first 16 bytes of a key as a number that sorts as they do, short keys filled up with zeros.
fn head(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let length = key.len().min(bytes.len());
    bytes[..length].copy_from_slice(&key[..length]);
    u128::from_be_bytes(bytes)
}

/// Returns the pairs with their buckets, those of one bucket together and in their order.
pub(super) fn by_bucket<'a>(
    pairs: &[Pair<'a>],
    bucket_of: impl Fn(&[u8]) -> u32,
    buckets: u32,
) -> Vec<(u32, Pair<'a>)> {
    let numbers: Vec<u32> = pairs.iter().map(|(key, _)| bucket_of(key)).collect();
    let mut ends = vec![0_usize; buckets as usize];
    numbers.iter().for_each(|number| ends[*number as usize] += 1);
    let mut sum = 0;
    for end in &mut ends {
        sum += *end;
        *end = sum;
    }
    let mut sorted = vec![(0, (&b""[..], &b""[..])); pairs.len()];
    for (number, pair) in numbers.into_iter().zip(pairs).rev() {
        let end = &mut ends[number as usize];
        *end -= 1;
        sorted[*end] = (number, *pair);
    }
    sorted
}

/// Returns the shortest beginning of `right` that is greater than `left`.
pub(super) fn separator<'a>(left: &[u8], right: &'a [u8]) -> &'a [u8] {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    &right[..(same + 1).min(right.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_twins_stay_in_their_order() {
        let pairs: Vec<Pair<'_>> = vec![
            (b"b", b"1"),
            (b"a\0", b"2"),
            (b"a", b"3"),
            (b"b", b"0"),
            (b"the same sixteen bytes b", b"4"),
            (b"the same sixteen bytes a", b"5"),
            (b"", b"6"),
        ];
        let values: Vec<&[u8]> = by_key(pairs).into_iter().map(|pair| pair.1).collect();
        assert_eq!(values, [b"6", b"3", b"2", b"1", b"0", b"5", b"4"]);
    }

    #[test]
    fn pairs_of_a_bucket_are_together_and_in_their_order() {
        let pairs: Vec<Pair<'_>> = vec![(b"b", b"1"), (b"a", b"2"), (b"b", b"3"), (b"d", b"4")];
        let sorted = by_bucket(&pairs, |key| u32::from(key[0] - b'a'), 4);
        let values: Vec<(u32, &[u8])> = sorted.into_iter().map(|(bucket, pair)| (bucket, pair.1)).collect();
        assert_eq!(values, [(0, &b"2"[..]), (1, b"1"), (1, b"3"), (3, b"4")]);
    }

    #[test]
    fn a_separator_is_as_short_as_it_can_be() {
        assert_eq!(separator(b"abc", b"abz"), b"abz");
        assert_eq!(separator(b"abc", b"b"), b"b");
        assert_eq!(separator(b"ab", b"abcd"), b"abc");
        assert_eq!(separator(b"", b"xyz"), b"x");
    }
}
