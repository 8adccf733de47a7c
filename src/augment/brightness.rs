//! Brightness: p ← p + a.

use super::kernel::kernel;
use super::random::Random;
use super::vectors::Vectors;
use crate::recipe::Brightness;

/// Adds `a` to every channel, saturating; `a` is drawn evenly from the whole numbers in [-255·by, 255·by]. Equal to
/// OpenCV's `add` and `subtract` of a scalar.
pub fn apply(settings: &Brightness, from: &[u8], to: &mut [u8], vectors: Vectors, random: &mut Random) {
    let amount = random.steps_between(settings.by.ends_either_way(), 255);
    add(vectors, from, to, amount);
}

kernel! {
    /// `amount` in -255..=255.
    fn add<LANES>(from: &[u8], to: &mut [u8], amount: i32) {
        let size = amount.unsigned_abs() as u8;
        let levels = to.iter_mut().zip(from);
        if amount >= 0 {
            levels.for_each(|(to, from)| *to = from.saturating_add(size));
        } else {
            levels.for_each(|(to, from)| *to = from.saturating_sub(size));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use crate::recipe::Strength;

    fn changed(by: impl Into<Strength>, seed: u64) -> Vec<u8> {
        let (from, mut to) = ([0, 50, 100, 150, 200, 255], vec![7; 6]);
        let settings = Brightness { by: by.into(), ..Default::default() };
        apply(&settings, &from, &mut to, Vectors::best(), &mut Random::at([seed, 0, 0, 0]));
        to
    }

    #[test]
    fn every_level_moves_by_one_amount_and_stops_at_the_ends() {
        let (mut up, mut down) = (false, false);
        for seed in 0..50 {
            let pixels = changed(1.0, seed);
            let amount = (1..5).map(|i| i32::from(pixels[i]) - 50 * i as i32);
            let amount = amount.max_by_key(|amount| amount.abs()).unwrap();
            let wanted = [0, 50, 100, 150, 200, 255].map(|p: i32| (p + amount).clamp(0, 255) as u8);
            assert!(pixels == wanted || amount.abs() >= 200, "{amount}: {pixels:?}");
            (up, down) = (up || amount > 0, down || amount < 0);
        }
        assert!(up && down);
    }

    #[test]
    fn a_range_is_drawn_from_and_equal_ends_fix_the_amount() {
        for seed in 0..20 {
            let one = i32::from(changed(Strength::Between([0.1, 0.3]), seed)[2]) - 100;
            assert!((26..=77).contains(&one), "{one}");
            assert_eq!(changed(Strength::Between([-0.2, -0.2]), seed), [0, 0, 49, 99, 149, 204]);
        }
    }

    #[test]
    fn results_are_opencvs() {
        for (by, wanted) in [0.2, -0.4].into_iter().zip(fixtures::BRIGHTNESS) {
            let (from, mut to) = (fixtures::colour().pixels, fixtures::colour().pixels);
            let settings = Brightness { by: Strength::Between([by; 2]), ..Default::default() };
            apply(&settings, &from, &mut to, Vectors::best(), &mut Random::at([0; 4]));
            assert!(to == wanted, "{by}");
        }
    }
}
