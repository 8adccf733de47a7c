//! Pictures to luminance, and planes back to pictures.

use super::image::{Image, luminance_of};
use super::vectors::Vectors;

/// The luminance of every pixel, `[height, width]`.
pub fn luminance_into(vectors: Vectors, image: &Image, luminance: &mut Vec<u8>) {
    luminance.resize(image.width * image.height, 0);
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx2() {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::luminances(&image.pixels, luminance) };
    }
    let _ = vectors;
    luminances(&image.pixels, luminance);
}

/// Replaces every pixel by three times its value in `plane`, or by the higher of both.
pub fn paint(vectors: Vectors, plane: &[u8], drawn_over: bool, pixels: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx2() {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { avx2::paint(plane, drawn_over, pixels) };
    }
    let _ = vectors;
    paint_plain(plane, drawn_over, pixels);
}

fn luminances(pixels: &[u8], luminance: &mut [u8]) {
    let pixels = pixels.as_chunks::<3>().0;
    luminance.iter_mut().zip(pixels).for_each(|(luminance, pixel)| *luminance = luminance_of(*pixel));
}

fn paint_plain(plane: &[u8], drawn_over: bool, pixels: &mut [u8]) {
    for (pixel, &value) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(plane) {
        *pixel = if drawn_over { pixel.map(|level| level.max(value)) } else { [value; 3] };
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::super::stretch::avx2::{eight_pixels, luminance_of_eight};
    use super::super::x86::{load16, store16, store32};

    #[target_feature(enable = "avx2")]
    pub fn luminances(pixels: &[u8], luminance: &mut [u8]) {
        // 32 pixels, and the four bytes that the last eight are read with.
        let mut at = 0;
        while let Some(bytes) = pixels[3 * at..].first_chunk::<100>() {
            let out = luminance[at..].first_chunk_mut().expect("a byte for every pixel");
            store32(out, luminance_of_32(bytes));
            at += 32;
        }
        super::luminances(&pixels[3 * at..], &mut luminance[at..]);
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn luminance_of_32(bytes: &[u8; 100]) -> __m256i {
        let eight = |at: usize| {
            let pixels = bytes[at..].first_chunk().expect("28 bytes are there from 72 on");
            luminance_of_eight(eight_pixels(pixels))
        };
        let first = _mm256_packus_epi32(eight(0), eight(24));
        let second = _mm256_packus_epi32(eight(48), eight(72));
        // Packing works within 128 bits: fours of the lower lanes come first.
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), order)
    }

    #[target_feature(enable = "avx2")]
    pub fn paint(plane: &[u8], drawn_over: bool, pixels: &mut [u8]) {
        let thrice = [
            _mm_setr_epi8(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5),
            _mm_setr_epi8(5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10),
            _mm_setr_epi8(10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15),
        ];
        let (planes, plane_rest) = plane.as_chunks::<16>();
        let (blocks, rest) = pixels.split_at_mut(48 * planes.len());
        for (values, out) in planes.iter().zip(blocks.as_chunks_mut::<16>().0.as_chunks_mut::<3>().0) {
            let values = load16(values);
            for (out, thrice) in out.iter_mut().zip(thrice) {
                let spread = _mm_shuffle_epi8(values, thrice);
                let shown = if drawn_over { _mm_max_epu8(spread, load16(out)) } else { spread };
                store16(out, shown);
            }
        }
        super::paint_plain(plane_rest, drawn_over, rest);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixtures;
    use super::*;

    #[test]
    fn luminance_equals_opencvs() {
        let mut luminance = Vec::new();
        for vectors in Vectors::all() {
            luminance_into(vectors, &fixtures::colour(), &mut luminance);
            assert!(luminance == fixtures::LUMINANCE, "{}", vectors.name());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

        #[test]
        fn all_vectors_give_the_same_bytes(width in 1..=200_usize, height in 1..=3_usize, drawn_over: bool) {
            let image = fixtures::noise(width, height);
            let mut wanted = vec![0; width * height];
            luminances(&image.pixels, &mut wanted);
            let mut painted = image.pixels.clone();
            paint_plain(&wanted, drawn_over, &mut painted);
            for vectors in Vectors::all() {
                let (mut seen, mut pixels) = (Vec::new(), image.pixels.clone());
                luminance_into(vectors, &image, &mut seen);
                paint(vectors, &seen, drawn_over, &mut pixels);
                prop_assert!(seen == wanted && pixels == painted, "{}", vectors.name());
            }
        }
    }
}
