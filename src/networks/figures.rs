//! What a network is made of and what it costs, layer by layer.

use super::shape::Shape;

/// Bytes of a value in fp32.
const VALUE: i64 = 4;

/// A layer with a name, or one that changes the shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// As in `weights.safetensors`; empty where the layer has no weights.
    pub name: String,
    /// `conv 3×3`, `dense`, `max pool 2×2`.
    pub what: String,
    /// Of what comes out.
    pub shape: Shape,
    pub parameters: i64,
    /// Of one image: products that are summed, in convolutions, dense layers and attention. Norms, activations and
    /// pools are not counted, as is usual.
    pub multiply_adds: i64,
}

/// A network in numbers, for one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub rows: Vec<Row>,
    /// Values that layers put out and that training keeps; what is changed in place counts once.
    pub activations: i64,
}

impl Figures {
    /// Trained values.
    pub fn parameters(&self) -> i64 {
        self.rows.iter().map(|row| row.parameters).sum()
    }

    /// Of a forward pass.
    pub fn multiply_adds(&self) -> i64 {
        self.rows.iter().map(|row| row.multiply_adds).sum()
    }

    /// Of the trained values, in fp32.
    pub fn weight_bytes(&self) -> i64 {
        self.parameters() * VALUE
    }

    /// Of everything that layers put out, in fp32: what training keeps of one image. Scoring keeps far less.
    pub fn activation_bytes(&self) -> i64 {
        self.activations * VALUE
    }
}
