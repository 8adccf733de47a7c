//! From a file's bytes to red, green and blue bytes; the format is told by content, never by name.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::jpeg::jpeg_is_whole;
use super::tiff::{Indexed, indexed};

/// Pixels that an image may promise: more is taken for a bomb.
const MOST_PIXELS: u64 = 100_000_000;
/// Bytes that a decoder may take: the most pixels at 16 bits in 4 channels, and some room.
const MOST_MEMORY: u64 = 1 << 30;

/// 8 bits a channel; grey becomes equal channels, 16 bits are rounded, CMYK and YCCK are taken
/// for inverted, as Adobe's programs store them and Pillow reads them, transparent parts are laid on white, the first frame of an animation is taken, and the orientation that a
/// camera noted is applied. Colour profiles are not.
///
/// # Errors
/// What is wrong with the picture, in words that follow its name.
pub fn decode(bytes: &[u8]) -> Result<RgbImage, String> {
    decode_told(bytes).map(|(image, _)| image)
}

/// As [`decode`], with the name of the file's format.
pub fn decode_told(bytes: &[u8]) -> Result<(RgbImage, &'static str), String> {
    // Decoders of other people's formats may panic on what nobody thought of; one file must not end the stage.
    catch_unwind(AssertUnwindSafe(|| decode_known(bytes)))
        .unwrap_or_else(|_| Err("its decoder failed".into()))
}

fn decode_known(bytes: &[u8]) -> Result<(RgbImage, &'static str), String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    if let Some(Indexed { grey, colours }) = indexed(bytes) {
        let (mut image, format) = decode_known(&grey)?;
        image.pixels_mut().for_each(|pixel| pixel.0 = colours[usize::from(pixel.0[0])]);
        return Ok((image, format));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let Some(format) = reader.format() else {
        return Err("no picture in a known format (JPEG, PNG, WebP, BMP, GIF or TIFF)".into());
    };
    if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
        return Err("the JPEG is cut short".into());
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > MOST_PIXELS {
        return Err(format!("it says it has {width}×{height} pixels"));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    image.apply_orientation(orientation);
    let image = match image.color().has_alpha() {
        true => on_white(&image),
        false => image.into_rgb8(),
    };
    Ok((image, name(format)))
}

fn on_white(image: &DynamicImage) -> RgbImage {
    let with_alpha = image.to_rgba8();
    let mut opaque = RgbImage::new(image.width(), image.height());
    for (to, from) in opaque.pixels_mut().zip(with_alpha.pixels()) {
        let [.., alpha] = from.0.map(u32::from);
        for channel in 0..3 {
            let blend = u32::from(from.0[channel]) * alpha + 255 * (255 - alpha);
            to.0[channel] = ((blend + 127) / 255) as u8;
        }
    }
    opaque
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        ImageFormat::Tiff => "TIFF",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn gradient() -> RgbImage {
        RgbImage::from_fn(31, 17, |x, y| image::Rgb([x as u8 * 8, y as u8 * 15, 128]))
    }

    #[test]
    fn lossless_formats_keep_every_pixel() {
        let image = gradient();
        for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP] {
            assert_eq!(decode(&encoded(&image.clone().into(), format)).unwrap(), image, "{format:?}");
        }
    }

    #[test]
    fn grey_sixteen_bit_and_transparent_pictures_become_rgb_bytes() {
        let grey = image::GrayImage::from_raw(2, 1, vec![7, 200]).unwrap();
        assert_eq!(
            decode(&encoded(&grey.into(), ImageFormat::Png)).unwrap().into_raw(),
            [7, 7, 7, 200, 200, 200]
        );
        let deep: image::ImageBuffer<image::Rgb<u16>, _> =
            image::ImageBuffer::from_raw(1, 1, vec![65_535, 257 * 10 + 120, 257 * 10 + 140]).unwrap();
        assert_eq!(decode(&encoded(&deep.into(), ImageFormat::Png)).unwrap().into_raw(), [255, 10, 11]);
        let glass =
            image::RgbaImage::from_raw(3, 1, vec![9, 9, 9, 0, 0, 100, 200, 128, 1, 2, 3, 255]).unwrap();
        let laid = decode(&encoded(&glass.into(), ImageFormat::Png)).unwrap().into_raw();
        assert_eq!(laid, [255, 255, 255, 127, 177, 227, 1, 2, 3]);
    }

    #[test]
    fn a_picture_cut_short_is_refused_in_every_format() {
        for format in
            [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP]
        {
            let whole = encoded(&gradient().into(), format);
            assert!(decode(&whole).is_ok(), "{format:?}");
            for length in [0, 1, whole.len() / 2, whole.len() - whole.len() / 8] {
                assert!(decode(&whole[..length]).is_err(), "{format:?} cut to {length} of {}", whole.len());
            }
        }
        let whole = encoded(&gradient().into(), ImageFormat::Jpeg);
        let trailing = [&whole[..], &[0; 9]].concat();
        assert!(decode(&trailing).is_ok());
        assert_eq!(decode(&whole[..whole.len() - 1]).unwrap_err(), "the JPEG is cut short");
    }

    #[test]
    fn a_picture_that_promises_too_many_pixels_is_refused_unread() {
        let mut bytes = encoded(&image::GrayImage::new(1, 1).into(), ImageFormat::Bmp);
        bytes[18..26].copy_from_slice(&[0, 0, 1, 0, 0, 0, 1, 0]);
        let message = decode(&bytes).unwrap_err();
        assert!(message.contains("65536×65536 pixels") || message.contains("imit"), "{message}");
    }

    #[test]
    fn a_text_file_is_no_picture() {
        assert!(decode(b"hello, I am a JPEG").unwrap_err().contains("known format"));
    }

    #[test]
    fn the_cameras_orientation_is_applied() {
        let jpeg = encoded(&gradient().into(), ImageFormat::Jpeg);
        // An APP1 segment whose only tag is orientation 6: turn right by 90 degrees to see it upright.
        let exif =
            [&b"\xFF\xE1\x00\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
                [..]];
        let turned = [&jpeg[..2], exif[0], &jpeg[2..]].concat();
        assert_eq!(decode(&turned).unwrap().dimensions(), (17, 31));
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod against_pillow;
