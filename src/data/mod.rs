//! Images on disk: data sets as they are found, and the packed image set that stages hand on.

mod binary;
mod catalog;
mod cifar;
mod decode;
mod draw;
mod export;
mod folder;
mod idx;
mod image_set;
pub mod likeness;
mod manifest;
mod resize;
mod sidecar;
mod sketch;
mod split_writer;
mod statistics;
mod subset;

pub use catalog::{Catalog, ClassImages, ImageRef, SPLITS};
pub use export::{contact_sheet, export, image_of};
pub use image_set::{Labels, PixelType, Pixels, Split};
pub use sidecar::{Classes, read_preprocess, write_preprocess};
pub use split_writer::{SplitWriter, write_split};
pub use subset::subset;
