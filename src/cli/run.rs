//! `pipeline run`: runs what is stale, records the launch, and ends with a table of the runs.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use console::style;
use serde_json::json;

use super::ahead::Ahead;
use super::arguments::Run;
use super::budget::{Budget, Limit};
use super::expected::Expected;
use super::failure::Failure;
use super::foreseen;
use super::journal::{Journal, TENSORBOARD};
use super::machine;
use super::opened::{OpenedExperiment, eprint};
use super::say::say;
use super::view::{View, seconds};
use super::{plan, record, report as page, terms};
use crate::engine::{self, Final, History, Listener, Options, Outcome, Store};
use crate::report::{self, Launch, results};

pub fn run(arguments: &Run) -> Result<(), Failure> {
    let opened = OpenedExperiment::new(&arguments.chosen)?;
    let options = options(arguments, &opened)?;
    let store = opened.opened.store()?;
    if arguments.dry_run {
        return plan::show(&opened, &store, &options, arguments.json);
    }
    tell_of_stand_ins(&opened);
    let started = SystemTime::now();
    let mut history = History::open(&store, &opened.experiment.name);
    let mut view = View::new();
    let mut journal = Journal::new(opened.opened.results(), &opened.experiment.name, started);
    if arguments.tensorboard {
        journal = journal.with_curves(tell_of_curves);
    }
    let graph = &opened.experiment.graph;
    let terms = terms::terms(&opened.experiment.project.energy);
    let limit = Limit::of(arguments, &terms)?;
    let mut budget = Budget::open(limit, &opened.experiment, (&store, &mut history), &options, &terms)?;
    let mut ahead = look_ahead(&opened, &store, &mut history, &options, &view)?;
    let listeners: &mut [&mut dyn Listener] = &mut [&mut view, &mut journal, &mut budget, &mut ahead];
    let outcome = engine::run(graph, &store, &mut history, &options, listeners)?;
    let forecast = ahead.close();
    let record = record::launch(&opened.experiment, &outcome, started);
    let (launch, folder) = keep(record, journal, &opened, &store, &outcome)?;
    if arguments.tensorboard {
        let curves = folder.join(TENSORBOARD);
        report::write_tensorboard(&launch, &store, &curves)?;
        tell_of_curves(&curves);
    }
    tell(arguments, &store, &outcome, &launch, &folder)?;
    let spent = report::totals(&report::Stored::new(&launch, &store)).spent;
    if let (Some(forecast), Some(spent), true) = (forecast, spent, outcome.is_complete()) {
        eprint(&format!("energy: {}\n", forecast.beside(spent)));
    }
    budget.close(spent, &opened.experiment.path.to_string_lossy())?;
    ended(&outcome, &opened.experiment.path)
}

/// Watches what the launch draws and how far it is.
fn look_ahead(
    opened: &OpenedExperiment,
    store: &Store,
    history: &mut History,
    options: &Options,
    view: &View,
) -> Result<Ahead, Failure> {
    let graph = &opened.experiment.graph;
    let sizes = foreseen::sizes(&opened.experiment);
    // To plan twice is worth it where a person looks on; elsewhere the launch's own stages tell.
    let secs = match view.is_live() {
        true => {
            let plan = engine::plan(graph, store, history, options)?;
            foreseen::seconds(&opened.experiment, &plan, store, history)
        }
        false => vec![None; graph.stages.len()],
    };
    let names = graph.stages.iter().map(|stage| stage.name.clone()).collect();
    let expected = Expected::new(names, sizes, secs);
    let terms = terms::terms(&opened.experiment.project.energy);
    Ok(Ahead::watch((graph, options, expected), (store, &terms), view.tells_every(), view.teller()))
}

/// How the engine is to go about it.
pub fn options(arguments: &Run, opened: &OpenedExperiment) -> Result<Options, Failure> {
    let experiment = &opened.experiment;
    let worker = opened.worker()?;
    let mut options = Options::new(&experiment.name, experiment.root.clone())?;
    if let Some(facts) = worker {
        options.worker_program = machine::worker_program().map_err(Failure::environment)?;
        options.devices = facts.cuda.indices.clone();
    }
    let fit = (options.threads / experiment.project.torch_threads.max(1)).max(1);
    let jobs = arguments.jobs.map(|jobs| jobs as usize).or(experiment.project.jobs);
    options.jobs = if arguments.exclusive { 1 } else { jobs.unwrap_or(fit) };
    // Who asks for more stages at a time than cores gets them: the cores are then shared.
    options.threads = options.threads.max(options.jobs * experiment.project.torch_threads);
    options.keep_going = arguments.keep_going;
    options.retries = arguments.retries;
    options.force = opened.stages(&arguments.force)?;
    options.targets = opened.stages(&arguments.targets)?;
    options.metering = json!(terms::assumptions(&experiment.project.energy));
    Ok(options)
}

/// Says once, ahead of everything, which data sets are not the ones named.
fn tell_of_stand_ins(opened: &OpenedExperiment) {
    let stages = opened.experiment.graph.stages.iter();
    let mut told: Vec<String> = stages
        .filter_map(|stage| {
            let other = stage.provenance.get("stand_in")?.as_str()?;
            let named = stage.provenance.get("dataset")?.as_str()?;
            Some(format!(
                "`{other}` stands in for `{named}`, which is not there: the figures are not about `{named}`"
            ))
        })
        .collect();
    told.sort();
    told.dedup();
    for line in told {
        eprint(&format!("{}: {line}\n", style("note").yellow().for_stderr()));
    }
}

/// Writes the launch's folder, unless nothing ran and the last launch says the same.
fn keep(
    mut launch: Launch,
    journal: Journal,
    opened: &OpenedExperiment,
    store: &Store,
    outcome: &Outcome,
) -> Result<(Launch, PathBuf), Failure> {
    let results = opened.opened.results();
    let nothing_ran =
        outcome.count(|state| matches!(state, Final::Cached | Final::NotAsked)) == outcome.stages.len();
    if nothing_ran && let Ok(Some(mut last)) = results::latest(&results, &launch.experiment) {
        let folder = results.join(&launch.experiment).join(&last.launch);
        if record::says_the_same(&last, &launch) && folder.join("runs.csv").is_file() {
            record::spend_nothing(&mut last);
            return Ok((last, folder));
        }
    }
    let (name, folder) = journal.into_folder()?;
    launch.launch = name;
    record::add_costs(&mut launch, store);
    std::fs::write(folder.join("experiment.toml"), opened.experiment.resolved())?;
    launch.write(&folder)?;
    report::write_tables(&launch, store, &folder)?;
    // The tables say the same; a page that cannot be made is no reason to call the launch a failure.
    if let Err(error) = page::of_launch(&opened.opened, store, &launch, &folder) {
        eprint(&format!("warning: no report was written: {error:#}\n"));
    }
    results::point_latest(&results, &launch.experiment, &launch.launch)?;
    Ok((launch, folder))
}

/// How to look at curves, while they come and afterwards.
fn tell_of_curves(folder: &Path) {
    eprint(&format!("curves: tensorboard --logdir {}\n", here(folder).display()));
}

/// As seen from the working directory, where it is below that.
fn here(path: &Path) -> &Path {
    path.strip_prefix(std::env::current_dir().unwrap_or_default()).unwrap_or(path)
}

/// The table of the runs on stdout, the rest on stderr.
fn tell(
    arguments: &Run,
    store: &Store,
    outcome: &Outcome,
    launch: &Launch,
    folder: &Path,
) -> Result<(), Failure> {
    let shown = here(folder);
    if arguments.json {
        say!("{}", json!({ "version": 1, "folder": folder, "launch": launch }));
    } else {
        let color = console::colors_enabled();
        let text = report::render_runs(launch, store, table_width(), color)?;
        if !text.is_empty() {
            say!("{}", text.trim_end());
        }
    }
    eprint(&format!("{}\n", summary(outcome)));
    let bill = report::bill(launch, store);
    if !bill.is_empty() {
        eprint(&format!("{bill}\n"));
    }
    eprint(&format!("tables: {}/{{runs,summary,curves,confusion,stages,emissions}}.csv\n", shown.display()));
    if folder.join(page::FILE).is_file() {
        eprint(&format!("report: {}/{}\n", shown.display(), page::FILE));
    }
    Ok(())
}

/// Characters that a table may take.
pub fn table_width() -> usize {
    console::Term::stdout().size_checked().map_or(100, |(_, columns)| usize::from(columns).clamp(60, 140))
}

fn summary(outcome: &Outcome) -> String {
    let named = [
        (outcome.count(|state| matches!(state, Final::Made)), "ran"),
        (outcome.count(|state| matches!(state, Final::Cached)), "cached"),
        (outcome.count(|state| matches!(state, Final::Failed { .. })), "failed"),
        (outcome.count(|state| matches!(state, Final::Blocked { .. })), "blocked"),
        (outcome.count(|state| matches!(state, Final::Stopped)), "stopped"),
        (outcome.count(|state| matches!(state, Final::NotStarted)), "not started"),
    ];
    let told = named.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let told: Vec<String> = told.collect();
    let told = if told.is_empty() { "nothing to do".to_string() } else { told.join(", ") };
    format!("{told}; {}", seconds(outcome.took_secs))
}

fn ended(outcome: &Outcome, path: &Path) -> Result<(), Failure> {
    if outcome.interrupted {
        let message =
            format!("interrupted\nhint: `pipeline run {}` goes on from what was saved", path.display());
        return Err(Failure::new(Failure::INTERRUPTED, message));
    }
    if outcome.is_complete() {
        return Ok(());
    }
    let failed = outcome.count(|state| matches!(state, Final::Failed { .. }));
    let stages = if failed == 1 { "1 stage failed".to_string() } else { format!("{failed} stages failed") };
    Err(Failure::new(Failure::STAGE, format!("{stages}; what was finished is kept and will not run again")))
}
