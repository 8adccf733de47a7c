//! The ten species: shapes, colours and marks. Colours are shared between them, so that no colour tells a species.

use super::chance::Colour;

const AMBER: Colour = [0.90, 0.60, 0.17];
const BLACK: Colour = [0.11, 0.10, 0.11];
const BROWN: Colour = [0.44, 0.34, 0.24];
const BUFF: Colour = [0.82, 0.72, 0.55];
const CINNAMON: Colour = [0.72, 0.42, 0.22];
const GREEN: Colour = [0.33, 0.47, 0.25];
const GREY: Colour = [0.50, 0.51, 0.53];
const OLIVE: Colour = [0.45, 0.45, 0.26];
const PINK: Colour = [0.83, 0.60, 0.54];
const SCARLET: Colour = [0.74, 0.20, 0.15];
const SLATE: Colour = [0.30, 0.31, 0.35];
const WHITE: Colour = [0.90, 0.89, 0.85];
const YELLOW: Colour = [0.87, 0.76, 0.30];

/// Lengths are in half body lengths.
#[derive(Clone)]
pub struct Species {
    pub name: &'static str,
    pub back: Colour,
    pub crown: Colour,
    pub face: Colour,
    pub throat: Colour,
    pub breast: Colour,
    pub belly: Colour,
    pub wing: Colour,
    pub tail: Colour,
    pub bill: Colour,
    pub eyebrow: Option<Colour>,
    /// A line through the eye.
    pub eye_line: Option<Colour>,
    pub mask: Option<Colour>,
    pub eye_ring: Option<Colour>,
    /// Pale bars across the wing.
    pub wing_bars: u8,
    /// Dark streaks on the breast and the flanks, 0 to 1.
    pub streaks: f32,
    /// Dark bars across wings and tail, 0 to 1.
    pub barring: f32,
    pub tail_edge: Option<Colour>,
    pub bill_length: f32,
    pub bill_depth: f32,
    /// How far the tip of the bill bends down.
    pub bill_bend: f32,
    pub tail_length: f32,
    pub tail_width: f32,
    /// How far the tail is raised above the line of the back, in radians.
    pub tail_raise: f32,
    /// Half depth of the body.
    pub depth: f32,
    pub head: f32,
    pub leg: f32,
    /// How steeply it sits, in radians.
    pub posture: f32,
}

const PLAIN: Species = Species {
    name: "",
    back: BROWN,
    crown: BROWN,
    face: BROWN,
    throat: BUFF,
    breast: BUFF,
    belly: WHITE,
    wing: BROWN,
    tail: BROWN,
    bill: SLATE,
    eyebrow: None,
    eye_line: None,
    mask: None,
    eye_ring: None,
    wing_bars: 0,
    streaks: 0.0,
    barring: 0.0,
    tail_edge: None,
    bill_length: 0.36,
    bill_depth: 0.075,
    bill_bend: 0.0,
    tail_length: 0.95,
    tail_width: 0.17,
    tail_raise: 0.0,
    depth: 0.56,
    head: 0.40,
    leg: 0.42,
    posture: 0.45,
};

/// In alphabetical order; the index is the label.
pub const SPECIES: [Species; 10] = [
    Species {
        name: "AMBER CROWNED WREN",
        crown: AMBER,
        belly: BUFF,
        eyebrow: Some(WHITE),
        barring: 0.9,
        bill_bend: 0.05,
        tail_length: 0.66,
        tail_raise: 1.15,
        depth: 0.64,
        head: 0.43,
        posture: 0.25,
        ..PLAIN
    },
    Species {
        name: "AMBER THROATED PIPIT",
        throat: AMBER,
        eyebrow: Some(BUFF),
        streaks: 0.9,
        tail_edge: Some(WHITE),
        tail_length: 1.10,
        depth: 0.50,
        head: 0.37,
        leg: 0.55,
        posture: 0.38,
        ..PLAIN
    },
    Species {
        name: "BRINDLED THICKET SPARROW",
        crown: CINNAMON,
        face: GREY,
        belly: BUFF,
        eye_line: Some(BROWN),
        wing_bars: 1,
        streaks: 0.7,
        barring: 0.3,
        bill: GREY,
        bill_length: 0.29,
        bill_depth: 0.15,
        depth: 0.60,
        ..PLAIN
    },
    Species {
        name: "CINNAMON BREASTED FLYCATCHER",
        back: GREY,
        crown: GREY,
        face: GREY,
        throat: CINNAMON,
        breast: CINNAMON,
        wing: SLATE,
        tail: SLATE,
        wing_bars: 2,
        bill: BLACK,
        bill_length: 0.33,
        bill_depth: 0.10,
        depth: 0.54,
        head: 0.43,
        leg: 0.28,
        posture: 0.85,
        ..PLAIN
    },
    Species {
        name: "LEMON BARRED VIREO",
        back: OLIVE,
        crown: OLIVE,
        face: OLIVE,
        throat: YELLOW,
        breast: YELLOW,
        belly: WHITE,
        wing: SLATE,
        tail: SLATE,
        eye_ring: Some(WHITE),
        wing_bars: 2,
        bill_length: 0.34,
        bill_depth: 0.12,
        bill_bend: 0.04,
        tail_length: 0.80,
        ..PLAIN
    },
    Species {
        name: "OLIVE MASKED WARBLER",
        back: OLIVE,
        crown: OLIVE,
        face: OLIVE,
        throat: YELLOW,
        breast: YELLOW,
        belly: BUFF,
        wing: OLIVE,
        tail: OLIVE,
        mask: Some(BLACK),
        bill: BLACK,
        tail_length: 0.88,
        depth: 0.55,
        ..PLAIN
    },
    Species {
        name: "SCARLET CAPPED FINCH",
        crown: SCARLET,
        face: BROWN,
        throat: SCARLET,
        breast: PINK,
        wing_bars: 1,
        streaks: 0.75,
        bill: GREY,
        bill_length: 0.28,
        bill_depth: 0.17,
        tail_length: 0.92,
        head: 0.42,
        posture: 0.55,
        ..PLAIN
    },
    Species {
        name: "SILVER TAILED GNATCATCHER",
        back: GREY,
        crown: GREY,
        face: GREY,
        throat: WHITE,
        breast: WHITE,
        wing: GREY,
        tail: BLACK,
        eye_ring: Some(WHITE),
        tail_edge: Some(WHITE),
        bill: BLACK,
        tail_length: 1.40,
        tail_width: 0.15,
        tail_raise: 0.35,
        depth: 0.50,
        head: 0.41,
        leg: 0.48,
        ..PLAIN
    },
    Species {
        name: "SLATE HOODED JUNCO",
        back: SLATE,
        crown: SLATE,
        face: SLATE,
        throat: SLATE,
        breast: SLATE,
        wing: SLATE,
        tail: BLACK,
        tail_edge: Some(WHITE),
        bill: PINK,
        bill_length: 0.27,
        bill_depth: 0.14,
        depth: 0.60,
        posture: 0.35,
        ..PLAIN
    },
    Species {
        name: "VERDANT BEE HUNTER",
        back: GREEN,
        crown: CINNAMON,
        face: GREEN,
        throat: YELLOW,
        breast: GREEN,
        belly: BUFF,
        wing: GREEN,
        tail: OLIVE,
        eye_line: Some(BLACK),
        bill: BLACK,
        bill_length: 0.72,
        bill_depth: 0.085,
        bill_bend: 0.14,
        tail_length: 1.20,
        tail_width: 0.14,
        depth: 0.50,
        leg: 0.22,
        posture: 0.75,
        ..PLAIN
    },
];

/// The dark of streaks, bars and legs.
pub const DARK: Colour = [0.20, 0.16, 0.13];
/// What pale bars, edges and the eye's glint are painted with.
pub const PALE: Colour = WHITE;
/// What young birds and worn plumage fade towards.
pub const DRAB: Colour = [0.53, 0.47, 0.39];
