//! `pipeline compare`: runs of experiments or launches side by side.

use super::arguments::{Compare, Format};
use super::failure::Failure;
use super::opened::{Opened, eprint};
use super::run::table_width;
use super::say::say;
use crate::report::{self, Comparison, results};

pub fn compare(arguments: &Compare) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let find = |named: &String| results::find(&opened.results(), named).map_err(Failure::usage);
    let launches = arguments.launches.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let comparison = Comparison {
        by: arguments.by.as_deref(),
        baseline: arguments.baseline.as_deref(),
        only_diff: arguments.only_diff,
        format: format(arguments.format),
    };
    let text = report::compare(&launches, &opened.store()?, &comparison).map_err(Failure::usage)?;
    if text.trim().is_empty() {
        eprint("nothing to compare: no run of these launches has scores\n");
    } else {
        say!("{}", text.trim_end());
    }
    Ok(())
}

fn format(chosen: Format) -> report::Format {
    match chosen {
        Format { csv: true, .. } => report::Format::Csv,
        Format { json: true, .. } => report::Format::Json,
        Format { md: true, .. } => report::Format::Markdown,
        _ => report::Format::Text { width: table_width(), color: console::colors_enabled() },
    }
}
