//! From an image of any shape to a square one, with anti-aliasing.

use fast_image_resize::images::{TypedCroppedImageMut, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::recipe::Fit;

/// What [`Fit::Letterbox`] puts beside the image.
const BARS: u8 = 128;

/// Writes `[side, side, 3]` to `into`. A triangle filter as wide as the scale (Pillow's `BILINEAR`), in integers, so
/// that every instruction set gives the same bytes. Nothing is allocated once the resizer has seen a picture as large.
pub fn square(resizer: &mut Resizer, image: &RgbImage, side: u32, fit: Fit, into: &mut [u8]) {
    let (width, height) = image.dimensions();
    // Typed: the form that takes any pixel format compiles the filters of all of them into this crate.
    let source =
        TypedImageRef::<U8x3>::from_buffer(width, height, image.as_raw()).expect("three bytes a pixel");
    if fit == Fit::Letterbox && width != height {
        into.fill(BARS);
    }
    let mut target = TypedImage::<U8x3>::from_buffer(side, side, into).expect("three bytes a pixel");
    let mut options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    if fit == Fit::Crop {
        let shorter = width.min(height);
        let (left, top) = ((width - shorter) / 2, (height - shorter) / 2);
        options = options.crop(left.into(), top.into(), shorter.into(), shorter.into());
    }
    let done = if fit == Fit::Letterbox {
        let (across, down) = inner(width, height, side);
        let (left, top) = ((side - across) / 2, (side - down) / 2);
        let mut inside = TypedCroppedImageMut::from_ref(&mut target, left, top, across, down)
            .expect("the inner image is no larger than the square");
        resizer.resize_typed(&source, &mut inside, &options)
    } else {
        resizer.resize_typed(&source, &mut target, &options)
    };
    done.expect("the crop lies inside the image");
}

/// Width and height in a square of the image's own shape: the longer side fits, the other one is rounded.
fn inner(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = u64::from(width.max(height));
    let scaled = |length: u32| {
        let rounded = (2 * u64::from(length) * u64::from(side) + longer) / (2 * longer);
        (rounded as u32).clamp(1, side)
    };
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(image: &RgbImage, side: u32, fit: Fit) -> Vec<u8> {
        let mut pixels = vec![7; (side * side * 3) as usize];
        square(&mut Resizer::new(), image, side, fit, &mut pixels);
        pixels
    }

    fn noise(width: u32, height: u32) -> RgbImage {
        let mut state = width * 31 + height;
        RgbImage::from_fn(width, height, |_, _| {
            image::Rgb([(); 3].map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            }))
        })
    }

    #[test]
    fn an_image_of_the_right_size_is_kept_as_it_is() {
        let image = noise(16, 16);
        assert_eq!(made(&image, 16, Fit::Crop), image.into_raw());
    }

    #[test]
    fn crop_takes_the_centre_and_stretch_takes_all() {
        let wide =
            RgbImage::from_fn(40, 10, |x, _| image::Rgb([if (14..26).contains(&x) { 200 } else { 0 }; 3]));
        let cropped = made(&wide, 10, Fit::Crop);
        assert!(cropped.iter().all(|value| *value == 200));
        let stretched = made(&wide, 10, Fit::Stretch);
        assert_eq!((stretched[0], stretched[15]), (0, 200));
    }

    #[test]
    fn a_letterbox_keeps_the_shape_between_grey_bars() {
        let wide = RgbImage::from_pixel(40, 10, image::Rgb([200; 3]));
        let boxed = made(&wide, 12, Fit::Letterbox);
        let row = |y: usize| boxed[y * 36];
        let rows: Vec<u8> = (0..12).map(row).collect();
        assert_eq!(rows, [128, 128, 128, 128, 200, 200, 200, 128, 128, 128, 128, 128]);
        let tall = RgbImage::from_pixel(1, 300, image::Rgb([200; 3]));
        let boxed = made(&tall, 5, Fit::Letterbox);
        assert_eq!(boxed[..15].iter().step_by(3).copied().collect::<Vec<u8>>(), [128, 128, 200, 128, 128]);
        let square = noise(16, 16);
        assert_eq!(made(&square, 16, Fit::Letterbox), square.into_raw());
    }

    #[test]
    fn a_checkerboard_shrinks_to_grey_not_to_a_pattern() {
        let board = RgbImage::from_fn(64, 64, |x, y| image::Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
        let small = made(&board, 8, Fit::Crop);
        assert!(small.iter().all(|value| (120..=135).contains(value)), "{small:?}");
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_instruction_set_gives_the_same_bytes() {
        use fast_image_resize::CpuExtensions;
        let extensions = [CpuExtensions::None, CpuExtensions::Sse4_1, CpuExtensions::Avx2];
        for (width, height, side) in [(1, 1, 4), (7, 300, 64), (224, 224, 64), (333, 217, 48), (50, 50, 131)]
        {
            let image = noise(width, height);
            let mut results = Vec::new();
            for extension in extensions.into_iter().filter(CpuExtensions::is_supported) {
                let mut resizer = Resizer::new();
                // Sound: the machine has it.
                unsafe { resizer.set_cpu_extensions(extension) };
                for fit in [Fit::Crop, Fit::Letterbox] {
                    let mut pixels = vec![0; (side * side * 3) as usize];
                    square(&mut resizer, &image, side, fit, &mut pixels);
                    results.push((fit as usize, pixels));
                }
            }
            results.sort();
            results.dedup();
            let fits: std::collections::BTreeSet<usize> = results.iter().map(|(fit, _)| *fit).collect();
            assert_eq!(results.len(), fits.len(), "{width}×{height} to {side}");
        }
    }
}
