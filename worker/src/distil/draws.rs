//! Randomness from a seed and a place alone, so that it does not depend on what was drawn before.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What a number is drawn for: two uses never share a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Use {
    /// The real images that stay, or that synthetic ones start as.
    Choice = 1,
    /// The noise that synthetic images start as.
    Noise = 2,
    /// An iteration's random network.
    Network = 3,
    /// An iteration's augmentation.
    Augmentation = 4,
    /// An iteration's real images.
    Batch = 5,
}

/// A seed that depends on every one of its parts.
pub fn seed(seed: u64, of: Use, places: &[u64]) -> u64 {
    places.iter().fold(mix(seed ^ mix(of as u64)), |so_far, place| mix(so_far ^ mix(*place)))
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014), one step on from `value`.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `count` of `among`, without replacement, in random order. A smaller `count` gives the first of the same.
pub fn some_of(among: &[usize], count: usize, seed: u64) -> Vec<usize> {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut left = among.to_vec();
    let count = count.min(left.len());
    for place in 0..count {
        let other = generator.random_range(place as u64..left.len() as u64);
        left.swap(place, other as usize);
    }
    left.truncate(count);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_distinct_and_a_smaller_one_its_beginning() {
        let among: Vec<usize> = (100..120).collect();
        let all = some_of(&among, 50, 3);
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, among);
        assert_ne!(all, among);
        assert_eq!(some_of(&among, 5, 3), all[..5]);
    }

    #[test]
    fn every_part_of_a_seed_counts() {
        let seeds = [
            seed(0, Use::Batch, &[0, 1]),
            seed(0, Use::Batch, &[1, 0]),
            seed(1, Use::Batch, &[0, 1]),
            seed(0, Use::Network, &[0, 1]),
            seed(0, Use::Batch, &[0]),
        ];
        let distinct: std::collections::BTreeSet<u64> = seeds.into_iter().collect();
        assert_eq!(distinct.len(), seeds.len());
    }
}
