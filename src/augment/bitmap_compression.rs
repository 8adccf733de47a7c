//! Bitmap compression: fewer bits a channel, a palette, or a JPEG file, as `BitmapCompression` says.

mod bits;
mod diffusion;
mod jpeg;
mod palette;

pub use diffusion::Errors;
pub use jpeg::Planes;
pub use palette::Palette;

use super::canvas::Canvas;
use super::image::Spare;
use super::random::Random;
use crate::recipe::BitmapCompression;

/// What a bitmap of fewer bits, of a palette or of a JPEG file gives back.
pub fn apply(settings: &BitmapCompression, canvas: Canvas, spare: &mut Spare, random: &mut Random) {
    let vectors = spare.vectors;
    if let Some(quality) = settings.jpeg_quality {
        let quality = random.whole(quality);
        canvas.redraw(spare, |from, to, spare| {
            jpeg::round_trip(vectors, quality, from, to, &mut spare.planes);
        });
    } else if let Some(colours) = settings.colours {
        let colours = random.whole(colours) as usize;
        let image = canvas.in_place();
        palette::reduce(vectors, colours, settings.dither, image, &mut spare.palette, &mut spare.errors);
    } else {
        bits::reduce(random.whole(settings.bits), settings.dither, canvas, spare);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn settings_choose_the_way_and_ranges_draw_for_each_copy() {
        let made = |settings: &str, seed| {
            let mut image = fixtures::colour();
            let settings = serde_json::from_str(settings).unwrap();
            let canvas = Canvas::over(&mut image);
            apply(&settings, canvas, &mut Spare::default(), &mut Random::at([seed; 4]));
            image.pixels
        };
        for range in ["{\"bits\":[1,7]}", "{\"colours\":[2,200]}", "{\"jpeg_quality\":[1,95]}"] {
            let copies: Vec<Vec<u8>> = (0..8).map(|seed| made(range, seed)).collect();
            assert!(copies.iter().any(|copy| *copy != copies[0]), "{range}");
            let fixed = range.replace(",7]", ",1]").replace(",200]", ",2]").replace(",95]", ",1]");
            assert_eq!(made(&fixed, 1), made(&fixed, 2));
            assert!(copies.iter().all(|copy| *copy != fixtures::colour().pixels));
        }
    }
}
