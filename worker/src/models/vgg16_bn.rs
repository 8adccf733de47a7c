//! VGG16's convolutions with BatchNorm (torchvision's `vgg16_bn` up to its pooling), averaged to one pixel, and one
//! dense layer: for small images.

use super::stack::{Stack, Start};
use super::vgg16::BLOCKS;

pub fn build(classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::Vgg);
    let mut place = 0;
    for block in BLOCKS {
        for channels in block {
            net.conv(&format!("features.{place}"), *channels);
            net.batch_norm(&format!("features.{}", place + 1)).relu();
            place += 3;
        }
        net.max_pool(2);
        place += 1;
    }
    net.adaptive_avg_pool(1).flatten().dense("classifier", classes);
    net
}
