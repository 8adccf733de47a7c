//! How a tree of images names its splits and classes: `train/CLASS/*` in any usual spelling, or `CLASS/*`, at any depth.

use std::collections::BTreeSet;

use super::catalog::SplitIndex;

/// Folders around the data set that are looked through: archives of archives have two.
const MOST_WRAPPERS: usize = 3;

/// Whether a folder's name is a split's: `train`, `Training`, `TRAIN_SET`, `val-images`.
pub fn split_named(folder: &str) -> Option<SplitIndex> {
    let lower = folder.to_lowercase();
    let mut word: String = lower.chars().filter(|letter| letter.is_alphanumeric()).collect();
    for end in ["set", "images", "data", "split"] {
        if let Some(rest) = word.strip_suffix(end) {
            word = rest.to_string();
            break;
        }
    }
    match word.as_str() {
        "train" | "training" => Some(0),
        "valid" | "val" | "validation" | "validate" | "dev" => Some(1),
        "test" | "testing" => Some(2),
        _ => None,
    }
}

/// Whether a path is none of a person's: `.ipynb_checkpoints/...`, `._001.jpg`, `__MACOSX/...`.
pub fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// How the paths of a tree are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What every path begins with and means nothing: empty, or with a `/` at its end.
    pub wrapper: String,
    pub with_splits: bool,
}

impl Layout {
    /// Of paths that are not hidden.
    ///
    /// A tree has splits when a top folder is called like training, or all are called like splits. A single top folder
    /// that has folders of images below it and is no split is a wrapper.
    pub fn of(paths: &[&str]) -> Layout {
        let mut wrapper = String::new();
        for _ in 0..MOST_WRAPPERS {
            let below: Vec<&str> =
                paths.iter().filter_map(|path| path.strip_prefix(wrapper.as_str())).collect();
            let tops: BTreeSet<&str> =
                below.iter().filter_map(|path| Some(path.split_once('/')?.0)).collect();
            let only = match tops.first() {
                Some(only) if tops.len() == 1 && split_named(only).is_none() => *only,
                _ => break,
            };
            if !below.iter().any(|path| path.split('/').count() >= 3) {
                break;
            }
            wrapper = format!("{wrapper}{only}/");
        }
        let below = paths.iter().filter_map(|path| path.strip_prefix(wrapper.as_str()));
        let tops: BTreeSet<&str> = below.filter_map(|path| Some(path.split_once('/')?.0)).collect();
        let with_splits = tops.iter().any(|top| split_named(top) == Some(0))
            || (!tops.is_empty() && tops.iter().all(|top| split_named(top).is_some()));
        Layout { wrapper, with_splits }
    }

    /// A path without what means nothing.
    pub fn id<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(self.wrapper.as_str())
    }

    /// Split and class of a file; `None` when it lies outside every class.
    pub fn place<'a>(&self, path: &'a str) -> Option<(SplitIndex, &'a str)> {
        let path = self.id(path)?;
        let (split, rest) = match self.with_splits {
            true => path.split_once('/').and_then(|(top, rest)| Some((split_named(top)?, rest)))?,
            false => (0, path),
        };
        rest.split_once('/').map(|(class, _)| (split, class))
    }

    /// The class that a folder is, if it is one, whether it holds files or not. Folders of validation and test alone make
    /// no class.
    pub fn class<'a>(&self, folder: &'a str) -> Option<&'a str> {
        let path = self.id(folder)?;
        let class = match self.with_splits {
            true => path.split_once('/').filter(|(top, _)| split_named(top) == Some(0))?.1,
            false => path,
        };
        (!class.is_empty() && !class.contains('/')).then_some(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spellings_of_splits_are_known_and_classes_are_not_taken_for_them() {
        for (names, split) in [
            (&["train", "Training", "TRAIN", "train_set", "Train-Images", "training set"][..], Some(0)),
            (&["valid", "val", "Validation", "dev", "valid_set", "VAL"], Some(1)),
            (&["test", "Testing", "test_set", "Test Images", "testset"], Some(2)),
            (&["trainer", "latest", "tests", "images to predict", "sunset", "val-de-loire", "", "set"], None),
        ] {
            names.iter().for_each(|name| assert_eq!(split_named(name), split, "{name}"));
        }
    }

    #[test]
    fn wrappers_are_seen_through_and_a_lone_class_is_no_wrapper() {
        let layout = |paths: &[&str]| {
            let found = Layout::of(paths);
            (found.wrapper, found.with_splits)
        };
        assert_eq!(layout(&["birds/train/A/1.png", "birds/test/A/2.png"]), ("birds/".into(), true));
        assert_eq!(layout(&["birds-main/data/Training/A/1.png"]), ("birds-main/data/".into(), true));
        assert_eq!(layout(&["birds/A/1.png", "birds/B/1.png", "birds/cover.png"]), ("birds/".into(), false));
        assert_eq!(layout(&["A/1.png", "A/2.png"]), (String::new(), false));
        assert_eq!(layout(&["train/A/1.png", "train/B/1.png"]), (String::new(), true));
        assert_eq!(layout(&["A/1.png", "B/deep/1.png"]), (String::new(), false));
    }

    #[test]
    fn a_class_is_the_folder_below_the_split() {
        let layout = Layout { wrapper: "birds/".into(), with_splits: true };
        assert_eq!(layout.place("birds/Val/WREN/a/1.png"), Some((1, "WREN")));
        assert_eq!(layout.place("birds/other/WREN/1.png"), None);
        assert_eq!(layout.place("elsewhere/train/WREN/1.png"), None);
        assert_eq!(layout.class("birds/train/WREN"), Some("WREN"));
        assert_eq!(layout.class("birds/train/WREN/deep"), None);
        assert_eq!(layout.class("birds/test/WREN"), None);
    }
}
