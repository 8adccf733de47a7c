//! Text on pictures, in letters five pixels wide, for labels of sheets.

use super::image::Image;

/// Pixels from a letter to the next, and from a line to the next.
pub const ADVANCE: usize = 6;
pub const LINE: usize = 11;

/// A letter's rows from the top: seven above the line, two below it; the lowest five bits, left to right.
type Rows = [u8; 9];

/// What is not in the list is drawn as a box.
const UNKNOWN: Rows = [0b11111, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11111, 0, 0];

#[rustfmt::skip]
const LETTERS: [(char, Rows); 46] = [
    (' ', [0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ('a', [0, 0, 0b01110, 0b00001, 0b01111, 0b10001, 0b01111, 0, 0]),
    ('b', [0b10000, 0b10000, 0b11110, 0b10001, 0b10001, 0b10001, 0b11110, 0, 0]),
    ('c', [0, 0, 0b01110, 0b10001, 0b10000, 0b10001, 0b01110, 0, 0]),
    ('d', [0b00001, 0b00001, 0b01111, 0b10001, 0b10001, 0b10001, 0b01111, 0, 0]),
    ('e', [0, 0, 0b01110, 0b10001, 0b11111, 0b10000, 0b01110, 0, 0]),
    ('f', [0b00110, 0b01000, 0b11110, 0b01000, 0b01000, 0b01000, 0b01000, 0, 0]),
    ('g', [0, 0, 0b01111, 0b10001, 0b10001, 0b10001, 0b01111, 0b00001, 0b01110]),
    ('h', [0b10000, 0b10000, 0b10110, 0b11001, 0b10001, 0b10001, 0b10001, 0, 0]),
    ('i', [0b00100, 0, 0b01100, 0b00100, 0b00100, 0b00100, 0b01110, 0, 0]),
    ('j', [0b00010, 0, 0b00110, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100]),
    ('k', [0b10000, 0b10000, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0, 0]),
    ('l', [0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110, 0, 0]),
    ('m', [0, 0, 0b11010, 0b10101, 0b10101, 0b10101, 0b10101, 0, 0]),
    ('n', [0, 0, 0b10110, 0b11001, 0b10001, 0b10001, 0b10001, 0, 0]),
    ('o', [0, 0, 0b01110, 0b10001, 0b10001, 0b10001, 0b01110, 0, 0]),
    ('p', [0, 0, 0b11110, 0b10001, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000]),
    ('q', [0, 0, 0b01111, 0b10001, 0b10001, 0b10001, 0b01111, 0b00001, 0b00001]),
    ('r', [0, 0, 0b10110, 0b11001, 0b10000, 0b10000, 0b10000, 0, 0]),
    ('s', [0, 0, 0b01111, 0b10000, 0b01110, 0b00001, 0b11110, 0, 0]),
    ('t', [0b01000, 0b01000, 0b11110, 0b01000, 0b01000, 0b01001, 0b00110, 0, 0]),
    ('u', [0, 0, 0b10001, 0b10001, 0b10001, 0b10011, 0b01101, 0, 0]),
    ('v', [0, 0, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100, 0, 0]),
    ('w', [0, 0, 0b10001, 0b10001, 0b10101, 0b10101, 0b01010, 0, 0]),
    ('x', [0, 0, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001, 0, 0]),
    ('y', [0, 0, 0b10001, 0b10001, 0b10001, 0b10001, 0b01111, 0b00001, 0b01110]),
    ('z', [0, 0, 0b11111, 0b00010, 0b00100, 0b01000, 0b11111, 0, 0]),
    ('0', [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110, 0, 0]),
    ('1', [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110, 0, 0]),
    ('2', [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111, 0, 0]),
    ('3', [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110, 0, 0]),
    ('4', [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010, 0, 0]),
    ('5', [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110, 0, 0]),
    ('6', [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110, 0, 0]),
    ('7', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000, 0, 0]),
    ('8', [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110, 0, 0]),
    ('9', [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100, 0, 0]),
    ('-', [0, 0, 0, 0, 0b01110, 0, 0, 0, 0]),
    ('_', [0, 0, 0, 0, 0, 0, 0, 0b11111, 0]),
    ('.', [0, 0, 0, 0, 0, 0b01100, 0b01100, 0, 0]),
    (',', [0, 0, 0, 0, 0, 0b00110, 0b00110, 0b00100, 0b01000]),
    ('=', [0, 0, 0, 0b11111, 0, 0b11111, 0, 0, 0]),
    ('[', [0b01110, 0b01000, 0b01000, 0b01000, 0b01000, 0b01000, 0b01110, 0, 0]),
    (']', [0b01110, 0b00010, 0b00010, 0b00010, 0b00010, 0b00010, 0b01110, 0, 0]),
    ('/', [0b00001, 0b00010, 0b00010, 0b00100, 0b01000, 0b01000, 0b10000, 0, 0]),
    ('"', [0b01010, 0b01010, 0b01010, 0, 0, 0, 0, 0, 0]),
];

/// Writes one line in black, large letters as small ones, each pixel `scale` wide; what lies outside is left out.
pub fn write(image: &mut Image, text: &str, (left, top): (usize, usize), scale: usize) {
    for (place, letter) in text.chars().enumerate() {
        let rows = rows_of(letter.to_ascii_lowercase());
        let left = left + place * ADVANCE * scale;
        for (y, x) in (0..9 * scale).flat_map(|y| (0..5 * scale).map(move |x| (y, x))) {
            let is_ink = rows[y / scale] >> (4 - x / scale) & 1 == 1;
            if is_ink && left + x < image.width && top + y < image.height {
                let at = ((top + y) * image.width + left + x) * 3;
                image.pixels[at..at + 3].fill(0);
            }
        }
    }
}

fn rows_of(letter: char) -> Rows {
    LETTERS.iter().find(|(known, _)| *known == letter).map_or(UNKNOWN, |(_, rows)| *rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_letters_look_alike_and_none_like_the_unknown_one() {
        let mut seen: Vec<Rows> = LETTERS.iter().map(|(_, rows)| *rows).chain([UNKNOWN]).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), LETTERS.len() + 1);
        assert!(seen.iter().flatten().all(|row| *row < 32));
    }

    #[test]
    fn a_letter_is_drawn_where_it_is_asked_for_and_cut_at_the_edge() {
        let mut image = Image::new(9, 20, vec![255; 9 * 20 * 3]).unwrap();
        write(&mut image, "T1", (1, 2), 1);
        let ink = |x: usize, y: usize| image.pixels[(y * 9 + x) * 3] == 0;
        let t: Vec<String> =
            (2..9).map(|y| (1..6).map(|x| if ink(x, y) { '#' } else { '.' }).collect()).collect();
        assert_eq!(t, [".#...", ".#...", "####.", ".#...", ".#...", ".#..#", "..##."]);
        assert!(ink(8, 3) && !ink(8, 20 - 1));
    }
}
