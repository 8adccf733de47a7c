//! VGG16 as published (Simonyan & Zisserman 2015, configuration D), with torchvision's names and initial weights.

use pipeline::recipe::Vgg16;

use super::stack::{Stack, Start};

/// Convolutions of each block; a max pool of 2 ends each.
pub const BLOCKS: [&[i64]; 5] =
    [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];

pub fn build(settings: &Vgg16, classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::Vgg);
    let mut place = 0;
    for block in BLOCKS {
        for channels in block {
            net.conv(&format!("features.{place}"), *channels).relu();
            place += 2;
        }
        net.max_pool(2);
        place += 1;
    }
    net.adaptive_avg_pool(7).flatten();
    net.dense("classifier.0", 4096).relu().dropout(settings.dropout);
    net.dense("classifier.3", 4096).relu().dropout(settings.dropout);
    net.dense("classifier.6", classes);
    net
}
