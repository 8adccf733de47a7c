//! Problems as a person reads them: message, place, the line with a caret, other places, hint.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

use super::problem::{Problem, Severity};
use super::source::Origin;

/// Columns of a source line that are shown; of a longer one, the part around the caret.
const MAX_WIDTH: usize = 110;
const TAB: &str = "    ";

/// All problems, in the order given, with ANSI colours if `color`.
pub fn render(problems: &[Problem], color: bool) -> String {
    let mut out = String::new();
    for (index, problem) in problems.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        render_one(&mut out, problem, Paint(color));
    }
    out
}

#[derive(Clone, Copy)]
struct Paint(bool);

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const BLUE: &str = "1;34";
const CYAN: &str = "1;36";
const BOLD: &str = "1";

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

fn render_one(out: &mut String, problem: &Problem, paint: Paint) {
    let (word, code) = match problem.severity {
        Severity::Error => ("error", RED),
        Severity::Warning => ("warning", YELLOW),
    };
    let _ =
        writeln!(out, "{}{}", paint.with(code, word), paint.with(BOLD, &format!(": {}", problem.message)));
    let labels = problem.labels.iter().map(|(origin, text)| (origin, text.as_str(), BLUE, '-', ":::"));
    let first = problem.origin.iter().map(|origin| (origin, "", code, '^', "-->"));
    let places: Vec<_> = first.chain(labels).collect();
    let gutter = places.iter().map(|(origin, ..)| gutter_width(origin)).max().unwrap_or(0);
    for (at, (origin, text, code, mark, arrow)) in places.iter().enumerate() {
        let arrow = if at == 0 { "-->" } else { arrow };
        render_place(out, origin, text, (code, *mark, arrow, gutter), paint);
    }
    if let Some(hint) = &problem.hint {
        let indent = " ".repeat(gutter + 1);
        let _ = writeln!(out, "{indent}{} {hint}", paint.with(CYAN, "hint:"));
    }
}

fn gutter_width(origin: &Origin) -> usize {
    if origin.source.is_argument { 1 } else { origin.line().to_string().len() }
}

fn render_place(
    out: &mut String,
    origin: &Origin,
    text: &str,
    (code, mark, arrow, gutter): (&str, char, &str, usize),
    paint: Paint,
) {
    let is_argument = origin.source.is_argument;
    let place = if is_argument { origin.source.name.clone() } else { origin.to_string() };
    let number = if is_argument { String::new() } else { origin.line().to_string() };
    let excerpt = Excerpt::of(origin);
    let blank = " ".repeat(gutter);
    let bar = paint.with(BLUE, "|");
    let _ = writeln!(out, "{blank}{} {place}", paint.with(BLUE, arrow));
    let _ = writeln!(out, "{} {bar} {}", paint.with(BLUE, &format!("{number:>gutter$}")), excerpt.line);
    let marks: String = std::iter::repeat_n(mark, excerpt.width).collect();
    let note = if text.is_empty() { marks } else { format!("{marks} {text}") };
    let _ = writeln!(out, "{blank} {bar} {}{}", " ".repeat(excerpt.before), paint.with(code, &note));
}

/// The line of a place, as columns of a terminal.
struct Excerpt {
    line: String,
    /// Columns before the caret.
    before: usize,
    /// Columns under which carets stand; at least one.
    width: usize,
}

impl Excerpt {
    fn of(origin: &Origin) -> Excerpt {
        let rest = &origin.source.text[origin.line_start()..];
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        let start = (origin.span().start - origin.line_start()).min(line.len());
        let end = (origin.span().end - origin.line_start()).clamp(start, line.len());
        let (before, marked, after) = (shown(&line[..start]), shown(&line[start..end]), shown(&line[end..]));
        let width = columns(&marked).max(1);
        let whole = Excerpt { before: columns(&before), width, line: format!("{before}{marked}{after}") };
        if columns(&whole.line) <= MAX_WIDTH { whole } else { Excerpt::cut(&before, &marked, &after) }
    }

    fn cut(before: &str, marked: &str, after: &str) -> Excerpt {
        let left: String = last_columns(before, MAX_WIDTH / 3);
        let left = if left.len() < before.len() { format!("...{left}") } else { left };
        let room = MAX_WIDTH - columns(&left);
        let middle = first_columns(marked, room);
        let right = first_columns(after, room - columns(&middle));
        let whole = middle.len() == marked.len() && right.len() == after.len();
        let dots = if whole { "" } else { "..." };
        Excerpt {
            before: columns(&left),
            width: columns(&middle).max(1),
            line: format!("{left}{middle}{right}{dots}"),
        }
    }
}

/// Tabs as spaces; what moves the cursor or is not seen, as a replacement.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str(TAB),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

fn first_columns(text: &str, room: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect()
}

fn last_columns(text: &str, room: usize) -> String {
    let reversed: String = text.chars().rev().collect();
    first_columns(&reversed, room).chars().rev().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::source::Source;
    use super::*;

    fn message(text: &str, span: std::ops::Range<usize>) -> String {
        let origin = Origin::new(&Source::file("x.toml", text, 0), span);
        render(&[Problem::error(&origin, "wrong")], false)
    }

    #[test]
    fn the_caret_stands_below_the_value_behind_tabs_and_wide_characters() {
        let text = "a = 1\n\tnäme = \"鳥\" # x = 3";
        let at = text.find("# x").unwrap();
        insta::assert_snapshot!(message(text, at..at + 3), @r#"
        error: wrong
         --> x.toml:2:13
        2 |     näme = "鳥" # x = 3
          |                 ^^^
        "#);
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("seed = [{}]", (0..1000).map(|n| n.to_string()).collect::<Vec<_>>().join(", "));
        let at = text.find("500").unwrap();
        insta::assert_snapshot!(message(&text, at..at + 3), @r"
        error: wrong
         --> x.toml:1:2399
        1 | ... 493, 494, 495, 496, 497, 498, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511, 512, 513, 5...
          |                                        ^^^
        ");
    }

    proptest! {
        #[test]
        fn rendering_never_panics(text in "\\PC{0,20}\\n?\\t?\\PC{0,200}", start in 0usize..300, length in 0usize..40) {
            message(&text, start..start + length);
        }
    }
}
