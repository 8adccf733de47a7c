//! Images on disk: data sets as they are found, and the packed image set that stages hand on.

mod image_set;
mod sidecar;
mod split_writer;

pub use image_set::{Labels, PixelType, Pixels, Split};
pub use sidecar::{Classes, read_preprocess, write_preprocess};
pub use split_writer::{SplitWriter, write_split};
