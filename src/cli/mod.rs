//! What a person types and sees: one verb a file. The only room, with `report`, that prints.

mod ahead;
mod arguments;
mod bar;
mod budget;
mod bundle;
mod compare;
mod data;
mod data_check;
mod data_fetch;
mod data_report;
mod data_show;
mod doctor;
mod expected;
mod export;
mod failure;
mod foreseen;
mod gc;
mod gpus;
mod graph;
mod init;
mod journal;
mod list;
mod machine;
mod opened;
mod plan;
mod precision;
mod record;
mod report;
mod room;
mod run;
mod say;
mod sheet;
mod show;
mod stage;
mod terms;
mod verify;
mod view;
mod why;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use console::style;

use arguments::{Arguments, Color, Plan, Run, Verb};
use failure::Failure;
use opened::{Opened, OpenedExperiment, eprint};
use say::say;

use crate::experiment;

/// Does what the arguments say; the exit code tells how it went.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    set_color(arguments.color);
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("PIPELINE_LOG"))
        .with_writer(std::io::stderr)
        .init();
    if let Verb::Stage { .. } = arguments.verb {
        return stage::stage();
    }
    match enter(arguments.directory.as_deref()).and_then(|()| perform(&arguments.verb)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, message }) => {
            if !message.is_empty() {
                eprint(&format!("{}\n", said(code, &message)));
            }
            ExitCode::from(code)
        }
    }
}

/// Configuration problems come fully drawn; other messages get their `error:`.
fn said(code: u8, message: &str) -> String {
    if code == Failure::CONFIGURATION {
        return message.to_string();
    }
    format!("{}: {message}", style("error").red().bold().for_stderr())
}

fn set_color(color: Color) {
    let always = match color {
        Color::Auto => return,
        Color::Always => true,
        Color::Never => false,
    };
    console::set_colors_enabled(always);
    console::set_colors_enabled_stderr(always);
}

/// As if the program had been started in `folder`.
fn enter(folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    let moved = std::env::set_current_dir(folder);
    moved.map_err(|error| Failure::usage(format!("cannot work in `{}`: {error}", folder.display())))
}

fn perform(verb: &Verb) -> Result<(), Failure> {
    match verb {
        Verb::Run(arguments) => run::run(arguments),
        Verb::Plan(arguments) => plan_only(arguments),
        Verb::Why(arguments) => why::why(arguments),
        Verb::List(arguments) => list::list(arguments),
        Verb::Show(arguments) => show::show(arguments),
        Verb::Compare(arguments) => compare::compare(arguments),
        Verb::Report(arguments) => report::report(arguments),
        Verb::Gc(arguments) => gc::gc(arguments),
        Verb::Verify(arguments) => verify::verify(arguments),
        Verb::Export(arguments) => export::export(arguments),
        Verb::Bundle(arguments) => bundle::bundle(arguments),
        Verb::Data(arguments) => data::data(&arguments.verb),
        Verb::Graph(arguments) => draw(arguments),
        Verb::Explain(arguments) => explain(arguments.topic.as_deref()),
        Verb::Schema(arguments) => schema(arguments.project),
        Verb::Doctor(arguments) => {
            let opened = Opened::here()?;
            doctor::doctor(&opened.project, &opened.root, arguments.json)
        }
        Verb::Init(arguments) => init::init(&arguments.folder),
        Verb::Completions { shell } => {
            clap_complete::generate(*shell, &mut Arguments::command(), "pipeline", &mut std::io::stdout());
            Ok(())
        }
        Verb::Stage { .. } => unreachable!("stages are done before verbs"),
    }
}

fn plan_only(arguments: &Plan) -> Result<(), Failure> {
    let opened = OpenedExperiment::new(&arguments.chosen)?;
    let as_run = Run {
        chosen: arguments.chosen.clone(),
        targets: arguments.targets.clone(),
        jobs: None,
        keep_going: false,
        retries: 0,
        force: arguments.force.clone(),
        max_kwh: None,
        max_cost: None,
        tensorboard: false,
        exclusive: false,
        dry_run: true,
        json: arguments.json,
    };
    let options = run::options(&as_run, &opened)?;
    plan::show(&opened, &opened.opened.store()?, &options, arguments.json)
}

fn draw(arguments: &arguments::Graph) -> Result<(), Failure> {
    let opened = OpenedExperiment::new(&arguments.chosen)?;
    let graph = &opened.experiment.graph;
    let draw = if arguments.dot { graph::dot } else { graph::mermaid };
    say!("{}", draw(graph, arguments.collapse).trim_end());
    Ok(())
}

fn explain(topic: Option<&str>) -> Result<(), Failure> {
    let Some(topic) = topic else {
        say!(
            "`pipeline explain TOPIC` explains any of these:\n\n{}",
            columns(&experiment::topics(), run::table_width())
        );
        return Ok(());
    };
    let text = experiment::explain(topic).map_err(Failure::usage)?;
    say!("{}", text.trim_end());
    Ok(())
}

fn schema(project: bool) -> Result<(), Failure> {
    let schema = if project { experiment::project_schema() } else { experiment::experiment_schema() };
    say!("{}", serde_json::to_string_pretty(&schema).map_err(Failure::environment)?);
    Ok(())
}

/// Words in as many columns as `width` holds, read down.
fn columns(words: &[String], width: usize) -> String {
    let longest = words.iter().map(|word| word.chars().count()).max().unwrap_or(1) + 2;
    let rows = words.len().div_ceil((width / longest).max(1)).max(1);
    let line = |row: usize| {
        words.iter().skip(row).step_by(rows).map(|word| format!("{word:<longest$}")).collect::<String>()
    };
    (0..rows).map(|row| format!("  {}", line(row).trim_end())).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_set_in_columns_that_are_read_down() {
        let words: Vec<String> = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
        assert_eq!(columns(&words, 6), "  a  d\n  b  e\n  c");
    }
}
