//! `pipeline gc`: removes artifacts that no result refers to.

use serde_json::json;

use super::arguments::Gc;
use super::failure::Failure;
use super::list::bytes;
use super::opened::{Opened, eprint};
use super::say::say;
use crate::engine::{self, GcOptions, GcReport, short};

pub fn gc(arguments: &Gc) -> Result<(), Failure> {
    let max_size = arguments.max_size.as_deref().map(size).transpose().map_err(Failure::usage)?;
    let options = GcOptions { dry_run: arguments.dry_run, max_size, keep_last: arguments.keep_last };
    let report = engine::gc(&Opened::here()?.store()?, &options)?;
    if arguments.json {
        say!("{}", as_value(&report, arguments.dry_run));
        return Ok(());
    }
    for artifact in &report.removed {
        let receipt = &artifact.receipt;
        say!("{}/{}  {}  {}", receipt.kind, short(&receipt.key), bytes(receipt.size()), receipt.label);
    }
    let verb = if arguments.dry_run { "would remove" } else { "removed" };
    let rest = [(report.abandoned, "abandoned attempts"), (report.quarantined, "damaged artifacts")];
    let rest = rest.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}"));
    let cache = match report.cache_bytes {
        0 => String::new(),
        size => format!(", {} of decoded images", bytes(size)),
    };
    eprint(&format!(
        "{verb} {} artifacts{}{cache} ({}); {} stay ({})\n",
        report.removed.len(),
        rest.collect::<String>(),
        bytes(report.freed_bytes),
        report.kept,
        bytes(report.kept_bytes)
    ));
    Ok(())
}

fn as_value(report: &GcReport, dry_run: bool) -> serde_json::Value {
    let removed = report.removed.iter().map(|artifact| {
        let receipt = &artifact.receipt;
        json!({ "kind": receipt.kind, "key": receipt.key, "label": receipt.label, "bytes": receipt.size() })
    });
    json!({
        "version": 1, "dry_run": dry_run, "removed": removed.collect::<Vec<_>>(), "freed_bytes": report.freed_bytes,
        "cache_bytes": report.cache_bytes, "kept": report.kept, "kept_bytes": report.kept_bytes,
    })
}

/// `500MB`, `1.5 GB`, `1000`: decimal units, as tables write them.
fn size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let end = trimmed.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let factor = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1.0,
        "K" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "T" | "TB" => 1e12,
        _ => return Err(format!("`{text}` is no size\nhint: a number and a unit, as in `500MB` or `20GB`")),
    };
    let number: f64 =
        number.parse().map_err(|_| format!("`{text}` is no size\nhint: as in `500MB` or `20GB`"))?;
    Ok((number * factor) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        assert_eq!(["1000", "500MB", "1.5 gb"].map(size), [Ok(1000), Ok(500_000_000), Ok(1_500_000_000)]);
        assert!(size("many").is_err() && size("5 XB").is_err());
    }
}
