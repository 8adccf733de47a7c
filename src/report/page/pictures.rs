//! Pictures within a page, as data URIs: nothing is fetched.

use std::io::Cursor;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage, imageops};

use super::html::escape;

/// Pixels along the longer side of a thumbnail; smaller images stay as they are.
const THUMBNAIL: u32 = 96;
/// Bytes of a PNG above which photographs are written as JPEG.
const LARGE: usize = 250_000;
const JPEG_QUALITY: u8 = 85;
/// Pixels that a sheet is shrunk to, if it has more.
const WIDEST: u32 = 1400;
/// Pixels that a sheet is stretched to, if it has less.
const SMALLEST: u32 = 400;

/// A picture with what it shows.
#[derive(Clone, Debug)]
pub struct Picture {
    pub title: String,
    pub caption: String,
    pub image: RgbImage,
}

/// A small version as PNG.
///
/// # Errors
/// The picture cannot be encoded.
pub fn thumbnail(image: &RgbImage) -> Result<String> {
    png(&within(image, THUMBNAIL)).map(|bytes| uri("png", &bytes))
}

/// Pictures below one another, each with its title.
///
/// # Errors
/// A picture cannot be encoded.
pub fn sheets(pictures: &[Picture]) -> Result<String> {
    let one = |picture: &Picture| -> Result<String> {
        let image = within(&picture.image, WIDEST);
        let bytes = png(&image)?;
        let source = if bytes.len() > LARGE { uri("jpeg", &jpeg(&image)?) } else { uri("png", &bytes) };
        let (title, caption) = (escape(&picture.title), escape(&picture.caption));
        // Pixels of small sheets are shown as squares.
        let scale = (SMALLEST / image.width().max(1)).clamp(1, 4);
        Ok(format!(
            "<h3>{title}</h3>\n<figure><img class=\"sheet\" src=\"{source}\" alt=\"{title}\" width=\"{}\" height=\"{}\"><figcaption>{caption}</figcaption></figure>\n",
            scale * image.width(),
            scale * image.height()
        ))
    };
    pictures.iter().map(one).collect()
}

fn within(image: &RgbImage, longest: u32) -> RgbImage {
    let longer = image.width().max(image.height());
    if longer <= longest {
        return image.clone();
    }
    let shrunk = |side: u32| (u64::from(side) * u64::from(longest) / u64::from(longer)).max(1) as u32;
    imageops::thumbnail(image, shrunk(image.width()), shrunk(image.height()))
}

fn png(image: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).context("a picture cannot be written as PNG")?;
    Ok(bytes.into_inner())
}

fn jpeg(image: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
    image.write_with_encoder(encoder).context("a picture cannot be written as JPEG")?;
    Ok(bytes)
}

fn uri(kind: &str, bytes: &[u8]) -> String {
    format!("data:image/{kind};base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn decoded(uri: &str) -> RgbImage {
        let bytes = STANDARD.decode(uri.split_once(',').unwrap().1).unwrap();
        image::load_from_memory(&bytes).unwrap().to_rgb8()
    }

    #[test]
    fn a_small_picture_is_kept_bit_by_bit_and_a_large_one_shrinks() {
        let small = RgbImage::from_fn(7, 5, |x, y| Rgb([x as u8 * 30, y as u8 * 50, 9]));
        assert_eq!(decoded(&thumbnail(&small).unwrap()), small);
        let large = RgbImage::new(400, 200);
        assert_eq!(decoded(&thumbnail(&large).unwrap()).dimensions(), (96, 48));
    }

    #[test]
    fn a_sheet_of_photographs_is_no_megabyte() {
        let noise = |x: u32, y: u32| (x * 7919 + y * 104_729).wrapping_mul(2_654_435_761) >> 24;
        let image = RgbImage::from_fn(400, 400, |x, y| Rgb([noise(x, y) as u8, noise(y, x) as u8, 0]));
        let picture = Picture { title: "a & b".into(), caption: String::new(), image };
        let html = sheets(&[picture]).unwrap();
        assert!(html.contains("a &amp; b") && html.contains("data:image/jpeg") && html.len() < 1_000_000);
    }
}
