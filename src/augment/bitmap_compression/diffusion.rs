//! Error diffusion (Floyd & Steinberg 1976). Knows no bits and no palette, only which colour is nearest.

use super::super::image::Image;

/// What reaches the pixels of a row and of the one below it, in sixteenths of a level, with a pixel more at both ends.
#[derive(Debug, Default)]
pub struct Errors {
    here: Vec<[i16; 3]>,
    below: Vec<[i16; 3]>,
}

/// Replaces each pixel, in reading order, by the colour `nearest` to it plus the errors that reached it (rounded to
/// levels, saturated). Of its own error 7/16 go to the right, 3/16 below left, 5/16 below, 1/16 below right.
pub fn diffuse(image: &mut Image, errors: &mut Errors, mut nearest: impl FnMut([u8; 3]) -> [u8; 3]) {
    let Errors { here, below } = errors;
    for row in [&mut *here, &mut *below] {
        row.clear();
        row.resize(image.width + 2, [0; 3]);
    }
    for row in image.pixels.chunks_exact_mut(image.width * 3) {
        let mut right = [0; 3];
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let sum = |channel: usize| (here[x + 1][channel] + right[channel] + 8) >> 4;
            let wanted: [u8; 3] = std::array::from_fn(|c| (i16::from(pixel[c]) + sum(c)).clamp(0, 255) as u8);
            *pixel = nearest(wanted);
            for channel in 0..3 {
                let error = i16::from(wanted[channel]) - i16::from(pixel[channel]);
                right[channel] = 7 * error;
                below[x][channel] += 3 * error;
                below[x + 1][channel] += 5 * error;
                below[x + 2][channel] = error;
            }
        }
        std::mem::swap(here, below);
        below[..2].fill([0; 3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_an_error_go_where_the_paper_sends_them() {
        let mut pixels = vec![0; 27];
        pixels[3..6].fill(160);
        let mut image = Image::new(3, 3, pixels).unwrap();
        let mut seen = Vec::new();
        diffuse(&mut image, &mut Errors::default(), |wanted| {
            seen.push(wanted[0]);
            [if wanted[0] == 160 { 0 } else { wanted[0] }; 3]
        });
        assert_eq!(seen, [0, 160, 70, 30, 50, 10, 0, 0, 0]);
    }
}
