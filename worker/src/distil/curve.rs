//! The loss of every iteration, and the short table that is kept of it.

use std::path::Path;

use anyhow::Result;

use crate::figures::rounded;
use crate::training::write_table;

/// Rows of the table at most: enough for a plot, and short to read.
const ROWS: usize = 200;

/// Stretches of equal length (within one) that cover `losses`: the last iteration of each, counted from 1, and the
/// mean loss over it.
pub fn thinned(losses: &[f64]) -> Vec<(usize, f64)> {
    let rows = losses.len().min(ROWS);
    let end = |row: usize| row * losses.len() / rows;
    let stretch = |row: usize| {
        let part = &losses[end(row)..end(row + 1)];
        (end(row + 1), part.iter().sum::<f64>() / part.len() as f64)
    };
    (0..rows).map(stretch).collect()
}

/// Writes `iteration,loss`.
pub fn write(path: &Path, rows: &[(usize, f64)]) -> Result<()> {
    let cells = |(iteration, loss): &(usize, f64)| vec![iteration.to_string(), rounded(*loss).to_string()];
    write_table(path, &["iteration", "loss"], rows.iter().map(cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_is_cut_into_means_that_cover_it() {
        let losses: Vec<f64> = (1..=1001).map(f64::from).collect();
        let rows = thinned(&losses);
        assert_eq!(rows.len(), ROWS);
        assert_eq!(rows[0], (5, 3.0));
        assert_eq!(rows[ROWS - 1].0, 1001);
        assert_eq!(thinned(&[2.0, 4.0]), [(1, 2.0), (2, 4.0)]);
        assert!(thinned(&[]).is_empty());
    }
}
