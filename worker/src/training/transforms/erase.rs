//! Rectangles of the mean colour: cutout (DeVries & Taylor 2017) and random erasing (Zhong et al. 2020).

use pipeline::recipe::Erase;
use tch::{Kind, Tensor};

use crate::randomness::Stream;

/// Rows and columns, the ends not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hole {
    rows: [i64; 2],
    columns: [i64; 2],
}

/// Draws of an area and an aspect that may turn out too large before an image is left as it is (as torchvision's).
const TRIES: u32 = 10;

impl Hole {
    /// A square of `share` of the side, its middle anywhere in the image of `side` pixels; what lies beyond is lost.
    pub fn square(share: f64, side: i64, random: &mut Stream) -> Hole {
        let length = (share * side as f64).round() as i64;
        let mut span = || {
            let first = random.below(side as usize) as i64 - length / 2;
            [first.max(0), (first + length).min(side)]
        };
        Hole { rows: span(), columns: span() }
    }

    /// A rectangle of a random area and aspect within the image, or nothing.
    pub fn rectangle(settings: &Erase, side: i64, random: &mut Stream) -> Hole {
        if random.unit() >= settings.probability {
            return Hole::default();
        }
        let pixels = (side * side) as f64;
        let [flattest, tallest] = settings.aspect.map(f64::ln);
        for _ in 0..TRIES {
            let area = pixels * random.between(settings.area[0], settings.area[1]);
            let aspect = random.between(flattest, tallest).exp();
            let [height, width] = [area * aspect, area / aspect].map(|square| square.sqrt().round() as i64);
            if height < side && width < side {
                let [top, left] = [height, width].map(|length| random.integer(0, side - length));
                return Hole { rows: [top, top + height], columns: [left, left + width] };
            }
        }
        Hole::default()
    }
}

/// Images `[n, 3, side, side]`, normalised, each with its hole.
pub fn erased(images: &Tensor, holes: &[Hole]) -> Tensor {
    let (device, side) = (images.device(), images.size()[3]);
    let along = Tensor::arange(side, (Kind::Int64, device));
    let within = |ends: &dyn Fn(&Hole) -> [i64; 2]| {
        let edge = |at: usize| {
            let edges: Vec<i64> = holes.iter().map(|hole| ends(hole)[at]).collect();
            Tensor::from_slice(&edges).to_device(device).view([-1, 1])
        };
        along.ge_tensor(&edge(0)).logical_and(&along.lt_tensor(&edge(1)))
    };
    let rows = within(&|hole| hole.rows).view([-1, 1, side, 1]);
    let columns = within(&|hole| hole.columns).view([-1, 1, 1, side]);
    images.masked_fill(&rows.logical_and(&columns), 0.0)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn erased_pixels(holes: &[Hole]) -> Vec<i64> {
        let ones = Tensor::ones([holes.len() as i64, 3, 8, 8], (Kind::Float, Device::Cpu));
        let gone = erased(&ones, holes).eq(0.0).sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Int64);
        Vec::<i64>::try_from(gone).unwrap()
    }

    #[test]
    fn each_image_gets_its_own_hole_in_all_channels() {
        let holes = [Hole { rows: [1, 4], columns: [6, 8] }, Hole::default()];
        assert_eq!(erased_pixels(&holes), [3 * 3 * 2, 0]);
        let ones = Tensor::ones([1, 3, 8, 8], (Kind::Float, Device::Cpu));
        let gone = erased(&ones, &holes[..1]);
        assert_eq!([gone.double_value(&[0, 2, 1, 6]), gone.double_value(&[0, 2, 4, 6])], [0.0, 1.0]);
    }

    #[test]
    fn a_square_has_the_share_of_the_side_but_for_what_lies_beyond_the_border() {
        let mut random = Stream::new(1, &[]);
        let holes: Vec<Hole> = (0..300).map(|_| Hole::square(0.5, 8, &mut random)).collect();
        let pixels = erased_pixels(&holes);
        assert_eq!(pixels.iter().max(), Some(&(3 * 16)));
        assert!(pixels.iter().all(|pixels| *pixels >= 3 * 4), "{pixels:?}");
    }

    #[test]
    fn rectangles_are_as_frequent_large_and_tall_as_was_asked() {
        let settings = Erase { probability: 0.5, ..Erase::default() };
        let mut random = Stream::new(2, &[]);
        let holes: Vec<Hole> = (0..4000).map(|_| Hole::rectangle(&settings, 64, &mut random)).collect();
        let sides = |hole: &Hole| [hole.rows, hole.columns].map(|[from, to]| (to - from) as f64);
        let drawn: Vec<[f64; 2]> = holes.iter().map(sides).filter(|[height, _]| *height > 0.0).collect();
        assert!((drawn.len() as f64 / 4000.0 - 0.5).abs() < 0.03);
        let areas = drawn.iter().map(|[height, width]| height * width / 4096.0);
        let mean = areas.clone().sum::<f64>() / drawn.len() as f64;
        assert!((mean - 0.175).abs() < 0.01, "{mean}");
        assert!(areas.into_iter().all(|area| (0.015..0.35).contains(&area)));
        assert!(holes.iter().all(|hole| hole.rows[1] <= 64 && hole.columns[1] <= 64 && hole.rows[0] >= 0));
    }
}
