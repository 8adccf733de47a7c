//! Pictures stored in smaller: an image holds factor × factor of them, which are enlarged for networks.

use tch::Tensor;

/// How images hold pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Pictures along a side.
    pub factor: i64,
    /// Pixels along a side of an image, and of a picture as networks see it.
    pub side: i64,
}

impl Tiles {
    /// Pictures of an image.
    pub fn count(self) -> i64 {
        self.factor * self.factor
    }

    /// From images `[n, 3, h, w]` to the pictures of each in turn, `[n × factor², 3, h, w]`; gradients flow through.
    pub fn enlarged(self, images: &Tensor) -> Tensor {
        if self.factor == 1 {
            return images.shallow_clone();
        }
        let of_cell = |cell: i64| {
            self.cell(images, cell).contiguous().upsample_bilinear2d([self.side; 2], false, None, None)
        };
        let pictures: Vec<Tensor> = (0..self.count()).map(of_cell).collect();
        Tensor::stack(&pictures, 1).view([-1, 3, self.side, self.side])
    }

    /// From pictures `[n × factor², 3, h, w]` to images `[n, 3, h, w]` that hold them.
    pub fn shrunk(self, pictures: &Tensor) -> Tensor {
        if self.factor == 1 {
            return pictures.shallow_clone();
        }
        let n = pictures.size()[0] / self.count();
        let table = pictures.view([n, self.count(), 3, self.side, self.side]);
        let images = table.select(1, 0).zeros_like();
        for cell in 0..self.count() {
            let mut target = self.cell(&images, cell);
            let size = [target.size()[2], target.size()[3]];
            let picture = table.select(1, cell).contiguous();
            target.copy_(&picture.internal_upsample_bilinear2d_aa(size, false, None, None));
        }
        images
    }

    /// The part of images that holds a picture, counted from left to right and top to bottom. Where a side is no multiple
    /// of the factor, parts differ by a pixel.
    fn cell(self, images: &Tensor, cell: i64) -> Tensor {
        let edge = |number: i64| number * self.side / self.factor;
        let (row, column) = (cell / self.factor, cell % self.factor);
        let part = |number: i64| (edge(number), edge(number + 1) - edge(number));
        let ((top, height), (left, width)) = (part(row), part(column));
        images.narrow(2, top, height).narrow(3, left, width)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn plain_pictures_come_back_from_the_image_that_holds_them() {
        for (factor, side) in [(1, 8), (2, 8), (3, 28)] {
            let tiles = Tiles { factor, side };
            let n = 2 * tiles.count();
            let colours = Tensor::arange(n, (Kind::Float, Device::Cpu)).view([n, 1, 1, 1]);
            let pictures = colours.expand([n, 3, side, side], false).contiguous();
            let images = tiles.shrunk(&pictures);
            assert_eq!(images.size(), [2, 3, side, side]);
            let apart = (tiles.enlarged(&images) - pictures).abs().max().double_value(&[]);
            assert!(apart < 1e-5, "{factor}: {apart}");
        }
    }

    #[test]
    fn every_pixel_of_an_image_is_seen() {
        let images = Tensor::zeros([1, 3, 28, 28], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let seen = Tiles { factor: 3, side: 28 }.enlarged(&images).sum(Kind::Float);
        let gradient = Tensor::run_backward(&[&seen], &[&images], false, false).remove(0);
        assert!(gradient.abs().min().double_value(&[]) > 0.0);
    }
}
