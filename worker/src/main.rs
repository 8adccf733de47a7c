//! Does one stage that needs tensors and exits.

mod allocator;
mod models;
mod randomness;

fn main() {}
