//! Distances from a centre, made longer or shorter: what contrast and saturation share.

use super::random::Random;

/// Factors are in 1/8192: those up to 2 then fit 16 bits, as vector instructions want them.
const FRACTION_BITS: u32 = 13;

/// A factor drawn evenly from [1 - by, 1 + by], `by` in 0..1.
pub fn draw(by: f64, random: &mut Random) -> i16 {
    let one = 1 << FRACTION_BITS;
    (one + random.either_way((by * f64::from(one)).round() as u32)) as i16
}

/// centre + factor · (level - centre), rounded and saturated.
pub fn stretch(level: u8, centre: u8, factor: i16) -> u8 {
    let distance = i32::from(level) - i32::from(centre);
    let moved = (distance * i32::from(factor) + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
    (i32::from(centre) + moved).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_0_1_and_2_are_exact_and_saturate() {
        assert_eq!(stretch(200, 100, 0), 100);
        assert_eq!(stretch(200, 100, 1 << FRACTION_BITS), 200);
        assert_eq!(stretch(120, 100, 2 << FRACTION_BITS), 140);
        assert_eq!([stretch(200, 100, 2 << FRACTION_BITS), stretch(20, 100, 2 << FRACTION_BITS)], [255, 0]);
    }

    #[test]
    fn factors_lie_within_their_range_and_reach_towards_both_ends() {
        let mut random = Random::at([3; 4]);
        let drawn: Vec<i16> = (0..1000).map(|_| draw(0.5, &mut random)).collect();
        assert!(drawn.iter().all(|factor| (4096..=12288).contains(factor)));
        assert!(drawn.iter().any(|factor| *factor < 4200) && drawn.iter().any(|factor| *factor > 12184));
        assert_eq!(draw(0.0, &mut random), 8192);
    }
}
