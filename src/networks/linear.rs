//! One dense layer on the pixels: multinomial logistic regression.

use super::parameter::Start;
use super::stack::Stack;

pub fn build(classes: i64, side: i64) -> Stack {
    let mut net = Stack::new(side, Start::DEFAULT);
    net.flatten().dense("dense", classes);
    net
}
