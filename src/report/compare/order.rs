//! Groups in the order of a column.

use std::cmp::Ordering;

use anyhow::{Result, bail};

use super::super::cells::Cell;
use super::super::judge::Judged;
use super::super::sides::Sides;
use super::table::table;

/// Sorts groups by a column of the CSV (`accuracy` is its mean), downwards with `-` in front. What is missing comes last.
///
/// # Errors
/// There is no such column, or it ranks figures of unlike machines or meters and nobody asked for that.
pub fn sorted(
    sides: Sides,
    judged: Vec<Option<Judged>>,
    column: &str,
) -> Result<(Sides, Vec<Option<Judged>>)> {
    let (down, name) = column.strip_prefix('-').map_or((false, column), |name| (true, name));
    let table = table(&sides, &judged, false);
    let place = |name: &str| table.columns.iter().position(|column| column == name);
    let Some(place) = place(name).or_else(|| place(&format!("{name}_mean"))) else {
        bail!("there is no column `{name}` to sort by\nhint: there is {}", quoted(&table.columns));
    };
    refuse_unlike(&sides, &table.columns[place])?;
    let mut order: Vec<usize> = (0..sides.sides.len()).collect();
    order.sort_by(|one, other| compared(&table.rows[*one][place], &table.rows[*other][place], down));
    Ok(reordered(sides, judged, &order))
}

fn quoted(columns: &[String]) -> String {
    columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ")
}

fn refuse_unlike(sides: &Sides, column: &str) -> Result<()> {
    let is_energy = ["energy_joules", "cost", "co2_g"].iter().any(|name| column.starts_with(name));
    if sides.unlike || !(is_energy || column.contains("_secs")) {
        return Ok(());
    }
    if let Some(machines) = sides.unlike_hardware() {
        let machines =
            machines.into_iter().map(|machine| format!("`{machine}`")).collect::<Vec<_>>().join(", ");
        bail!(
            "`{column}` was taken on unlike machines: {machines}\nhint: `--unlike` ranks them all the same"
        );
    }
    if let Some(meters) = sides.unlike_meters().filter(|_| is_energy) {
        let meters = meters.into_iter().collect::<Vec<_>>().join(", ");
        bail!("`{column}` was taken with unlike meters: {meters}\nhint: `--unlike` ranks them all the same");
    }
    Ok(())
}

fn compared(one: &Cell, other: &Cell, down: bool) -> Ordering {
    let turn = |order: Ordering| if down { order.reverse() } else { order };
    match (one.number(), other.number()) {
        (Some(one), Some(other)) => turn(one.total_cmp(&other)),
        _ => match (one, other) {
            (Cell::Missing, Cell::Missing) => Ordering::Equal,
            (Cell::Missing, _) => Ordering::Greater,
            (_, Cell::Missing) => Ordering::Less,
            _ => turn(one.plain().cmp(&other.plain())),
        },
    }
}

fn reordered(sides: Sides, judged: Vec<Option<Judged>>, order: &[usize]) -> (Sides, Vec<Option<Judged>>) {
    let place = |old: usize| order.iter().position(|index| *index == old);
    let mut moved: Vec<_> = order.iter().map(|index| sides.sides[*index].clone()).collect();
    for side in &mut moved {
        side.against = side.against.and_then(place);
    }
    let judged = order.iter().map(|index| judged[*index].clone()).collect();
    (Sides { sides: moved, ..sides }, judged)
}
