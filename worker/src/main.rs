//! Does one stage that needs tensors and exits.

fn main() {}
