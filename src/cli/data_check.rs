//! `pipeline data check`: what is wrong with a data set, before anything is trained on it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::arguments::DataCheck;
use super::bar::Bar;
use super::data::open;
use super::data_report;
use super::failure::Failure;
use super::opened::Opened;
use super::say::say;
use crate::data::{self, Catalog, SPLITS, Seen, Survey, likeness};
use crate::recipe::Preprocess;

/// All that a check finds; its JSON is this, in this order.
#[derive(Serialize)]
pub struct Findings {
    pub version: u32,
    pub dataset: String,
    pub format: &'static str,
    pub images: usize,
    pub classes: Vec<Class>,
    /// Training images of the largest class to those of the smallest that has any.
    pub imbalance: Option<f64>,
    pub width: Option<Spread>,
    pub height: Option<Spread>,
    /// Width over height.
    pub aspect: Option<Spread>,
    pub formats: BTreeMap<&'static str, usize>,
    /// Of the training images' pixels, values 0..1.
    pub channels: Option<Preprocess>,
    pub unreadable: Vec<Image>,
    /// Bits of 255 within which fingerprints are near.
    pub within: u32,
    pub duplicates: Vec<Twins>,
}

#[derive(Serialize)]
pub struct Class {
    pub name: String,
    pub train: usize,
    pub valid: usize,
    pub test: usize,
}

#[derive(Clone, Copy, Serialize)]
pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

/// An image that cannot be read.
#[derive(Serialize)]
pub struct Image {
    pub image: String,
    pub reason: String,
}

/// Images that show the same thing.
#[derive(Serialize)]
pub struct Twins {
    pub exact: bool,
    /// They stand in two splits.
    pub leak: bool,
    /// They stand in two classes.
    pub torn: bool,
    /// The largest distance of one from its nearest.
    pub distance: u32,
    pub images: Vec<Placed>,
}

#[derive(Serialize)]
pub struct Placed {
    pub image: String,
    pub class: String,
    pub split: &'static str,
}

impl Findings {
    /// Whether there is something to mend before results mean anything.
    pub fn are_bad(&self) -> bool {
        !self.unreadable.is_empty() || self.duplicates.iter().any(|twins| twins.leak)
    }
}

pub fn check(arguments: &DataCheck) -> Result<(), Failure> {
    let opened = Opened::here()?;
    let set = open(&opened, &arguments.name)?;
    let count = |class: &data::ClassImages| class.images.iter().map(Vec::len).sum::<usize>();
    let total = set.catalog.classes.iter().map(count).sum::<usize>() as u64;
    let bar = Bar::new(Some(total), "{bar:30.cyan/dim} {pos}/{len} images, {eta} left", "images");
    let survey = data::survey(&set.catalog, &|| bar.step())?;
    drop(bar);
    let within = arguments.within.unwrap_or(likeness::NEAR);
    let findings = findings(&arguments.name, set.format.name(), &set.catalog, &survey, within);
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&findings).map_err(Failure::environment)?);
    } else {
        data_report::lines(&findings).iter().for_each(|line| say!("{line}"));
    }
    if findings.are_bad() { Err(Failure::silent(Failure::STAGE)) } else { Ok(()) }
}

fn findings(name: &str, format: &'static str, catalog: &Catalog, survey: &Survey, within: u32) -> Findings {
    let seen = &survey.seen;
    let mut formats = BTreeMap::new();
    seen.iter().for_each(|image| *formats.entry(image.format).or_default() += 1);
    let class = |class: &data::ClassImages| {
        let [train, valid, test] = [0, 1, 2].map(|split| class.images[split].len());
        Class { name: class.name.clone(), train, valid, test }
    };
    let classes: Vec<Class> = catalog.classes.iter().map(class).collect();
    let image = |bad: &data::Unreadable| Image { image: bad.image.clone(), reason: bad.reason.clone() };
    Findings {
        version: 1,
        dataset: name.to_string(),
        format,
        images: seen.len() + survey.unreadable.len(),
        imbalance: imbalance(&classes),
        classes,
        width: spread(seen.iter().map(|image| image.width.into())),
        height: spread(seen.iter().map(|image| image.height.into())),
        aspect: spread(seen.iter().map(|image| f64::from(image.width) / f64::from(image.height))),
        formats,
        channels: survey.channels.clone(),
        unreadable: survey.unreadable.iter().map(image).collect(),
        within,
        duplicates: data::twins(seen, within).iter().map(|group| twins(catalog, seen, group)).collect(),
    }
}

fn imbalance(classes: &[Class]) -> Option<f64> {
    let sizes = || classes.iter().map(|class| class.train).filter(|count| *count > 0);
    Some(sizes().max()? as f64 / sizes().min()? as f64)
}

fn spread(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    Some(Spread { min: *values.first()?, median: values[values.len() / 2], max: *values.last()? })
}

fn twins(catalog: &Catalog, seen: &[Seen], group: &data::Group) -> Twins {
    let placed = |index: &usize| {
        let image = &seen[*index];
        let class = &catalog.classes[image.class];
        Placed {
            image: class.images[image.split][image.index].id.clone(),
            class: class.name.clone(),
            split: SPLITS[image.split],
        }
    };
    Twins {
        exact: group.exact,
        leak: group.leak,
        torn: group.torn,
        distance: group.distance,
        images: group.images.iter().map(placed).collect(),
    }
}
