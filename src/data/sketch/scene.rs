//! What is around a bird: a blurred distance, a perch, and leaves in the way. Chosen whatever the species.

use super::canvas::{Canvas, Ellipse};
use super::chance::{Chance, Colour, blend, mix, noise, sin_cos};

const LEAVES: [Colour; 6] = [
    [0.30, 0.43, 0.18],
    [0.42, 0.52, 0.24],
    [0.22, 0.33, 0.17],
    [0.58, 0.55, 0.22],
    [0.55, 0.38, 0.20],
    [0.63, 0.47, 0.26],
];
const WOOD: [Colour; 4] = [[0.40, 0.33, 0.27], [0.30, 0.24, 0.20], [0.52, 0.48, 0.42], [0.44, 0.36, 0.24]];
const SKIES: [[Colour; 2]; 5] = [
    [[0.45, 0.62, 0.82], [0.80, 0.86, 0.90]],
    [[0.70, 0.73, 0.76], [0.86, 0.86, 0.84]],
    [[0.78, 0.66, 0.56], [0.93, 0.82, 0.66]],
    [[0.55, 0.60, 0.66], [0.75, 0.72, 0.66]],
    [[0.35, 0.50, 0.66], [0.62, 0.70, 0.72]],
];
/// Pixels of the distance for one of the picture: it is out of focus.
const COARSE: usize = 4;
/// Turns everything by up to a full half circle.
const HALF_TURN: f32 = std::f32::consts::PI;

/// The distance, out of focus.
pub fn distance(side: usize, chance: &mut Chance) -> Canvas {
    let coarse = side / COARSE;
    let mut canvas = match chance.below(5) {
        0 => sky(coarse, chance),
        1 | 2 => foliage(coarse, chance),
        3 => water(coarse, chance),
        _ => undergrowth(coarse, chance),
    };
    for _ in 0..1 + chance.below(4) {
        canvas.soften();
    }
    canvas.enlarged(COARSE)
}

fn sky(side: usize, chance: &mut Chance) -> Canvas {
    let [top, bottom] = chance.pick(&SKIES).map(|colour| chance.near(colour, 0.12));
    let mut canvas = Canvas::new(side, |_, y| blend(top, bottom, y / side as f32));
    for _ in 0..chance.below(7) {
        let cloud = chance.near([0.92, 0.92, 0.92], 0.06);
        blob(&mut canvas, chance, cloud, [0.10, 0.32], [0.25, 0.55]);
    }
    canvas
}

fn foliage(side: usize, chance: &mut Chance) -> Canvas {
    let base = chance.pick(&LEAVES);
    let deep = chance.near(base.map(|value| value * 0.7), 0.2);
    let mut canvas = Canvas::new(side, |_, _| deep);
    for _ in 0..18 + chance.below(30) {
        let picked = if chance.happens(0.15) { chance.pick(&SKIES)[1] } else { chance.pick(&LEAVES) };
        let colour = chance.near(picked, 0.3);
        blob(&mut canvas, chance, colour, [0.03, 0.16], [0.35, 0.9]);
    }
    canvas
}

fn water(side: usize, chance: &mut Chance) -> Canvas {
    let [far, near] = chance.pick(&SKIES).map(|colour| chance.near(colour.map(|value| value * 0.85), 0.15));
    let (salt, wave) = (chance.bits(), chance.between(0.10, 0.32));
    let shore = chance.between(-0.2, 0.35) * side as f32;
    let bank = chance.pick(&LEAVES).map(|value| value * 0.75);
    Canvas::new(side, |x, y| {
        let ripple = noise(salt, x * 0.12, y * 0.55) - 0.5;
        let surface = blend(far, near, y / side as f32).map(|value| value * (1.0 + wave * ripple));
        if y < shore + 2.0 * ripple { bank.map(|value| value * (1.0 + ripple)) } else { surface }
    })
}

/// Stalks, trunks and litter.
fn undergrowth(side: usize, chance: &mut Chance) -> Canvas {
    let picked = if chance.happens(0.5) { chance.pick(&WOOD) } else { chance.pick(&LEAVES) };
    let base = chance.near(picked, 0.2);
    let salt = chance.bits();
    let mut canvas = Canvas::new(side, |x, y| {
        let grain = noise(salt, x * 0.2, y * 0.2) + 0.5 * noise(salt ^ 1, x * 0.5, y * 0.5);
        base.map(|value| value * (0.65 + 0.45 * grain))
    });
    let end = side as f32;
    for _ in 0..chance.below(14) {
        let picked = if chance.happens(0.5) { chance.pick(&WOOD) } else { chance.pick(&LEAVES) };
        let colour = chance.near(picked, 0.25);
        let x = chance.between(0.0, end);
        let to = [x + 0.3 * end * chance.spread(), 0.0];
        let half = chance.between(0.4, 3.0);
        canvas.line([x, end], to, [half, 0.6 * half], colour, 1.5);
    }
    canvas
}

fn blob(canvas: &mut Canvas, chance: &mut Chance, colour: Colour, sizes: [f32; 2], opacity: [f32; 2]) {
    let side = canvas.side as f32;
    let a = side * chance.between(sizes[0], sizes[1]);
    let ellipse = Ellipse {
        centre: [side * chance.unit(), side * chance.unit()],
        a,
        b: a * chance.between(0.4, 1.0),
        direction: sin_cos(HALF_TURN * chance.spread()),
        soft: 0.6 * a,
    };
    canvas.ellipse(&ellipse, colour, chance.between(opacity[0], opacity[1]));
}

/// Twigs and leaves between the distance and the bird.
pub fn twigs(canvas: &mut Canvas, chance: &mut Chance) {
    let side = canvas.side as f32;
    for _ in 0..chance.below(5) {
        let colour = chance.pick(&WOOD);
        let colour = chance.near(colour, 0.25);
        let from = [side * chance.between(-0.1, 1.1), side * chance.between(-0.1, 1.1)];
        let to = [from[0] + 0.9 * side * chance.spread(), from[1] + 0.9 * side * chance.spread()];
        let half = chance.between(0.8, 3.5);
        let soft = chance.between(1.5, 4.0);
        canvas.line(from, to, [half, 0.4 * half], colour, soft);
    }
    let leaves = if chance.happens(0.5) { 0 } else { chance.below(9) };
    for _ in 0..leaves {
        let at = [side * chance.unit(), side * chance.unit()];
        leaf(canvas, at, chance.between(6.0, 17.0), chance);
    }
}

/// What the bird stands on, through the place of its feet.
pub fn perch(canvas: &mut Canvas, feet: [f32; 2], chance: &mut Chance) {
    let side = canvas.side as f32;
    let colour = chance.pick(&WOOD);
    let colour = chance.near(colour, 0.2);
    let kind = chance.below(6);
    if kind == 0 {
        return ground(canvas, feet, chance);
    }
    let (half, slope) = match kind {
        1 => (chance.between(1.0, 1.8), 0.12 * chance.spread()),
        2 => (chance.between(2.0, 4.0), 1.6 * chance.spread()),
        _ => (chance.between(3.0, 8.0), 0.55 * chance.spread()),
    };
    let at = |x: f32| [x, feet[1] + half * 0.8 + slope * (x - feet[0])];
    let start = if chance.happens(0.2) { feet[0] - side * chance.between(0.1, 0.3) } else { -9.0 };
    canvas.line(at(start), at(side + 9.0), [half * 1.1, half * 0.8], colour, 1.4);
    for _ in 0..chance.below(4) {
        let from = at(side * chance.unit());
        let to = [from[0] + 0.3 * side * chance.spread(), from[1] - side * chance.between(0.05, 0.3)];
        canvas.line(from, to, [0.4 * half, 0.6], colour, 1.3);
        if chance.happens(0.6) {
            leaf(canvas, to, chance.between(6.0, 14.0), chance);
        }
    }
}

fn ground(canvas: &mut Canvas, feet: [f32; 2], chance: &mut Chance) {
    let side = canvas.side as f32;
    let picked = if chance.happens(0.5) { chance.pick(&WOOD) } else { chance.pick(&LEAVES) };
    let colour = chance.near(picked, 0.2);
    let (salt, slope) = (chance.bits(), 0.15 * chance.spread());
    canvas.paint([0.0, feet[1] - 0.2 * side], [side, side], |x, y| {
        let edge = feet[1] + slope * (x - feet[0]) + 6.0 * (noise(salt, x * 0.05, 0.0) - 0.5);
        let cover = (y - edge + 3.0) / 2.0;
        if cover <= 0.0 {
            return None;
        }
        let grain = noise(salt ^ 1, x * 0.16, y * 0.3) * 0.5 + noise(salt ^ 2, x * 0.5, y * 0.7) * 0.25;
        Some((colour.map(|value| value * (0.72 + 0.6 * grain)), cover))
    });
}

/// Leaves, blades and twigs nearer than the bird; they cover part of it, and often there are none.
pub fn foreground(canvas: &mut Canvas, around: [f32; 2], size: f32, chance: &mut Chance) {
    let side = canvas.side as f32;
    if chance.happens(0.35) {
        return;
    }
    for _ in 0..1 + chance.below(4) {
        let at = [around[0] + 1.7 * size * chance.spread(), around[1] + 1.4 * size * chance.spread()];
        leaf(canvas, at, size * chance.between(0.18, 0.48), chance);
    }
    for _ in 0..chance.below(4) {
        let picked = if chance.happens(0.5) { chance.pick(&WOOD) } else { chance.pick(&LEAVES) };
        let colour = chance.near(picked, 0.25);
        let x = around[0] + 2.0 * size * chance.spread();
        let to = [x + 0.5 * side * chance.spread(), side * chance.between(-0.1, 0.6)];
        let half = chance.between(0.8, 3.2);
        canvas.line([x, side + 9.0], to, [half, 0.3 * half], colour, chance.between(1.3, 5.0));
    }
}

/// A pointed leaf with a rib.
fn leaf(canvas: &mut Canvas, at: [f32; 2], length: f32, chance: &mut Chance) {
    let picked = chance.pick(&LEAVES);
    let colour = chance.near(picked, 0.25);
    let (sin, cos) = sin_cos(HALF_TURN * chance.between(-1.0, 1.0));
    let width = length * chance.between(0.26, 0.5);
    let soft = chance.between(1.2, 2.6);
    let reach = length + 2.0;
    canvas.paint([at[0] - reach, at[1] - reach], [at[0] + reach, at[1] + reach], |x, y| {
        let (dx, dy) = (x - at[0], y - at[1]);
        let (along, across) = ((dx * cos + dy * sin) / length, dy * cos - dx * sin);
        let half = width * (1.0 - along * along);
        let cover = 0.5 - (across.abs() - half) / soft;
        if cover <= 0.0 || along.abs() > 1.0 {
            return None;
        }
        let rib = if across.abs() < 0.7 { 1.12 } else { 1.0 };
        let light = rib * mix(0.85, 1.1, 0.5 + 0.5 * (across / width).clamp(-1.0, 1.0));
        Some((colour.map(|value| value * light), cover.min(1.0)))
    });
}
