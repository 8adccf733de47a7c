//! From an image of any shape to a square one, with anti-aliasing.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use crate::recipe::Fit;

/// `[side, side, 3]`. A triangle filter as wide as the scale (Pillow's `BILINEAR`), in integers, so that every
/// instruction set gives the same bytes.
pub fn square(resizer: &mut Resizer, image: &RgbImage, side: u32, fit: Fit) -> Vec<u8> {
    let (width, height) = image.dimensions();
    // Typed: the form that takes any pixel format compiles the filters of all of them into this crate.
    let source =
        TypedImageRef::<U8x3>::from_buffer(width, height, image.as_raw()).expect("three bytes a pixel");
    let mut target = TypedImage::<U8x3>::new(side, side);
    let mut options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    if fit == Fit::Crop {
        let shorter = width.min(height);
        let (left, top) = ((width - shorter) / 2, (height - shorter) / 2);
        options = options.crop(left.into(), top.into(), shorter.into(), shorter.into());
    }
    resizer.resize_typed(&source, &mut target, &options).expect("the crop lies inside the image");
    target.pixels().iter().flat_map(|pixel| pixel.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(square(&mut Resizer::new(), &image, 16, Fit::Crop), image.into_raw());
    }

    #[test]
    fn crop_takes_the_centre_and_stretch_takes_all() {
        let wide =
            RgbImage::from_fn(40, 10, |x, _| image::Rgb([if (14..26).contains(&x) { 200 } else { 0 }; 3]));
        let cropped = square(&mut Resizer::new(), &wide, 10, Fit::Crop);
        assert!(cropped.iter().all(|value| *value == 200));
        let stretched = square(&mut Resizer::new(), &wide, 10, Fit::Stretch);
        assert_eq!((stretched[0], stretched[15]), (0, 200));
    }

    #[test]
    fn a_checkerboard_shrinks_to_grey_not_to_a_pattern() {
        let board = RgbImage::from_fn(64, 64, |x, y| image::Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
        let small = square(&mut Resizer::new(), &board, 8, Fit::Crop);
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
                results.push(square(&mut resizer, &image, side, Fit::Crop));
            }
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{width}×{height} to {side}");
        }
    }
}
