//! Which classes are taken for which: `confusion.csv` of an evaluate stage, read and drawn.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::cells::{Cell, Table};
use super::layout::{Column, Style, draw};

/// Numbers of images, a row for each true class and a column for each predicted one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// In the order of the network's outputs.
    pub classes: Vec<String>,
    /// `[true][predicted]`
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// # Errors
    /// The file is missing, or no square table of numbers.
    pub fn read(path: &Path) -> Result<Confusion> {
        let text = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        parse(&text).with_context(|| format!("`{}` is no confusion matrix", path.display()))
    }

    /// A row for each pair of classes that occurred: `true`, `predicted`, `count`.
    pub fn pairs(&self) -> Table {
        let mut table = Table::new(["true", "predicted", "count"]);
        for (label, counts) in self.classes.iter().zip(&self.counts) {
            for (predicted, count) in self.classes.iter().zip(counts).filter(|(_, count)| **count > 0) {
                table.rows.push(vec![Cell::text(label), Cell::text(predicted), Cell::Count(*count)]);
            }
        }
        table
    }

    /// The matrix as text, for up to 20 classes; of more, the pairs most often taken for one another.
    pub fn draw(&self, width: usize, style: &Style) -> String {
        const MOST: usize = 20;
        if self.classes.len() > MOST {
            self.draw_worst(MOST, width, style)
        } else {
            self.draw_matrix(width, style)
        }
    }

    fn draw_matrix(&self, width: usize, style: &Style) -> String {
        let label = |index: usize| format!("{} {}", letter(index), self.classes[index]);
        let mut columns =
            vec![Column::words("true \\ predicted", (0..self.classes.len()).map(label).collect())];
        for predicted in 0..self.classes.len() {
            let cells = self
                .counts
                .iter()
                .map(|row| if row[predicted] == 0 { "·".to_string() } else { row[predicted].to_string() });
            columns.push(Column::numbers(letter(predicted).to_string(), cells.collect(), 0));
        }
        let hit = |index: usize| {
            let images: u64 = self.counts[index].iter().sum();
            if images == 0 {
                "–".to_string()
            } else {
                format!("{:.0}", 100.0 * self.counts[index][index] as f64 / images as f64)
            }
        };
        columns.push(Column::numbers("right %", (0..self.classes.len()).map(hit).collect(), 0));
        draw(&columns, width, style)
    }

    fn draw_worst(&self, most: usize, width: usize, style: &Style) -> String {
        let mut wrong: Vec<(u64, &str, &str)> = Vec::new();
        for (label, row) in self.counts.iter().enumerate() {
            let others =
                row.iter().enumerate().filter(|(predicted, count)| *predicted != label && **count > 0);
            wrong.extend(others.map(|(predicted, count)| {
                (*count, self.classes[label].as_str(), self.classes[predicted].as_str())
            }));
        }
        wrong.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
        wrong.truncate(most);
        let column = |get: &dyn Fn(&(u64, &str, &str)) -> String| wrong.iter().map(get).collect();
        let columns = [
            Column::words("true", column(&|(_, label, _)| label.to_string())),
            Column::words("taken for", column(&|(.., predicted)| predicted.to_string())),
            Column::numbers("images", column(&|(count, ..)| count.to_string()), 0),
        ];
        draw(&columns, width, style)
    }
}

fn letter(index: usize) -> char {
    char::from(b'a' + u8::try_from(index).expect("a matrix is drawn for 20 classes or fewer"))
}

fn parse(text: &[u8]) -> Result<Confusion> {
    let mut reader = csv::Reader::from_reader(text);
    let classes: Vec<String> = reader.headers()?.iter().skip(1).map(str::to_string).collect();
    let mut counts = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record?;
        ensure!(
            record.get(0) == classes.get(index).map(String::as_str),
            "row {} is of another class",
            index + 1
        );
        counts.push(record.iter().skip(1).map(str::parse).collect::<Result<Vec<u64>, _>>()?);
    }
    ensure!(counts.len() == classes.len(), "it is not square");
    Ok(Confusion { classes, counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATRIX: &[u8] =
        b"true,bulbul,\"crake, little\",teal\nbulbul,40,10,0\n\"crake, little\",0,50,0\nteal,0,0,0\n";

    #[test]
    fn a_matrix_becomes_the_pairs_that_occurred() {
        let pairs = parse(MATRIX).unwrap().pairs();
        let text = String::from_utf8(pairs.csv().unwrap()).unwrap();
        assert_eq!(
            text,
            "true,predicted,count\nbulbul,bulbul,40\nbulbul,\"crake, little\",10\n\"crake, little\",\"crake, little\",50\n"
        );
    }

    #[test]
    fn a_matrix_is_drawn_with_the_share_that_is_right() {
        insta::assert_snapshot!(parse(MATRIX).unwrap().draw(100, &Style { color: false }));
    }

    #[test]
    fn of_many_classes_the_worst_pairs_are_drawn() {
        let classes: Vec<String> = (0..30).map(|index| format!("class {index}")).collect();
        let mut counts = vec![vec![0; 30]; 30];
        (counts[3][4], counts[7][1], counts[2][2]) = (5, 9, 50);
        let text = Confusion { classes, counts }.draw(100, &Style { color: false });
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines, ["class 7  class 1         9", "class 3  class 4         5"]);
    }

    #[test]
    fn what_is_no_square_of_numbers_is_refused() {
        assert!(parse(b"true,a,b\na,1,2\n").is_err());
        assert!(parse(b"true,a\na,many\n").is_err());
        assert!(parse(b"true,a,b\nb,1,2\na,1,2\n").is_err());
    }
}
