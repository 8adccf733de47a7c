//! Random numbers that depend on where they are used and on nothing else: equal on any machine, in any order.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::recipe::{Strength, Whole};

/// A stream of random numbers of one place: xoshiro256++ (Blackman & Vigna 2021), whose values are fixed by its paper.
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream of a place; places that differ in any word have unrelated streams.
    pub fn at(place: [u64; 4]) -> Random {
        let state = place.iter().fold(0, |state: u64, &word| splitmix(state.wrapping_add(word)));
        let mut seed = [0; 32];
        for (bytes, word) in seed.as_chunks_mut::<8>().0.iter_mut().zip(splitmix_sequence(state)) {
            *bytes = word.to_le_bytes();
        }
        Random(Xoshiro256PlusPlus::from_seed(seed))
    }

    /// 64 independent bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Evenly from `0..bound`, without bias (Lemire 2019); `bound` is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        let unusable = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            if product as u64 >= unusable {
                return (product >> 64) as u64;
            }
        }
    }

    /// Evenly from the whole numbers `low..=high`; equal ends take nothing from the stream.
    pub fn between(&mut self, [low, high]: [i32; 2]) -> i32 {
        if low >= high {
            return low;
        }
        let count = i64::from(high) - i64::from(low) + 1;
        (i64::from(low) + self.below(count as u64) as i64) as i32
    }

    /// Evenly from the multiples of 1/`per_unit` between two ends, each rounded to the nearest; in 1/`per_unit`.
    pub fn steps_between(&mut self, ends: [f64; 2], per_unit: u32) -> i32 {
        self.between(ends.map(|end| (end * f64::from(per_unit)).round() as i32))
    }

    /// True with `probability`.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// Evenly from a strength's range.
    pub fn strength(&mut self, strength: Strength) -> f64 {
        let [low, high] = strength.ends();
        low + (high - low) * self.share()
    }

    /// Evenly from a range of whole numbers, both ends included.
    pub fn whole(&mut self, range: Whole) -> u32 {
        let [low, high] = range.ends();
        low + self.below(u64::from(high.saturating_sub(low)) + 1) as u32
    }

    /// Evenly from 0..1.
    fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `count` of `0..from` without replacement, in ascending order, into `drawn`.
    pub fn choose(&mut self, count: usize, from: usize, drawn: &mut Vec<usize>) {
        drawn.clear();
        drawn.extend(0..from);
        let count = count.min(from);
        for index in 0..count {
            let other = index + self.below((from - index) as u64) as usize;
            drawn.swap(index, other);
        }
        drawn.truncate(count);
        drawn.sort_unstable();
    }
}

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64's sequence from a seed; it does not end.
pub fn splitmix_sequence(seed: u64) -> impl Iterator<Item = u64> {
    (0..=u64::MAX).map(move |n| splitmix(seed.wrapping_add(GOLDEN.wrapping_mul(n))))
}

/// The output function of SplitMix64 (Steele, Lea & Flood 2014), a bijection.
fn splitmix(state: u64) -> u64 {
    let z = state.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_sequence_of_seed_1234567() {
        let seen: Vec<u64> = splitmix_sequence(1234567).take(3).collect();
        assert_eq!(seen, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn values_of_a_place_never_change() {
        let mut random = Random::at([1, 2, 3, 4]);
        assert_eq!([random.bits(), random.bits()], [11721272151317329939, 13618635864066141884]);
    }

    #[test]
    fn a_place_that_differs_in_one_word_has_another_stream() {
        let mut firsts = std::collections::BTreeSet::new();
        for place in 0..4 {
            for word in 0..100 {
                let mut words = [0; 4];
                words[place] = word;
                firsts.insert(Random::at(words).bits());
            }
        }
        assert_eq!(firsts.len(), 4 * 99 + 1);
    }

    #[test]
    fn numbers_between_two_ends_are_even_and_reach_both() {
        let mut random = Random::at([0; 4]);
        let mut seen = [0; 5];
        for _ in 0..50_000 {
            seen[(random.between([-2, 2]) + 2) as usize] += 1;
        }
        assert!(seen.iter().all(|&n: &i32| (n - 10_000).abs() < 450), "{seen:?}");
        assert_eq!(random.steps_between([0.1, 0.1], 1000), 100);
        assert!((0..100).all(|_| (-500..=250).contains(&random.steps_between([-0.5, 0.25], 1000))));
    }

    #[test]
    fn choosing_draws_each_index_once_and_evenly() {
        let (mut random, mut drawn, mut seen) = (Random::at([7; 4]), Vec::new(), [0; 5]);
        for _ in 0..10_000 {
            random.choose(2, 5, &mut drawn);
            assert!(drawn.len() == 2 && drawn[0] < drawn[1]);
            drawn.iter().for_each(|&index| seen[index] += 1);
        }
        assert!(seen.iter().all(|&n: &i32| (n - 4_000).abs() < 250), "{seen:?}");
    }
}
