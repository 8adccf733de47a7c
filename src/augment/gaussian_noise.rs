//! Gaussian noise: p ← p + sd·z, z standard normal.

use super::image::Image;
use super::normal::{FRACTION_BITS, magnitudes};
use super::random::Random;
use crate::recipe::GaussianNoise;

/// The standard deviation is rounded to 1/128 of a grey level: it then fits 16 bits up to 255.
const SD_BITS: u32 = 7;

/// Adds independent noise, rounded to grey levels, to every channel of every pixel, saturating; 16 bits a deviate.
pub fn apply(settings: &GaussianNoise, image: &mut Image, random: &mut Random) {
    let table = magnitudes();
    let sd = (settings.sd * f64::from(1 << SD_BITS)).round() as i32;
    for levels in image.pixels.chunks_mut(4) {
        let bits = random.bits();
        for (place, level) in levels.iter_mut().enumerate() {
            *level = noisy(*level, sd, (bits >> (16 * place)) as u16, table);
        }
    }
}

/// `draw`: 15 bits of magnitude, then the sign; rounding the magnitude keeps the two signs alike.
fn noisy(level: u8, sd: i32, draw: u16, table: &[i16; 1 << 15]) -> u8 {
    const SHIFT: u32 = FRACTION_BITS + SD_BITS;
    let size = (sd * i32::from(table[usize::from(draw & 0x7fff)]) + (1 << (SHIFT - 1))) >> SHIFT;
    let signed = if draw >> 15 == 1 { -size } else { size };
    (i32::from(level) + signed).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise_on(level: u8, sd: f64) -> Vec<f64> {
        let mut image = Image::new(300, 200, vec![level; 180_000]).unwrap();
        apply(&GaussianNoise { sd }, &mut image, &mut Random::at([11, 0, 0, 0]));
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
}
