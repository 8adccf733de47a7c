//! `pipeline data`: the data sets of pipeline.toml, before any experiment. Here are its list and how a set is opened.

use std::path::PathBuf;

use serde_json::json;

use super::arguments::{DataList, DataVerb};
use super::failure::Failure;
use super::list::table;
use super::opened::{Opened, eprint};
use super::say::say;
use super::{data_check, data_fetch, data_show};
use crate::data::Catalog;
use crate::engine;
use crate::recipe::{Dataset, Format};

pub fn data(verb: &DataVerb) -> Result<(), Failure> {
    match verb {
        DataVerb::List(arguments) => list(arguments),
        DataVerb::Check(arguments) => data_check::check(arguments),
        DataVerb::Show(arguments) => data_show::show(arguments),
        DataVerb::Fetch(arguments) => data_fetch::fetch(arguments),
    }
}

/// The data set of that name.
pub fn named<'a>(opened: &'a Opened, name: &str) -> Result<&'a Dataset, Failure> {
    let datasets = &opened.project.datasets;
    datasets.get(name).ok_or_else(|| {
        let mut known: Vec<&String> = datasets.keys().collect();
        known.sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)));
        let list: Vec<String> = known.iter().take(5).map(|known| format!("`{known}`")).collect();
        let hint = match list.is_empty() {
            true => "define it in pipeline.toml: `[datasets.NAME]`".to_string(),
            false => format!("there is {}", list.join(", ")),
        };
        Failure::usage(format!("no data set is called `{name}`\nhint: {hint}"))
    })
}

/// Where a data set's files are, if it has files.
pub fn place(opened: &Opened, set: &Dataset) -> Option<PathBuf> {
    set.path.as_ref().map(|path| opened.root.join(path))
}

/// A data set that is there, ready to be read.
pub struct OpenedSet {
    pub format: Format,
    pub catalog: Catalog,
}

/// # Errors
/// It is not there, or cannot be read as what it is said to be.
pub fn open(opened: &Opened, name: &str) -> Result<OpenedSet, Failure> {
    let set = named(opened, name)?;
    let format = set.layout(&opened.root);
    if let Some(path) = place(opened, set).filter(|path| !path.exists()) {
        let (noun, remedy) = (set.noun(), set.remedy(name));
        let stand_in = set.stand_in.as_ref().filter(|other| opened.project.datasets.contains_key(*other));
        let also = stand_in.map_or(String::new(), |other| format!(" (`{other}` stands in)"));
        let message = format!("data set `{name}` is not there{also}: no {noun} `{}`", path.display());
        return Err(Failure::environment(format!("{message}\nhint: {remedy}")));
    }
    let source = match set.place(&opened.root) {
        Some(place) => Some(engine::list_source(&place, &opened.store()?)?),
        None => None,
    };
    let catalog = Catalog::open(&format, source.as_ref())?;
    for warning in &catalog.warnings {
        eprint(&format!("warning: {warning}\n"));
    }
    Ok(OpenedSet { format, catalog })
}

fn list(arguments: &DataList) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let mut rows = table(["data set", "format", "where", "state"]);
    let mut values = Vec::new();
    for (name, set) in &opened.project.datasets {
        let path = place(&opened, set);
        let there = path.as_ref().is_none_or(|path| path.exists());
        let format = set.layout(&opened.root);
        let shown =
            set.path.as_ref().map_or("drawn by the program".into(), |path| path.display().to_string());
        values.push(json!({
            "name": name, "format": format.name(), "path": set.path, "there": there,
            "stand_in": set.stand_in, "url": set.url,
        }));
        rows.add_row([name.clone(), format.name().to_string(), shown, state(name, set, there)]);
    }
    if arguments.json {
        say!("{}", json!({ "version": 1, "datasets": values }));
    } else if opened.project.datasets.is_empty() {
        say!(
            "no data sets yet\nhint: define one in pipeline.toml: `[datasets.NAME]` with `path = \"data/NAME\"`"
        );
    } else {
        say!("{rows}");
    }
    Ok(())
}

fn state(name: &str, set: &Dataset, there: bool) -> String {
    if there {
        return "there".into();
    }
    let stand_in = set.stand_in.as_ref().map_or(String::new(), |other| format!("; `{other}` stands in"));
    let fetch = set.url.as_ref().map_or(String::new(), |_| format!("; `pipeline data fetch {name}`"));
    format!("not there{stand_in}{fetch}")
}
