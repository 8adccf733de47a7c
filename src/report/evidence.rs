//! What two groups can be compared on: the test images that both were scored on, and what their replicates share.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;

use super::launch::{Launch, StageRecord};
use super::predictions::{self, Prediction};
use super::runs::Row;
use super::statistics::{Images, McNemar, Sample, Unit};
use super::stored::Stored;
use super::summary::{ACCURACY, Group};
use crate::engine::Store;
use crate::recipe::{Describe, Subset, files};

/// Reads predictions of runs, each table once.
pub struct Evidence<'a> {
    launches: Vec<Stored<'a>>,
    scored: RefCell<HashMap<String, Option<Rc<Scored>>>>,
}

/// What a run got right.
#[derive(Debug)]
struct Scored {
    /// The same for runs that were scored on the same images.
    images: u64,
    right: Vec<bool>,
    /// The group of near-duplicates of each image, where the subset kept them together; else each its own.
    groups: Vec<usize>,
}

/// Replicates that both groups have and that share something: a draw, a fold.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    /// Values of the outermost replicate axis.
    pub units: Vec<String>,
    /// Of accuracies, 0..1.
    pub differences: Vec<f64>,
    /// Of folds: test images over training images.
    pub test_to_train: Option<f64>,
}

impl<'a> Evidence<'a> {
    pub fn new(launches: &'a [Launch], store: &'a Store) -> Evidence<'a> {
        let launches = launches.iter().map(|launch| Stored::new(launch, store)).collect();
        Evidence { launches, scored: RefCell::default() }
    }

    /// The launches with their artifacts.
    pub fn launches(&self) -> &[Stored<'a>] {
        &self.launches
    }

    /// The launch of a run and the stage of its scores.
    pub fn place(&self, row: &Row) -> Option<(&Stored<'a>, usize)> {
        let is_its = |stored: &&Stored| {
            stored.launch.experiment == row.experiment && stored.launch.launch == row.launch
        };
        let stored = self.launches.iter().find(is_its)?;
        let is_it = |stage: &StageRecord| {
            stage.key.is_some() && stage.key == row.evaluate_key && stage.name == row.evaluate
        };
        Some((stored, stored.launch.stages.iter().position(is_it)?))
    }

    /// The table of a run's predictions; `None` where it has none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn predictions(&self, row: &Row) -> Result<Option<Vec<Prediction>>> {
        let path = self.place(row).and_then(|(stored, stage)| stored.content(stage, files::PREDICTIONS));
        path.map(|path| predictions::read(&path)).transpose()
    }

    /// Counts of what either of two runs got right, if both were scored on the same images.
    ///
    /// # Errors
    /// A table of predictions cannot be read.
    pub fn mcnemar(&self, of: &Row, baseline: &Row) -> Result<Option<McNemar>> {
        let (Some(of), Some(baseline)) = (self.scored(of)?, self.scored(baseline)?) else { return Ok(None) };
        Ok((of.images == baseline.images).then(|| McNemar::of(&of.right, &baseline.right)))
    }

    /// What a verdict about two groups rests on; `None` where a run left no predictions, or runs of one replicate were
    /// scored on different images.
    ///
    /// # Errors
    /// A table of predictions cannot be read.
    pub fn sample(&self, of: &Group, baseline: &Group) -> Result<Option<Sample>> {
        let pairs = self.pairs(of, baseline);
        let wanted =
            |unit: &str| pairs.as_ref().is_none_or(|pairs| pairs.units.iter().any(|one| one == unit));
        let (Some(of), Some(baseline)) = (self.units(of, &wanted)?, self.units(baseline, &wanted)?) else {
            return Ok(None);
        };
        let mut images = of.iter().chain(&baseline).map(|(images, _)| images);
        let first = images.next();
        let shared = images.all(|images| Some(images) == first);
        let units = |units: Vec<(u64, Unit)>| -> Vec<Unit> {
            units.into_iter().map(|(_, unit)| if shared { unit } else { unit.whole() }).collect()
        };
        Ok(Some(Sample {
            of: units(of),
            baseline: units(baseline),
            images: if shared { Images::Shared } else { Images::OfUnits },
            paired: pairs.is_some(),
            test_to_train: pairs.and_then(|pairs| pairs.test_to_train),
        }))
    }

    /// Units of a group with the images that each was scored on, in the order of their names.
    fn units(&self, group: &Group, wanted: &dyn Fn(&str) -> bool) -> Result<Option<Vec<(u64, Unit)>>> {
        let mut runs = group.runs_by_unit();
        runs.retain(|(unit, _)| wanted(unit));
        runs.sort_by_key(|(unit, _)| *unit);
        let mut units = Vec::new();
        for (_, rows) in runs {
            let scored = rows.iter().map(|row| self.scored(row)).collect::<Result<Option<Vec<_>>>>()?;
            let Some(scored) = scored else { return Ok(None) };
            let Some(first) =
                scored.first().filter(|first| scored.iter().all(|one| one.images == first.images))
            else {
                return Ok(None);
            };
            units.push((first.images, unit(&scored)));
        }
        Ok((!units.is_empty()).then_some(units))
    }

    fn scored(&self, row: &Row) -> Result<Option<Rc<Scored>>> {
        let Some(key) = &row.evaluate_key else { return Ok(None) };
        if let Some(known) = self.scored.borrow().get(key) {
            return Ok(known.clone());
        }
        let read = self.predictions(row)?.map(|predictions| {
            let file = self.scored_file(row).unwrap_or_default();
            let right = predictions.iter().map(Prediction::is_right).collect();
            let groups = self.near_duplicates(row, &predictions);
            Rc::new(Scored { images: predictions::identity(&predictions, &file), right, groups })
        });
        self.scored.borrow_mut().insert(key.clone(), read.clone());
        Ok(read)
    }

    /// What the images came from, as the pre-image of the scores names it.
    fn scored_file(&self, row: &Row) -> Option<String> {
        let (stored, stage) = self.place(row)?;
        Some(stored.artifact(stage)?.receipt.pre_image["inputs"]["on"].to_string())
    }

    fn near_duplicates(&self, row: &Row, predictions: &[Prediction]) -> Vec<usize> {
        let known = self.kept_together(row).and_then(|path| table_of_groups(&path).ok()).unwrap_or_default();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut next = 0;
        let mut place = |prediction: &Prediction| match known.get(&prediction.source) {
            Some(group) => *places.entry(group.as_str()).or_insert_with(|| {
                next += 1;
                next - 1
            }),
            None => {
                next += 1;
                next - 1
            }
        };
        predictions.iter().map(&mut place).collect()
    }

    /// The table of near-duplicates of the subset that the images were drawn for.
    fn kept_together(&self, row: &Row) -> Option<PathBuf> {
        let (stored, stage) = self.place(row)?;
        let mut stage = stored.launch.input(stage, "on")?;
        while stored.launch.stages[stage].kind != Subset::KIND {
            stage = stored.launch.input(stage, "from")?;
        }
        stored.measured(stage, "kept_together.csv")
    }

    /// The replicates of two groups that are pairs; `None` where they share nothing but the name of a seed.
    pub fn pairs(&self, of: &Group, baseline: &Group) -> Option<Pairs> {
        let axis = of.sample();
        if axis.is_empty() || baseline.sample() != axis {
            return None;
        }
        let (ours, theirs) = (of.units(ACCURACY), baseline.units(ACCURACY));
        let mut pairs = Pairs { units: Vec::new(), differences: Vec::new(), test_to_train: None };
        for (unit, accuracy) in &ours {
            let Some((_, other)) = theirs.iter().find(|(name, _)| name == unit) else { continue };
            let shared: Vec<(usize, String)> = self.draws(of, unit, axis);
            let others = self.draws(baseline, unit, axis);
            let stage = shared.iter().find(|(_, key)| others.iter().any(|(_, other)| other == key))?.0;
            pairs.units.push(unit.clone());
            pairs.differences.push(accuracy - other);
            pairs.test_to_train = pairs.test_to_train.or_else(|| self.test_to_train(of, stage));
        }
        (pairs.units.len() > 1).then_some(pairs)
    }

    /// Stages below the scores of a replicate that read its axis, with their keys.
    fn draws(&self, group: &Group, unit: &str, axis: &str) -> Vec<(usize, String)> {
        let mut found = BTreeSet::new();
        let rows = group.rows.iter().filter(|row| row.axes.get(axis).is_some_and(|value| value == unit));
        for (stored, evaluate) in rows.filter_map(|row| self.place(row)) {
            for stage in stored.launch.lineage(evaluate).into_iter().filter(|stage| *stage != evaluate) {
                let record = &stored.launch.stages[stage];
                if let Some(key) = record.key.as_ref().filter(|_| record.axes.contains_key(axis)) {
                    found.insert((stage, key.clone()));
                }
            }
        }
        found.into_iter().collect()
    }

    /// Test images over training images of a fold, if `stage` draws one.
    fn test_to_train(&self, group: &Group, stage: usize) -> Option<f64> {
        let (stored, _) = self.place(group.rows.first()?)?;
        let folds = stored.artifact(stage)?.receipt.parameter("folds")?.as_f64()?;
        (folds > 1.0).then(|| 1.0 / (folds - 1.0))
    }
}

/// Runs of one replicate on the same images: what they got right on average, by group.
fn unit(scored: &[Rc<Scored>]) -> Unit {
    let count = scored[0].groups.iter().max().map_or(0, |most| most + 1);
    let mut groups = vec![(0.0, 0.0); count];
    for one in scored {
        for (group, right) in one.groups.iter().zip(&one.right) {
            groups[*group].0 += f64::from(u8::from(*right)) / scored.len() as f64;
            groups[*group].1 += 1.0 / scored.len() as f64;
        }
    }
    Unit { groups }
}

/// The group of each image that is in one, by its source.
fn table_of_groups(path: &Path) -> Result<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(path)?;
    let mut found = HashMap::new();
    for record in reader.deserialize() {
        let (group, _class, source, _split): (String, String, String, String) = record?;
        found.insert(source, group);
    }
    Ok(found)
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
