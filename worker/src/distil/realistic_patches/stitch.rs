//! From chosen crops to images: which crop stands where, and the pixels.

use tch::{Device, Kind, Tensor};

use super::Patches;

impl Patches<'_> {
    /// Image, cell (from left to right, then top to bottom) and crop of every patch. The best crops of a class are dealt
    /// out in turn, so that no image has all of them.
    pub(super) fn cells(&self, chosen: &[usize]) -> Vec<(usize, usize, usize)> {
        let cells = self.settings.factor.pow(2) as usize;
        let of_class = |(class, crops): (usize, &[usize])| {
            let of_image = |image: usize| {
                let own = (0..cells)
                    .map(|cell| (class * self.per_class + image, cell, crops[cell * self.per_class + image]));
                own.collect::<Vec<_>>()
            };
            (0..self.per_class).flat_map(of_image).collect::<Vec<_>>()
        };
        chosen.chunks(cells * self.per_class).enumerate().flat_map(of_class).collect()
    }

    /// The images, `[n, h, w, 3]` u8 on the CPU.
    pub(super) fn stitched(&self, chosen: &[usize]) -> Tensor {
        let (side, factor) = (self.side(), i64::from(self.settings.factor));
        let n = (self.real.classes.len() * self.per_class) as i64;
        let all = Tensor::zeros([n, 3, side, side], (Kind::Float, Device::Cpu));
        // Where a side is no multiple of the factor, patches differ by a pixel.
        let edge = |cell: i64| cell * side / factor;
        for (image, cell, place) in self.cells(chosen) {
            let (row, column) = (cell as i64 / factor, cell as i64 % factor);
            let (top, left) = (edge(row), edge(column));
            let size = [edge(row + 1) - top, edge(column + 1) - left];
            let crop = &self.crops[place];
            let patch = crop.of(&self.images.pixels_at(&[crop.image as i64]), size);
            let target = all.get(image as i64).narrow(1, top, size[0]).narrow(2, left, size[1]);
            target.shallow_clone().copy_(&patch.get(0).to_device(Device::Cpu));
        }
        (all.clamp(0.0, 1.0) * 255.0).round().to_kind(Kind::Uint8).permute([0, 2, 3, 1]).contiguous()
    }
}
