//! What distillation draws at random, and from which seeds.

use std::collections::HashMap;

use crate::randomness::{self, Stream};

/// What a number is drawn for: two uses never share a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Use {
    /// The real images that stay, or that synthetic ones start as.
    Choice = 1,
    /// The noise that synthetic images start as.
    Noise = 2,
    /// A random network: an iteration's, or one in a place of a pool.
    Network = 3,
    /// An iteration's augmentation.
    Augmentation = 4,
    /// An iteration's real images.
    Batch = 5,
    /// Where the centres of k-means begin.
    Centres = 6,
    /// Which network of a pool an iteration takes.
    Turn = 7,
    /// The order in which a network sees the synthetic images.
    Order = 8,
    /// How they are augmented for it.
    NetworkAugmentation = 9,
    /// Which part of a real image a crop shows.
    Crop = 10,
    /// The weights of an autoencoder.
    Coder = 11,
    /// The frequencies of characteristic functions.
    Frequency = 12,
    /// One of several experts.
    Expert = 13,
    /// The part of an expert's training that an iteration matches.
    Start = 14,
    /// What a student leaves out in a step.
    Dropout = 15,
}

/// A seed that depends on every one of its parts.
pub fn seed(seed: u64, of: Use, places: &[u64]) -> u64 {
    randomness::mix(randomness::mix(seed, &[of as u64]), places)
}

/// `count` of `among`, without replacement, in random order. A smaller `count` gives the first of the same.
pub fn some_of(among: &[usize], count: usize, seed: u64) -> Vec<usize> {
    let mut stream = Stream::new(seed, &[]);
    let mut left = among.to_vec();
    let count = count.min(left.len());
    for place in 0..count {
        let other = place + stream.below(left.len() - place);
        left.swap(place, other);
    }
    left.truncate(count);
    left
}

/// `count` of the numbers below `n` at most, without replacement, in random order.
pub fn below(n: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut stream = Stream::new(seed, &[]);
    // As `some_of` swaps, but only what was moved is kept: an iteration draws a few of very many.
    let mut moved = HashMap::new();
    let drawn = (0..count.min(n)).map(|place| {
        let other = place + stream.below(n - place);
        let here = moved.get(&place).copied().unwrap_or(place);
        moved.insert(other, here).unwrap_or(other)
    });
    drawn.collect()
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
        let numbers: Vec<usize> = (0..20).collect();
        assert_eq!(below(20, 50, 3), some_of(&numbers, 50, 3));
        assert_eq!(below(20, 7, 9), some_of(&numbers, 7, 9));
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
