//! Every kind of picture against what Pillow makes of it (tests/pictures/make.py), and pictures that mean harm.

use std::path::{Path, PathBuf};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures")
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder().join("upright")).unwrap().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().unwrap().replace(".png.png", ".png")).collect();
    for name in &mut names {
        if let Some(stem) = name.strip_suffix(".png").filter(|stem| Path::new(stem).extension().is_some()) {
            *name = stem.to_string();
        }
    }
    names.sort();
    names
}

/// (largest difference, mean difference) that a picture may have from Pillow's, in levels of 255.
///
/// JPEG and lossy WebP leave the inverse transform and the colours' arithmetic to the decoder; Pillow cuts 16 bits where
/// we round; black ink is multiplied in another order.
fn bound(name: &str) -> (u8, f64) {
    match name {
        // Colours at half the resolution are spread by another filter.
        "subsampled.jpg" => (24, 2.0),
        name if name.starts_with("oriented") && name.ends_with(".jpg") => (4, 1.0),
        "lossy.webp" => (8, 1.5),
        name if name.ends_with(".jpg") || name == "jpeg.tif" => (4, 1.0),
        "deep-grey.png" | "deep-rgb.png" | "deep-grey.tif" | "cmyk.tif" => (1, 1.0),
        name if name.contains("alpha") => (1, 0.5),
        _ => (0, 0.0),
    }
}

#[test]
fn every_kind_of_picture_is_what_pillow_makes_of_it() {
    let names = names();
    assert!(names.len() > 35, "{names:?}");
    let mut far = Vec::new();
    for name in names {
        let bytes = std::fs::read(folder().join(&name)).unwrap();
        let wanted = image::open(folder().join(format!("upright/{name}.png"))).unwrap().into_rgb8();
        let found = decode(&bytes).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        assert_eq!(found.dimensions(), wanted.dimensions(), "{name}");
        let differences: Vec<u8> =
            found.as_raw().iter().zip(wanted.as_raw()).map(|(a, b)| a.abs_diff(*b)).collect();
        let largest = *differences.iter().max().unwrap();
        let mean = differences.iter().map(|d| f64::from(*d)).sum::<f64>() / differences.len() as f64;
        let (most, most_mean) = bound(&name);
        if largest > most || mean > most_mean {
            far.push(format!("{name}: {largest} at most, {mean:.2} in the mean"));
        }
    }
    assert!(far.is_empty(), "{far:#?}");
}

/// A picture of the format whose header promises `side` × `side` pixels.
fn promising(format: ImageFormat, side: u32) -> Vec<u8> {
    let name = match format {
        ImageFormat::Png => "rgb.png",
        ImageFormat::Bmp => "rgb.bmp",
        ImageFormat::Gif => "animation.gif",
        ImageFormat::Jpeg => "rgb.jpg",
        ImageFormat::Tiff => "rgb.tif",
        _ => "lossless.webp",
    };
    let mut bytes = std::fs::read(folder().join(name)).unwrap();
    match format {
        ImageFormat::Png => {
            bytes[16..20].copy_from_slice(&side.to_be_bytes());
            bytes[20..24].copy_from_slice(&side.to_be_bytes());
            let mut crc = flate2::Crc::new();
            crc.update(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        }
        ImageFormat::Bmp => {
            bytes[18..22].copy_from_slice(&side.to_le_bytes());
            bytes[22..26].copy_from_slice(&side.to_le_bytes());
        }
        ImageFormat::Gif => bytes[6..10].fill(0xff),
        ImageFormat::Jpeg => {
            let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
            bytes[frame + 5..frame + 9].fill(0xff);
        }
        ImageFormat::Tiff => [256, 257].into_iter().for_each(|tag| set_tag(&mut bytes, tag, side)),
        // VP8L: 14 bits each of width and height, less one, after a byte.
        _ => {
            let at = bytes.windows(4).position(|mark| mark == b"VP8L").unwrap() + 9;
            bytes[at..at + 3].fill(0xff);
            bytes[at + 3] |= 0x0f;
        }
    }
    bytes
}

/// Sets a tag of a little-endian TIFF that has one value of 16 or 32 bits.
fn set_tag(bytes: &mut [u8], tag: u16, value: u32) {
    let is_it = |entry: &[u8]| {
        entry[..2] == tag.to_le_bytes() && [3, 4].contains(&entry[2]) && entry[3..8] == [0, 1, 0, 0, 0]
    };
    let at = bytes.windows(8).position(is_it).expect("the tag is there");
    bytes[at + 2] = 4;
    bytes[at + 8..at + 12].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn a_header_of_billions_of_pixels_is_refused_before_memory_is_taken() {
    let formats = [
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::Gif,
        ImageFormat::Jpeg,
        ImageFormat::Tiff,
        ImageFormat::WebP,
    ];
    for format in formats {
        let before = peak();
        let reason = decode(&promising(format, 100_000)).expect_err(&format!("{format:?}"));
        let took = peak().saturating_sub(before);
        assert!(took < 64 << 10, "{format:?} took {took} KiB");
        let told = reason.contains("pixels") || reason.contains("imit") || reason.contains("sizes");
        assert!(told, "{format:?}: {reason}");
    }
}

/// Peak of the process's memory in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_damaged_picture_is_an_error_or_a_picture_whatever_byte_is_wrong() {
    for name in names() {
        let whole = std::fs::read(folder().join(&name)).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            for wrong in [0x00, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = wrong;
                if let Ok(image) = decode(&bytes) {
                    assert!(
                        u64::from(image.width()) * u64::from(image.height()) <= MOST_PIXELS,
                        "{name}: {at}"
                    );
                }
            }
        }
    }
}
