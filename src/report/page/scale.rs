//! From values to places in a drawing, and the ticks between.

/// An axis: values from `low` to `high` lie between the places `from` and `to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// Straight, with a little room on both sides; of equal or no values, one unit wide.
    pub fn linear(values: impl Iterator<Item = f64>, (from, to): (f64, f64)) -> Scale {
        let (low, high) = ends(values).unwrap_or((0.0, 1.0));
        let room = if high > low { 0.04 * (high - low) } else { 0.5 };
        Scale { low: low - room, high: high + room, from, to, log: false }
    }

    /// Straight, with these very ends.
    pub fn exactly((low, high): (f64, f64), (from, to): (f64, f64)) -> Scale {
        Scale { low, high: if high > low { high } else { low + 1.0 }, from, to, log: false }
    }

    /// By factors; values that are not above 0 are left out of the ends.
    pub fn log(values: impl Iterator<Item = f64>, (from, to): (f64, f64)) -> Scale {
        let (low, high) = ends(values.filter(|value| *value > 0.0)).unwrap_or((1.0, 10.0));
        let room = if high > low { (high / low).powf(0.06) } else { 2.0 };
        Scale { low: low / room, high: high * room, from, to, log: true }
    }

    /// The same values between other places.
    pub fn between(self, (from, to): (f64, f64)) -> Scale {
        Scale { from, to, ..self }
    }

    /// Where a value lies; values beyond an end lie at it.
    pub fn place(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        let share = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share * (self.to - self.from)
    }

    /// Round values within the ends, about `wanted` of them.
    pub fn ticks(&self, wanted: usize) -> Vec<f64> {
        if self.log && self.high > 4.0 * self.low { self.log_ticks(wanted) } else { self.even_ticks(wanted) }
    }

    fn even_ticks(&self, wanted: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / wanted.max(1) as f64;
        let unit = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0].map(|factor| factor * unit).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * unit);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|count| count as f64 * step).collect()
    }

    /// Powers of ten; with 2 and 5 between them where those are few.
    fn log_ticks(&self, wanted: usize) -> Vec<f64> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let at = |factors: &[f64]| -> Vec<f64> {
            let all = (first..=last)
                .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
            all.filter(|tick| (self.low..=self.high).contains(tick)).collect()
        };
        let few = at(&[1.0]);
        if few.len() >= wanted.min(4) { few } else { at(&[1.0, 2.0, 5.0]) }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((f64::min(low, value), f64::max(high, value)))
    })
}

/// A tick as short as it can be: `0.5`, `20`, `3000`, `20k`.
pub fn short(tick: f64) -> String {
    let (value, unit) = match tick.abs() {
        1e9.. => (tick / 1e9, "G"),
        1e6.. => (tick / 1e6, "M"),
        1e4.. => (tick / 1e3, "k"),
        _ => (tick, ""),
    };
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{}{unit}", if text == "-0" { "0" } else { text }).replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_between_the_ends_in_proportion() {
        let scale = Scale::exactly((0.0, 10.0), (100.0, 0.0));
        assert_eq!([0.0, 2.5, 10.0, 99.0].map(|value| scale.place(value)), [100.0, 75.0, 0.0, 0.0]);
        let log = Scale::log([1.0, 100.0].into_iter(), (0.0, 100.0));
        assert!((log.place(10.0) - 50.0).abs() < 1e-9);
        assert!(log.place(1.0) > 0.0 && log.place(100.0) < 100.0);
    }

    #[test]
    fn ticks_are_round_and_within_the_ends() {
        let ticks = Scale::exactly((0.13, 0.87), (0.0, 1.0)).ticks(5);
        assert_eq!(ticks.iter().map(|tick| short(*tick)).collect::<Vec<_>>(), ["0.2", "0.4", "0.6", "0.8"]);
        let log = Scale::log([12.0, 900.0].into_iter(), (0.0, 1.0)).ticks(5);
        assert!(log.contains(&100.0) && log.contains(&20.0), "{log:?}");
        assert!(log.iter().all(|tick| (9.0..1200.0).contains(tick)));
        // Within a factor of four, powers of ten are too far apart.
        assert!(Scale::log([7.0, 8.5].into_iter(), (0.0, 1.0)).ticks(5).len() > 2);
    }

    #[test]
    fn equal_values_and_none_have_a_scale_all_the_same() {
        for values in [vec![3.0, 3.0], vec![], vec![f64::NAN]] {
            let scale = Scale::linear(values.clone().into_iter(), (0.0, 10.0));
            assert!(scale.place(3.0).is_finite() && !scale.ticks(4).is_empty());
            assert!(Scale::log(values.into_iter(), (0.0, 10.0)).place(3.0).is_finite());
        }
    }

    #[test]
    fn ticks_are_written_short() {
        assert_eq!(
            [0.5, 20.0, 3000.0, 20_000.0, -2.0, 1.5e6].map(short),
            ["0.5", "20", "3000", "20k", "−2", "1.5M"]
        );
    }
}
