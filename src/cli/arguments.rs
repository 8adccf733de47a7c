//! The command line as a person types it: verbs, options, and an example with each.

mod compare;
mod data;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use compare::{Compare, Format, Report};
pub use data::{Data, DataCheck, DataFetch, DataList, DataShow, DataVerb};

/// Answers questions about image classification: one TOML file, a graph of cached stages, comparable runs.
///
/// An experiment takes a subset of a data set, augments it, distils it to a few synthetic images per class, trains
/// networks, evaluates them and compares the runs. Only stages whose inputs or settings changed run again.
#[derive(Parser)]
#[command(name = "pipeline", version, max_term_width = 110, after_help = FIRST_STEPS)]
pub struct Arguments {
    #[command(subcommand)]
    pub verb: Verb,
    /// The project's folder, instead of the nearest one upwards with a pipeline.toml
    #[arg(short = 'C', long, global = true, value_name = "FOLDER")]
    pub directory: Option<PathBuf>,
    /// Whether to colour: auto colours on a terminal and honours NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

const FIRST_STEPS: &str = "\
First steps:
  pipeline init                                 a pipeline.toml and a first experiment in this folder
  pipeline plan experiments/first.toml          what would run, and why
  pipeline run experiments/first.toml           run what is stale, then compare
  pipeline explain train                        every setting of a kind of stage

Exit codes: 0 done, 1 a stage failed, 2 usage, 3 configuration, 4 environment,
6 stopped by --max-kwh or --max-cost, 130 interrupted.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Run what is stale of an experiment, then compare its runs
    #[command(
        after_help = "Example:\n  pipeline run experiments/distill_vs_full.toml --set train.net.steps=100 -j 2"
    )]
    Run(Run),
    /// Say what `run` would do, and why, without doing it
    #[command(after_help = "Example:\n  pipeline plan experiments/distill_vs_full.toml")]
    Plan(Plan),
    /// Say why a stage is stale, or what it depends on where it is not
    #[command(after_help = "Example:\n  pipeline why net experiments/distill_vs_full.toml")]
    Why(Why),
    /// List experiments with their last launch, or artifacts
    #[command(after_help = "Examples:\n  pipeline list\n  pipeline list --artifacts --kind train")]
    List(List),
    /// Describe an artifact, by the first digits of its key or by experiment and stage
    #[command(
        after_help = "Examples:\n  pipeline show 4f2a91\n  pipeline show photos experiments/distill_vs_full.toml --sheet photos.png\n  pipeline show vgg16 --image-size 224 --classes 1000"
    )]
    Show(Show),
    /// Compare the runs of experiments, or of launches
    #[command(
        after_help = "Examples:\n  pipeline compare distill_vs_full --by arm\n  pipeline compare verdict --baseline arm=full,network=vgg16-bn --margin 2 --sort -accuracy\n  pipeline compare one_image verdict --only-diff --csv > table.csv"
    )]
    Compare(Compare),
    /// Write one page about launches that opens anywhere without a network
    #[command(
        after_help = "Examples:\n  pipeline report distill_vs_full --baseline arm=full,network=vgg16-bn\n  pipeline report one_image verdict --to both.html"
    )]
    Report(Report),
    /// Remove artifacts that no result refers to
    #[command(after_help = "Example:\n  pipeline gc --dry-run --keep-last 3")]
    Gc(Gc),
    /// Digest every artifact again and set damaged ones aside
    #[command(after_help = "Example:\n  pipeline verify && pipeline verify --rerun 4f2a91")]
    Verify(Verify),
    /// Write an image set as folders of PNG, or the curves of a launch as TensorBoard reads them
    #[command(
        after_help = "Examples:\n  pipeline export tiny experiments/distill_vs_full.toml --to pictures\n  pipeline export --tensorboard distill_vs_full --to events && tensorboard --logdir events"
    )]
    Export(Export),
    /// List, check, show and fetch the data sets of pipeline.toml
    #[command(
        after_help = "Examples:\n  pipeline data list\n  pipeline data check birds\n  pipeline data show birds --to sheets\n  pipeline data fetch birds"
    )]
    Data(Data),
    /// Pack an experiment with the data it reads for another person, or compare one that was unpacked
    #[command(
        after_help = "Examples:\n  pipeline bundle experiments/distill_vs_full.toml --to distill.tar.gz\n  tar xf distill.tar.gz && cd distill_vs_full && pipeline run experiments/distill_vs_full.toml && pipeline bundle --check ."
    )]
    Bundle(Bundle),
    /// Draw the graph of stages
    #[command(
        after_help = "Example:\n  pipeline graph experiments/distill_vs_full.toml --dot | dot -Tsvg > graph.svg"
    )]
    Graph(Graph),
    /// List every setting of a kind of stage, method, network or augmentation
    #[command(after_help = "Examples:\n  pipeline explain train\n  pipeline explain distribution-matching")]
    Explain(Explain),
    /// Write a JSON Schema for editors
    #[command(after_help = "Example:\n  pipeline schema > experiment.schema.json")]
    Schema(SchemaOf),
    /// Say what this machine can and cannot do, with the remedy
    #[command(after_help = "Example:\n  pipeline doctor")]
    Doctor(Doctor),
    /// Write a pipeline.toml and a first experiment
    #[command(after_help = "Example:\n  mkdir birds && cd birds && pipeline init")]
    Init(Init),
    /// Write completions for a shell
    #[command(
        after_help = "Example:\n  pipeline completions bash > ~/.local/share/bash-completion/completions/pipeline"
    )]
    Completions { shell: clap_complete::Shell },
    /// Do one stage; the engine starts it
    #[command(hide = true)]
    Stage { job: Option<PathBuf> },
}

/// An experiment and what to change of it.
#[derive(Args, Clone)]
pub struct Chosen {
    /// The experiment's file
    pub experiment: PathBuf,
    /// Override a setting: `train.net.steps=100`, or one of pipeline.toml: `datasets.birds.path=photos`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Only these stages and what they need: `net`, or `net[arm=full, seed=0]`
    pub targets: Vec<String>,
    /// Stages at a time; without it, as many as the cores hold
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub jobs: Option<u32>,
    /// Go on with stages that do not depend on one that failed
    #[arg(short, long)]
    pub keep_going: bool,
    /// Try a failed stage again, so many times
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retries: u32,
    /// Run this stage although it is cached
    #[arg(long, value_name = "STAGE")]
    pub force: Vec<String>,
    /// Spend no more than this: nothing runs if earlier runs predict more, and the launch is stopped, with what can be
    /// resumed saved, once it has drawn so much
    #[arg(long, value_name = "KWH", value_parser = amount)]
    pub max_kwh: Option<f64>,
    /// The same in money, at the price that pipeline.toml tells
    #[arg(long, value_name = "MONEY", value_parser = amount)]
    pub max_cost: Option<f64>,
    /// Write curves as TensorBoard's event files, too, while they come, into `tensorboard` of the launch's folder
    #[arg(long)]
    pub tensorboard: bool,
    /// One stage at a time, so that no stage's energy is a share of what others drew
    #[arg(long, conflicts_with = "jobs")]
    pub exclusive: bool,
    /// Say what would run, and stop
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Write the outcome as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

fn amount(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(amount) if amount > 0.0 && amount.is_finite() => Ok(amount),
        _ => Err("a number above 0 is wanted".to_string()),
    }
}

#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Only these stages and what they need
    pub targets: Vec<String>,
    /// Treat this stage as stale
    #[arg(long, value_name = "STAGE")]
    pub force: Vec<String>,
    /// Write the plan as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Why {
    /// The stage: `net`, or `net[arm=full, seed=0]`
    pub stage: String,
    /// The experiment's file; without it, the one launched last
    pub experiment: Option<PathBuf>,
    /// Override a setting, as in `run`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Write the answer as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct List {
    /// List artifacts instead of experiments
    #[arg(long)]
    pub artifacts: bool,
    /// Only artifacts of this kind of stage
    #[arg(long, value_name = "KIND", requires = "artifacts")]
    pub kind: Option<String>,
    /// Write the list as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Show {
    /// The first digits of an artifact's key, or a stage of the experiment; with `--image-size`, a network: its name, or
    /// `{ name = { settings } }`
    pub what: String,
    /// The experiment's file, where a stage is named; without it, the one launched last
    pub experiment: Option<PathBuf>,
    /// Write a contact sheet of an image set's training images to this PNG file; of an augmented set, before and after
    #[arg(long, value_name = "FILE")]
    pub sheet: Option<PathBuf>,
    /// Describe a network, for square images of this many pixels: its layers, and what they hold and cost
    #[arg(long, value_name = "PIXELS", conflicts_with_all = ["experiment", "sheet"])]
    pub image_size: Option<u32>,
    /// Classes that the network tells apart
    #[arg(long, requires = "image_size", default_value_t = 10)]
    pub classes: usize,
    /// Write the description as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Gc {
    /// Say what would go, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Shrink the store to this size, oldest first: `500MB`, `20GB`
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<String>,
    /// Keep what the last N launches of each experiment refer to; older launches go
    #[arg(long, value_name = "N")]
    pub keep_last: Option<usize>,
    /// Write what went as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Verify {
    /// Only artifacts whose key begins so; without it, all
    pub artifacts: Vec<String>,
    /// Make each artifact again and compare the bytes
    #[arg(long)]
    pub rerun: bool,
    /// Write the findings as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Export {
    /// The first digits of an artifact's key, or a stage of the experiment
    #[arg(required_unless_present = "tensorboard", conflicts_with = "tensorboard")]
    pub what: Option<String>,
    /// The experiment's file, where a stage is named; without it, the one launched last
    #[arg(conflicts_with = "tensorboard")]
    pub experiment: Option<PathBuf>,
    /// Write the curves of this experiment or launch instead: a folder a stage, with an event file in it
    #[arg(long, value_name = "LAUNCH")]
    pub tensorboard: Option<String>,
    /// The folder to write to; it must not exist, or be empty
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
}

#[derive(Args)]
pub struct Bundle {
    /// The experiment's file
    #[arg(required_unless_present = "check", conflicts_with = "check")]
    pub experiment: Option<PathBuf>,
    /// Override a setting, as in `run`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// The archive to write; without it, the experiment's name with .tar.gz
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Whether the files of data sets are taken along (those drawn, where the subsets were run; else all) or only listed
    #[arg(long, value_enum, default_value_t = Inclusion::Include)]
    pub data: Inclusion,
    /// Compare an unpacked bundle, and what was run in it, with its manifest
    #[arg(long, value_name = "FOLDER")]
    pub check: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Inclusion {
    Include,
    Reference,
}

#[derive(Args)]
pub struct Graph {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Write DOT instead of Mermaid
    #[arg(long)]
    pub dot: bool,
    /// One box a stage of the file, instead of one for every combination of the matrix
    #[arg(long)]
    pub collapse: bool,
}

#[derive(Args)]
pub struct Explain {
    /// A kind of stage (`train`), a method, a network, an augmentation, `matrix` or `pipeline.toml`
    pub topic: Option<String>,
}

#[derive(Args)]
pub struct SchemaOf {
    /// The schema of pipeline.toml instead of that of experiments
    #[arg(long)]
    pub project: bool,
}

#[derive(Args)]
pub struct Doctor {
    /// Write the findings as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Init {
    /// The folder to write to
    #[arg(default_value = ".")]
    pub folder: PathBuf,
}
