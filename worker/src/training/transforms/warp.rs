//! Samples images along affine maps.

use tch::Tensor;

/// Each image `[n, 3, h, w]` sampled where its map of the output's coordinates (-1 to 1 across and down) points, bilinearly, 0
/// beyond its border; one map for all images or one for each.
pub fn warped(images: &Tensor, maps: &[[[f64; 3]; 2]]) -> Tensor {
    let n = images.size()[0];
    let maps: Vec<f32> = maps.iter().flatten().flatten().map(|value| *value as f32).collect();
    let maps = Tensor::from_slice(&maps).view([-1, 2, 3]).to_device(images.device());
    let grid = Tensor::affine_grid_generator(&maps.expand([n, 2, 3], false), images.size(), false);
    images.grid_sampler(&grid, 0, 0, false)
}
