//! How coarsely JPEG keeps each coefficient: ITU-T T.81, tables K.1 and K.2, scaled as the Independent JPEG Group does.

/// By vertical, then by horizontal frequency.
pub type Table = [[u8; 8]; 8];

pub const LUMA: Table = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
];

pub const COLOUR: Table = [
    [17, 18, 24, 47, 99, 99, 99, 99],
    [18, 21, 26, 66, 99, 99, 99, 99],
    [24, 26, 56, 99, 99, 99, 99, 99],
    [47, 66, 99, 99, 99, 99, 99, 99],
    [99; 8],
    [99; 8],
    [99; 8],
    [99; 8],
];

/// The table of a quality of 1..=100: 50 leaves it as it is, 100 keeps every coefficient to whole numbers.
pub fn scaled(table: &Table, quality: u32) -> Table {
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|row| row.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_50_is_the_table_and_100_is_all_ones() {
        assert_eq!(scaled(&LUMA, 50), LUMA);
        assert_eq!(scaled(&COLOUR, 100), [[1; 8]; 8]);
        assert_eq!((scaled(&LUMA, 25)[0][0], scaled(&LUMA, 1)[0][0], scaled(&LUMA, 75)[0][1]), (32, 255, 6));
    }
}
