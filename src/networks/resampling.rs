//! Which learnt positions may come from a network for images of another size: they are resampled.

/// The name of a vision transformer's learnt positions.
const POSITIONS: &str = "pos_embed";
/// How the name of a window's learnt relative positions ends.
const RELATIVE: &str = ".relative_position_bias_table";

/// Learnt positions, by what they are relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// Of a class token and `side²` patches: `[1, 1 + side², channels]`.
    Absolute { from: i64, to: i64 },
    /// Of two pixels of a window, `side²` differences: `[side², heads]`.
    Relative { from: i64, to: i64 },
}

impl Positions {
    /// Those that the parameter `name` holds, where they have the shape `from` and `to` is wanted; `None` for whatever
    /// cannot be resampled.
    pub fn of(name: &str, from: &[i64], to: &[i64]) -> Option<Positions> {
        match (from, to) {
            (&[1, from, channels], &[1, to, others]) if name == POSITIONS && channels == others => {
                Some(Positions::Absolute { from: side(from - 1)?, to: side(to - 1)? })
            }
            (&[from, heads], &[to, others]) if name.ends_with(RELATIVE) && heads == others => {
                let (from, to) = (side(from)?, side(to)?);
                // As many differences as there are either way, and none.
                (from % 2 == 1 && to % 2 == 1).then_some(Positions::Relative { from, to })
            }
            _ => None,
        }
    }
}

/// The side of a square of so many places.
fn side(places: i64) -> Option<i64> {
    let side = places.max(0).isqrt();
    (side > 0 && side * side == places).then_some(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_resampled_and_nothing_else_is() {
        let absolute = Positions::of("pos_embed", &[1, 26, 2], &[1, 10, 2]);
        assert_eq!(absolute, Some(Positions::Absolute { from: 5, to: 3 }));
        let table = "layers.0.blocks.1.attn.relative_position_bias_table";
        assert_eq!(
            Positions::of(table, &[169, 3], &[225, 3]),
            Some(Positions::Relative { from: 13, to: 15 })
        );
        assert_eq!(Positions::of(table, &[169, 3], &[225, 6]), None);
        assert_eq!(Positions::of(table, &[168, 3], &[225, 3]), None);
        assert_eq!(Positions::of(table, &[16, 3], &[225, 3]), None);
        assert_eq!(Positions::of("cls_token", &[1, 26, 2], &[1, 10, 2]), None);
        assert_eq!(Positions::of("pos_embed", &[1, 26, 2], &[1, 10, 3]), None);
        assert_eq!(Positions::of("pos_embed", &[1, 25, 2], &[1, 10, 2]), None);
        assert_eq!(Positions::of("head.weight", &[9, 3], &[25, 3]), None);
    }
}
