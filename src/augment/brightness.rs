//! Brightness: p ← p + a.

use super::image::Image;
use super::random::Random;
use super::vectors::Vectors;
use crate::recipe::Brightness;

/// Adds `a` to every channel, saturating; `a` is drawn evenly from the whole numbers in [-255·by, 255·by]. Equal to
/// OpenCV's `add` and `subtract` of a scalar.
pub fn apply(settings: &Brightness, image: &mut Image, vectors: Vectors, random: &mut Random) {
    let amount = random.steps_between(settings.by.ends_either_way(), 255);
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return unsafe { add_avx2(&mut image.pixels, amount) };
    }
    let _ = vectors;
    add(&mut image.pixels, amount);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_avx2(levels: &mut [u8], amount: i32) {
    add(levels, amount);
}

/// `amount` in -255..=255. Inlined into the above, and compiled there for its instructions.
#[inline(always)]
fn add(levels: &mut [u8], amount: i32) {
    let size = amount.unsigned_abs() as u8;
    if amount >= 0 {
        levels.iter_mut().for_each(|level| *level = level.saturating_add(size));
    } else {
        levels.iter_mut().for_each(|level| *level = level.saturating_sub(size));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use crate::recipe::Strength;

    fn changed(by: impl Into<Strength>, seed: u64) -> Vec<u8> {
        let mut image = Image::new(2, 1, vec![0, 50, 100, 150, 200, 255]).unwrap();
        let settings = Brightness { by: by.into(), ..Default::default() };
        apply(&settings, &mut image, Vectors::best(), &mut Random::at([seed, 0, 0, 0]));
        image.pixels
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
            let mut image = fixtures::colour();
            let settings = Brightness { by: Strength::Between([by; 2]), ..Default::default() };
            apply(&settings, &mut image, Vectors::best(), &mut Random::at([0; 4]));
            assert!(image.pixels == wanted, "{by}");
        }
    }
}
