//! Random numbers that depend on a seed and a place alone: the same on every device, in any order, after a resume.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What random numbers are for: the first number of a place, so that no two uses share a stream.
pub mod purpose {
    pub const WEIGHTS: u64 = 1;
    pub const ORDER: u64 = 2;
    pub const TRANSFORMS: u64 = 3;
    pub const DROPOUT: u64 = 4;
}

/// A stream of its own for each `place`, a path of numbers such as (purpose, step).
pub struct Stream(Xoshiro256PlusPlus);

impl Stream {
    pub fn new(seed: u64, place: &[u64]) -> Stream {
        Stream(Xoshiro256PlusPlus::seed_from_u64(mix(seed, place)))
    }

    /// Uniform in 0..1, never 1, in steps of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (-53f64).exp2()
    }

    /// Uniform in `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..n`; the bias, n · 2⁻⁶⁴, is nothing.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// Uniform in `low..=high`.
    pub fn integer(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    /// Two independent draws from N(0, 1) (Box & Muller 1958).
    pub fn normals(&mut self) -> [f64; 2] {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.unit()).sin_cos();
        [radius * cos, radius * sin]
    }

    /// A draw from Beta(`alpha`, `alpha`), from two of the gamma distribution.
    pub fn beta(&mut self, alpha: f64) -> f64 {
        let (one, other) = (self.gamma(alpha), self.gamma(alpha));
        // Both vanish for a tiny alpha: then either end is as likely.
        if one + other > 0.0 { one / (one + other) } else { f64::from(u8::from(self.unit() < 0.5)) }
    }

    /// A draw from the gamma distribution of this shape and scale 1 (Marsaglia & Tsang 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * (1.0 - self.unit()).powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let [x, _] = self.normals();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// The numbers below `n` in random order (Fisher & Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<i64> {
        let mut order: Vec<i64> = (0..n as i64).collect();
        for last in (1..n).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

/// One number of a seed and a path (SplitMix64's finaliser, word by word).
pub fn mix(seed: u64, place: &[u64]) -> u64 {
    place.iter().fold(seed, |state, word| {
        let mut z = (state ^ word.wrapping_mul(0xD1B5_4A32_D192_ED03)).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_every_part_of_its_place() {
        let first = |seed, place: &[u64]| Stream::new(seed, place).unit();
        assert_eq!(first(1, &[2, 3]), first(1, &[2, 3]));
        let others = [first(2, &[2, 3]), first(1, &[3, 2]), first(1, &[2]), first(1, &[2, 4])];
        assert!(others.iter().all(|other| *other != first(1, &[2, 3])));
    }

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let mut stream = Stream::new(7, &[]);
        let normals: Vec<f64> = (0..50_000).flat_map(|_| stream.normals()).collect();
        let mean = normals.iter().sum::<f64>() / normals.len() as f64;
        let variance = normals.iter().map(|x| x * x).sum::<f64>() / normals.len() as f64;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        let sum: f64 = (0..100_000).map(|_| stream.between(-1.0, 3.0)).sum();
        assert!((sum / 1e5 - 1.0).abs() < 0.02);
        for alpha in [0.2, 1.0, 4.0] {
            let draws: Vec<f64> = (0..50_000).map(|_| stream.beta(alpha) - 0.5).collect();
            let mean = draws.iter().sum::<f64>() / 5e4;
            let variance = draws.iter().map(|x| x * x).sum::<f64>() / 5e4;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!(
                mean.abs() < 0.01 && (variance / expected - 1.0).abs() < 0.03,
                "{alpha}: {mean} {variance}"
            );
        }
        assert!((0..1000).all(|_| (-2..=2).contains(&stream.integer(-2, 2))));
    }

    #[test]
    fn a_permutation_holds_every_number_once() {
        let mut order = Stream::new(1, &[0]).permutation(100);
        assert_ne!(order, (0..100).collect::<Vec<i64>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<i64>>());
    }
}
