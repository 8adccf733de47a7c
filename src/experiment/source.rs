//! Where a setting was written: a file or a `--set` argument, and the bytes in it.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::problem::{Problem, nearest, quoted_list};

/// A text that settings were read from.
pub struct Source {
    /// As messages write it: a path, or `--set`.
    pub name: String,
    pub text: String,
    /// Whether it is an argument rather than a file.
    pub is_argument: bool,
    /// Messages about sources of a lower rank come first.
    rank: u32,
}

/// The largest file that is read; a longer one is no experiment.
const MAX_BYTES: u64 = 64 << 20;

impl Source {
    pub fn file(name: impl Into<String>, text: impl Into<String>, rank: u32) -> Arc<Source> {
        Arc::new(Source { name: name.into(), text: text.into(), is_argument: false, rank })
    }

    pub fn argument(text: &str, rank: u32) -> Arc<Source> {
        Arc::new(Source { name: "--set".into(), text: text.into(), is_argument: true, rank })
    }

    /// Reads a file; what is wrong is told with the nearest files that could be meant.
    pub fn read(path: &Path, rank: u32) -> Result<Arc<Source>, Problem> {
        let shown = path.display();
        let text = match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(is_folder(path)),
            Ok(found) if found.len() > MAX_BYTES => {
                let message = format!("`{shown}` holds {} MB: too much for a TOML file", found.len() >> 20);
                return Err(Problem::nowhere(message));
            }
            _ => std::fs::read(path).map_err(|error| unreadable(path, &error))?,
        };
        match String::from_utf8(text) {
            Ok(text) => Ok(Source::file(shown.to_string(), text, rank)),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let line = 1 + error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count();
                let message = format!("`{shown}` is not UTF-8 text: byte {valid}, on line {line}");
                Err(Problem::nowhere(message).hint("save it with the encoding UTF-8"))
            }
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    if error.kind() != ErrorKind::NotFound {
        return Problem::nowhere(format!("cannot read `{}`: {error}", path.display()));
    }
    let problem = Problem::nowhere(format!("no file `{}`", path.display()));
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut known = toml_files(folder);
    if folder.as_os_str().is_empty() {
        known.extend(toml_files(Path::new("experiments")));
    }
    let asked = path.display().to_string();
    let near = nearest(&asked, known.iter().map(String::as_str));
    match (near.is_empty(), known.is_empty()) {
        (false, _) => problem.hint(format!("did you mean {}?", quoted_list(&near, "or"))),
        (true, false) => problem.hint(format!("there is {}", few(&known))),
        (true, true) => problem,
    }
}

fn is_folder(path: &Path) -> Problem {
    let problem = Problem::nowhere(format!("`{}` is a folder, not a TOML file", path.display()));
    match toml_files(path) {
        files if files.is_empty() => problem,
        files => problem.hint(format!("it holds {}", few(&files))),
    }
}

fn few(files: &[String]) -> String {
    let shown: Vec<&str> = files.iter().take(5).map(String::as_str).collect();
    let more = if files.len() > 5 { format!(" and {} more", files.len() - 5) } else { String::new() };
    format!("{}{more}", quoted_list(&shown, "and"))
}

fn toml_files(folder: &Path) -> Vec<String> {
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(listed) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| folder.join(entry.file_name()));
    let is_experiment = |path: &std::path::PathBuf| {
        path.extension().is_some_and(|extension| extension == "toml")
            && !path.ends_with("pipeline.toml")
            && !path.ends_with("Cargo.toml")
            && path.is_file()
    };
    let mut files: Vec<String> = paths.filter(is_experiment).map(|path| path.display().to_string()).collect();
    files.sort();
    files
}

/// Bytes of a source.
#[derive(Clone)]
pub struct Origin {
    pub source: Arc<Source>,
    start: u32,
    end: u32,
}

impl Origin {
    /// `span` is cut to the text of the source, at boundaries of characters.
    pub fn new(source: &Arc<Source>, span: std::ops::Range<usize>) -> Origin {
        let start = floor_boundary(&source.text, span.start);
        let end = floor_boundary(&source.text, span.end.max(start));
        Origin { source: Arc::clone(source), start: start as u32, end: end as u32 }
    }

    pub fn span(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The very text that was written.
    pub fn text(&self) -> &str {
        &self.source.text[self.span()]
    }

    /// The first place inside this one where `needle` is written; all of it, if it is nowhere.
    pub fn narrow(&self, needle: &str) -> Origin {
        match self.text().find(needle) {
            Some(at) => {
                let start = self.span().start + at;
                Origin::new(&self.source, start..start + needle.len())
            }
            None => self.clone(),
        }
    }

    /// From 1.
    pub fn line(&self) -> usize {
        1 + self.source.text[..self.start as usize].bytes().filter(|byte| *byte == b'\n').count()
    }

    /// In characters, from 1.
    pub fn column(&self) -> usize {
        1 + self.source.text[self.line_start()..self.start as usize].chars().count()
    }

    /// The byte at which the line begins.
    pub fn line_start(&self) -> usize {
        self.source.text[..self.start as usize].rfind('\n').map_or(0, |at| at + 1)
    }

    /// Orders places as a person reads them.
    pub fn place(&self) -> (u32, &str, u32, u32) {
        (self.source.rank, &self.source.name, self.start, self.end)
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl PartialEq for Origin {
    fn eq(&self, other: &Origin) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.span() == other.span()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line(), self.column())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {:?}", self.text())
    }
}
