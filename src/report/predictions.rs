//! `predictions.csv` of an evaluate stage: what a network took each test image for.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One image, as it was taken.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Prediction {
    /// Its place in the split.
    pub index: usize,
    /// Where the image came from; empty where its set does not say.
    pub source: String,
    /// The true class.
    pub label: String,
    pub predicted: String,
    /// Of the predicted class, 0..1.
    pub probability: f64,
}

impl Prediction {
    pub fn is_right(&self) -> bool {
        self.label == self.predicted
    }
}

/// Every image, in the order of the split.
///
/// # Errors
/// The file is missing, or no table of predictions.
pub fn read(path: &Path) -> Result<Vec<Prediction>> {
    let damaged = || format!("`{}` is no table of predictions", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(damaged)?;
    reader.deserialize().collect::<Result<_, _>>().with_context(damaged)
}

/// A number that is the same for the same images with the same labels in the same order. Images without a source are
/// told apart by `file`, the digest of the file that they came from.
pub fn identity(predictions: &[Prediction], file: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for prediction in predictions {
        (&prediction.source, &prediction.label).hash(&mut hasher);
        if prediction.source.is_empty() {
            file.hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "index,source,label,predicted,probability,label_probability,loss\n\
        0,test/TEAL/1.jpg,TEAL,TEAL,0.9,0.9,0.1\n1,\"test/CRAKE, LITTLE/1.jpg\",\"CRAKE, LITTLE\",TEAL,0.6,0.3,1.2\n";

    fn table(text: &str) -> Result<Vec<Prediction>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    #[test]
    fn a_table_says_which_images_were_taken_rightly() {
        let all = table(TABLE).unwrap();
        assert_eq!(all.iter().map(Prediction::is_right).collect::<Vec<_>>(), [true, false]);
        assert_eq!((all[1].label.as_str(), all[1].probability), ("CRAKE, LITTLE", 0.6));
        assert!(format!("{:#}", table("a,b\n1,2\n").unwrap_err()).contains("no table of predictions"));
    }

    #[test]
    fn other_images_or_labels_are_another_set() {
        let all = table(TABLE).unwrap();
        let mut guessed = all.clone();
        guessed[0].predicted = "CRAKE".into();
        assert_eq!(identity(&all, "a"), identity(&guessed, "b"));
        guessed[0].label = "CRAKE".into();
        assert_ne!(identity(&all, "a"), identity(&guessed, "a"));
        let nameless: Vec<Prediction> =
            all.into_iter().map(|each| Prediction { source: String::new(), ..each }).collect();
        assert_ne!(identity(&nameless, "a"), identity(&nameless, "b"));
    }
}
