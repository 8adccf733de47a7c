//! A table as data, and its CSV, JSON and Markdown. Knows no run.

use anyhow::Result;
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Not known, or not there. Never 0.
    Missing,
    Text(String),
    Count(u64),
    Number(f64),
    Flag(bool),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        let text = text.into();
        if text.is_empty() { Cell::Missing } else { Cell::Text(text) }
    }

    /// Full precision, decimal point, no grouping.
    pub fn plain(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Count(count) => count.to_string(),
            Cell::Number(number) if number.is_finite() => number.to_string(),
            Cell::Flag(flag) => flag.to_string(),
            Cell::Missing | Cell::Number(_) => String::new(),
        }
    }

    /// Counts and finite numbers.
    pub fn number(&self) -> Option<f64> {
        match self {
            Cell::Count(count) => Some(*count as f64),
            Cell::Number(number) => Some(*number).filter(|number| number.is_finite()),
            _ => None,
        }
    }

    fn json(&self) -> Value {
        match self {
            Cell::Missing => Value::Null,
            Cell::Text(text) => text.as_str().into(),
            Cell::Count(count) => (*count).into(),
            // What is not finite becomes null.
            Cell::Number(number) => (*number).into(),
            Cell::Flag(flag) => (*flag).into(),
        }
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Cell {
        number.map_or(Cell::Missing, Cell::Number)
    }
}

impl From<Option<u64>> for Cell {
    fn from(count: Option<u64>) -> Cell {
        count.map_or(Cell::Missing, Cell::Count)
    }
}

impl From<Option<bool>> for Cell {
    fn from(flag: Option<bool>) -> Cell {
        flag.map_or(Cell::Missing, Cell::Flag)
    }
}

/// Rows below named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Table {
        Table { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// RFC 4180 with `\n` line ends.
    pub fn csv(&self) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(Cell::plain))?;
        }
        Ok(writer.into_inner()?)
    }

    /// One object a row.
    pub fn json(&self) -> Value {
        let object = |row: &Vec<Cell>| -> Map<String, Value> {
            self.columns.iter().cloned().zip(row.iter().map(Cell::json)).collect()
        };
        self.rows.iter().map(|row| Value::Object(object(row))).collect()
    }

    /// Keeps the columns for which `wanted` (name, cells) holds.
    pub fn keep_columns(&mut self, wanted: impl Fn(&str, &[&Cell]) -> bool) {
        let kept: Vec<bool> =
            self.columns.iter().enumerate().map(|(index, name)| wanted(name, &self.column(index))).collect();
        let retain = |index: usize| kept[index];
        self.columns = pick(&self.columns, retain);
        for row in &mut self.rows {
            *row = pick(row, retain);
        }
    }

    fn column(&self, index: usize) -> Vec<&Cell> {
        self.rows.iter().map(|row| &row[index]).collect()
    }
}

fn pick<T: Clone>(items: &[T], kept: impl Fn(usize) -> bool) -> Vec<T> {
    items.iter().enumerate().filter(|(index, _)| kept(*index)).map(|(_, item)| item.clone()).collect()
}

/// A Markdown table of texts; `|` and line ends in them do not break it.
pub fn markdown(columns: &[String], rows: &[Vec<String>], right: &[bool]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> =
            cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = right.iter().map(|right| if *right { " ---: |" } else { " --- |" });
    let rule = format!("|{}\n", rule.collect::<String>());
    line(columns) + &rule + &rows.iter().map(|row| line(row)).collect::<String>()
}

/// A LaTeX `tabular` of texts with the rules of `booktabs`; what LaTeX would take for commands is escaped.
pub fn latex(columns: &[String], rows: &[Vec<String>], right: &[bool]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("  {} \\\\\n", cells.join(" & "))
    };
    let places: String = right.iter().map(|right| if *right { 'r' } else { 'l' }).collect();
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!(
        "\\begin{{tabular}}{{{places}}}\n  \\toprule\n{}  \\midrule\n{rows}  \\bottomrule\n\\end{{tabular}}\n",
        line(columns)
    )
}

/// What LaTeX sets as this text; letters of scripts that its own fonts have none of are left out with a `?`.
pub fn escaped(text: &str) -> String {
    let letter = |letter: char| match letter {
        '&' | '%' | '$' | '#' | '_' | '{' | '}' => format!("\\{letter}"),
        '\\' => "\\textbackslash{}".to_string(),
        '~' => "\\textasciitilde{}".to_string(),
        '^' => "\\textasciicircum{}".to_string(),
        '±' => "$\\pm$".to_string(),
        '×' => "$\\times$".to_string(),
        '−' => "$-$".to_string(),
        'Δ' => "$\\Delta$".to_string(),
        '†' => "$^\\dagger$".to_string(),
        '<' => "$<$".to_string(),
        '>' => "$>$".to_string(),
        '≈' => "$\\approx$".to_string(),
        '₂' => "$_2$".to_string(),
        '€' => "EUR".to_string(),
        '·' => "$\\cdot$".to_string(),
        '’' => "'".to_string(),
        '–' => "--".to_string(),
        '…' => "...".to_string(),
        '\u{a0}' | '\u{202f}' => "~".to_string(),
        '\n' => " ".to_string(),
        '§' => "\\S{}".to_string(),
        other if u32::from(other) > 0x17f => "?".to_string(),
        other => other.to_string(),
    };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_needs_it_and_leaves_missing_cells_empty() {
        let mut table = Table::new(["name", "accuracy", "steps", "undertrained"]);
        table.rows.push(vec![
            Cell::text("a, \"b\""),
            Cell::Number(0.1 + 0.2),
            Cell::Count(600),
            Cell::Flag(true),
        ]);
        table.rows.push(vec![Cell::text(""), Cell::Number(f64::NAN), None::<u64>.into(), Cell::Missing]);
        let text = String::from_utf8(table.csv().unwrap()).unwrap();
        assert_eq!(
            text,
            "name,accuracy,steps,undertrained\n\"a, \"\"b\"\"\",0.30000000000000004,600,true\n,,,\n"
        );
    }

    #[test]
    fn json_says_null_for_what_is_missing_or_not_finite() {
        let mut table = Table::new(["a", "b", "c"]);
        table.rows.push(vec![Cell::Missing, Cell::Number(f64::INFINITY), Cell::Number(0.5)]);
        assert_eq!(table.json().to_string(), r#"[{"a":null,"b":null,"c":0.5}]"#);
    }

    #[test]
    fn columns_are_dropped_with_their_cells() {
        let mut table = Table::new(["a", "b"]);
        table.rows.push(vec![Cell::Count(1), Cell::Count(2)]);
        table.keep_columns(|_, cells| *cells[0] == Cell::Count(2));
        assert_eq!(table, Table { columns: vec!["b".into()], rows: vec![vec![Cell::Count(2)]] });
    }

    #[test]
    fn markdown_survives_bars_and_line_ends() {
        let text = markdown(&["a|b".into(), "n".into()], &[vec!["x\ny".into(), "1".into()]], &[false, true]);
        assert_eq!(text, "| a\\|b | n |\n| --- | ---: |\n| x y | 1 |\n");
    }

    #[test]
    fn latex_survives_its_own_letters() {
        let rows = [vec!["a_b & c".to_string(), "−1.0 ± 2".to_string()]];
        let text = latex(&["net\\work".into(), "Δ %".into()], &rows, &[false, true]);
        let wanted = [
            "\\begin{tabular}{lr}",
            "  \\toprule",
            "  net\\textbackslash{}work & $\\Delta$ \\% \\\\",
            "  \\midrule",
            "  a\\_b \\& c & $-$1.0 $\\pm$ 2 \\\\",
            "  \\bottomrule",
            "\\end{tabular}",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted);
    }
}
