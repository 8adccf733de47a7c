//! What light and a lens do to a picture, whatever is on it.

use super::canvas::Canvas;
use super::chance::{Chance, hash, sin_cos};

/// Light, colour cast, haze, blur and grain.
pub fn expose(canvas: &mut Canvas, chance: &mut Chance) {
    for _ in 0..chance.below(4) {
        canvas.soften();
    }
    let side = canvas.side as f32;
    let bright = chance.between(0.68, 1.22);
    let warm = 0.10 * chance.spread();
    let gain = [bright * (1.0 + warm), bright, bright * (1.0 - warm)];
    let (sin, cos) = sin_cos(3.0 * chance.spread());
    let slope = chance.between(0.0, 0.5);
    let haze = if chance.happens(0.3) { chance.between(0.0, 0.28) } else { 0.0 };
    let veil = chance.between(0.55, 0.85);
    let grain = 0.10 * chance.unit() * chance.unit();
    let salt = chance.bits();
    let row = canvas.side;
    for (i, pixel) in canvas.pixels.iter_mut().enumerate() {
        let (x, y) = ((i % row) as f32 / side - 0.5, (i / row) as f32 / side - 0.5);
        let light = 1.0 + slope * (x * cos + y * sin);
        // One hash a pixel serves its channels; the sum of two even draws is close enough to a sensor's grain.
        let mut bits = hash(salt, i as i32, 0);
        for (channel, value) in pixel.iter_mut().enumerate() {
            let speck = (bits & 31) as f32 / 31.0 + ((bits >> 5) & 31) as f32 / 31.0 - 1.0;
            bits >>= 10;
            let lit = *value * gain[channel] * light;
            *value = lit + (veil - lit) * haze + grain * speck;
        }
    }
}
