//! AlexNet for one GPU (Krizhevsky 2014), with torchvision's names and first weights.

use super::parameter::Start;
use super::stack::{Conv, Stack};
use crate::recipe::Alexnet;

pub fn build(settings: &Alexnet, classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::DEFAULT);
    net.conv("features.0", Conv::of(64, 11).stride(4).padding(2)).relu().overlapping_max_pool(3, 2, 0);
    net.conv("features.3", Conv::of(192, 5)).relu().overlapping_max_pool(3, 2, 0);
    net.conv("features.6", Conv::of(384, 3)).relu();
    net.conv("features.8", Conv::of(256, 3)).relu();
    net.conv("features.10", Conv::of(256, 3)).relu().overlapping_max_pool(3, 2, 0);
    net.adaptive_avg_pool(6).flatten().dropout(settings.dropout);
    net.dense("classifier.1", 4096).relu().dropout(settings.dropout);
    net.dense("classifier.4", 4096).relu();
    net.dense("classifier.6", classes);
    net
}
