//! `pipeline compare`: runs of experiments or launches side by side.

use super::arguments::{Compare, Format};
use super::failure::Failure;
use super::opened::{Opened, eprint};
use super::run::table_width;
use super::say::say;
use crate::report::{self, Comparison, Launch, results, sides::Chosen};

pub fn compare(arguments: &Compare) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let launches = launches(&opened, &arguments.launches)?;
    if arguments.against.is_some() {
        return against_published(&launches, &opened, format(arguments.format));
    }
    let filters = arguments.filters.iter().map(|text| filter(text)).collect::<Result<Vec<_>, _>>()?;
    let chosen = Chosen {
        by: arguments.by.as_deref(),
        baseline: arguments.baseline.as_deref(),
        only: filters,
        group_by: arguments.group_by.iter().map(String::as_str).collect(),
        unlike: arguments.unlike,
    };
    let comparison = Comparison {
        chosen,
        margin: arguments.margin.map(|points| points / 100.0),
        sort: arguments.sort.as_deref(),
        only_diff: arguments.only_diff,
        format: format(arguments.format),
    };
    let store = opened.store()?;
    let text = match &arguments.across {
        Some(axis) => report::across(&launches, &store, &comparison.chosen, axis, comparison.format),
        None => report::compare(&launches, &store, &comparison),
    };
    let text = text.map_err(Failure::usage)?;
    if text.trim().is_empty() {
        eprint("nothing to compare: no run of these launches has scores\n");
    } else {
        say!("{}", text.trim_end());
    }
    Ok(())
}

/// A figure that is not repeated is a failure, so that a script can tell.
fn against_published(launches: &[Launch], opened: &Opened, format: report::Format) -> Result<(), Failure> {
    let found = report::against_published(launches, &opened.store()?, format).map_err(Failure::usage)?;
    say!("{}", found.text.trim_end());
    match found.short {
        0 => Ok(()),
        short => Err(Failure::new(
            Failure::STAGE,
            format!(
                "{short} of {} results are more than 1.5 points below the published figure",
                found.groups
            ),
        )),
    }
}

/// The launches that a person names.
pub fn launches(opened: &Opened, named: &[String]) -> Result<Vec<Launch>, Failure> {
    let find = |named: &String| results::find(&opened.results(), named).map_err(Failure::usage);
    named.iter().map(find).collect()
}

/// `network=cnn,vgg16-bn`: an axis and its values.
fn filter(text: &str) -> Result<(&str, &str), Failure> {
    let Some((axis, values)) = text.split_once('=') else {
        return Err(Failure::usage(format!(
            "`{text}` says no axis and value to keep\nhint: `--where network=cnn,vgg16-bn`"
        )));
    };
    Ok((axis.trim(), values))
}

fn format(chosen: Format) -> report::Format {
    match chosen {
        Format { csv: true, .. } => report::Format::Csv,
        Format { json: true, .. } => report::Format::Json,
        Format { md: true, .. } => report::Format::Markdown,
        Format { latex: true, .. } => report::Format::Latex,
        _ => report::Format::Text { width: table_width(), color: console::colors_enabled() },
    }
}
