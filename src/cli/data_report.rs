//! What a check of a data set found, as a person reads it; the most pressing last, where the eye is.

use super::data_check::{Findings, Spread, Twins};
use super::list::table;

/// Lines of one sort before the rest is counted.
const SHOWN: usize = 20;
/// Images of one group before the rest is counted.
const SHOWN_OF_GROUP: usize = 6;

pub fn lines(found: &Findings) -> Vec<String> {
    let mut lines =
        vec![format!("{}: {} images, {}", found.dataset, found.images, found.format), String::new()];
    lines.extend(classes(found));
    lines.push(String::new());
    lines.extend(shapes(found));
    if !found.unreadable.is_empty() {
        lines.push(format!("\n{} cannot be read:", count(found.unreadable.len(), "image")));
        let shown = found.unreadable.iter().map(|bad| format!("  {}: {}", bad.image, bad.reason));
        lines.extend(shortened(shown.collect()));
    }
    let harmless = |twins: &Twins| !twins.leak && !twins.torn;
    lines.extend(groups(found, "the same pixels within a split", |twins| harmless(twins) && twins.exact));
    lines.extend(groups(found, "nearly the same within a split", |twins| harmless(twins) && !twins.exact));
    let torn = "the same or nearly, in two classes: a label is wrong";
    lines.extend(groups(found, torn, |twins| twins.torn && !twins.leak));
    let leak = "the same or nearly, in two splits: what is tested was trained on";
    lines.extend(groups(found, leak, |twins| twins.leak));
    lines.push(String::new());
    lines.push(verdict(found));
    lines
}

fn classes(found: &Findings) -> Vec<String> {
    let mut rows = table(["class", "train", "valid", "test"]);
    let shown = found.classes.len().min(2 * SHOWN);
    for class in &found.classes[..shown] {
        rows.add_row([
            class.name.clone(),
            class.train.to_string(),
            class.valid.to_string(),
            class.test.to_string(),
        ]);
    }
    let sum =
        |of: fn(&super::data_check::Class) -> usize| found.classes.iter().map(of).sum::<usize>().to_string();
    rows.add_row([
        count(found.classes.len(), "class"),
        sum(|class| class.train),
        sum(|class| class.valid),
        sum(|class| class.test),
    ]);
    for column in rows.column_iter_mut().skip(1) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    let mut lines: Vec<String> = rows.to_string().lines().map(|line| line.trim_end().to_string()).collect();
    if shown < found.classes.len() {
        let last = lines.len() - 1;
        lines.insert(last, format!(" ... and {} classes more", found.classes.len() - shown));
    }
    let empty: Vec<&str> =
        found.classes.iter().filter(|c| c.train + c.valid + c.test == 0).map(|c| c.name.as_str()).collect();
    if !empty.is_empty() {
        lines.push(format!(
            "no images in: {}",
            shortened(empty.iter().map(|n| n.to_string()).collect()).join(", ")
        ));
    }
    lines
}

fn shapes(found: &Findings) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(imbalance) = found.imbalance {
        lines.push(format!(
            "balance   the largest class has {imbalance:.1} times the training images of the smallest"
        ));
    }
    for (name, spread) in [("width", found.width), ("height", found.height)] {
        lines.extend(spread.map(|spread| format!("{name:<9} {} px", three(spread, 0))));
    }
    lines.extend(found.aspect.map(|spread| format!("aspect    {} width to height", three(spread, 2))));
    let formats: Vec<String> = found.formats.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if !formats.is_empty() {
        lines.push(format!("formats   {}", formats.join(", ")));
    }
    if let Some(channels) = &found.channels {
        let three = |values: [f64; 3]| values.map(|value| format!("{value:.3}")).join(" ");
        lines.push(format!(
            "mean      {} (red, green, blue of training pixels, 0 to 1)",
            three(channels.mean)
        ));
        lines.push(format!("sd        {}", three(channels.sd)));
    }
    lines
}

fn three(spread: Spread, decimals: usize) -> String {
    let Spread { min, median, max } = spread;
    if min == max {
        return format!("{min:.decimals$}");
    }
    format!("{min:.decimals$} to {max:.decimals$}, median {median:.decimals$}")
}

fn groups(found: &Findings, title: &str, wanted: impl Fn(&Twins) -> bool) -> Vec<String> {
    let chosen: Vec<&Twins> = found.duplicates.iter().filter(|twins| wanted(twins)).collect();
    if chosen.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("\n{} of images, {title}:", count(chosen.len(), "group"))];
    let group = |twins: &&Twins| {
        let mut names: Vec<String> =
            twins.images.iter().take(SHOWN_OF_GROUP).map(|placed| placed.image.clone()).collect();
        let more = twins.images.len() - names.len();
        if more > 0 {
            names.push(format!("... and {more} more"));
        }
        let how = if twins.exact { "exact".into() } else { format!("{} bits apart", twins.distance) };
        format!("  {}  ({how})", names.join("  "))
    };
    lines.extend(shortened(chosen.iter().map(group).collect()));
    lines
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("  ... and {more} more; `--json` lists them all"));
    }
    lines
}

fn verdict(found: &Findings) -> String {
    let leaks = found.duplicates.iter().filter(|twins| twins.leak).count();
    match (found.unreadable.len(), leaks) {
        (0, 0) => "nothing to mend: every image can be read, and none stands in two splits".into(),
        (0, leaks) => format!("to mend: {} in two splits", count(leaks, "group")),
        (bad, 0) => format!("to mend: {} cannot be read", count(bad, "image")),
        (bad, leaks) => {
            format!(
                "to mend: {} cannot be read, {} in two splits",
                count(bad, "image"),
                count(leaks, "group")
            )
        }
    }
}

fn count(n: usize, noun: &str) -> String {
    let plural = if noun.ends_with('s') { "es" } else { "s" };
    format!("{n} {noun}{}", if n == 1 { "" } else { plural })
}
