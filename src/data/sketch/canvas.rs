//! A picture of floats to draw on, with soft edges.

use image::RgbImage;

use super::chance::{Colour, blend, mix};

/// Colours in 0..1, row by row.
#[derive(Clone)]
pub struct Canvas {
    pub side: usize,
    pub pixels: Vec<Colour>,
}

impl Canvas {
    pub fn new(side: usize, colour: impl Fn(f32, f32) -> Colour) -> Canvas {
        let at = |i: usize| colour((i % side) as f32, (i / side) as f32);
        Canvas { side, pixels: (0..side * side).map(at).collect() }
    }

    /// Lays paint (colour and opacity, by pixel) over a rectangle.
    pub fn paint(
        &mut self,
        low: [f32; 2],
        high: [f32; 2],
        paint: impl Fn(f32, f32) -> Option<(Colour, f32)>,
    ) {
        let last = self.side as f32 - 1.0;
        let [left, top] = low.map(|value| value.floor().clamp(0.0, last) as usize);
        let [right, bottom] = high.map(|value| value.ceil().clamp(0.0, last) as usize);
        for y in top..=bottom {
            for x in left..=right {
                let Some((colour, opacity)) = paint(x as f32, y as f32) else { continue };
                let pixel = &mut self.pixels[y * self.side + x];
                *pixel = blend(*pixel, colour, opacity.clamp(0.0, 1.0));
            }
        }
    }

    /// An ellipse with half axes `a` along the direction and `b` across it; its edge is `soft` pixels wide.
    pub fn ellipse(&mut self, ellipse: &Ellipse, colour: Colour, opacity: f32) {
        let Ellipse { centre: [cx, cy], a, b, direction: (sin, cos), soft } = *ellipse;
        let reach = a.max(b) + soft;
        self.paint([cx - reach, cy - reach], [cx + reach, cy + reach], |x, y| {
            let (dx, dy) = (x - cx, y - cy);
            let distance = ellipse_distance([dx * cos + dy * sin, dy * cos - dx * sin], [a, b]);
            let cover = 0.5 - distance / soft;
            (cover > 0.0).then(|| (colour, opacity * cover.min(1.0)))
        });
    }

    /// A line whose half width goes from the first to the second figure, lighter along its upper side.
    pub fn line(&mut self, from: [f32; 2], to: [f32; 2], half: [f32; 2], colour: Colour, soft: f32) {
        let reach = half[0].max(half[1]) + soft;
        let low = [from[0].min(to[0]) - reach, from[1].min(to[1]) - reach];
        let high = [from[0].max(to[0]) + reach, from[1].max(to[1]) + reach];
        self.paint(low, high, |x, y| {
            let (distance, along) = taper_distance([x, y], from, to, half);
            let cover = 0.5 - distance / soft;
            if cover <= 0.0 {
                return None;
            }
            let middle = mix(from[1], to[1], along);
            let light = 1.0 - 0.22 * ((y - middle) / reach).clamp(-1.0, 1.0);
            Some((colour.map(|value| value * light), cover.min(1.0)))
        });
    }

    /// One pass of the filter 1-2-1 in both directions.
    pub fn soften(&mut self) {
        let side = self.side;
        let mut row = vec![[0.0; 3]; side];
        for line in self.pixels.chunks_mut(side) {
            row.copy_from_slice(line);
            for (x, pixel) in line.iter_mut().enumerate() {
                *pixel = weigh(row[x.saturating_sub(1)], row[x], row[(x + 1).min(side - 1)]);
            }
        }
        let mut above = self.pixels[..side].to_vec();
        for y in 0..side {
            let below = (y + 1).min(side - 1) * side;
            for (x, above) in above.iter_mut().enumerate() {
                let here = self.pixels[y * side + x];
                self.pixels[y * side + x] = weigh(*above, here, self.pixels[below + x]);
                *above = here;
            }
        }
    }

    /// The same picture with `times` as many pixels a side, smooth between the old ones.
    pub fn enlarged(&self, times: usize) -> Canvas {
        let last = self.side - 1;
        Canvas::new(self.side * times, |x, y| {
            let (x, y) = ((x + 0.5) / times as f32 - 0.5, (y + 0.5) / times as f32 - 0.5);
            let (x, y) = (x.clamp(0.0, last as f32), y.clamp(0.0, last as f32));
            let (left, top) = (x as usize, y as usize);
            let (right, bottom) = ((left + 1).min(last), (top + 1).min(last));
            let (tx, ty) = (x - left as f32, y - top as f32);
            let at = |x: usize, y: usize| self.pixels[y * self.side + x];
            blend(
                blend(at(left, top), at(right, top), tx),
                blend(at(left, bottom), at(right, bottom), tx),
                ty,
            )
        })
    }

    pub fn to_image(&self) -> RgbImage {
        let bytes = self.pixels.iter().flatten().map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
        let side = self.side as u32;
        RgbImage::from_raw(side, side, bytes.collect()).expect("three bytes a pixel")
    }
}

pub struct Ellipse {
    pub centre: [f32; 2],
    pub a: f32,
    pub b: f32,
    /// Sine and cosine of the long axis.
    pub direction: (f32, f32),
    pub soft: f32,
}

fn weigh(a: Colour, b: Colour, c: Colour) -> Colour {
    [0, 1, 2].map(|channel| 0.25 * (a[channel] + c[channel]) + 0.5 * b[channel])
}

/// About how far a point lies outside an ellipse around 0 (below 0: inside).
pub fn ellipse_distance(point: [f32; 2], half: [f32; 2]) -> f32 {
    let [x, y] = [point[0] / half[0], point[1] / half[1]];
    let near = (x * x + y * y).sqrt();
    let [x, y] = [x / half[0], y / half[1]];
    let slope = (x * x + y * y).sqrt().max(1e-6);
    near * (near - 1.0) / slope
}

/// How far a point lies outside a line that is `half[0]` wide at `from` and `half[1]` at `to`, and how far along.
pub fn taper_distance(point: [f32; 2], from: [f32; 2], to: [f32; 2], half: [f32; 2]) -> (f32, f32) {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let (px, py) = (point[0] - from[0], point[1] - from[1]);
    let along = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-6)).clamp(0.0, 1.0);
    let (x, y) = (px - along * dx, py - along * dy);
    ((x * x + y * y).sqrt() - mix(half[0], half[1], along), along)
}
