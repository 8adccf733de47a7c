//! Random bits in bulk: eight streams of xoshiro256++ side by side, for augmentations that draw for every pixel.

use super::random::splitmix_sequence;
use super::vectors::Vectors;

/// Streams side by side: one 512-bit register, or two of 256.
pub const LANES: usize = 8;

/// Eight streams of xoshiro256++ (Blackman & Vigna 2021), each from four words of its own of SplitMix64's sequence (as
/// that paper's authors seed it). Word `i` drawn is that of stream `i mod 8`, the same on every machine.
pub struct Lanes([[u64; LANES]; 4]);

impl Lanes {
    /// Streams that depend on `seed` alone.
    pub fn new(seed: u64) -> Lanes {
        let mut words = splitmix_sequence(seed);
        Lanes(std::array::from_fn(|_| {
            std::array::from_fn(|_| words.next().expect("the sequence is endless"))
        }))
    }

    /// The next words, eight at a time.
    pub fn fill(&mut self, words: &mut [[u64; LANES]], vectors: Vectors) {
        #[cfg(target_arch = "x86_64")]
        if vectors.has_avx512() {
            // The processor has what the function is compiled for.
            return unsafe { fill_avx512(&mut self.0, words) };
        } else if vectors.has_avx2() {
            // The processor has what the function is compiled for.
            return unsafe { fill_avx2(&mut self.0, words) };
        }
        let _ = vectors;
        fill(&mut self.0, words);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn fill_avx512(state: &mut [[u64; LANES]; 4], words: &mut [[u64; LANES]]) {
    fill(state, words);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fill_avx2(state: &mut [[u64; LANES]; 4], words: &mut [[u64; LANES]]) {
    fill(state, words);
}

/// Inlined into each of the above, and compiled there for its instructions.
#[inline(always)]
fn fill(state: &mut [[u64; LANES]; 4], words: &mut [[u64; LANES]]) {
    let [mut a, mut b, mut c, mut d] = *state;
    for eight in words {
        for lane in 0..LANES {
            eight[lane] = a[lane].wrapping_add(d[lane]).rotate_left(23).wrapping_add(a[lane]);
            let shifted = b[lane] << 17;
            c[lane] ^= a[lane];
            d[lane] ^= b[lane];
            b[lane] ^= c[lane];
            a[lane] ^= d[lane];
            c[lane] ^= shifted;
            d[lane] = d[lane].rotate_left(45);
        }
    }
    *state = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn each_lane_is_the_published_generator_on_every_path() {
        for vectors in Vectors::all() {
            let mut lanes = Lanes::new(5);
            let mut streams: Vec<Xoshiro256PlusPlus> = (0..LANES)
                .map(|lane| {
                    let bytes: Vec<u8> = lanes.0.iter().flat_map(|word| word[lane].to_le_bytes()).collect();
                    Xoshiro256PlusPlus::from_seed(bytes.try_into().unwrap())
                })
                .collect();
            let mut words = [[0; LANES]; 100];
            lanes.fill(&mut words[..1], vectors);
            lanes.fill(&mut words[1..], vectors);
            for eight in words {
                assert_eq!(eight, std::array::from_fn(|lane| streams[lane].next_u64()), "{}", vectors.name());
            }
        }
    }

    #[test]
    fn every_bit_is_set_half_of_the_time_and_seeds_have_unrelated_words() {
        let (mut words, mut others) = ([[0; LANES]; 2000], [[0; LANES]; 2000]);
        Lanes::new(1).fill(&mut words, Vectors::best());
        Lanes::new(2).fill(&mut others, Vectors::best());
        for bit in 0..64 {
            // 16,000 tosses: sd 63.
            let set = words.iter().flatten().filter(|word| **word >> bit & 1 == 1).count();
            assert!(set.abs_diff(8000) < 320, "bit {bit}: {set}");
        }
        let differing: u32 =
            words.iter().flatten().zip(others.iter().flatten()).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert!(differing.abs_diff(512_000) < 2_600, "{differing} of 1,024,000 bits");
    }
}
