//! The standard normal distribution as a table of whole numbers, built from +, -, *, / and square roots alone: those
//! are exact by IEEE 754, while `ln` and `cos` differ from one C library to the next.

use std::sync::OnceLock;

/// Table entries are in 1/4096 of a standard deviation.
pub const FRACTION_BITS: u32 = 12;

/// 2^15 magnitudes; a sixteenth bit is the sign.
pub const ENTRIES: usize = 1 << 15;

/// Magnitudes |z| of the standard normal at the middles of 32,768 equally likely steps, in 1/4096. An entry drawn
/// evenly, with a random sign, is a normal deviate up to ±4.32.
pub fn magnitudes() -> &'static [i16; ENTRIES] {
    static TABLE: OnceLock<Box<[i16; ENTRIES]>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Box::new([0; ENTRIES]);
        for (index, entry) in table.iter_mut().enumerate() {
            let half_share = (index as f64 + 0.5) / (2 * ENTRIES) as f64;
            *entry = (quantile_above_median(half_share) * f64::from(1 << FRACTION_BITS) + 0.5) as i16;
        }
        table
    })
}

/// z with Φ(z) = 0.5 + q, for q in 0..0.5 - 1.4e-11; relative error 1e-7 (Wichura 1988, AS 241, PPND7).
fn quantile_above_median(q: f64) -> f64 {
    if q <= 0.425 {
        let r = 0.180625 - q * q;
        let above = polynomial(&[3.3871327179, 50.434271938, 159.29113202, 59.109374720], r);
        return q * above / polynomial(&[1.0, 17.895169469, 78.757757664, 67.187563600], r);
    }
    let r = (-ln(0.5 - q)).sqrt() - 1.6;
    let above = polynomial(&[1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103], r);
    above / polynomial(&[1.0, 0.73700164250, 0.12021132975], r)
}

/// Coefficients in rising order.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Natural logarithm of a positive normal number: x = m 2^e, ln m = 2 artanh((m - 1) / (m + 1)) by its series.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i64 - 1023;
    let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    // s is at most 1/3, so that 20 terms leave less than 1e-19.
    let series = (0..20).rev().fold(0.0, |sum, k| sum * s * s + 1.0 / f64::from(2 * k + 1));
    2.0 * s * series + exponent as f64 * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_right() {
        for x in [1e-9_f64, 1.5e-5, 0.01, 0.075, 0.5, 1.0, 3.0, 1e9] {
            assert!((ln(x) - x.ln()).abs() <= 1e-14 * x.ln().abs(), "{x}");
        }
    }

    #[test]
    fn quantiles_are_the_known_ones() {
        // Python: statistics.NormalDist().inv_cdf(0.5 + q)
        for (q, z) in KNOWN {
            assert!((quantile_above_median(q) - z).abs() < 1e-6, "{q}: {}", quantile_above_median(q));
        }
    }

    const KNOWN: [(f64, f64); 5] = [
        (0.0, 0.0),
        (0.25, 0.6744897501960817),
        (0.425, 1.4395314709384563),
        (0.475, 1.9599639845400536),
        (0.499, 3.090232306167813),
    ];

    #[test]
    fn the_table_has_the_moments_of_the_standard_normal() {
        let z = |power| {
            let sum: f64 = magnitudes().iter().map(|&z| (f64::from(z) / 4096.0).powi(power)).sum();
            sum / ENTRIES as f64
        };
        assert!((z(2) - 1.0).abs() < 1e-3, "variance {}", z(2));
        assert!((z(4) - 3.0).abs() < 0.02, "kurtosis {}", z(4));
        assert!(magnitudes().is_sorted());
        assert!(magnitudes()[ENTRIES - 1] > 4 << FRACTION_BITS);
    }
}
