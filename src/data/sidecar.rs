//! The two small files beside the splits: `classes.json` and `preprocess.json`.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::recipe::Preprocess;

/// Names of classes; a label is an index into them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes(pub Vec<String>);

impl Classes {
    /// # Errors
    /// The file is missing, or no JSON array of distinct names.
    pub fn read(path: &Path) -> Result<Classes> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
        let names: Vec<String> =
            serde_json::from_str(&text).with_context(|| format!("`{shown}` is no list of class names"))?;
        ensure!(!names.is_empty(), "`{shown}` names no classes");
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        ensure!(distinct.len() == names.len(), "`{shown}` names a class twice");
        Ok(Classes(names))
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        write_json(path, &self.0)
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// # Errors
/// The file is missing, or its figures cannot scale anything.
pub fn read_preprocess(path: &Path) -> Result<Preprocess> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
    let found: Preprocess =
        serde_json::from_str(&text).with_context(|| format!("`{shown}` does not hold mean and sd"))?;
    ensure!(found.mean.iter().all(|mean| mean.is_finite()), "a mean in `{shown}` is no number");
    ensure!(found.sd.iter().all(|sd| sd.is_finite() && *sd > 0.0), "an sd in `{shown}` is not above 0");
    Ok(found)
}

pub fn write_preprocess(path: &Path, preprocess: &Preprocess) -> Result<()> {
    write_json(path, preprocess)
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).expect("names and numbers are JSON");
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_figures_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let (classes, preprocess) = (folder.path().join("c.json"), folder.path().join("p.json"));
        let names = Classes(vec!["OVENBIRD".into(), "D-ARNAUDS BARBET".into()]);
        names.write(&classes).unwrap();
        assert_eq!(Classes::read(&classes).unwrap(), names);
        let figures = Preprocess { mean: [0.1, 0.2, 1.0 / 3.0], sd: [0.25, 0.5, 0.75] };
        write_preprocess(&preprocess, &figures).unwrap();
        assert_eq!(read_preprocess(&preprocess).unwrap(), figures);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.json");
        for text in ["[]", "{}", r#"["A", "A"]"#, "not json"] {
            std::fs::write(&path, text).unwrap();
            assert!(Classes::read(&path).is_err(), "{text}");
        }
        std::fs::write(&path, r#"{"mean": [0, 0, 0], "sd": [1, 0, 1]}"#).unwrap();
        assert!(read_preprocess(&path).is_err());
    }
}
