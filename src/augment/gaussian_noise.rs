//! Gaussian noise: p ← p + sd·z, z standard normal.

use super::image::Image;
use super::lanes::{LANES, Lanes};
use super::normal::{ENTRIES, FRACTION_BITS, magnitudes};
use super::random::Random;
use super::vectors::Vectors;
use crate::recipe::GaussianNoise;

/// The standard deviation is rounded to 1/128 of a grey level: it then fits 16 bits up to 255.
const SD_STEPS: u32 = 1 << SD_BITS;
const SD_BITS: u32 = 7;

/// Levels at a time: their draws and deviates stay in the first cache.
const BATCH: usize = 1024;

/// Adds independent noise, rounded to grey levels, to every channel of every pixel, saturating. A deviate takes 16
/// bits, level i those at 16·(i mod 4) of word i / 4 of [`Lanes`]; the stream of the image gives their seed.
pub fn apply(settings: &GaussianNoise, image: &mut Image, vectors: Vectors, random: &mut Random) {
    let sd = random.steps_between(settings.sd.ends(), SD_STEPS);
    if sd == 0 {
        return;
    }
    let (mut lanes, table) = (Lanes::new(random.bits()), magnitudes());
    let (mut words, mut draws, mut sizes) = ([[0; LANES]; BATCH / 4 / LANES], [0; BATCH], [0; BATCH]);
    for levels in image.pixels.chunks_mut(BATCH) {
        lanes.fill(&mut words, vectors);
        look_up(words.as_flattened(), table, &mut draws, &mut sizes);
        add(levels, &draws, &sizes, sd, vectors);
    }
}

/// Takes words apart into draws, and finds the magnitude of each.
fn look_up(words: &[u64], table: &[i16; ENTRIES], draws: &mut [u16; BATCH], sizes: &mut [i16; BATCH]) {
    let fours = draws.as_chunks_mut::<4>().0.iter_mut().zip(sizes.as_chunks_mut::<4>().0);
    for (word, (draws, sizes)) in words.iter().zip(fours) {
        *draws = [0, 16, 32, 48].map(|place| (word >> place) as u16);
        *sizes = draws.map(|draw| table[usize::from(draw) % ENTRIES]);
    }
}

fn add(levels: &mut [u8], draws: &[u16; BATCH], sizes: &[i16; BATCH], sd: i32, vectors: Vectors) {
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx2() {
        // The processor has what the function is compiled for.
        return unsafe { add_avx2(levels, draws, sizes, sd) };
    }
    let _ = vectors;
    add_plain(levels, draws, sizes, sd);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_avx2(levels: &mut [u8], draws: &[u16; BATCH], sizes: &[i16; BATCH], sd: i32) {
    add_plain(levels, draws, sizes, sd);
}

/// Inlined into the above, and compiled there for its instructions.
#[inline(always)]
fn add_plain(levels: &mut [u8], draws: &[u16; BATCH], sizes: &[i16; BATCH], sd: i32) {
    for (level, (draw, size)) in levels.iter_mut().zip(draws.iter().zip(sizes)) {
        *level = noisy(*level, *draw, *size, sd);
    }
}

/// `draw`: 15 bits of the place in the table, then the sign; rounding the magnitude keeps the two signs alike.
#[inline(always)]
fn noisy(level: u8, draw: u16, size: i16, sd: i32) -> u8 {
    const SHIFT: u32 = FRACTION_BITS + SD_BITS;
    let size = (sd * i32::from(size) + (1 << (SHIFT - 1))) >> SHIFT;
    // All ones where the sign is negative: (x ^ -1) + 1 is -x.
    let sign = i32::from(draw as i16) >> 15;
    (i32::from(level) + (size ^ sign) - sign).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use crate::recipe::Strength;

    fn noise_on(level: u8, sd: f64) -> Vec<f64> {
        let mut image = Image::new(300, 200, vec![level; 180_000]).unwrap();
        let settings = GaussianNoise { sd: sd.into(), ..Default::default() };
        apply(&settings, &mut image, Vectors::best(), &mut Random::at([11, 0, 0, 0]));
        image.pixels.iter().map(|&noisy| f64::from(noisy) - f64::from(level)).collect()
    }

    fn moment(noise: &[f64], power: i32) -> f64 {
        noise.iter().map(|x| x.powi(power)).sum::<f64>() / noise.len() as f64
    }

    #[test]
    fn noise_has_mean_0_the_sd_asked_for_and_the_tails_of_a_normal() {
        let noise = noise_on(128, 10.0);
        let sd = moment(&noise, 2).sqrt();
        assert!(moment(&noise, 1).abs() < 0.1, "mean {}", moment(&noise, 1));
        assert!((sd - 10.0).abs() < 0.1, "sd {sd}");
        assert!((moment(&noise, 4) / sd.powi(4) - 3.0).abs() < 0.06);
        assert!(noise.iter().any(|x| *x > 38.0) && noise.iter().any(|x| *x < -38.0));
    }

    #[test]
    fn neighbours_and_channels_are_independent() {
        let noise = noise_on(128, 10.0);
        for lag in [1, 2, 3, 4, 900] {
            let products = noise.iter().zip(&noise[lag..]).map(|(a, b)| a * b);
            let correlation = products.sum::<f64>() / noise.len() as f64 / 100.0;
            assert!(correlation.abs() < 0.012, "lag {lag}: {correlation}");
        }
    }

    #[test]
    fn noise_stops_at_the_ends_and_never_wraps() {
        let (dark, light) = (noise_on(2, 10.0), noise_on(253, 10.0));
        assert!(dark.iter().all(|x| *x < 60.0) && light.iter().all(|x| *x > -60.0));
        let stopped = dark.iter().filter(|x| **x == -2.0).count() as f64 / dark.len() as f64;
        assert!((0.40..0.50).contains(&stopped), "{stopped}");
    }

    #[test]
    fn of_all_draws_each_level_of_noise_comes_as_often_as_the_normal_distribution_has_it() {
        let mut counts = [0_u32; 256];
        for draw in 0..=u16::MAX {
            let size = magnitudes()[usize::from(draw) % ENTRIES];
            counts[usize::from(noisy(128, draw, size, 10 << SD_BITS))] += 1;
        }
        for (distance, share) in fixtures::NORMAL_10.as_chunks::<8>().0.iter().enumerate() {
            let wanted = f64::from_le_bytes(*share) * 65_536.0;
            for count in [counts[128 + distance], counts[128 - distance]] {
                // A level's two borders lie within 1/8192 of the sd of where they belong: 3.2 draws at most.
                assert!((f64::from(count) - wanted).abs() <= 2.0 * 4.2, "{distance}: {count}, not {wanted}");
            }
        }
        assert_eq!(counts.iter().sum::<u32>(), 65_536);
    }

    #[test]
    fn a_range_gives_each_copy_its_own_standard_deviation() {
        let settings = GaussianNoise { sd: Strength::Between([2.0, 20.0]), ..Default::default() };
        let sds: Vec<f64> = (0..40)
            .map(|copy| {
                let mut image = Image::new(60, 60, vec![128; 10_800]).unwrap();
                apply(&settings, &mut image, Vectors::best(), &mut Random::at([1, 0, copy, 0]));
                let noise: Vec<f64> = image.pixels.iter().map(|level| f64::from(*level) - 128.0).collect();
                moment(&noise, 2).sqrt()
            })
            .collect();
        assert!(sds.iter().all(|sd| (1.8..21.0).contains(sd)), "{sds:?}");
        assert!(sds.iter().any(|sd| *sd < 6.0) && sds.iter().any(|sd| *sd > 16.0), "{sds:?}");
    }
}
