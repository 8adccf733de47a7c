//! Small pictures and what OpenCV and Pillow make of them, as `fixtures/make.py` wrote them.

use super::image::Image;

/// Size and what becomes of [`colour`].
pub const MEDIAN: [(usize, &[u8]); 5] = [
    (3, include_bytes!("fixtures/median_3.bin")),
    (5, include_bytes!("fixtures/median_5.bin")),
    (7, include_bytes!("fixtures/median_7.bin")),
    (11, include_bytes!("fixtures/median_11.bin")),
    (31, include_bytes!("fixtures/median_31.bin")),
];
/// One channel: `[height, width]`.
pub const SOBEL: &[u8] = include_bytes!("fixtures/sobel.bin");
/// Thresholds and what OpenCV's `Canny` makes of [`LUMINANCE`], one channel.
pub const CANNY: [(f64, f64, &[u8]); 3] = [
    (100.0, 200.0, include_bytes!("fixtures/canny_100_200.bin")),
    (30.0, 300.5, include_bytes!("fixtures/canny_30_300.5.bin")),
    (0.0, 0.0, include_bytes!("fixtures/canny_0_0.bin")),
];
pub const LUMINANCE: &[u8] = include_bytes!("fixtures/luminance.bin");
/// 51 more and 102 less.
pub const BRIGHTNESS: [&[u8]; 2] =
    [include_bytes!("fixtures/brightness_51.bin"), include_bytes!("fixtures/brightness_-102.bin")];
/// By factors of 0.5 and 1.5.
pub const CONTRAST: [&[u8]; 2] =
    [include_bytes!("fixtures/contrast_0.5.bin"), include_bytes!("fixtures/contrast_1.5.bin")];
/// By factors of 0.5 and 1.5.
pub const SATURATION: [&[u8]; 2] =
    [include_bytes!("fixtures/saturation_0.5.bin"), include_bytes!("fixtures/saturation_1.5.bin")];
pub const FLIPPED: &[u8] = include_bytes!("fixtures/flipped.bin");
/// How often normal noise of standard deviation 10, rounded, is 0, 1, 2, ... grey levels: f64, little-endian.
pub const NORMAL_10: &[u8] = include_bytes!("fixtures/normal_10.bin");

/// Tiles, clip limit and what becomes of [`grey`], one channel.
pub const CLAHE: [(u32, Option<f64>, &[u8]); 7] = [
    (1, Some(1.0), include_bytes!("fixtures/clahe_1_1.bin")),
    (2, Some(2.0), include_bytes!("fixtures/clahe_2_2.bin")),
    (3, None, include_bytes!("fixtures/clahe_3_0.bin")),
    (4, Some(40.0), include_bytes!("fixtures/clahe_4_40.bin")),
    (5, Some(3.5), include_bytes!("fixtures/clahe_5_3.5.bin")),
    (8, Some(2.0), include_bytes!("fixtures/clahe_8_2.bin")),
    (64, Some(4.0), include_bytes!("fixtures/clahe_64_4.bin")),
];

/// Bits and what ordered dithering and error diffusion make of [`colour`].
pub const DITHERED: [(u32, &[u8], &[u8]); 3] = [
    (1, include_bytes!("fixtures/ordered_1.bin"), include_bytes!("fixtures/diffused_1.bin")),
    (3, include_bytes!("fixtures/ordered_3.bin"), include_bytes!("fixtures/diffused_3.bin")),
    (6, include_bytes!("fixtures/ordered_6.bin"), include_bytes!("fixtures/diffused_6.bin")),
];

/// Colours and what a palette of them makes of [`colour`].
pub const PALETTES: [(usize, &[u8]); 3] = [
    (2, include_bytes!("fixtures/palette_2.bin")),
    (16, include_bytes!("fixtures/palette_16.bin")),
    (100, include_bytes!("fixtures/palette_100.bin")),
];

/// Quality and what a JPEG file of OpenCV's gives back of [`colour`].
pub const JPEG: [(u32, &[u8]); 4] = [
    (5, include_bytes!("fixtures/jpeg_5.bin")),
    (50, include_bytes!("fixtures/jpeg_50.bin")),
    (90, include_bytes!("fixtures/jpeg_90.bin")),
    (100, include_bytes!("fixtures/jpeg_100.bin")),
];

/// 23 × 17: smooth and noisy parts, black and white.
pub fn colour() -> Image {
    Image::new(23, 17, include_bytes!("fixtures/colour.bin").to_vec()).expect("23 × 17 × 3 bytes")
}

/// 24 × 16 in three equal channels: 2, 4 and 8 tiles a side divide it, 5 and 64 do not.
pub fn grey() -> Image {
    let levels = include_bytes!("fixtures/grey.bin");
    Image::new(24, 16, levels.iter().flat_map(|level| [*level; 3]).collect()).expect("24 × 16 bytes")
}

/// Levels without pattern, by a linear congruence.
pub fn noise(width: usize, height: usize) -> Image {
    let mut state = 12_345_u32;
    let levels = (0..width * height * 3).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    Image::new(width, height, levels.collect()).expect("as many bytes as were drawn")
}

/// The largest difference between two pictures' levels.
pub fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}
