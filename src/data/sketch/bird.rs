//! A bird as it sits there: its shape, and every pixel's part of it.

use super::canvas::{Canvas, ellipse_distance, taper_distance};
use super::chance::{Chance, Colour, blend, mix, rise, sin_cos};
use super::plumage::Plumage;
use super::species::{DARK, PALE, Species};

/// Where a bird is and how it holds itself. Its own axes: x forward along the body, y up; 1 is half a body length.
pub struct Bird {
    pub plumage: Plumage,
    /// Middle of the body, in pixels.
    pub centre: [f32; 2],
    /// Pixels of half a body length.
    pub size: f32,
    /// 1 looks right, -1 looks left.
    facing: f32,
    /// Sine and cosine of the body's rise.
    rise: (f32, f32),
    /// Foreshortening of the body's length: it is turned towards us or away.
    length: f32,
    head: [f32; 2],
    /// Sine and cosine of the head's own turn, against the body's rise.
    nod: (f32, f32),
    tail: (f32, f32),
    wing_tip: [f32; 2],
}

/// The middle of the tail's root.
const RUMP: [f32; 2] = [-0.82, 0.10];
const SHOULDER: [f32; 2] = [0.42, 0.06];

impl Bird {
    pub fn new(species: &Species, centre: [f32; 2], size: f32, chance: &mut Chance) -> Bird {
        let posture = species.posture + 0.22 * chance.spread();
        let nod = -0.8 * posture + 0.28 * chance.spread();
        let raise = species.tail_raise + 0.22 * chance.spread();
        let stretch = chance.spread();
        Bird {
            plumage: Plumage::new(species, chance),
            centre,
            size,
            facing: if chance.happens(0.5) { 1.0 } else { -1.0 },
            rise: sin_cos(posture),
            length: chance.between(0.80, 1.0),
            head: [0.78 + 0.08 * stretch, 0.40 + 0.08 * stretch + 0.05 * chance.spread()],
            nod: sin_cos(nod),
            tail: sin_cos(-raise),
            wing_tip: [-0.98 + 0.08 * chance.spread(), 0.06 + 0.12 * chance.spread()],
        }
    }

    fn species(&self) -> &Species {
        &self.plumage.species
    }

    /// The bird's own coordinates of a pixel.
    fn own(&self, x: f32, y: f32) -> [f32; 2] {
        let across = (x - self.centre[0]) * self.facing / self.size;
        let up = (self.centre[1] - y) / self.size;
        let (sin, cos) = self.rise;
        [(across * cos + up * sin) / self.length, up * cos - across * sin]
    }

    /// The pixel of a point in the bird's own coordinates.
    fn pixel(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (sin, cos) = self.rise;
        let x = x * self.length;
        let (across, up) = (x * cos - y * sin, x * sin + y * cos);
        [self.centre[0] + across * self.facing * self.size, self.centre[1] - up * self.size]
    }

    /// Where its feet stand, in pixels.
    pub fn feet(&self) -> [f32; 2] {
        let hip = self.pixel([-0.02, -0.8 * self.species().depth]);
        [hip[0], hip[1] + self.species().leg * self.size]
    }

    pub fn draw(&self, canvas: &mut Canvas) {
        self.draw_legs(canvas);
        let reach = 2.5 * self.size;
        let low = [self.centre[0] - reach, self.centre[1] - reach];
        let high = [self.centre[0] + reach, self.centre[1] + reach];
        canvas.paint(low, high, |x, y| self.colour_at(x, y));
    }

    fn draw_legs(&self, canvas: &mut Canvas) {
        let feet = self.feet();
        let thin = (0.030 * self.size).max(0.6);
        for side in [-0.16, 0.08] {
            let hip = self.pixel([side, -0.75 * self.species().depth]);
            let foot = [feet[0] + (side + 0.04) * self.size * self.facing, feet[1]];
            canvas.line(hip, foot, [1.8 * thin, thin], DARK, 1.2);
            for toe in [-0.09, 0.13] {
                let end = [foot[0] + toe * self.size * self.facing, foot[1] + 0.04 * self.size];
                canvas.line(foot, end, [thin, 0.8 * thin], DARK, 1.2);
            }
        }
    }

    /// The parts from back to front, each over the one before.
    fn colour_at(&self, x: f32, y: f32) -> Option<(Colour, f32)> {
        let point = self.own(x, y);
        let tail = self.species().tail_length;
        if point[0] > 2.1 || point[0] < -1.0 - tail || point[1] > 1.2 || point[1] < -1.0 {
            return None;
        }
        let mut laid: Option<(Colour, f32)> = None;
        let parts = [self.tail(point), self.bill(point), self.body(point), self.wing(point), self.eye(point)];
        for (colour, distance) in parts.into_iter().flatten() {
            let cover = 0.5 - distance * self.size / 1.3;
            if cover > 0.0 {
                laid = Some(over(laid, colour, cover.min(1.0)));
            }
        }
        laid
    }

    fn tail(&self, point: [f32; 2]) -> Option<(Colour, f32)> {
        let species = self.species();
        let (sin, cos) = self.tail;
        let (dx, dy) = (RUMP[0] - point[0], point[1] - RUMP[1]);
        // `along` runs to the tip, `across` to the upper edge.
        let (along, across) = (dx * cos - dy * sin, dy * cos + dx * sin);
        let part = along / species.tail_length;
        if !(-0.3..1.1).contains(&part) {
            return None;
        }
        let half = species.tail_width * mix(0.75, 1.15, part);
        let end = species.tail_length * (1.0 - 0.05 * (across / half).abs());
        let distance = (across.abs() - half).max(along - end);
        Some((self.plumage.tail(part, across / half), distance))
    }

    /// Two pieces: the second bends down.
    fn bill(&self, point: [f32; 2]) -> Option<(Colour, f32)> {
        let species = self.species();
        let [x, y] = self.in_head(point);
        let (length, depth) = (species.bill_length / species.head, species.bill_depth / species.head);
        if x < 0.3 || x > 1.4 + length {
            return None;
        }
        let bend = species.bill_bend / species.head;
        let root = [0.78, -0.06];
        let middle = [0.95 + 0.5 * length, -0.08 - 0.25 * bend];
        let tip = [0.95 + length, -0.12 - bend];
        let (first, _) = taper_distance([x, y], root, middle, [depth, 0.62 * depth]);
        let (second, _) = taper_distance([x, y], middle, tip, [0.62 * depth, 0.06 * depth]);
        let seam = 1.0 - 0.35 * rise(0.25 * depth, 0.0, (y + 0.08).abs());
        let light = if y > -0.08 { 1.08 } else { 0.88 };
        Some((species.bill.map(|value| value * light * seam), first.min(second) * species.head))
    }

    /// The head's coordinates: 1 is its radius, x towards the bill.
    fn in_head(&self, point: [f32; 2]) -> [f32; 2] {
        let (dx, dy) = (point[0] - self.head[0], point[1] - self.head[1]);
        let (sin, cos) = self.nod;
        let radius = self.species().head;
        [(dx * cos + dy * sin) / radius, (dy * cos - dx * sin) / radius]
    }

    fn body(&self, point: [f32; 2]) -> Option<(Colour, f32)> {
        let species = self.species();
        // Egg-shaped: deeper at the breast than at the vent.
        let depth = species.depth * (1.0 + 0.16 * point[0].clamp(-1.0, 1.0));
        let trunk = ellipse_distance(point, [1.0, depth]);
        let [hx, hy] = self.in_head(point);
        let skull = ((hx * hx + hy * hy * 1.08).sqrt() - 1.0) * species.head;
        let distance = union(trunk, skull, 0.26);
        if distance > 0.1 {
            return None;
        }
        let on_head = rise(0.16, -0.10, skull - trunk.max(-0.35) * 0.55);
        let trunk_colour = self.plumage.trunk(point[0], point[1] / depth);
        let mut colour = trunk_colour;
        if on_head > 0.0 {
            colour = blend(trunk_colour, self.plumage.head(hx, hy), on_head);
        }
        let up = point[1] * self.rise.1 + point[0] * self.rise.0;
        let light = self.plumage.shade(up, distance, point);
        Some((colour.map(|value| value * light), distance))
    }

    fn wing(&self, point: [f32; 2]) -> Option<(Colour, f32)> {
        let (distance, along) = taper_distance(point, SHOULDER, self.wing_tip, [0.30, 0.035]);
        if distance > 0.1 {
            return None;
        }
        let across = point[1] - mix(SHOULDER[1], self.wing_tip[1], along);
        let half = mix(0.30, 0.035, along);
        let start = (point[0] - SHOULDER[0]) / (self.wing_tip[0] - SHOULDER[0]);
        Some((self.plumage.wing(start, across / half, distance), distance))
    }

    fn eye(&self, point: [f32; 2]) -> Option<(Colour, f32)> {
        let [x, y] = self.in_head(point);
        let (dx, dy) = (x - 0.36, y - 0.16);
        let from_eye = (dx * dx + dy * dy).sqrt();
        if from_eye > 0.4 {
            return None;
        }
        let (gx, gy) = (dx + 0.05, dy - 0.06);
        let glint = rise(0.07, 0.03, (gx * gx + gy * gy).sqrt());
        let colour = blend([0.05, 0.04, 0.04], PALE, glint);
        Some((colour, (from_eye - 0.17) * self.species().head))
    }
}

/// Paint over what is there already, both with an opacity.
fn over(below: Option<(Colour, f32)>, colour: Colour, cover: f32) -> (Colour, f32) {
    let Some((under, opacity)) = below else { return (colour, cover) };
    let all = cover + opacity * (1.0 - cover);
    (blend(under, colour, cover / all), all)
}

/// The distance to two shapes that flow into each other over about `soft`.
fn union(a: f32, b: f32, soft: f32) -> f32 {
    let t = (0.5 + 0.5 * (b - a) / soft).clamp(0.0, 1.0);
    mix(b, a, t) - soft * t * (1.0 - t)
}
