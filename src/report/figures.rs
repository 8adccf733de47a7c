//! Numbers as a person reads them. Files never hold these.

use super::statistics::Spread;
use crate::energy::Joules;

/// A share in 0..1 as percent with one decimal: `82.3`.
pub fn percent(share: f64) -> String {
    format!("{:.1}", 100.0 * share)
}

/// A difference of shares in points, always with its sign: `+3.1`, `−12.0`.
pub fn points(difference: f64) -> String {
    signed(&format!("{:+.1}", 100.0 * difference))
}

/// A probability: `0.42`, `0.031`, `0.0021`, `< 0.001`; never 0.
pub fn chance(p: f64) -> String {
    match p {
        0.095.. => format!("{p:.2}"),
        0.0095.. => format!("{p:.3}"),
        0.001.. => format!("{p:.4}"),
        _ => "< 0.001".to_string(),
    }
}

/// Seconds with two digits or more that mean something: `0.042`, `0.42`, `4.2`, `42`, `4200`.
pub fn seconds(seconds: f64) -> String {
    format!("{seconds:.*}", (SECONDS.decimals)(seconds))
}

/// How a mean and its spread are written: times `scale`, with as many decimals as the mean asks for.
#[derive(Clone, Copy)]
pub struct Unit {
    scale: f64,
    decimals: fn(f64) -> usize,
}

pub const PERCENT: Unit = Unit { scale: 100.0, decimals: |_| 1 };

pub const SECONDS: Unit = Unit {
    scale: 1.0,
    decimals: |seconds| match seconds.abs() {
        9.95.. | 0.0 => 0,
        0.995.. => 1,
        0.0995.. => 2,
        _ => 3,
    },
};

pub const JOULES: Unit = SECONDS;
pub const KILOJOULES: Unit = Unit { scale: 1e-3, ..SECONDS };
pub const MEGAJOULES: Unit = Unit { scale: 1e-6, ..SECONDS };

/// Three significant digits, without an exponent: `0.00123`, `4.56`, `1230`.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_string();
    }
    // 0.9997 has the decimals of what it is rounded to.
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let decimals = (2 - rounded.abs().log10().floor() as i32).clamp(0, 12) as usize;
    format!("{value:.decimals$}")
}

/// Energy as it is paid for; what is small in watt-hours: `1.23 kWh`, `0.456 Wh`.
pub fn energy(joules: Joules) -> String {
    let kwh = joules.kilowatt_hours().value();
    match kwh {
        0.0 | 0.001.. => format!("{} kWh", significant(kwh)),
        _ => format!("{} Wh", significant(1000.0 * kwh)),
    }
}

/// Three digits and a factor of a thousand: `812`, `62.3 k`, `14.7 M`.
pub fn count(count: u64) -> String {
    scaled(count, &["", " k", " M", " G", " T"])
}

/// Three digits and a decimal unit: `812 B`, `1.23 MB`.
pub fn bytes(bytes: u64) -> String {
    scaled(bytes, &[" B", " kB", " MB", " GB", " TB"])
}

fn scaled(count: u64, units: &[&str]) -> String {
    let (mut size, mut unit) = (count as f64, 0);
    // 999.5 would be written with four digits.
    while size >= 999.5 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    let decimals = match unit {
        0 => 0,
        _ if size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{size:.decimals$}{}", units[unit])
}

/// A multiple with two digits or more: `× 0.42`, `× 12`; empty for what is no number.
pub fn ratio(ratio: f64) -> String {
    if !ratio.is_finite() {
        return String::new();
    }
    let decimals = match ratio {
        99.5.. => 0,
        9.95.. => 1,
        0.0995.. => 2,
        _ if ratio > 0.0 => (1 - ratio.log10().floor() as i32).clamp(2, 9) as usize,
        _ => 0,
    };
    format!("× {ratio:.decimals$}")
}

/// Means and standard deviations of a column, aligned at `±`; cells without a spread leave its place blank.
pub fn spreads(column: &[Option<Spread>], unit: Unit) -> Vec<String> {
    let write = |spread: &Option<Spread>| {
        let Some(Spread { mean, sd, .. }) = spread else { return (String::new(), None) };
        let decimals = (unit.decimals)(unit.scale * mean);
        let written = |value: f64| format!("{:.decimals$}", unit.scale * value);
        (written(*mean), sd.map(written))
    };
    let parts: Vec<(String, Option<String>)> = column.iter().map(write).collect();
    let width = parts.iter().filter_map(|(_, sd)| sd.as_ref().map(|sd| sd.chars().count())).max();
    let cell = |(mean, sd): (String, Option<String>)| match (width, sd) {
        (None, _) => mean,
        (Some(width), Some(sd)) => format!("{mean} ± {sd:>width$}"),
        (Some(width), None) => format!("{mean}{}", " ".repeat(width + 3)),
    };
    parts.into_iter().map(cell).collect()
}

/// With a minus sign as wide as the plus.
fn signed(text: &str) -> String {
    text.replace('-', "−")
}

/// `1 run`, `2 runs`.
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_mean_something() {
        assert_eq!(
            [0.0, 0.0421, 0.42, 4.24, 9.96, 42.4, 4200.0].map(seconds),
            ["0", "0.042", "0.42", "4.2", "10", "42", "4200"]
        );
        assert_eq!(
            [812, 999_499, 999_500, 62_300, 14_724_042, 138_357_544].map(count),
            ["812", "999 k", "1.00 M", "62.3 k", "14.7 M", "138 M"]
        );
        assert_eq!([0.42, 0.031, 0.0021, 1e-9].map(chance), ["0.42", "0.031", "0.0021", "< 0.001"]);
        assert_eq!(
            [0.0, 0.001234, 4.5678, 1234.5, 0.02].map(significant),
            ["0", "0.00123", "4.57", "1234", "0.0200"]
        );
        let energies = [0.0, 36.0, 3599.0, 3600.0, 3.6e9].map(|joules| energy(Joules::new(joules)));
        assert_eq!(energies, ["0 kWh", "0.0100 Wh", "1.00 Wh", "0.00100 kWh", "1000 kWh"]);
        assert_eq!([812, 61_440_000].map(bytes), ["812 B", "61.4 MB"]);
        assert_eq!([0.031, -0.12, 0.0].map(points), ["+3.1", "−12.0", "+0.0"]);
        assert_eq!(
            [ratio(1.0 / 3.0), ratio(150.0), ratio(1.0 / 0.0), ratio(1.0 / 300.0)],
            ["× 0.33", "× 150", "", "× 0.0033"]
        );
    }

    #[test]
    fn spreads_stand_below_each_other() {
        let column = [Spread::of(&[0.8, 0.84]), Spread::of(&[0.5]), Spread::of(&[0.2, 0.6]), None];
        let cells = spreads(&column, PERCENT);
        assert_eq!(cells, ["82.0 ±  2.8", "50.0       ", "40.0 ± 28.3", "       "]);
        assert_eq!(spreads(&[Spread::of(&[0.5])], PERCENT), ["50.0"]);
        assert_eq!(spreads(&[Spread::of(&[759.0, 759.2])], SECONDS), ["759 ± 0"]);
    }
}
