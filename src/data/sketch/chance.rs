//! Random numbers and the few functions of drawing, from operations that every machine rounds alike.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use sha2::{Digest, Sha256};

pub type Colour = [f32; 3];

/// A stream of its own for each (seed, what, index).
pub struct Chance(Xoshiro256PlusPlus);

impl Chance {
    pub fn new(seed: u64, what: &str, index: u64) -> Chance {
        let mut hasher = Sha256::new();
        hasher.update(seed.to_le_bytes());
        hasher.update(index.to_le_bytes());
        hasher.update(what.as_bytes());
        Chance(Xoshiro256PlusPlus::from_seed(hasher.finalize().into()))
    }

    /// In 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u64() >> 40) as f32 / (1 << 24) as f32
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Around 0, within ±1, most often small.
    pub fn spread(&mut self) -> f32 {
        (self.unit() + self.unit() + self.unit()) * (2.0 / 3.0) - 1.0
    }

    pub fn happens(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// In 0..n.
    pub fn below(&mut self, n: usize) -> usize {
        (((self.0.next_u64() >> 32) * n as u64) >> 32) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn bits(&mut self) -> u32 {
        (self.0.next_u64() >> 32) as u32
    }

    /// The colour, a little lighter or darker and a little off in each channel.
    pub fn near(&mut self, colour: Colour, by: f32) -> Colour {
        let light = 1.0 + by * self.spread();
        colour.map(|value| value * light + 0.5 * by * self.spread())
    }
}

/// Sine and cosine of an angle in -π to π. The platform's own differ in the last bit from machine to machine.
pub fn sin_cos(angle: f32) -> (f32, f32) {
    let (x, mut sin, mut cos, mut term) = (f64::from(angle), 0.0, 0.0, 1.0);
    for k in 0..24 {
        match k % 4 {
            0 => cos += term,
            1 => sin += term,
            2 => cos -= term,
            _ => sin -= term,
        }
        term *= x / f64::from(k + 1);
    }
    (sin as f32, cos as f32)
}

pub fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

pub fn blend(a: Colour, b: Colour, t: f32) -> Colour {
    [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)]
}

/// 0 up to `low`, 1 from `high` on, smooth between.
pub fn rise(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// 1 within `half` of 0, fading over `soft`.
pub fn band(x: f32, half: f32, soft: f32) -> f32 {
    1.0 - rise(half, half + soft, x.abs())
}

/// 32 random bits that belong to a cell of a grid.
pub fn hash(salt: u32, x: i32, y: i32) -> u32 {
    let mut bits = salt ^ (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x2C1B_3C6D);
    bits = (bits ^ (bits >> 12)).wrapping_mul(0x297A_2D39);
    bits ^ (bits >> 15)
}

/// A random number in 0..1 that belongs to a cell of a grid.
pub fn cell(salt: u32, x: i32, y: i32) -> f32 {
    (hash(salt, x, y) >> 8) as f32 / (1 << 24) as f32
}

/// Smooth noise in 0..1 with features one unit wide.
pub fn noise(salt: u32, x: f32, y: f32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let (tx, ty) = (rise(0.0, 1.0, x - fx), rise(0.0, 1.0, y - fy));
    let top = mix(cell(salt, ix, iy), cell(salt, ix + 1, iy), tx);
    let bottom = mix(cell(salt, ix, iy + 1), cell(salt, ix + 1, iy + 1), tx);
    mix(top, bottom, ty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_are_those_of_the_library_but_for_the_last_bit() {
        for step in -31..=31 {
            let angle = step as f32 / 10.0;
            let (sin, cos) = sin_cos(angle);
            assert!((sin - angle.sin()).abs() < 1e-6 && (cos - angle.cos()).abs() < 1e-6, "{angle}");
        }
    }

    #[test]
    fn streams_depend_on_all_that_names_them() {
        let first = |seed, what, index| Chance::new(seed, what, index).bits();
        let all = [first(0, "a", 0), first(1, "a", 0), first(0, "b", 0), first(0, "a", 1)];
        let distinct: std::collections::BTreeSet<u32> = all.into_iter().collect();
        assert_eq!(distinct.len(), 4);
        assert_eq!(all[0], first(0, "a", 0));
    }
}
