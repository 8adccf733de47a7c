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
    pub width: f64,
    pub height: f64,
    title: String,
    /// In the order in which they cover one another.
    pub drawn: Vec<Drawn>,
}

/// A shape and how it looks.
pub struct Drawn {
    pub shape: Shape,
    /// Classes of `plot.css`.
    pub class: String,
    /// What the classes leave open: `--a:0.50`.
    pub style: String,
    /// Shows when it is pointed at.
    tip: String,
}

/// Right and down from the upper left corner.
pub type Place = (f64, f64);

pub enum Shape {
    Line(Place, Place),
    Polyline(Vec<Place>),
    Polygon(Vec<Place>),
    /// The upper left corner, width and height.
    Rect(Place, (f64, f64)),
    /// The centre and the radius.
    Circle(Place, f64),
    /// Upright text is read from below.
    Text {
        place: Place,
        anchor: Anchor,
        text: String,
        upright: bool,
    },
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
        Svg { width, height, title: title.to_string(), drawn: Vec::new() }
    }

    pub fn title(&self) -> &str {
        &self.title
    }

    fn add(&mut self, shape: Shape, class: &str, tip: &str) {
        let (class, tip) = (class.to_string(), tip.to_string());
        self.drawn.push(Drawn { shape, class, style: String::new(), tip });
    }

    pub fn line(&mut self, from: Place, to: Place, class: &str) {
        self.add(Shape::Line(from, to), class, "");
    }

    pub fn polyline(&mut self, points: &[Place], class: &str) {
        self.add(Shape::Polyline(points.to_vec()), class, "");
    }

    pub fn polygon(&mut self, points: &[Place], class: &str) {
        self.add(Shape::Polygon(points.to_vec()), class, "");
    }

    pub fn text(&mut self, place: Place, anchor: Anchor, class: &str, text: &str) {
        let text = text.to_string();
        self.add(Shape::Text { place, anchor, text, upright: false }, class, "");
    }

    /// Read from below.
    pub fn upright_text(&mut self, place: Place, class: &str, text: &str) {
        let text = text.to_string();
        self.add(Shape::Text { place, anchor: Anchor::Middle, text, upright: true }, class, "");
    }

    /// A box with a text that shows when it is pointed at.
    pub fn cell(&mut self, corner: Place, size: (f64, f64), class: &str, style: &str, tip: &str) {
        let (class, style, tip) = (class.to_string(), style.to_string(), tip.to_string());
        self.drawn.push(Drawn { shape: Shape::Rect(corner, size), class, style, tip });
    }

    /// A mark with a text that shows when it is pointed at.
    pub fn mark(&mut self, (x, y): Place, look: Look, hollow: bool, tip: &str) {
        let class = format!("mark c{}{}", look.colour % COLOURS, if hollow { " hollow" } else { "" });
        let around =
            |points: &[Place]| Shape::Polygon(points.iter().map(|(a, b)| (x + a, y + b)).collect::<Vec<_>>());
        let shape = match look.shape % SHAPES {
            0 => Shape::Circle((x, y), 5.0),
            1 => Shape::Rect((x - 4.5, y - 4.5), (9.0, 9.0)),
            2 => around(&[(0.0, -6.0), (5.5, 4.5), (-5.5, 4.5)]),
            3 => around(&[(0.0, -6.5), (6.5, 0.0), (0.0, 6.5), (-6.5, 0.0)]),
            4 => around(&[(0.0, 6.0), (5.5, -4.5), (-5.5, -4.5)]),
            _ => around(&PLUS),
        };
        self.add(shape, &class, tip);
    }

    /// A point of a curve, with a text that shows when it is pointed at.
    pub fn dot(&mut self, place: Place, colour: usize, tip: &str) {
        self.add(Shape::Circle(place, 3.0), &format!("mark c{}", colour % COLOURS), tip);
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
            self.body()
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
            self.body()
        )
    }

    fn body(&self) -> String {
        self.drawn.iter().map(element).collect()
    }
}

/// A cross of equal arms, around its middle.
const PLUS: [Place; 12] = [
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
    (-2.0, -2.0),
];

fn element(Drawn { shape, class, style, tip }: &Drawn) -> String {
    let style = if style.is_empty() { String::new() } else { format!(" style=\"{style}\"") };
    let tip = if tip.is_empty() { String::new() } else { format!(" data-tip=\"{}\"", escape(tip)) };
    let look = format!("class=\"{class}\"{style}{tip}");
    match shape {
        Shape::Line((x1, y1), (x2, y2)) => {
            format!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" {look}/>")
        }
        Shape::Polyline(points) => format!("<polyline points=\"{}\" {look}/>", places(points)),
        Shape::Polygon(points) => format!("<polygon points=\"{}\" {look}/>", places(points)),
        Shape::Rect((x, y), (width, height)) => {
            format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" {look}/>")
        }
        Shape::Circle((x, y), radius) => {
            format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" {look}/>")
        }
        Shape::Text { place: (x, y), anchor, text, upright } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let place = match upright {
                true => format!("transform=\"translate({x:.1} {y:.1}) rotate(-90)\""),
                false => format!("x=\"{x:.1}\" y=\"{y:.1}\""),
            };
            format!("<text {place} text-anchor=\"{anchor}\" {look}>{}</text>", escape(text))
        }
    }
}

fn places(points: &[Place]) -> String {
    points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
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
