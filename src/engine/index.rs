//! A list of the receipts that were read, so that finding an artifact is a few stats. Losing it costs only time.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::digest::{FileDigest, Identity};
use super::receipt::Receipt;

/// A line an artifact, fields parted by tabs: key, kind, the receipt's identity (5 numbers), seconds taken, then
/// name, size and SHA-256 of each file, then `END`. Of several lines for a key the last holds.
pub struct Index {
    path: PathBuf,
    text: String,
    /// Where the line of a key and kind is; filled at the first look.
    lines: Option<HashMap<Box<str>, Range<usize>>>,
    /// What was in the file already.
    written: usize,
}

/// Closes a line, so that one whose writer was killed is known; no file is called so.
const END: &str = ".";

/// What a line says of an artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub files: BTreeMap<String, FileDigest>,
    pub took_secs: f64,
}

impl Index {
    /// Nothing is read before it is needed.
    pub fn open(path: PathBuf) -> Index {
        Index { path, text: String::new(), lines: None, written: 0 }
    }

    /// What was listed of the receipt with this identity.
    pub fn listed(&mut self, kind: &str, key: &str, receipt: &Identity) -> Option<Listed> {
        self.load();
        let line = self.lines.as_ref()?.get(head(key, kind).as_str())?.clone();
        parse(self.text.get(line)?, receipt)
    }

    /// Lists a receipt that was just read.
    pub fn list(&mut self, receipt: &Receipt, identity: &Identity) -> Listed {
        self.load();
        // A name that would break the line stays unlisted: its receipt is read each time.
        if !receipt.files.keys().any(|name| name.contains(['\t', '\n'])) {
            let start = self.text.len();
            write_line(&mut self.text, receipt, identity);
            let line = start..self.text.len() - 1;
            let lines = self.lines.get_or_insert_default();
            lines.insert(head(&receipt.key, &receipt.kind).into(), line);
        }
        Listed { files: receipt.files.clone(), took_secs: receipt.took_secs }
    }

    /// Writes what is new. Losing it costs time, never truth, so a failure is nobody's concern.
    pub fn save(&mut self) {
        if self.written < self.text.len() {
            let _ = append(&self.path, &self.text.as_bytes()[self.written..]);
            self.written = self.text.len();
        }
    }

    fn load(&mut self) {
        if self.lines.is_some() {
            return;
        }
        self.text =
            fs::read(&self.path).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        // A last line that was never finished is nobody's.
        let whole = self.text.rfind('\n').map_or(0, |end| end + 1);
        self.text.truncate(whole);
        self.written = whole;
        let mut lines = HashMap::new();
        let (mut start, mut count) = (0, 0);
        for line in self.text.split_inclusive('\n') {
            let end = start + line.len();
            count += 1;
            if let Some(head) = head_of(line) {
                lines.insert(Box::from(head), start..end - 1);
            }
            start = end;
        }
        if count > 2 * lines.len() + 1000 {
            let _ = rewrite(&self.path, &self.text, &lines);
        }
        self.lines = Some(lines);
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.save();
    }
}

fn head(key: &str, kind: &str) -> String {
    format!("{key}\t{kind}")
}

fn head_of(line: &str) -> Option<&str> {
    let key = line.find('\t')?;
    let kind = line[key + 1..].find('\t')?;
    Some(&line[..key + 1 + kind])
}

fn write_line(text: &mut String, receipt: &Receipt, identity: &Identity) {
    let Identity { device, inode, size, modified, changed } = identity;
    let (key, kind, took) = (&receipt.key, &receipt.kind, receipt.took_secs);
    let mut write = || -> std::fmt::Result {
        write!(text, "{key}\t{kind}\t{device}\t{inode}\t{size}\t{modified}\t{changed}\t{took}")?;
        for (name, file) in &receipt.files {
            write!(text, "\t{name}\t{}\t{}", file.size, file.sha256)?;
        }
        writeln!(text, "\t{END}")
    };
    write().expect("writing to a string cannot fail");
}

fn parse(line: &str, receipt: &Identity) -> Option<Listed> {
    let mut fields = line.split('\t').skip(2);
    let identity = Identity {
        device: fields.next()?.parse().ok()?,
        inode: fields.next()?.parse().ok()?,
        size: fields.next()?.parse().ok()?,
        modified: fields.next()?.parse().ok()?,
        changed: fields.next()?.parse().ok()?,
    };
    if identity != *receipt {
        return None;
    }
    let took_secs = fields.next()?.parse().ok()?;
    let mut files = BTreeMap::new();
    loop {
        let name = fields.next()?;
        if name == END {
            break;
        }
        let size = fields.next()?.parse().ok()?;
        let sha256 = fields.next().filter(|sha256| sha256.len() == 64)?.to_string();
        files.insert(name.to_string(), FileDigest { size, sha256 });
    }
    fields.next().is_none().then_some(Listed { files, took_secs })
}

fn append(path: &Path, lines: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).read(true).create(true).open(path)?;
    file.lock()?;
    if !ends_in_line_end(&file)? {
        file.write_all(b"\n")?;
    }
    file.write_all(lines)
}

/// Whether the next writer may begin a line here.
pub fn ends_in_line_end(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last == [b'\n'])
}

fn rewrite(path: &Path, text: &str, lines: &HashMap<Box<str>, Range<usize>>) -> std::io::Result<()> {
    let lock = File::open(path)?;
    lock.lock()?;
    let mut kept: Vec<&Range<usize>> = lines.values().collect();
    kept.sort_by_key(|range| range.start);
    let new: String = kept.into_iter().flat_map(|range| [&text[range.clone()], "\n"]).collect();
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&beside, new)?;
    fs::rename(&beside, path)
}
