//! Random changes of a batch, made on the device. All act on normalised images, in which 0 is the mean colour.

use pipeline::recipe::Transform;
use tch::{Device, Kind, Tensor};

use super::dsa;
use crate::randomness::Stream;

/// Applies the transforms in order to images `[n, 3, h, w]`; their randomness comes from (seed, step, place in the
/// list, image).
pub fn apply(transforms: &[Transform], images: Tensor, seed: u64, step: u64) -> Tensor {
    transforms.iter().enumerate().fold(images, |images, (place, transform)| {
        let mut random = Stream::new(seed, &[step, place as u64]);
        let n = images.size()[0] as usize;
        match transform {
            Transform::Flip(_) => flipped(&images, &(0..n).map(|_| random.unit() < 0.5).collect::<Vec<_>>()),
            Transform::Crop(crop) => {
                let by = i64::from(crop.by);
                let shifts: Vec<_> =
                    (0..n).map(|_| [random.integer(-by, by), random.integer(-by, by)]).collect();
                shifted(&images, &shifts)
            }
            Transform::Dsa(settings) => dsa::Draw::for_each_image(settings, n, &mut random).apply(&images),
        }
    })
}

/// Mirrors images `[n, 3, h, w]` left to right where told: one answer for all of them or one for each.
pub fn flipped(images: &Tensor, whether: &[bool]) -> Tensor {
    match whether {
        [false] => images.shallow_clone(),
        [true] => images.flip([3]),
        each => images.flip([3]).where_self(&column(each, images.device()), images),
    }
}

/// Moves the picture up and left by `[rows, columns]` pixels, one shift for all images `[n, 3, h, w]` or one for each.
/// What comes in is 0.
pub fn shifted(images: &Tensor, shifts: &[[i64; 2]]) -> Tensor {
    if let [[rows, columns]] = *shifts {
        return images.constant_pad_nd([-columns, columns, -rows, rows]);
    }
    let (_, channels, height, width) = images.size4().expect("images have four dimensions");
    let margin = shifts.iter().flatten().map(|by| by.abs()).max().unwrap_or(0);
    let padded = images.constant_pad_nd([margin; 4]);
    let n = shifts.len() as i64;
    let places = |axis: usize, length: i64| {
        let starts: Vec<i64> = shifts.iter().map(|shift| shift[axis] + margin).collect();
        let along = Tensor::arange(length, (Kind::Int64, images.device()));
        Tensor::from_slice(&starts).to_device(images.device()).view([n, 1]) + along
    };
    let rows =
        places(0, height).view([n, 1, height, 1]).expand([n, channels, height, width + 2 * margin], false);
    let columns = places(1, width).view([n, 1, 1, width]).expand([n, channels, height, width], false);
    padded.gather(2, &rows, false).gather(3, &columns, false)
}

/// `[n]` to `[n, 1, 1, 1]`, on the device.
fn column(whether: &[bool], device: Device) -> Tensor {
    Tensor::from_slice(whether).view([-1, 1, 1, 1]).to_device(device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::recipe::{Crop, Flip};

    fn images(n: i64) -> Tensor {
        Tensor::arange(n * 3 * 4 * 4, (Kind::Float, Device::Cpu)).view([n, 3, 4, 4]) + 1.0
    }

    #[test]
    fn a_shift_of_its_own_for_each_image_equals_one_for_all() {
        let x = images(2);
        let each = shifted(&x, &[[1, -2], [0, 3]]);
        assert_eq!(each.get(0), shifted(&x, &[[1, -2]]).get(0));
        assert_eq!(each.get(1), shifted(&x, &[[0, 3]]).get(1));
        // Up by one row, right by two columns.
        assert_eq!(each.double_value(&[0, 0, 0, 2]), x.double_value(&[0, 0, 1, 0]));
        assert_eq!(each.double_value(&[0, 0, 0, 1]), 0.0);
        assert_eq!(each.double_value(&[0, 0, 3, 3]), 0.0);
    }

    #[test]
    fn only_the_images_told_are_mirrored() {
        let x = images(2);
        let mirrored = flipped(&x, &[true, false]);
        assert_eq!(mirrored.get(1), x.get(1));
        assert_eq!(mirrored.get(0), x.flip([3]).get(0));
    }

    #[test]
    fn transforms_depend_on_seed_and_step_alone() {
        let list = [Transform::Flip(Flip {}), Transform::Crop(Crop { by: 2 })];
        let at = |seed, step| apply(&list, images(16), seed, step);
        assert_eq!(at(1, 5), at(1, 5));
        assert_ne!(at(1, 5), at(1, 6));
        assert_ne!(at(1, 5), at(2, 5));
    }
}
