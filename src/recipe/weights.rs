//! `[weights.NAME]`: weights that were made elsewhere, for a training to start from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Complaint, Describe, Facts, Reads, Setting, Thing};
use crate::engine::{Place, Program, Source};

/// Weights that were made elsewhere, for `init_from` of a training: a safetensors file with torchvision's names, or
/// timm's for `convnext`, `vit-tiny` and `swin`. Give `path`, or `url` with `sha256`. What it cost to make them is
/// not known, and no total holds it: tables say so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The file, from the folder of `pipeline.toml`.
    #[serde(default, skip_serializing_if = "is_no_part_of_the_key")]
    pub path: Option<PathBuf>,
    /// Where the stage downloads the file from, once; a download that broke off goes on.
    #[serde(default, skip_serializing_if = "is_no_part_of_the_key")]
    pub url: Option<String>,
    /// SHA-256 of the file at `url`, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Bytes are keyed, not where they come from.
fn is_no_part_of_the_key<T>(_: &Option<T>) -> bool {
    true
}

impl Weights {
    /// The role of the file that `path` names.
    pub const FILE: &'static str = "file";
}

impl Describe for Weights {
    const KIND: &'static str = "weights";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::Weights;
    const PROGRAM: Program = Program::Own;

    fn reads(&self) -> Vec<Reads> {
        Vec::new()
    }

    fn sources(&self, setting: &Setting) -> Vec<Source> {
        let place = self.path.as_ref().map(|path| Place::File(setting.root.join(path)));
        place.map(|place| Source { role: Weights::FILE.into(), place }).into_iter().collect()
    }

    fn provenance(&self, _setting: &Setting) -> BTreeMap<String, Value> {
        let unknown = ("upstream_energy".to_string(), json!("unknown"));
        let url = self.url.as_ref().map(|url| ("url".to_string(), json!(url)));
        std::iter::once(unknown).chain(url).collect()
    }

    fn complaints(&self, setting: &Setting, _inputs: &[Facts]) -> Vec<Complaint> {
        match (&self.path, &self.url, &self.sha256) {
            (Some(path), None, None) => not_there(path, setting).into_iter().collect(),
            (None, Some(url), Some(sha256)) => {
                [no_address(url), no_digest(sha256)].into_iter().flatten().collect()
            }
            (None, Some(_), None) => vec![
                Complaint::new(&["url"], "`url` lacks `sha256`")
                    .hint("what is fetched is checked against it: `sha256sum FILE` computes it"),
            ],
            (Some(_), ..) => {
                let message = "`path` names a file that is here, and `url` and `sha256` one to be fetched";
                vec![Complaint::new(&["path"], message).hint("keep `path`, or `url` with `sha256`")]
            }
            (None, None, _) => {
                let complaint = Complaint::new(&[], "neither `path` nor `url` says where the weights are");
                vec![complaint.hint("`path = \"weights/resnet18.safetensors\"`, or `url` with `sha256`")]
            }
        }
    }
}

fn not_there(path: &Path, setting: &Setting) -> Option<Complaint> {
    let (whole, shown) = (setting.root.join(path), path.display());
    let (message, hint) = if whole.is_dir() {
        (
            format!("`{shown}` is a folder"),
            format!("name a file in it: `path = \"{shown}/weights.safetensors\"`"),
        )
    } else {
        let hint =
            "`path` starts at the folder of pipeline.toml; `url` and `sha256` instead of it fetch a file";
        (format!("no file `{shown}` in `{}`", setting.root.display()), hint.to_string())
    };
    (!whole.is_file()).then(|| Complaint::new(&["path"], message).hint(hint))
}

fn no_address(url: &str) -> Option<Complaint> {
    let is_address = url.starts_with("https://") || url.starts_with("http://");
    let complaint = || Complaint::new(&["url"], format!("`{url}` is no address of a file"));
    (!is_address).then(|| complaint().hint("it begins with `https://`"))
}

fn no_digest(sha256: &str) -> Option<Complaint> {
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    let complaint = || Complaint::new(&["sha256"], format!("`{sha256}` is no SHA-256"));
    (!is_digest).then(|| complaint().hint("64 hexadecimal digits, as `sha256sum FILE` prints them"))
}
