//! Mean and standard deviation of each channel, from integer sums, so that no order of adding matters.

use crate::recipe::Preprocess;

/// A channel of less spread than this is scaled as if it had this much: a constant channel cannot be divided by 0.
const LEAST_SD: f64 = 1.0 / 255.0;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelSums {
    pixels: u64,
    sum: [u64; 3],
    squares: [u64; 3],
}

impl ChannelSums {
    /// Of an image `[h, w, 3]`.
    pub fn of(image: &[u8]) -> ChannelSums {
        let mut sums = ChannelSums { pixels: image.len() as u64 / 3, ..ChannelSums::default() };
        for pixel in image.as_chunks::<3>().0 {
            for (channel, value) in pixel.iter().enumerate() {
                sums.sum[channel] += u64::from(*value);
                sums.squares[channel] += u64::from(*value) * u64::from(*value);
            }
        }
        sums
    }

    pub fn add(&mut self, other: &ChannelSums) {
        self.pixels += other.pixels;
        for channel in 0..3 {
            self.sum[channel] += other.sum[channel];
            self.squares[channel] += other.squares[channel];
        }
    }

    /// Of pixels divided by 255; the sd is the population's.
    pub fn preprocess(&self) -> Preprocess {
        let n = u128::from(self.pixels.max(1));
        let mean = self.sum.map(|sum| sum as f64 / n as f64 / 255.0);
        let mut sd = [0.0; 3];
        for (channel, sd) in sd.iter_mut().enumerate() {
            let sum = u128::from(self.sum[channel]);
            // n² times the variance, exactly; it cannot be negative.
            let spread = n * u128::from(self.squares[channel]) - sum * sum;
            *sd = ((spread as f64).sqrt() / n as f64 / 255.0).max(LEAST_SD);
        }
        Preprocess { mean, sd }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_sd_are_those_of_the_formula() {
        let mut sums = ChannelSums::of(&[0, 10, 255]);
        sums.add(&ChannelSums::of(&[255, 30, 255]));
        let found = sums.preprocess();
        assert_eq!(found.mean, [0.5, 20.0 / 255.0, 1.0]);
        assert_eq!(found.sd, [0.5, 10.0 / 255.0, LEAST_SD]);
    }
}
