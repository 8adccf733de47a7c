//! A drawing as a PDF of one page (ISO 32000-1), for papers: its own shapes, Helvetica, no other program.

mod ink;
mod text;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::svg::{Anchor, Drawn, Place, Shape, Svg};
use ink::{Ink, ink};

/// Points a pixel: 96 pixels and 72 points are an inch.
const SCALE: f64 = 0.75;
/// Of a quarter circle's handles to its radius, as a cubic curve draws it.
const ROUND: f64 = 0.552_285;

/// The file.
pub fn pdf(svg: &Svg) -> Vec<u8> {
    let mut page = Page { height: svg.height, out: String::new(), opacities: BTreeMap::new() };
    let _ = writeln!(page.out, "{SCALE} 0 0 {SCALE} 0 0 cm");
    svg.drawn.iter().for_each(|drawn| page.draw(drawn));
    let states: String =
        page.opacities.values().map(|name| format!("/{name} {} 0 R ", object_of(name))).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_string(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_string(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {:.2} {:.2}] /Contents 4 0 R /Resources << /Font << /F0 5 0 R /F1 6 0 R >> /ExtGState << {states}>> >> >>",
            SCALE * svg.width,
            SCALE * svg.height
        ),
        format!("<< /Length {} >>\nstream\n{}endstream", page.out.chars().count(), page.out),
        font("Helvetica"),
        font("Helvetica-Bold"),
        format!("<< /Title ({}) /Producer (pipeline) >>", text::escaped(svg.title())),
    ];
    let opacity = |percent: &u32| f64::from(*percent) / 100.0;
    let state = |percent: &u32| format!("<< /ca {0} /CA {0} >>", opacity(percent));
    objects.extend(page.opacities.keys().map(state));
    file(&objects)
}

/// Graphics states follow the seven objects that every file has.
fn object_of(name: &str) -> usize {
    FIXED + 1 + name[1..].parse::<usize>().unwrap_or(0)
}

const FIXED: usize = 7;

fn font(name: &str) -> String {
    format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")
}

/// Header, numbered objects, and where each of them begins.
fn file(objects: &[String]) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut begins = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        begins.push(out.len());
        out.extend(format!("{} 0 obj\n", at + 1).bytes());
        // Text stands as one byte a letter.
        out.extend(object.chars().map(|letter| letter as u8));
        out.extend(b"\nendobj\n");
    }
    let table = out.len();
    let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    begins.iter().for_each(|begin| _ = writeln!(end, "{begin:010} 00000 n "));
    let _ = write!(
        end,
        "trailer\n<< /Size {} /Root 1 0 R /Info {FIXED} 0 R >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    );
    out.extend(end.bytes());
    out
}

/// A page while it is drawn.
struct Page {
    /// In pixels, as the drawing counts them.
    height: f64,
    out: String,
    /// Names of graphics states by opacity in percent.
    opacities: BTreeMap<u32, String>,
}

impl Page {
    fn draw(&mut self, drawn: &Drawn) {
        let ink = ink(&drawn.class, &drawn.style);
        self.out.push_str("q\n");
        if ink.opacity < 1.0 {
            let name = self.state(ink.opacity);
            let _ = writeln!(self.out, "/{name} gs");
        }
        if let Shape::Text { place, anchor, text, upright } = &drawn.shape {
            self.text(*place, (*anchor, *upright), text, &ink);
        } else {
            self.set(&ink);
            self.path(&drawn.shape);
            let paint = match (ink.fill.is_some(), ink.stroke.is_some(), &drawn.shape) {
                (_, _, Shape::Line(..) | Shape::Polyline(_)) => "S",
                (true, true, _) => "B",
                (true, false, _) => "f",
                (false, true, _) => "S",
                (false, false, _) => "n",
            };
            let _ = writeln!(self.out, "{paint}");
        }
        self.out.push_str("Q\n");
    }

    fn state(&mut self, opacity: f64) -> String {
        let next = format!("G{}", self.opacities.len());
        self.opacities.entry((100.0 * opacity).round() as u32).or_insert(next).clone()
    }

    fn set(&mut self, ink: &Ink) {
        if let Some([red, green, blue]) = ink.fill {
            let _ = writeln!(self.out, "{red:.3} {green:.3} {blue:.3} rg");
        }
        if let Some([red, green, blue]) = ink.stroke {
            let _ = writeln!(self.out, "{red:.3} {green:.3} {blue:.3} RG\n{} w", ink.width);
        }
        if !ink.dash.is_empty() {
            let dash: Vec<String> = ink.dash.iter().map(f64::to_string).collect();
            let _ = writeln!(self.out, "[{}] 0 d", dash.join(" "));
        }
    }

    /// From the upper left corner to the lower left one, where a PDF counts from.
    fn at(&self, (x, y): Place) -> String {
        format!("{x:.2} {:.2}", self.height - y)
    }

    fn path(&mut self, shape: &Shape) {
        let path = match shape {
            Shape::Line(from, to) => self.through(&[*from, *to]),
            Shape::Polyline(points) => self.through(points),
            Shape::Polygon(points) => self.through(points) + "h\n",
            Shape::Rect((x, y), (width, height)) => {
                format!("{} {width:.2} {height:.2} re\n", self.at((*x, y + height)))
            }
            Shape::Circle(centre, radius) => self.round(*centre, *radius),
            Shape::Text { .. } => String::new(),
        };
        self.out.push_str(&path);
    }

    fn through(&self, points: &[Place]) -> String {
        let step = |(at, point): (usize, &Place)| {
            format!("{} {}\n", self.at(*point), if at == 0 { "m" } else { "l" })
        };
        points.iter().enumerate().map(step).collect()
    }

    fn round(&self, (x, y): Place, radius: f64) -> String {
        let at = |across: f64, down: f64| self.at((x + radius * across, y + radius * down));
        let curve = |[one, other, end]: [Place; 3]| {
            format!("{} {} {} c\n", at(one.0, one.1), at(other.0, other.1), at(end.0, end.1))
        };
        let quarters = [
            [(1.0, ROUND), (ROUND, 1.0), (0.0, 1.0)],
            [(-ROUND, 1.0), (-1.0, ROUND), (-1.0, 0.0)],
            [(-1.0, -ROUND), (-ROUND, -1.0), (0.0, -1.0)],
            [(ROUND, -1.0), (1.0, -ROUND), (1.0, 0.0)],
        ];
        format!("{} m\n{}h\n", at(1.0, 0.0), quarters.map(curve).concat())
    }

    fn text(&mut self, (x, y): Place, (anchor, upright): (Anchor, bool), words: &str, ink: &Ink) {
        let width = text::width(words) * ink.size;
        let back = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let place = match upright {
            true => format!("0 1 -1 0 {}", self.at((x, y + back))),
            false => format!("1 0 0 1 {}", self.at((x - back, y))),
        };
        let [red, green, blue] = ink.fill.unwrap_or_default();
        let font = if ink.bold { "F1" } else { "F0" };
        let _ = writeln!(
            self.out,
            "{red:.3} {green:.3} {blue:.3} rg\nBT /{font} {} Tf {place} Tm ({}) Tj ET",
            ink.size,
            text::escaped(words)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::svg::Look;
    use super::*;

    fn drawing() -> Svg {
        let mut svg = Svg::new(200.0, 100.0, "a (b)");
        svg.line((0.0, 0.0), (200.0, 100.0), "grid");
        svg.polygon(&[(1.0, 1.0), (2.0, 2.0), (3.0, 1.0)], "band c1");
        svg.cell((10.0, 20.0), (30.0, 40.0), "tile more", "--a:0.50", "tip");
        svg.mark((50.0, 50.0), Look { colour: 2, shape: 0 }, true, "tip");
        svg.text((100.0, 50.0), Anchor::Middle, "label head", "−1 ± 2 (§)");
        svg.upright_text((5.0, 50.0), "label", "upright");
        svg
    }

    #[test]
    fn every_object_begins_where_the_table_says() {
        let bytes = pdf(&drawing());
        // A byte a letter, so that places in the text are places in the file.
        let text: String =
            bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect();
        let table: usize =
            text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        assert!(text[table..].starts_with("xref\n0 "), "{table}");
        let rows: Vec<&str> = text[table..]
            .lines()
            .skip(2)
            .take_while(|line| line.ends_with("n ") || line.ends_with("f "))
            .collect();
        for (number, row) in rows.iter().enumerate().skip(1) {
            let begin: usize = row[..10].parse().unwrap();
            assert!(text[begin..].starts_with(&format!("{number} 0 obj\n")), "{number}");
        }
        // Seven that every file has, and an opacity each of the band and of the tile.
        assert_eq!(rows.len(), 1 + 7 + 2);
        let length: usize =
            text.split("/Length ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let stream = text.split("stream\n").nth(1).unwrap();
        assert_eq!(&stream[length..length + 3], "end");
    }

    #[test]
    fn text_is_escaped_and_stands_in_one_byte_a_letter() {
        let bytes = pdf(&drawing());
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        assert!(text.contains("/Title (a \\(b\\))"));
        assert!(text.contains("(\u{96}1 \u{b1} 2 \\(\u{a7}\\)) Tj"), "{text}");
        assert!(text.contains("0 1 -1 0 "));
    }
}
