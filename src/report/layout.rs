//! Columns of text below each other, as wide as allowed. Knows no run.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Column as Layout, ContentArrangement, LineStyle, Table};

/// A column as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub header: String,
    pub cells: Vec<String>,
    pub right: bool,
    /// Columns with the highest go first when there is no room; those with 0 stay.
    pub rank: u8,
}

impl Column {
    /// A column of words, never left out.
    pub fn words(header: impl Into<String>, cells: Vec<String>) -> Column {
        Column { header: header.into(), cells, right: false, rank: 0 }
    }

    pub fn numbers(header: impl Into<String>, cells: Vec<String>, rank: u8) -> Column {
        Column { header: header.into(), cells, right: true, rank }
    }

    /// Whether it says the same in every row.
    pub fn is_constant(&self) -> bool {
        self.cells.windows(2).all(|pair| pair[0] == pair[1])
    }

    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }

    fn width(&self) -> usize {
        self.cells.iter().chain([&self.header]).map(|text| text.chars().count()).max().unwrap_or(0)
    }
}

const GAP: usize = 2;

/// Leaves out blank columns, and those of the highest rank until the rest fits; says which had no room.
pub fn fit(columns: &mut Vec<Column>, width: usize) -> Vec<String> {
    columns.retain(|column| !column.is_blank());
    let mut dropped = Vec::new();
    while columns.iter().map(|column| column.width() + GAP).sum::<usize>() > width + GAP {
        let Some(worst) = columns.iter().map(|column| column.rank).max().filter(|rank| *rank > 0) else {
            break;
        };
        let place =
            columns.iter().rposition(|column| column.rank == worst).expect("the highest rank is somewhere");
        dropped.push(columns.remove(place).header);
    }
    dropped.reverse();
    dropped
}

/// The header, a rule and the rows, without a line end at the end.
pub fn draw(columns: &[Column], width: usize, style: &Style) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING.header_separator(LineStyle::none().fill('─').junction('─')));
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width.min(usize::from(u16::MAX)) as u16);
    table.set_header(columns.iter().map(|column| column.header.as_str()));
    let height = columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
    for index in 0..height {
        table.add_row(columns.iter().map(|column| column.cells[index].as_str()));
    }
    for (index, column) in columns.iter().enumerate() {
        if let Some(layout) = table.column_mut(index) {
            align(layout, column.right, index + 1 == columns.len());
        }
    }
    let text = table.trim_fmt();
    let (header, rest) = text.split_once('\n').unwrap_or((&text, ""));
    format!("{}\n{rest}", style.bold(header))
}

fn align(layout: &mut Layout, right: bool, last: bool) {
    // One more blank comes from the place of the line between columns.
    layout.set_padding((0, if last { 0 } else { GAP as u16 - 1 }));
    layout.set_cell_alignment(if right { CellAlignment::Right } else { CellAlignment::Left });
}

/// Breaks at spaces so that lines hold at most `width` characters; later lines are indented by two.
pub fn wrap(text: &str, width: usize) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, "  ".to_string()));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
}

impl Style {
    pub fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    pub fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    /// For what should not be overlooked.
    pub fn caution(&self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let texts = |texts: [&str; 2]| texts.map(str::to_string).to_vec();
        vec![
            Column::words("arm", texts(["full", "distilled"])),
            Column::numbers("accuracy %", texts(["82.0 ± 2.0", "62.0      "]), 0),
            Column::numbers("train s", texts(["120", "9"]), 1),
            Column::numbers("energy J", texts(["", " "]), 0),
        ]
    }

    #[test]
    fn numbers_stand_right_and_words_left() {
        let mut columns = columns();
        assert!(fit(&mut columns, 100).is_empty());
        let text = draw(&columns, 100, &Style { color: false });
        assert_eq!(
            text,
            "arm        accuracy %  train s\n──────────────────────────────\nfull       82.0 ± 2.0      120\ndistilled  62.0              9"
        );
    }

    #[test]
    fn what_has_no_room_is_left_out_by_rank_and_named() {
        let mut columns = columns();
        assert_eq!(fit(&mut columns, 25), ["train s"]);
        assert_eq!(columns.len(), 2);
        assert!(fit(&mut columns, 5).is_empty());
    }

    #[test]
    fn colour_does_not_move_a_column() {
        let plain = draw(&columns(), 100, &Style { color: false });
        let coloured = draw(&columns(), 100, &Style { color: true });
        assert_eq!(coloured.replace("\x1b[1m", "").replace("\x1b[0m", ""), plain);
        assert_ne!(coloured, plain);
    }

    #[test]
    fn text_is_broken_at_spaces() {
        assert_eq!(wrap("one two three four", 9), "one two\n  three\n  four");
        assert_eq!(wrap("unbreakable", 3), "unbreakable");
    }
}
