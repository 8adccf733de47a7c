//! What the classes of `plot.css` mean on paper: its colours for print, which a test holds against the file.

/// How a shape is drawn. Colours are red, green and blue in 0..1.
#[derive(Clone, Debug, PartialEq)]
pub struct Ink {
    pub fill: Option<[f64; 3]>,
    pub stroke: Option<[f64; 3]>,
    /// Of the stroke, in pixels.
    pub width: f64,
    /// Lengths of dashes and gaps; empty for none.
    pub dash: &'static [f64],
    pub opacity: f64,
    /// Of letters, in pixels.
    pub size: f64,
    pub bold: bool,
}

const BLACK: &str = "#000";
const SOFT: &str = "#444";
const GRID: &str = "#ddd";
const PAPER: &str = "#fff";
/// By the number of their class.
const COLOURS: [&str; 7] = ["#0072b2", "#d98200", "#009e73", "#c2609a", "#3fa2dd", "#c84e00", "#6b6b6b"];
const MORE: [f64; 3] = [33.0 / 255.0, 102.0 / 255.0, 172.0 / 255.0];
const LESS: [f64; 3] = [178.0 / 255.0, 102.0 / 255.0, 24.0 / 255.0];
const DASHES: [&[f64]; 6] = [&[], &[7.0, 3.0], &[2.0, 3.0], &[9.0, 3.0, 2.0, 3.0], &[4.0, 2.0], &[1.0, 4.0]];

/// Of a shape with these classes; `style` gives the opacity of a tile.
pub fn ink(class: &str, style: &str) -> Ink {
    let mut ink = Ink {
        fill: Some(rgb(BLACK)),
        stroke: None,
        width: 1.0,
        dash: &[],
        opacity: 1.0,
        size: 12.0,
        bold: false,
    };
    let numbered =
        |letter: char| class.split(' ').find_map(|word| word.strip_prefix(letter)?.parse::<usize>().ok());
    let colour = numbered('c').map_or(rgb(BLACK), |number| rgb(COLOURS[number % COLOURS.len()]));
    for word in class.split(' ') {
        match word {
            "tick" => (ink.fill, ink.size) = (Some(rgb(SOFT)), 11.0),
            "head" => ink.bold = true,
            "count" => ink.size = 11.0,
            "on" => ink.fill = Some(rgb(PAPER)),
            "grid" => ink.draw_line(rgb(GRID), 1.0),
            "axis" => ink.draw_line(rgb(SOFT), 1.0),
            "front" => {
                ink.draw_line(rgb(SOFT), 1.5);
                ink.dash = &[5.0, 4.0];
            }
            "mark" | "bar" => (ink.fill, ink.stroke) = (Some(colour), Some(rgb(PAPER))),
            "hollow" => (ink.fill, ink.stroke, ink.width) = (Some(rgb(PAPER)), Some(colour), 2.0),
            "error" => {
                ink.draw_line(colour, 1.2);
                ink.opacity = 0.75;
            }
            "curve" => ink.draw_line(colour, 2.0),
            "band" => (ink.fill, ink.opacity) = (Some(colour), 0.15),
            "unsure" => ink.opacity = 0.45,
            "tile" => ink.stroke = Some(rgb(GRID)),
            "more" | "less" => {
                ink.fill = Some(if word == "more" { MORE } else { LESS });
                ink.opacity = style.strip_prefix("--a:").and_then(|a| a.parse().ok()).unwrap_or(1.0);
            }
            "paper" => ink.fill = Some(rgb(PAPER)),
            _ => {}
        }
    }
    if class.starts_with("curve") {
        ink.dash =
            numbered('d').map_or(&[] as &[f64], |number| DASHES.get(number).copied().unwrap_or_default());
    }
    ink
}

impl Ink {
    fn draw_line(&mut self, colour: [f64; 3], width: f64) {
        (self.fill, self.stroke, self.width) = (None, Some(colour), width);
    }
}

/// `#0072b2` or `#ddd`.
fn rgb(hex: &str) -> [f64; 3] {
    let digits = &hex[1..];
    let part = |at: usize| match digits.len() {
        3 => u8::from_str_radix(&digits[at..=at].repeat(2), 16),
        _ => u8::from_str_radix(&digits[2 * at..2 * at + 2], 16),
    };
    [0, 1, 2].map(|at| part(at).map_or(0.0, |value| f64::from(value) / 255.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_that_the_page_prints() {
        let css = include_str!("../plot.css");
        let print = css.rsplit("@media print").next().unwrap();
        for (number, colour) in COLOURS.iter().enumerate() {
            assert!(print.contains(&format!("--c{number}:{colour};")), "{colour}");
        }
        assert!(print.contains(&format!("--ink:{BLACK};--soft:{SOFT};--grid:{GRID};--paper:{PAPER}")));
        assert!(print.contains("--more:33,102,172;--less:178,102,24"));
        for (number, dash) in DASHES.iter().enumerate().skip(1) {
            let dash: Vec<String> = dash.iter().map(f64::to_string).collect();
            assert!(css.contains(&format!(".d{number}{{stroke-dasharray:{}}}", dash.join(" "))), "{number}");
        }
    }

    #[test]
    fn a_class_is_drawn_as_the_page_draws_it() {
        let band = ink("band c2", "");
        assert_eq!((band.fill, band.stroke, band.opacity), (Some(rgb("#009e73")), None, 0.15));
        let curve = ink("curve c1 d2 unsure", "");
        assert_eq!((curve.fill, curve.stroke, curve.opacity), (None, Some(rgb("#d98200")), 0.45));
        assert_eq!(curve.dash, [2.0, 3.0]);
        let tile = ink("tile less", "--a:0.30");
        assert_eq!((tile.fill, tile.opacity), (Some(LESS), 0.3));
        let hollow = ink("mark c0 hollow", "");
        assert_eq!((hollow.fill, hollow.width), (Some([1.0; 3]), 2.0));
        assert!(ink("label head", "").bold);
    }
}
