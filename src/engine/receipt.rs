//! What an artifact says of itself: its pre-image, the digests of its files and how it came to be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::FileDigest;
use super::key;
use super::meter::Spent;
use super::stage::Device;

/// The name of the file in the artifact's folder. An artifact is whole when it has one.
pub const RECEIPT: &str = "receipt.json";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// 64 hex digits: the SHA-256 of the pre-image.
    pub key: String,
    pub kind: String,
    /// What a person called the stage when it was made.
    pub label: String,
    pub pre_image: Value,
    /// Every file below `content/` by its path there.
    pub files: BTreeMap<String, FileDigest>,
    /// The SHA-256 over `files`: two artifacts with the same digest hold the same bytes.
    pub digest: String,
    /// Versions, host, processor capability, warnings, times of parts: whatever is good to know and no part of the
    /// key or the digest.
    pub provenance: BTreeMap<String, Value>,
    /// UTC, RFC 3339: sorts as text.
    pub started_at: String,
    /// Wall seconds of all attempts at the key: what was killed and gone on with counts too.
    pub took_secs: f64,
    /// Processor time of the stage's process and of those that it started and waited for, in all attempts.
    pub cpu_secs: f64,
    /// What all attempts drew, as the meter puts it; `null` where there was none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub energy: Value,
    /// What attempts before the last one used of all that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Spent>,
    /// Which attempt at the key this was, from 1.
    pub attempts: u32,
    pub threads: usize,
    pub device: Device,
    /// How many stages the launch allowed at a time.
    pub jobs: usize,
}

impl Receipt {
    /// Reads the receipt in an artifact's folder (or a tombstone, given by its file).
    ///
    /// # Errors
    /// When there is none, or it is not whole.
    pub fn read(file: &Path) -> Result<Receipt> {
        let text = fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("`{}` is damaged", file.display()))
    }

    /// A field of what the stage was told: `parameter("optimizer.sgd.lr")`.
    pub fn parameter(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.pre_image["parameters"], |value, part| value.get(part))
    }

    /// Warnings that the stage gave while it worked.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.provenance
            .get("warnings")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }

    /// The bytes of all its files.
    pub fn size(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }
}

/// The digest of an artifact: over names, sizes and bytes of its files, and nothing else.
pub fn content_digest(files: &BTreeMap<String, FileDigest>) -> String {
    let mut text = String::new();
    for (name, file) in files {
        // A name may hold anything but NUL, so that no two lists of files are spelt alike.
        text.push_str(&format!("{name}\0{}\0{}\0", file.size, file.sha256));
    }
    key::sha256_hex(text.as_bytes())
}

/// UTC as RFC 3339 with milliseconds.
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (secs, millis) = (since.as_secs(), since.subsec_millis());
    let (year, month, day) = civil(secs / 86_400);
    let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of a day since 1970 in the Gregorian calendar.
fn civil(day: u64) -> (u64, u64, u64) {
    // Counted from 1 March of the year 0, so that the leap day ends its year and months follow one formula.
    let day = day + 719_468;
    let era = day / 146_097;
    let of_era = day % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, of_month)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        let at = |secs| rfc3339(UNIX_EPOCH + Duration::from_secs(secs));
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(1_735_689_599), "2024-12-31T23:59:59.000Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn the_content_digest_depends_on_names_sizes_and_bytes() {
        let one = |name: &str, size, sha256: &str| {
            let file = FileDigest { size, sha256: sha256.into() };
            content_digest(&BTreeMap::from([(name.to_string(), file)]))
        };
        assert_eq!(one("a", 1, "00"), one("a", 1, "00"));
        assert_ne!(one("a", 1, "00"), one("b", 1, "00"));
        assert_ne!(one("a", 1, "00"), one("a", 2, "00"));
        assert_ne!(one("a", 1, "00"), one("a", 1, "01"));
    }
}
