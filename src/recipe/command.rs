//! `[command.NAME]`: any program, cached like the rest.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Complaint, Describe, Facts, Reads, Setting, Thing};
use crate::engine::{Files, Place, Program, Source};

/// Any program with declared inputs and outputs, cached like the rest. What is not declared is not tracked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The command line, run by `sh -c` in the folder of `pipeline.toml`. `{in.NAME}` is the folder with the files of
    /// the stage NAME, `{out}` the folder to write to. Words that name files of the project count as inputs, unless they
    /// follow `>`.
    pub run: String,
    /// Further files that the program reads, from the folder of `pipeline.toml`.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// Environment variables whose values the result depends on.
    #[serde(default)]
    pub env: Vec<String>,
}

impl Command {
    /// The names in `{in.NAME}`, each once, in order.
    pub fn stages_read(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for piece in self.run.split("{in.").skip(1) {
            let Some((name, _)) = piece.split_once('}') else { continue };
            if !names.iter().any(|known| known == name) {
                names.push(name.to_string());
            }
        }
        names
    }

    /// Words of the command line that name files below `root`, and the declared `inputs`.
    pub fn files_read(&self, setting: &Setting) -> Vec<String> {
        let words: Vec<&str> = self.run.split_whitespace().collect();
        // What follows `>` is written, and the stage would be stale by its own doing.
        let read = words.iter().enumerate().filter(|(at, _)| *at == 0 || !words[at - 1].ends_with('>'));
        let bare = read.map(|(_, word)| word.trim_matches(['"', '\'', ';', '(', ')']));
        let named =
            bare.filter(|word| !word.is_empty() && !word.contains('{') && is_project_file(setting, word));
        let mut files: Vec<String> = named.map(|word| word.trim_start_matches("./").to_string()).collect();
        files.extend(self.inputs.iter().map(|path| path.trim_start_matches("./").to_string()));
        files.sort();
        files.dedup();
        files
    }
}

fn is_project_file(setting: &Setting, word: &str) -> bool {
    let inside = !word.starts_with('/') && !word.split('/').any(|part| part == "..");
    inside && setting.holds_file(word)
}

impl Describe for Command {
    const KIND: &'static str = "command";
    const REVISION: u32 = 1;
    const MAKES: Thing = Thing::Anything;
    const PROGRAM: Program = Program::Own;

    fn reads(&self) -> Vec<Reads> {
        let role = |(place, stage): (usize, String)| Reads {
            field: "run",
            role: format!("in.{place}"),
            stage,
            wants: Thing::Anything,
            files: Files::All,
        };
        self.stages_read().into_iter().enumerate().map(role).collect()
    }

    /// The command line as keyed: inputs by place, since names of stages are not part of the key.
    fn further_parameters(&self, _setting: &Setting) -> Vec<(&'static str, Value)> {
        let by_place = |run: String, (place, name): (usize, String)| {
            run.replace(&format!("{{in.{name}}}"), &format!("{{in.{place}}}"))
        };
        let run = self.stages_read().into_iter().enumerate().fold(self.run.clone(), by_place);
        let env: BTreeMap<&String, Option<String>> =
            self.env.iter().map(|name| (name, std::env::var(name).ok())).collect();
        vec![("run", json!(run)), ("env", json!(env)), ("inputs", json!([]))]
    }

    fn sources(&self, setting: &Setting) -> Vec<Source> {
        let file = |path: String| {
            let place = Place::File(setting.root.join(&path));
            Source { role: path, place }
        };
        self.files_read(setting).into_iter().map(file).collect()
    }

    fn facts(&self, _setting: &Setting, _inputs: &[Facts]) -> Facts {
        Facts::default()
    }

    fn complaints(&self, setting: &Setting, _inputs: &[Facts]) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if !self.run.contains("{out}") {
            let message = "nothing is written: the command line does not mention `{out}`";
            complaints
                .push(Complaint::new(&["run"], message).hint("write the results into the folder `{out}`"));
        }
        for (index, path) in self.inputs.iter().enumerate() {
            if !setting.holds_file(path) {
                let field = ["inputs".to_string(), index.to_string()];
                let message = format!("no file `{path}` in `{}`", setting.root.display());
                complaints.push(Complaint { field: field.to_vec(), ..Complaint::new(&[], message) });
            }
        }
        complaints
    }
}
