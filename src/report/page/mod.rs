//! `report.html`: one page about launches that needs no network, from the verdict to the command that makes it again.

mod accuracy;
mod break_even;
mod confusions;
mod curves;
mod distilled;
mod equal;
mod errors;
mod facts;
mod html;
mod leaderboard;
mod learning;
mod lifetime;
mod method;
mod own_accuracy;
mod pdf;
mod pictures;
mod power;
mod scale;
mod scenarios;
mod sensitivity;
mod stages;
mod svg;
mod tex;
mod trials;
mod words;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::cells::Table;
use super::launch::Launch;
use super::sides::Chosen;
use crate::engine::Store;
use facts::Facts;
use html::{escape, figure, list, note, paragraph, tabs};
use svg::Svg;

pub use pictures::Picture;
pub use tex::write_tex;

/// What a page is to show.
pub struct Page<'a> {
    pub chosen: Chosen<'a>,
    /// Of the verdicts, 0..1.
    pub margin: f64,
    /// Sheets of image sets.
    pub pictures: Vec<Picture>,
    /// Experiments as they were resolved: a name and a text each.
    pub sources: Vec<(String, String)>,
}

/// A drawing that is a file as well, with its data beside it.
struct Plot {
    name: String,
    svg: Svg,
    data: Table,
}

/// A part of the page.
struct Section {
    id: &'static str,
    title: &'static str,
    html: String,
    plots: Vec<Plot>,
}

/// Writes the page to `to`, and each plot as SVG and PDF, with its data as CSV, into the folder of the same name without
/// extension. Writes nothing and says so with `false` where no run has scores.
///
/// # Errors
/// When no launch has the axis or the baseline, an artifact cannot be read, or a file cannot be written.
pub fn write_report(launches: &[Launch], store: &Store, page: &Page, to: &Path) -> Result<bool> {
    let facts = Facts::gather(launches, store, &page.chosen, page.margin)?;
    if facts.best().is_none() {
        return Ok(false);
    }
    let sections = sections(&facts, store, page)?;
    write(to, laid_out(&facts, &sections).as_bytes())?;
    write_plots(&sections, &to.with_extension(""))?;
    Ok(true)
}

/// Each plot as SVG and PDF, with its data as CSV.
fn write_plots(sections: &[Section], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    for plot in sections.iter().flat_map(|section| &section.plots) {
        write(&folder.join(format!("{}.svg", plot.name)), plot.svg.alone().as_bytes())?;
        write(&folder.join(format!("{}.pdf", plot.name)), &pdf::pdf(&plot.svg))?;
        write(&folder.join(format!("{}.csv", plot.name)), &plot.data.csv()?)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}

fn sections(facts: &Facts, store: &Store, page: &Page) -> Result<Vec<Section>> {
    let section = |id, title, html: String| Section { id, title, html, plots: Vec::new() };
    let sections = vec![
        section("leaderboard", "Leaderboard", leaderboard::leaderboard(facts) + &verdicts(facts)),
        against_cost(facts),
        section("distilled", "Distilled sets beside full data", distilled::standing(facts)),
        break_even(facts)?,
        over_a_life(facts),
        learning_curves(facts)?,
        by_stage(facts),
        power(facts)?,
        confusion(facts)?,
        section("errors", "Worst errors", worst_errors(facts)?),
        section("trials", "How settings were chosen", trials::trials(facts)?),
        section("images", "Images", pictures::sheets(&page.pictures)?),
        section("settings", "What varies", method::settings(facts, store, &page.sources)),
        section("method", "Environment and method", method::environment(facts) + &method::method(facts)),
        section("again", "To make it again", method::commands(facts.launches)),
    ];
    Ok(sections.into_iter().filter(|section| !section.html.is_empty()).collect())
}

/// With its first letter large.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn verdicts(facts: &Facts) -> String {
    let sentences = words::verdicts(facts);
    let legend = "The shaded rows are what others are measured against. † marks networks that still improved when training stopped.";
    let all = if sentences.is_empty() {
        String::new()
    } else {
        format!("<details><summary>Each verdict in words</summary>{}</details>\n", list(&sentences))
    };
    note(legend) + &all
}

fn with_plot(
    id: &'static str,
    title: &'static str,
    plot: Option<Plot>,
    caption: &str,
    rest: &str,
) -> Section {
    let drawing = plot.as_ref().map_or(String::new(), |plot| figure(&plot.svg.inline(), caption));
    Section { id, title, html: drawing + rest, plots: plot.into_iter().collect() }
}

fn against_cost(facts: &Facts) -> Section {
    let caption =
        "Means with one standard deviation either way. The dashed line joins what nothing cheaper reaches.";
    with_plot("cost", "Accuracy against cost", accuracy::plot(facts), caption, "")
}

fn break_even(facts: &Facts) -> Result<Section> {
    let caption =
        "Pale lines are not shown to be as accurate: for them there is no break-even at equal accuracy.";
    let rest = [
        break_even::words(facts),
        own_accuracy::words(facts)?,
        break_even::to_reach(facts)?,
        equal::at_equal_cost(facts)?,
        scenarios::scenarios(facts),
        sensitivity::at_other_watts(facts),
    ]
    .concat();
    Ok(with_plot("break-even", "Break-even", break_even::plot(facts), caption, &rest))
}

fn over_a_life(facts: &Facts) -> Section {
    let caption = "The most accurate groups. Each line begins with what making the network took and bends where what it is used for comes to as much.";
    with_plot("lifetime", "Over a lifetime", lifetime::plot(facts), caption, &lifetime::words(facts))
}

fn power(facts: &Facts) -> Result<Section> {
    let caption = "The first training of each group that left a trace: a reading a second, each the mean since the one before. Watts of a processor without a counter are modelled from its busy threads.";
    Ok(with_plot("power", "Power, threads and memory", power::plot(facts)?, caption, ""))
}

fn learning_curves(facts: &Facts) -> Result<Section> {
    let plots = curves::plots(facts)?;
    let panels: Vec<(String, String)> = plots
        .iter()
        .map(|plot| {
            (
                plot.name.replace("curves_", "against "),
                figure(&plot.svg.inline(), "Mean over replicates, with a band of one standard deviation."),
            )
        })
        .collect();
    let html = if panels.is_empty() { String::new() } else { tabs("curves", &panels) };
    Ok(Section { id: "curves", title: "Learning curves", html, plots })
}

fn by_stage(facts: &Facts) -> Section {
    let title = if facts.cost.unit == "joules" { "Where the energy goes" } else { "Where the time goes" };
    with_plot("stages", title, stages::plot(facts), "", "")
}

fn confusion(facts: &Facts) -> Result<Section> {
    let shares = confusions::shares(facts)?;
    let classes = shares.iter().flatten().next().map(|shares| shares.classes.as_slice()).unwrap_or_default();
    let names: Vec<String> =
        classes.iter().enumerate().map(|(at, class)| format!("{} {class}", confusions::letter(at))).collect();
    let caption = format!(
        "Rows are true classes, columns what they were taken for, in percent of the row; beside it the difference to what the group is measured against, in points (blue more, orange less). {}",
        names.join(", ")
    );
    Ok(with_plot("confusion", "Confusion", confusions::plot(facts, &shares), &caption, ""))
}

fn worst_errors(facts: &Facts) -> Result<String> {
    let mut shown: Vec<usize> = facts.best().into_iter().chain(facts.baselines().first().copied()).collect();
    shown.dedup();
    let mut html = String::new();
    for index in shown {
        let thumbnails = errors::thumbnails(facts, index)?;
        if !thumbnails.is_empty() {
            html.push_str(&format!("<h3>{}</h3>\n{thumbnails}", escape(&facts.name(index))));
        }
    }
    Ok(html)
}

/// Nothing may be fetched, whatever a name in it says.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

fn laid_out(facts: &Facts, sections: &[Section]) -> String {
    let mut names: Vec<&str> = facts.launches.iter().map(|launch| launch.experiment.as_str()).collect();
    names.dedup();
    let title = escape(&names.join(", "));
    let links: String =
        sections.iter().map(|section| format!("<a href=\"#{}\">{}</a>", section.id, section.title)).collect();
    let bodies: String = sections
        .iter()
        .map(|section| {
            format!(
                "<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n",
                section.id, section.title, section.html
            )
        })
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <link rel=\"icon\" href=\"data:,\"><title>{title}</title>\n<style>{}{}</style></head>\n<body><main>\n{}<nav>{links}</nav>\n{bodies}</main>\
         <div id=\"tip\" role=\"tooltip\"></div>\n<script>{}</script></body></html>\n",
        include_str!("style.css"),
        include_str!("plot.css"),
        opening(facts, &title),
        include_str!("script.js"),
    )
}

/// The question, the verdict, what the numbers say and what must not be overlooked.
fn opening(facts: &Facts, title: &str) -> String {
    let mut questions: Vec<&str> =
        facts.launches.iter().filter_map(|launch| launch.question.as_deref()).collect();
    questions.dedup();
    let launched = facts.launches.iter().map(|launch| format!("{} {}", launch.experiment, launch.started_at));
    let question: String = questions.iter().map(|question| paragraph(question)).collect();
    let cautions: String = words::cautions(facts)
        .iter()
        .map(|line| format!("<p class=\"caution\">{}</p>\n", escape(line)))
        .collect();
    format!(
        "<h1>{title}</h1>\n<p class=\"soft\">{}</p>\n{question}<p class=\"verdict\">{}</p>\n{}{cautions}",
        escape(&launched.collect::<Vec<_>>().join(" · ")),
        escape(&words::headline(facts)),
        list(&words::interpretation(facts)),
    )
}

#[cfg(test)]
mod tests;
