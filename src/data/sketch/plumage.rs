//! What a bird's feathers look like at a place of its body: colours, marks and a soft light.

use super::chance::{Chance, Colour, band, blend, cell, mix, noise, rise};
use super::species::{DARK, DRAB, PALE, Species};

/// One bird's own feathers: its species' with the colours of an individual.
pub struct Plumage {
    pub species: Species,
    salt: u32,
    /// How strongly marks stand out: worn plumage shows them less.
    marks: f32,
    /// Light from above against from below, -1 to 1.
    light: f32,
}

impl Plumage {
    pub fn new(species: &Species, chance: &mut Chance) -> Plumage {
        let mut own = species.clone();
        // Young and worn birds are duller, and some of every species are.
        let drab = if chance.happens(0.4) { chance.between(0.25, 0.6) } else { chance.between(0.0, 0.15) };
        let parts = [
            &mut own.back,
            &mut own.crown,
            &mut own.face,
            &mut own.throat,
            &mut own.breast,
            &mut own.belly,
            &mut own.wing,
            &mut own.tail,
        ];
        let cast = chance.near([1.0; 3], 0.14);
        for part in parts {
            let near = chance.near(*part, 0.13);
            *part = blend(near, DRAB, drab);
            *part = [0, 1, 2].map(|channel| part[channel] * cast[channel]);
        }
        own.bill = chance.near(own.bill, 0.12);
        Plumage {
            species: own,
            salt: chance.bits(),
            marks: chance.between(0.65, 1.0),
            light: chance.spread(),
        }
    }

    /// Multiplies colours: rounder towards the edge, lit from one side, with feathers.
    pub fn shade(&self, up: f32, distance: f32, point: [f32; 2]) -> f32 {
        let round = mix(0.72, 1.0, rise(0.0, -0.22, distance));
        let feathers = noise(self.salt, point[0] * 9.0, point[1] * 22.0) - 0.5;
        round * (1.0 + self.light * 0.16 * up.clamp(-1.0, 1.0)) * (1.0 + 0.14 * feathers)
    }

    /// `x` forward in -1..1, `y` up in -1..1.
    pub fn trunk(&self, x: f32, y: f32) -> Colour {
        let bird = &self.species;
        let ragged = 0.18 * (noise(self.salt ^ 1, x * 7.0, y * 7.0) - 0.5);
        let front = rise(-0.15, 0.45, x + ragged);
        let mut colour = blend(bird.belly, bird.breast, front * rise(-0.95, -0.35, y + 0.4 * x));
        colour = blend(colour, bird.throat, rise(0.72, 0.95, x + 0.25 * y) * rise(0.5, 0.1, y));
        let streaks = bird.streaks * self.marks * rise(-0.55, 0.1, x + ragged) * rise(-0.85, -0.45, y);
        colour = blend(colour, DARK, 0.75 * streaks * self.streak(x, y, 9.0));
        let back = rise(0.02, 0.30, y + ragged + 0.1 * x);
        let mantle = blend(bird.back, DARK, 0.5 * bird.streaks * self.streak(x, y * 1.3, 7.0));
        blend(colour, mantle, back)
    }

    /// Short dark dashes along the body, in 0..1.
    fn streak(&self, x: f32, y: f32, count: f32) -> f32 {
        let row = y * count;
        let line = row.floor();
        let place = x * 5.0 + 3.0 * cell(self.salt ^ 2, line as i32, 0);
        let there = cell(self.salt ^ 3, line as i32, place.floor() as i32);
        let across = band(row - line - 0.5, 0.16, 0.2);
        let along = band(place - place.floor() - 0.5, 0.28, 0.2);
        if there < 0.72 { across * along } else { 0.0 }
    }

    /// `x` towards the bill, `y` up, both in radii of the head.
    pub fn head(&self, x: f32, y: f32) -> Colour {
        let bird = &self.species;
        let marks = self.marks;
        let ragged = 0.14 * (noise(self.salt ^ 4, x * 6.0, y * 6.0) - 0.5);
        let mut colour = blend(bird.face, bird.throat, rise(-0.18, -0.42, y + ragged - 0.15 * x));
        colour = blend(colour, bird.crown, rise(0.34, 0.52, y + ragged - 0.08 * x));
        let run = rise(-1.05, -0.7, x);
        if let Some(eyebrow) = bird.eyebrow {
            colour = blend(colour, eyebrow, marks * run * band(y - 0.40 - 0.04 * x, 0.09, 0.10));
        }
        if let Some(line) = bird.eye_line {
            colour = blend(colour, line, marks * run * band(y - 0.13 - 0.05 * x, 0.11, 0.10));
        }
        if let Some(mask) = bird.mask {
            let face = rise(-0.75, -0.5, x + ragged) * band(y - 0.10, 0.26, 0.12);
            colour = blend(colour, mask, (0.25 + 0.75 * marks) * face);
        }
        if let Some(ring) = bird.eye_ring {
            let (dx, dy) = (x - 0.36, y - 0.16);
            colour = blend(colour, ring, marks * band((dx * dx + dy * dy).sqrt() - 0.24, 0.06, 0.06));
        }
        colour
    }

    /// `along` 0 at the shoulder and 1 at the tip, `across` -1 to 1 upwards; `distance` from the wing's edge.
    pub fn wing(&self, along: f32, across: f32, distance: f32) -> Colour {
        let bird = &self.species;
        // Flight feathers lie along the wing, each with a pale edge.
        let row = across * 3.2 + along * 1.4;
        let edge = band(row - row.floor() - 0.5, 0.05, 0.25) * rise(0.30, 0.5, along);
        let mut colour = blend(bird.wing, DARK, 0.45 * rise(0.35, 0.9, along));
        colour = blend(colour, PALE, 0.22 * edge);
        let bars = band(along * 9.0 - (along * 9.0).floor() - 0.5, 0.14, 0.2) * rise(0.2, 0.4, along);
        colour = blend(colour, DARK, 0.6 * bird.barring * self.marks * bars);
        for bar in 0..bird.wing_bars {
            let place = 0.24 + 0.17 * f32::from(bar) + 0.07 * across;
            colour = blend(colour, PALE, 0.9 * self.marks * band(along - place, 0.026, 0.022));
        }
        let rim = mix(0.66, 1.0, rise(0.0, -0.07, distance));
        let feathers = noise(self.salt ^ 5, along * 14.0, across * 8.0) - 0.5;
        colour.map(|value| value * rim * (1.0 + 0.14 * feathers) * (1.0 + 0.10 * self.light * across))
    }

    /// `along` 0 at the root and 1 at the tip, `across` -1 to 1 upwards.
    pub fn tail(&self, along: f32, across: f32) -> Colour {
        let bird = &self.species;
        let mut colour = blend(bird.tail, DARK, 0.25 * rise(0.2, 1.0, along));
        let bars = band(along * 6.0 - (along * 6.0).floor() - 0.5, 0.14, 0.2);
        colour = blend(colour, DARK, 0.7 * bird.barring * self.marks * bars);
        if let Some(edge) = bird.tail_edge {
            colour = blend(colour, edge, 0.9 * rise(-0.45, -0.62, across));
        }
        let feather = across * 2.5;
        colour.map(|value| value * (0.9 + 0.16 * (feather - feather.floor())))
    }
}
