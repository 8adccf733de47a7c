//! VGG (Simonyan & Zisserman 2015) of 11 and 16 layers, with torchvision's names and first weights.

use super::parameter::Start;
use super::stack::{Conv, Stack};
use crate::recipe::{Head, Vgg11, Vgg16, Vgg16Bn};

/// Convolutions of each block; a max pool of 2 ends each.
type Blocks = [&'static [i64]; 5];

/// Configuration A.
const ELEVEN: Blocks = [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];
/// Configuration D.
const SIXTEEN: Blocks = [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];

pub fn vgg11(settings: &Vgg11, classes: i64, side: i64) -> Stack {
    let mut net = features(ELEVEN, false, side);
    head(&mut net, settings.head, settings.dropout, classes);
    net
}

pub fn vgg16(settings: &Vgg16, classes: i64, side: i64) -> Stack {
    let mut net = features(SIXTEEN, false, side);
    head(&mut net, settings.head, settings.dropout, classes);
    net
}

pub fn vgg16_bn(settings: &Vgg16Bn, classes: i64, side: i64) -> Stack {
    let mut net = features(SIXTEEN, true, side);
    head(&mut net, settings.head, settings.dropout, classes);
    net
}

fn features(blocks: Blocks, norm: bool, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::VGG);
    let mut place = 0;
    for block in blocks {
        for channels in block {
            net.conv(&format!("features.{place}"), Conv::of(*channels, 3));
            if norm {
                net.batch_norm(&format!("features.{}", place + 1));
            }
            net.relu();
            place += if norm { 3 } else { 2 };
        }
        net.max_pool(2);
        place += 1;
    }
    net
}

fn head(net: &mut Stack, head: Head, dropout: f64, classes: i64) {
    match head {
        Head::Dense => {
            net.adaptive_avg_pool(7).flatten();
            net.dense("classifier.0", 4096).relu().dropout(dropout);
            net.dense("classifier.3", 4096).relu().dropout(dropout);
            net.dense("classifier.6", classes)
        }
        Head::Pooled => net.adaptive_avg_pool(1).flatten().dense("classifier", classes),
    };
}
