//! Bitmap compression: p ← 255·q / (2^bits - 1), q the highest `bits` bits of p.

use super::image::Image;
use crate::recipe::BitmapCompression;

/// Keeps the highest `bits` (1..=7) of each channel and spreads the levels left evenly over 0..=255, rounded, so that
/// black stays black and white stays white.
pub fn apply(settings: &BitmapCompression, image: &mut Image) {
    let bits = settings.bits.clamp(1, 7);
    let (drop, highest) = (8 - bits, (1u16 << bits) - 1);
    // 255 / highest in 1/256, in 16 bits for speed. Of 6 bits, 53 would round down where the division rounds up.
    let scale = (255 * 256 + highest / 2) / highest;
    let half = if bits == 6 { 132 } else { 128 };
    for level in &mut image.pixels {
        *level = (((u16::from(*level) >> drop) * scale + half) >> 8) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_the_evenly_spaced_ones_for_every_number_of_bits() {
        for bits in 1..=7 {
            let mut image = Image::new(256, 1, (0..768).map(|i| (i / 3) as u8).collect()).unwrap();
            apply(&BitmapCompression { bits }, &mut image);
            let highest = f64::from((1 << bits) - 1);
            for level in 0..256_usize {
                let wanted = ((level >> (8 - bits)) as f64 * 255.0 / highest).round() as u8;
                assert_eq!(image.pixels[level * 3], wanted, "level {level} in {bits} bits");
            }
        }
    }
}
