//! What `compare` and `report` are told.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub struct Compare {
    /// Experiments (their last launch) or folders of launches
    #[arg(required = true, value_name = "EXPERIMENT")]
    pub launches: Vec<String>,
    /// The axis whose values stand against one another
    #[arg(long, value_name = "AXIS")]
    pub by: Option<String>,
    /// The value of the axis that the others are measured against, or one group: `arm=full,network=vgg16-bn`; without it, the
    /// first. A value that holds commas is given as it is: 'arm=DC, DSA,network=cnn'
    #[arg(long, value_name = "VALUE")]
    pub baseline: Option<String>,
    /// Say whether each is no worse than its baseline by more than so many points of accuracy
    #[arg(long, value_name = "POINTS", value_parser = points)]
    pub margin: Option<f64>,
    /// Set results beside what papers report of the same setting: each experiment's `[published]`; ends with 1
    /// where one is more than 1.5 points worse
    #[arg(long, value_name = "published", value_parser = ["published"], conflicts_with_all = ["by", "baseline", "margin", "filters", "group_by", "sort", "only_diff"])]
    pub against: Option<String>,
    /// Accuracies as a matrix, with a column for each value of this axis: of networks, how sets carry over from one to another
    #[arg(long, value_name = "AXIS", conflicts_with_all = ["by", "baseline", "margin", "against", "sort", "only_diff"])]
    pub across: Option<String>,
    /// Keep groups with one of these values: `network=cnn,vgg16-bn`. A value that holds commas is given as it is
    #[arg(long = "where", value_name = "AXIS=VALUES")]
    pub filters: Vec<String>,
    /// Make groups by these axes alone, and average over the others
    #[arg(long, value_name = "AXES", value_delimiter = ',')]
    pub group_by: Vec<String>,
    /// Sort by a column of the CSV, downwards with `-` in front: `-accuracy`
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Set seconds and joules of unlike machines, and of unlike meters, against one another
    #[arg(long)]
    pub unlike: bool,
    /// Leave out what is equal everywhere, and show the settings that differ between launches
    #[arg(long)]
    pub only_diff: bool,
    #[command(flatten)]
    pub format: Format,
}

#[derive(Args)]
pub struct Report {
    /// Experiments (their last launch) or folders of launches
    #[arg(required = true, value_name = "EXPERIMENT")]
    pub launches: Vec<String>,
    /// The file to write; without it, report.html in the launch's folder, or in results for several launches
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Write a folder for LaTeX instead: report.tex, its tables and method, and each plot as PDF, SVG and CSV
    #[arg(long, value_name = "FOLDER", conflicts_with = "to")]
    pub tex: Option<PathBuf>,
    /// The axis whose values stand against one another
    #[arg(long, value_name = "AXIS")]
    pub by: Option<String>,
    /// The value of the axis that the others are measured against, or one group: `arm=full,network=vgg16-bn`; without it, the
    /// first. A value that holds commas is given as it is: 'arm=DC, DSA,network=cnn'
    #[arg(long, value_name = "VALUE")]
    pub baseline: Option<String>,
    /// Points of accuracy that a group may be worse by and still count as no worse
    #[arg(long, value_name = "POINTS", value_parser = points, default_value_t = 2.0)]
    pub margin: f64,
    /// Rank seconds and joules of unlike machines, and of unlike meters, together
    #[arg(long)]
    pub unlike: bool,
}

/// Points of accuracy, above 0 and at most 100.
fn points(text: &str) -> Result<f64, String> {
    let points: f64 = text.parse().map_err(|_| "it is no number".to_string())?;
    if points > 0.0 && points <= 100.0 {
        Ok(points)
    } else {
        Err("points are above 0 and at most 100".to_string())
    }
}

#[derive(Args, Clone, Copy)]
#[group(multiple = false)]
pub struct Format {
    /// Write CSV
    #[arg(long)]
    pub csv: bool,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
    /// Write Markdown
    #[arg(long)]
    pub md: bool,
    /// Write a LaTeX table
    #[arg(long)]
    pub latex: bool,
}
