//! Letters of a PDF: their bytes in WinAnsiEncoding, and how wide Helvetica sets them.

/// Widths of the letters from space to tilde, in thousandths of the size (Adobe's metrics of Helvetica).
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
/// Of what is not among them.
const OTHER: u16 = 556;

/// As a share of the size.
pub fn width(text: &str) -> f64 {
    let of = |letter: char| match u32::from(letter) {
        code @ 32..=126 => WIDTHS[code as usize - 32],
        _ => OTHER,
    };
    encoded(text).map(|letter| f64::from(of(letter)) / 1000.0).sum()
}

/// For a string between parentheses; each letter is a byte.
pub fn escaped(text: &str) -> String {
    let letter = |letter: char| match letter {
        '(' | ')' | '\\' => format!("\\{letter}"),
        other => other.to_string(),
    };
    encoded(text).map(letter).collect()
}

/// Letters whose code is the byte that WinAnsiEncoding has for them. What it has none for is written otherwise.
fn encoded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(|letter| match letter {
        ' '..='~' | '\u{a1}'..='\u{ff}' => vec![letter],
        '\u{a0}' | '\u{202f}' | '\n' => vec![' '],
        '€' => vec!['\u{80}'],
        '…' => vec!['\u{85}'],
        '†' => vec!['\u{86}'],
        '’' => vec!['\u{92}'],
        '−' | '–' => vec!['\u{96}'],
        '—' => vec!['\u{97}'],
        '≈' => vec!['~'],
        '₂' => vec!['2'],
        'Δ' => "Delta".chars().collect(),
        _ => vec!['?'],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_its_letters() {
        assert!((width("Wi 1") - (0.944 + 0.222 + 0.278 + 0.556)).abs() < 1e-12);
        assert_eq!(width(""), 0.0);
    }

    #[test]
    fn what_has_no_byte_is_written_otherwise() {
        assert_eq!(escaped("ΔCO₂ ≈ 5 € 鳥"), "DeltaCO2 ~ 5 \u{80} ?");
        assert!(escaped("a…−é").chars().all(|letter| u32::from(letter) < 256));
    }
}
