//! Figures of SciPy and NumPy (`scipy.py` makes `scipy.json`), and the samples that they are of.

use super::unit::{Images, Sample, Unit};

pub const DIFFERENCES: [f64; 8] = [0.021, -0.004, 0.033, 0.012, 0.018, -0.011, 0.027, 0.008];

/// A figure by its name in `scipy.json`.
pub fn figure(name: &str) -> f64 {
    let figures: serde_json::Value = serde_json::from_str(include_str!("scipy.json")).unwrap();
    figures[name].as_f64().unwrap_or_else(|| panic!("scipy.json has no `{name}`"))
}

#[track_caller]
pub fn close(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{ours} is not {theirs}");
}

/// Six seeds a side on 40 groups of one to three images, as `scipy.py` makes them.
pub fn two_sides() -> Sample {
    let side = |side: usize| {
        let group = |seed: usize, group: usize| {
            let images = (1 + group % 3) as f64;
            let share = ((7 * group + 13 * seed + 5 * side) % 11) as f64 / 10.0;
            let hard = if group.is_multiple_of(4) { 0.25 } else { 1.0 };
            (images * hard * share * if side == 1 { 1.0 } else { 0.93 }, images)
        };
        let unit = |seed| Unit { groups: (0..40).map(|index| group(seed, index)).collect() };
        (0..6).map(unit).collect()
    };
    Sample { of: side(0), baseline: side(1), images: Images::Shared, paired: false, test_to_train: None }
}
