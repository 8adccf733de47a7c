//! `pipeline list`: experiments with their last launch, or artifacts.

use std::path::Path;

use comfy_table::{Table, presets};

use serde_json::json;

use super::arguments::List;
use super::failure::Failure;
use super::opened::Opened;
use super::say::say;
use super::view::seconds;
use crate::engine;
use crate::report::{Launch, State, results};

pub fn list(arguments: &List) -> Result<(), Failure> {
    let opened = Opened::here()?;
    if arguments.artifacts { artifacts(arguments, &opened) } else { experiments(arguments, &opened) }
}

/// A table of columns without rules.
pub fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn artifacts(arguments: &List, opened: &Opened) -> Result<(), Failure> {
    let store = opened.store()?;
    let mut found = store.list();
    if let Some(kind) = &arguments.kind {
        found.retain(|artifact| artifact.receipt.kind == *kind);
    }
    found.sort_by(|a, b| b.receipt.started_at.cmp(&a.receipt.started_at));
    if arguments.json {
        let rows = found.iter().map(|artifact| {
            let receipt = &artifact.receipt;
            json!({ "kind": receipt.kind, "key": receipt.key, "label": receipt.label, "bytes": receipt.size(),
                    "took_secs": receipt.took_secs, "started_at": receipt.started_at })
        });
        say!("{}", json!({ "version": 1, "artifacts": rows.collect::<Vec<_>>() }));
        return Ok(());
    }
    let mut rows = table(["kind", "key", "made for", "size", "took", "made at"]);
    for artifact in &found {
        let receipt = &artifact.receipt;
        let size = bytes(receipt.size());
        let at = receipt.started_at.get(..19).unwrap_or_default().replace('T', " ");
        rows.add_row([
            &receipt.kind,
            engine::short(&receipt.key),
            &receipt.label,
            &size,
            &seconds(receipt.took_secs),
            &at,
        ]);
    }
    say!("{rows}");
    Ok(())
}

fn experiments(arguments: &List, opened: &Opened) -> Result<(), Failure> {
    let files = files_in(&opened.root.join("experiments"));
    let mut names = results::experiments(&opened.results()).unwrap_or_default();
    names.extend(files.iter().cloned());
    names.sort();
    names.dedup();
    let mut rows = table(["experiment", "last launch", "stages", "question"]);
    let mut values = Vec::new();
    for name in &names {
        let latest = results::latest(&opened.results(), name).unwrap_or_default();
        let gone = if files.contains(name) { "" } else { " (no file)" };
        let question = latest.as_ref().and_then(|launch| launch.question.clone()).unwrap_or_default();
        let launch = latest.as_ref().map_or("never", |launch| &launch.launch);
        let done = latest.as_ref().map_or(String::new(), tally);
        values.push(json!({ "experiment": name, "file": gone.is_empty(), "launch": latest.as_ref().map(|l| &l.launch), "question": question }));
        rows.add_row([format!("{name}{gone}"), launch.to_string(), done, question]);
    }
    if arguments.json {
        say!("{}", json!({ "version": 1, "experiments": values }));
    } else if names.is_empty() {
        say!("no experiments yet\nhint: `pipeline init` writes a first one");
    } else {
        say!("{rows}");
    }
    Ok(())
}

fn tally(launch: &Launch) -> String {
    let done = launch.stages.iter().filter(|stage| stage.state.is_done()).count();
    let failed = launch.stages.iter().filter(|stage| stage.state == State::Failed).count();
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    format!("{done}/{}{failed}", launch.stages.len())
}

/// Stems of the TOML files in a folder.
fn files_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_string())).collect()
}

/// A size as a person says it: `512 B`, `3.4 MB`.
pub fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_decimal_units() {
        assert_eq!(
            [0, 999, 1000, 999_499, 3_400_000, 7_000_000_000].map(bytes),
            ["0 B", "999 B", "1.0 kB", "999.5 kB", "3.4 MB", "7.0 GB"]
        );
    }
}
