//! Pieces of a page: text, tables, figures.

/// Text that is no markup.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

pub fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

pub fn note(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", escape(text))
}

pub fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    format!("<ul>\n{items}</ul>\n")
}

/// A cell of a table: what is read, and what it is sorted by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    pub text: String,
    pub value: Option<f64>,
    /// Wraps, instead of widening the table.
    pub long: bool,
}

impl Field {
    pub fn words(text: impl Into<String>) -> Field {
        Field { text: text.into(), ..Field::default() }
    }

    pub fn number(text: impl Into<String>, value: Option<f64>) -> Field {
        Field { text: text.into(), value: value.filter(|value| value.is_finite()), long: false }
    }
}

/// A column of a table that a reader can sort.
pub struct Column {
    pub head: String,
    pub right: bool,
    pub fields: Vec<Field>,
}

impl Column {
    pub fn words(head: &str, fields: Vec<Field>) -> Column {
        Column { head: head.to_string(), right: false, fields }
    }

    pub fn numbers(head: &str, fields: Vec<Field>) -> Column {
        Column { head: head.to_string(), right: true, fields }
    }

    pub fn is_blank(&self) -> bool {
        self.fields.iter().all(|field| field.text.is_empty())
    }
}

/// Columns side by side, blank ones left out; `pinned` rows stand out.
pub fn table(columns: Vec<Column>, pinned: &[usize]) -> String {
    let columns: Vec<Column> = columns.into_iter().filter(|column| !column.is_blank()).collect();
    let class = |column: &Column| if column.right { " class=\"n\"" } else { "" };
    let heads: String = columns
        .iter()
        .map(|column| format!("<th{}><button>{}</button></th>", class(column), escape(&column.head)))
        .collect();
    let height = columns.first().map_or(0, |column| column.fields.len());
    let row = |index: usize| {
        let cells: String = columns.iter().map(|column| cell(&column.fields[index], column.right)).collect();
        let pin = if pinned.contains(&index) { " class=\"pin\"" } else { "" };
        format!("<tr{pin}>{cells}</tr>\n")
    };
    let rows: String = (0..height).map(row).collect();
    format!(
        "<div class=\"wide\"><table class=\"sort\"><thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn cell(field: &Field, right: bool) -> String {
    let class = match (right, field.long) {
        (true, _) => " class=\"n\"",
        (_, true) => " class=\"wrap\"",
        _ => "",
    };
    let value = field.value.map_or(String::new(), |value| format!(" data-v=\"{value}\""));
    format!("<td{class}{value}>{}</td>", escape(&field.text))
}

/// A drawing with a line below it.
pub fn figure(drawing: &str, caption: &str) -> String {
    let caption = if caption.is_empty() {
        String::new()
    } else {
        format!("<figcaption>{}</figcaption>", escape(caption))
    };
    format!("<figure><div class=\"wide\">{drawing}</div>{caption}</figure>\n")
}

/// Panels of which one is seen; up to four.
pub fn tabs(name: &str, panels: &[(String, String)]) -> String {
    let input = |(index, (title, _)): (usize, &(String, String))| {
        let checked = if index == 0 { " checked" } else { "" };
        format!(
            "<input type=\"radio\" name=\"{name}\" id=\"{name}-{index}\"{checked}><label for=\"{name}-{index}\">{}</label>",
            escape(title)
        )
    };
    let inputs: String = panels.iter().enumerate().map(input).collect();
    let bodies: String =
        panels.iter().map(|(_, body)| format!("<div class=\"panel\">{body}</div>")).collect();
    if panels.len() == 1 {
        bodies.replace(" class=\"panel\"", "")
    } else {
        format!("<div class=\"tabs\">{inputs}{bodies}</div>\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_people_named_becomes_markup() {
        let columns = vec![Column::words("<b>", vec![Field::words("a & \"b\"")])];
        let text = table(columns, &[0]);
        assert!(text.contains("&lt;b&gt;") && text.contains("a &amp; &quot;b&quot;"), "{text}");
        assert!(text.contains("<tr class=\"pin\">"));
    }

    #[test]
    fn blank_columns_are_left_out_and_numbers_carry_their_value() {
        let columns = vec![
            Column::numbers("J", vec![Field::number("", None)]),
            Column::numbers("s", vec![Field::number("42", Some(41.9))]),
        ];
        let text = table(columns, &[]);
        assert!(!text.contains(">J<") && text.contains("<td class=\"n\" data-v=\"41.9\">42</td>"), "{text}");
    }
}
