//! Images laid out in a picture, a row a class.

use tch::{Kind, Tensor};

/// White pixels around each image.
pub const BORDER: i64 = 2;

/// Of `pixels` `[classes × per class, h, w, 3]` (black 0, white 1), at most so many columns; `[3, height, width]` u8.
pub fn grid(pixels: &Tensor, per_class: i64, columns: i64) -> Tensor {
    let shape = pixels.size();
    let (height, width) = (shape[1] + 2 * BORDER, shape[2] + 2 * BORDER);
    let columns = per_class.min(columns);
    let shown = (pixels.clamp(0.0, 1.0) * 255.0).round().permute([0, 3, 1, 2]);
    let framed = shown.pad([BORDER; 4], "constant", 255.0);
    let table = framed.view([-1, per_class, 3, height, width]).narrow(1, 0, columns);
    let rows = table.size()[0];
    table.permute([2, 0, 3, 1, 4]).reshape([3, rows * height, columns * width]).to_kind(Kind::Uint8)
}
