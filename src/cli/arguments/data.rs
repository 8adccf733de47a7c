//! `pipeline data ...` as a person types it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args)]
pub struct Data {
    #[command(subcommand)]
    pub verb: DataVerb,
}

#[derive(Subcommand)]
pub enum DataVerb {
    /// List the data sets: where they are, whether they are there, what stands in
    #[command(after_help = "Example:\n  pipeline data list --json")]
    List(DataList),
    /// Read every image: counts, sizes, unreadable files, duplicates, images that stand in two splits
    #[command(
        after_help = "Exit codes: 0 nothing to mend, 1 unreadable files or images in two splits, 2 to 4 as for every verb.\n\nExample:\n  pipeline data check birds"
    )]
    Check(DataCheck),
    /// Write a contact sheet for each class as PNG
    #[command(
        after_help = "Example:\n  pipeline data show birds --to sheets --class OVENBIRD --per-class 40"
    )]
    Show(DataShow),
    /// Download a data set from its `url`, check its SHA-256, and unpack it or keep it, as `path` says
    #[command(
        after_help = "A download that broke off goes on where it stopped. Archives are zip, tar and tar.gz.\n\nExample:\n  pipeline data fetch birds"
    )]
    Fetch(DataFetch),
}

#[derive(Args)]
pub struct DataList {
    /// Write the list as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct DataCheck {
    /// A data set of pipeline.toml
    pub name: String,
    /// Bits of 255 in which the fingerprints of near-duplicates may differ; without it, what was found to tell scenes apart
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(0..=255))]
    pub within: Option<u32>,
    /// Write the findings, all of them, as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct DataShow {
    /// A data set of pipeline.toml
    pub name: String,
    /// The folder to write to; sheets that are there are written anew
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// Only these classes
    #[arg(long, value_name = "CLASS")]
    pub class: Vec<String>,
    /// Images of each class, spread evenly over it
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub per_class: u32,
    /// Write what was written as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct DataFetch {
    /// A data set of pipeline.toml that has a `url`
    pub name: String,
    /// Write what was done as JSON to stdout
    #[arg(long)]
    pub json: bool,
}
