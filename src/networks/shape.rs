//! The shape of what flows between two layers, for one image.

use std::fmt;

/// In PyTorch's order of dimensions, without the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `[channels, side, side]`
    Map { channels: i64, side: i64 },
    /// `[count, channels]`
    Tokens { count: i64, channels: i64 },
    /// `[features]`
    Flat { features: i64 },
}

impl Shape {
    /// How many values stand for each position.
    pub fn channels(self) -> i64 {
        match self {
            Shape::Map { channels, .. } | Shape::Tokens { channels, .. } => channels,
            Shape::Flat { features } => features,
        }
    }

    /// Pixels, tokens, or one.
    pub fn positions(self) -> i64 {
        match self {
            Shape::Map { side, .. } => side * side,
            Shape::Tokens { count, .. } => count,
            Shape::Flat { .. } => 1,
        }
    }

    pub fn values(self) -> i64 {
        self.channels() * self.positions()
    }

    /// The same positions with another number of values each.
    pub fn with_channels(self, channels: i64) -> Shape {
        match self {
            Shape::Map { side, .. } => Shape::Map { channels, side },
            Shape::Tokens { count, .. } => Shape::Tokens { count, channels },
            Shape::Flat { .. } => Shape::Flat { features: channels },
        }
    }

    /// Pixels a side; 1 where there are none.
    pub fn side(self) -> i64 {
        if let Shape::Map { side, .. } = self { side } else { 1 }
    }

    pub fn dimensions(self) -> Vec<i64> {
        match self {
            Shape::Map { channels, side } => vec![channels, side, side],
            Shape::Tokens { count, channels } => vec![count, channels],
            Shape::Flat { features } => vec![features],
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides: Vec<String> = self.dimensions().iter().map(i64::to_string).collect();
        f.write_str(&sides.join(" × "))
    }
}
