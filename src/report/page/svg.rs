//! A drawing: lines, marks and text in SVG. Colours are classes of `plot.css`, so that they follow the reader's scheme.

use super::html::escape;
use super::scale::{Scale, short};

/// Colours that are told apart with any kind of colour vision (Okabe & Ito 2008).
pub const COLOURS: usize = 7;
/// Shapes of marks.
pub const SHAPES: usize = 6;

/// How the marks of a group look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub colour: usize,
    pub shape: usize,
}

pub struct Svg {
    width: f64,
    height: f64,
    title: String,
    body: String,
}

/// Where text stands from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// The frame of a plot: what its axes are, and where.
pub struct Frame<'a> {
    /// Left, top, right, bottom.
    pub edges: (f64, f64, f64, f64),
    pub x: Scale,
    pub y: Scale,
    pub x_label: &'a str,
    pub y_label: &'a str,
}

impl Svg {
    /// `title` is what a reader who cannot see it is told.
    pub fn new(width: f64, height: f64, title: &str) -> Svg {
        Svg { width, height, title: title.to_string(), body: String::new() }
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        self.body.push_str(&format!(
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" class=\"{class}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    pub fn polyline(&mut self, points: &[(f64, f64)], class: &str) {
        self.body.push_str(&format!("<polyline points=\"{}\" class=\"{class}\"/>", places(points)));
    }

    pub fn polygon(&mut self, points: &[(f64, f64)], class: &str) {
        self.body.push_str(&format!("<polygon points=\"{}\" class=\"{class}\"/>", places(points)));
    }

    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.body.push_str(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{}</text>",
            escape(text)
        ));
    }

    /// Read from below.
    pub fn upright_text(&mut self, (x, y): (f64, f64), class: &str, text: &str) {
        self.body.push_str(&format!(
            "<text transform=\"translate({x:.1} {y:.1}) rotate(-90)\" text-anchor=\"middle\" class=\"{class}\">{}</text>",
            escape(text)
        ));
    }

    /// A box with a text that shows when it is pointed at.
    pub fn cell(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        class: &str,
        style: &str,
        tip: &str,
    ) {
        let style = if style.is_empty() { String::new() } else { format!(" style=\"{style}\"") };
        self.body.push_str(&format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"{class}\"{style}{}/>",
            tip_of(tip)
        ));
    }

    /// A mark with a text that shows when it is pointed at.
    pub fn mark(&mut self, (x, y): (f64, f64), look: Look, hollow: bool, tip: &str) {
        let class = format!("mark c{}{}", look.colour % COLOURS, if hollow { " hollow" } else { "" });
        let tip = tip_of(tip);
        let around =
            |points: &[(f64, f64)]| places(&points.iter().map(|(a, b)| (x + a, y + b)).collect::<Vec<_>>());
        let shape = match look.shape % SHAPES {
            0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\""),
            1 => format!("<rect x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\"", x - 4.5, y - 4.5),
            2 => format!("<polygon points=\"{}\"", around(&[(0.0, -6.0), (5.5, 4.5), (-5.5, 4.5)])),
            3 => {
                format!("<polygon points=\"{}\"", around(&[(0.0, -6.5), (6.5, 0.0), (0.0, 6.5), (-6.5, 0.0)]))
            }
            4 => format!("<polygon points=\"{}\"", around(&[(0.0, 6.0), (5.5, -4.5), (-5.5, -4.5)])),
            _ => format!(
                "<polygon points=\"{}\"",
                around(&[
                    (-2.0, -6.0),
                    (2.0, -6.0),
                    (2.0, -2.0),
                    (6.0, -2.0),
                    (6.0, 2.0),
                    (2.0, 2.0),
                    (2.0, 6.0),
                    (-2.0, 6.0),
                    (-2.0, 2.0),
                    (-6.0, 2.0),
                    (-6.0, -2.0),
                    (-2.0, -2.0)
                ])
            ),
        };
        self.body.push_str(&format!("{shape} class=\"{class}\"{tip}/>"));
    }

    /// A point of a curve, with a text that shows when it is pointed at.
    pub fn dot(&mut self, (x, y): (f64, f64), colour: usize, tip: &str) {
        let (colour, tip) = (colour % COLOURS, tip_of(tip));
        self.body.push_str(&format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" class=\"mark c{colour}\"{tip}/>"
        ));
    }

    /// Axes with ticks, a grid and labels.
    pub fn frame(&mut self, frame: &Frame) {
        let (left, top, right, bottom) = frame.edges;
        let across = ((right - left) / 70.0).clamp(3.0, 8.0) as usize;
        for tick in frame.x.ticks(across) {
            let x = frame.x.place(tick);
            self.line((x, top), (x, bottom), "grid");
            self.text((x, bottom + 15.0), Anchor::Middle, "tick", &short(tick));
        }
        for tick in frame.y.ticks(((bottom - top) / 32.0).clamp(4.0, 10.0) as usize) {
            let y = frame.y.place(tick);
            self.line((left, y), (right, y), "grid");
            self.text((left - 6.0, y + 4.0), Anchor::End, "tick", &short(tick));
        }
        self.line((left, bottom), (right, bottom), "axis");
        self.line((left, top), (left, bottom), "axis");
        self.text(((left + right) / 2.0, bottom + 34.0), Anchor::Middle, "label", frame.x_label);
        if !frame.y_label.is_empty() {
            self.upright_text((left - 40.0, (top + bottom) / 2.0), "label", frame.y_label);
        }
    }

    /// For a page that holds `plot.css`. In a narrow window it keeps seven tenths of its width, so that it can be read.
    pub fn inline(&self) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" viewBox=\"0 0 {0:.0} {1:.0}\" style=\"max-width:{0:.0}px;min-width:{3:.0}px\" role=\"img\" aria-label=\"{2}\">{4}</svg>",
            self.width,
            self.height,
            escape(&self.title),
            0.7 * self.width,
            self.body
        )
    }

    /// A file of its own.
    pub fn alone(&self) -> String {
        let style = include_str!("plot.css");
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" width=\"{0:.0}\" height=\"{1:.0}\" viewBox=\"0 0 {0:.0} {1:.0}\"><title>{2}</title><style>{style}</style><rect width=\"100%\" height=\"100%\" class=\"paper\"/>{3}</svg>\n",
            self.width,
            self.height,
            escape(&self.title),
            self.body
        )
    }
}

fn places(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

fn tip_of(tip: &str) -> String {
    if tip.is_empty() { String::new() } else { format!(" data-tip=\"{}\"", escape(tip)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_escapes_what_people_named() {
        let mut svg = Svg::new(100.0, 50.0, "a < b");
        svg.text((1.0, 2.0), Anchor::Start, "tick", "<script>");
        svg.mark((5.0, 5.0), Look { colour: 9, shape: 8 }, true, "\"quoted\"");
        let text = svg.inline();
        assert!(
            text.contains("a &lt; b")
                && text.contains("&lt;script&gt;")
                && text.contains("&quot;quoted&quot;")
        );
        assert!(text.contains("mark c2 hollow"), "{text}");
    }

    #[test]
    fn a_file_of_its_own_brings_its_style() {
        let text = Svg::new(10.0, 10.0, "t").alone();
        assert!(text.starts_with("<svg xmlns") && text.contains(".plot") && text.ends_with("</svg>\n"));
    }

    #[test]
    fn each_shape_is_another() {
        let drawn = |shape| {
            let mut svg = Svg::new(10.0, 10.0, "");
            svg.mark((0.0, 0.0), Look { colour: 0, shape }, false, "");
            svg.inline()
        };
        let shapes: std::collections::BTreeSet<String> = (0..SHAPES).map(drawn).collect();
        assert_eq!(shapes.len(), SHAPES);
    }
}
