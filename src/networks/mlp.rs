//! A multi-layer perceptron on the pixels: dense layers with ReLU between.

use super::parameter::Start;
use super::stack::Stack;
use crate::recipe::Mlp;

pub fn build(settings: &Mlp, classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::DEFAULT);
    net.flatten();
    for layer in 1..=settings.depth {
        net.dense(&format!("fc_{layer}"), settings.width.into()).relu().dropout(settings.dropout);
    }
    net.dense(&format!("fc_{}", settings.depth + 1), classes);
    net
}
