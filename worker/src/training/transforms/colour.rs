//! Changes of colour, image by image, as torchvision's `transforms.functional` has them. Pixels are `[n, 3, h, w]` in 0..1,
//! and what a change takes of strength is a column, `[n, 1, 1, 1]`.

use tch::{Kind, Tensor};

/// Weights of red, green and blue in grey (ITU-R BT.601, as torchvision rounds them).
const GREY: [f32; 3] = [0.2989, 0.587, 0.114];
/// Weight of the middle pixel in the blur that sharpness starts from; its eight neighbours have 1 each.
const MIDDLE: f64 = 5.0;

/// `[n, 1, h, w]`.
fn grey(pixels: &Tensor) -> Tensor {
    let weights = Tensor::from_slice(&GREY).view([1, 3, 1, 1]).to_device(pixels.device());
    (pixels * weights).sum_dim_intlist([1].as_slice(), true, Kind::Float)
}

/// `factor` of the pixels and the rest of the other image.
fn blend(pixels: &Tensor, other: &Tensor, factor: &Tensor) -> Tensor {
    (other + (pixels - other) * factor).clamp(0.0, 1.0)
}

/// 0 is black, 1 the image.
pub fn brightness(pixels: &Tensor, factor: &Tensor) -> Tensor {
    (pixels * factor).clamp(0.0, 1.0)
}

/// 0 is the image's mean grey, 1 the image.
pub fn contrast(pixels: &Tensor, factor: &Tensor) -> Tensor {
    blend(pixels, &grey(pixels).mean_dim([1, 2, 3].as_slice(), true, Kind::Float), factor)
}

/// 0 is grey, 1 the image.
pub fn saturation(pixels: &Tensor, factor: &Tensor) -> Tensor {
    blend(pixels, &grey(pixels), factor)
}

/// Turns the colours by `shift` of the circle.
pub fn hue(pixels: &Tensor, shift: &Tensor) -> Tensor {
    let (value, least) = (pixels.amax([1].as_slice(), true), pixels.amin([1].as_slice(), true));
    let range = &value - &least;
    let is_grey = range.eq(0.0);
    let saturation = &range / value.masked_fill(&is_grey, 1.0);
    let range = range.masked_fill(&is_grey, 1.0);
    let of = |channel: i64| pixels.narrow(1, channel, 1);
    let part = |from: i64, to: i64, offset: f64| (of(from) - of(to)) / &range + offset;
    let blue_or_green = part(2, 0, 2.0).where_self(&of(1).eq_tensor(&value), &part(0, 1, 4.0));
    let turned = part(1, 2, 0.0).where_self(&of(0).eq_tensor(&value), &blue_or_green);
    let hue = (turned / 6.0 + shift).remainder(1.0) * 6.0;
    // Of red, green and blue, how far each is from the value, as a function of the hue in sixths of the circle.
    let channel = |offset: f64| {
        let place = (&hue + offset).remainder(6.0);
        let falls = place.minimum(&(-&place + 4.0)).clamp(0.0, 1.0);
        &value - &value * &saturation * falls
    };
    Tensor::cat(&[channel(5.0), channel(3.0), channel(1.0)], 1)
}

/// 0 is a blurred image, 1 the image, and more is sharper; pixels at the border stay.
pub fn sharpness(pixels: &Tensor, factor: &Tensor) -> Tensor {
    let (_, _, height, width) = pixels.size4().expect("images have four dimensions");
    let inner = |x: &Tensor| x.narrow(2, 1, height - 2).narrow(3, 1, width - 2);
    // A mean of nine, and the rest of what the middle weighs.
    let sums = pixels.avg_pool2d([3, 3], [1, 1], [0, 0], false, true, None) * 9.0;
    let blurred = pixels.copy();
    inner(&blurred).copy_(&((sums + inner(pixels) * (MIDDLE - 1.0)) / (8.0 + MIDDLE)));
    blend(pixels, &blurred, factor)
}

/// Keeps so many of the 8 bits of a pixel.
pub fn posterise(pixels: &Tensor, bits: &Tensor) -> Tensor {
    let step = (-bits + 8.0).exp2();
    ((pixels * 255.0).round() / &step).floor() * step / 255.0
}

/// Inverts what is as bright as `threshold` or brighter.
pub fn solarise(pixels: &Tensor, threshold: &Tensor) -> Tensor {
    (-pixels + 1.0).where_self(&pixels.ge_tensor(threshold), pixels)
}

/// Stretches each channel of each image from black to white.
pub fn auto_contrast(pixels: &Tensor) -> Tensor {
    let (least, most) = (pixels.amin([2, 3].as_slice(), true), pixels.amax([2, 3].as_slice(), true));
    let range = &most - &least;
    let flat = range.eq(0.0);
    let stretched = (pixels - &least) / range.masked_fill(&flat, 1.0);
    pixels.where_self(&flat, &stretched)
}

/// Makes the levels of each channel of each image about equally frequent.
pub fn equalise(pixels: &Tensor) -> Tensor {
    let (n, channels, height, width) = pixels.size4().expect("images have four dimensions");
    let levels = (pixels * 255.0).round().to_kind(Kind::Int64).reshape([n * channels, height * width]);
    let counts = Tensor::zeros([n * channels, 256], (Kind::Int64, pixels.device()));
    let counts = counts.scatter_add(1, &levels, &levels.ones_like());
    // Pixels but those of the brightest level, over 255: how many of them make a step.
    let brightest = levels.amax([1].as_slice(), true);
    let step = (height * width - counts.gather(1, &brightest, false)).divide_scalar_mode(255, "floor");
    let divisor = step.clamp_min(1);
    let below = counts.cumsum(1, Kind::Int64) - &counts;
    let table =
        (below + step.divide_scalar_mode(2, "floor")).divide_tensor_mode(&divisor, "floor").clamp(0, 255);
    let mapped = table.gather(1, &levels, false).to_kind(Kind::Float) / 255.0;
    let flat = step.eq(0).view([n, channels, 1, 1]);
    pixels.where_self(&flat, &mapped.view([n, channels, height, width]))
}
