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
            return unsafe { x86::fill_avx512(&mut self.0, words) };
        } else if vectors.has_avx2() {
            // The processor has what the function is compiled for.
            return unsafe { x86::fill_avx2(&mut self.0, words) };
        }
        let _ = vectors;
        words.iter_mut().for_each(|eight| *eight = std::array::from_fn(|lane| next(&mut self.0, lane)));
    }
}

fn next([a, b, c, d]: &mut [[u64; LANES]; 4], lane: usize) -> u64 {
    let word = a[lane].wrapping_add(d[lane]).rotate_left(23).wrapping_add(a[lane]);
    let shifted = b[lane] << 17;
    c[lane] ^= a[lane];
    d[lane] ^= b[lane];
    b[lane] ^= c[lane];
    a[lane] ^= d[lane];
    c[lane] ^= shifted;
    d[lane] = d[lane].rotate_left(45);
    word
}

/// The same, four or eight lanes in a register: compilers do not find it in the plain version.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::LANES;

    #[target_feature(enable = "avx512f")]
    pub fn fill_avx512(state: &mut [[u64; LANES]; 4], words: &mut [[u64; LANES]]) {
        // Eight words may be read and written where they are, on any boundary.
        let [mut a, mut b, mut c, mut d] =
            state.each_ref().map(|lanes| unsafe { _mm512_loadu_epi64(lanes.as_ptr().cast()) });
        for eight in words {
            let word = _mm512_add_epi64(_mm512_rol_epi64::<23>(_mm512_add_epi64(a, d)), a);
            unsafe { _mm512_storeu_epi64(eight.as_mut_ptr().cast(), word) };
            let shifted = _mm512_slli_epi64::<17>(b);
            c = _mm512_xor_si512(c, a);
            d = _mm512_xor_si512(d, b);
            b = _mm512_xor_si512(b, c);
            a = _mm512_xor_si512(a, d);
            c = _mm512_xor_si512(c, shifted);
            d = _mm512_rol_epi64::<45>(d);
        }
        for (lanes, vector) in state.iter_mut().zip([a, b, c, d]) {
            unsafe { _mm512_storeu_epi64(lanes.as_mut_ptr().cast(), vector) };
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn fill_avx2(state: &mut [[u64; LANES]; 4], words: &mut [[u64; LANES]]) {
        let mut halves = [0, 4].map(|first| state.each_ref().map(|lanes| load(lanes, first)));
        for eight in words {
            for (half, first) in halves.iter_mut().zip([0, 4]) {
                store(eight, first, next_four(half));
            }
        }
        for (half, first) in halves.into_iter().zip([0, 4]) {
            state.iter_mut().zip(half).for_each(|(lanes, vector)| store(lanes, first, vector));
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn next_four([a, b, c, d]: &mut [__m256i; 4]) -> __m256i {
        let word = _mm256_add_epi64(rotated::<23, 41>(_mm256_add_epi64(*a, *d)), *a);
        let shifted = _mm256_slli_epi64::<17>(*b);
        *c = _mm256_xor_si256(*c, *a);
        *d = _mm256_xor_si256(*d, *b);
        *b = _mm256_xor_si256(*b, *c);
        *a = _mm256_xor_si256(*a, *d);
        *c = _mm256_xor_si256(*c, shifted);
        *d = rotated::<45, 19>(*d);
        word
    }

    /// By `LEFT` bits to the left; `LEFT + RIGHT` is 64.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn rotated<const LEFT: i32, const RIGHT: i32>(words: __m256i) -> __m256i {
        _mm256_or_si256(_mm256_slli_epi64::<LEFT>(words), _mm256_srli_epi64::<RIGHT>(words))
    }

    /// `first` is 0 or 4.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(lanes: &[u64; LANES], first: usize) -> __m256i {
        let four: &[u64; 4] = lanes[first..].first_chunk().expect("eight lanes are four and four");
        // Four words may be read where they are, on any boundary.
        unsafe { _mm256_loadu_si256(four.as_ptr().cast()) }
    }

    /// `first` is 0 or 4.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn store(lanes: &mut [u64; LANES], first: usize, vector: __m256i) {
        let four: &mut [u64; 4] = lanes[first..].first_chunk_mut().expect("eight lanes are four and four");
        // Four words may be written where they are, on any boundary.
        unsafe { _mm256_storeu_si256(four.as_mut_ptr().cast(), vector) }
    }
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
