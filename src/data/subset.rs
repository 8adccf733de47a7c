//! The subset stage: finds groups, draws, and packs, in memory that does not grow with the pixels.

use anyhow::{Context, Result};

use super::catalog::{Catalog, ClassImages};
use super::choose::choose;
use super::counts::{check_drawn, check_sizes, unequal};
use super::draw::{Draws, Slots};
use super::folds::{hold_out, seed_around};
use super::kin::{self, Groups, Kinship, Look};
use super::pack::Packing;
use super::sidecar::{Classes, write_preprocess};
use crate::engine::Task;
use crate::recipe::{Amount, Format, KeepTogether, Subset, files};

/// Makes the image set that [`Subset`] describes.
pub fn subset(task: &Task) -> Result<()> {
    let (recipe, format) = parameters(task)?;
    task.started(None);
    let source = task.job.sources.contains_key("dataset").then(|| task.source("dataset")).transpose()?;
    let catalog = Catalog::open(&format, source)?;
    catalog.warnings.iter().for_each(|warning| task.warn(warning));
    let chosen = choose(&catalog, &recipe.classes).with_context(|| said_of(task))?;
    let amounts = recipe.per_class.amounts();
    if recipe.folds.is_none() {
        check_sizes(&chosen, &amounts).with_context(|| said_of(task))?;
    }
    let threads = rayon::ThreadPoolBuilder::new().num_threads(task.job.threads.max(1)).build()?;
    let look = Look { task, pictures: catalog.pictures.as_ref(), threads: &threads };
    let groups = match format {
        // Each is drawn from a seed of its own: there are no two of one scene.
        Format::SketchBirds(_) => Groups::alone(&chosen),
        _ => kin::find(&look, &chosen, &recipe.keep_together)?,
    };
    let pool = Pool::new(&recipe, &chosen, groups).with_context(|| said_of(task))?;
    let classes = pool.classes();
    let mut draws = pool.draws(&recipe);
    let drawn = draws.draw();
    tell_of_kin(task, &recipe, &pool, &drawn)?;
    check_sizes(&classes, &amounts).with_context(|| said_of(task))?;
    check_drawn(&classes, &drawn, &amounts).with_context(|| said_of(task))?;
    tell_of_unequal(task, &recipe, &classes, &drawn);
    let packing = Packing::new(&look, &recipe, &classes, draws);
    let preprocess = packing.pack_all(drawn)?;
    write_preprocess(&task.content(files::PREPROCESS), &preprocess)?;
    let names = classes.iter().map(|class| class.name.clone()).collect();
    Classes(names).write(&task.content(files::CLASSES))
}

/// What is drawn from: the data set's own splits, or a fold and the rest.
struct Pool<'a> {
    own: &'a [&'a ClassImages],
    held: Option<Vec<ClassImages>>,
    groups: Groups,
    seed: u64,
}

impl<'a> Pool<'a> {
    fn new(recipe: &Subset, own: &'a [&'a ClassImages], groups: Groups) -> Result<Pool<'a>> {
        let (Some(folds), Some(fold)) = (recipe.folds, recipe.fold) else {
            return Ok(Pool { own, held: None, groups, seed: recipe.seed });
        };
        let (held, groups) = hold_out(own, &groups, folds as usize, fold as usize, recipe.seed)?;
        Ok(Pool { own, held: Some(held), groups, seed: seed_around(recipe.seed, fold as usize) })
    }

    fn classes(&self) -> Vec<&ClassImages> {
        self.held.as_ref().map_or_else(|| self.own.to_vec(), |held| held.iter().collect())
    }

    fn draws(&self, recipe: &Subset) -> Draws<'_> {
        Draws::new(&self.classes(), &self.groups, recipe.per_class.amounts(), self.seed)
    }
}

/// The recipe, and the layout that stands in the key in place of the data set's name.
fn parameters(task: &Task) -> Result<(Subset, Format)> {
    let fits = "the job's parameters do not fit this program's version";
    let mut parameters = task.job.pre_image["parameters"].clone();
    let format = serde_json::from_value(parameters["dataset"]["format"].take()).context(fits)?;
    parameters["dataset"] = task.job.provenance.get("dataset").cloned().unwrap_or_else(|| "".into());
    Ok((serde_json::from_value(parameters).context(fits)?, format))
}

fn said_of(task: &Task) -> String {
    let named = |fact: &str| task.job.provenance.get(fact).and_then(|name| name.as_str());
    let (name, label) = (named("dataset").unwrap_or_default(), &task.job.label);
    match named("stand_in") {
        Some(stand_in) => {
            format!("`{label}` asks data set `{stand_in}` (stand-in for `{name}`) for what it has not")
        }
        None => format!("`{label}` asks data set `{name}` for what it has not"),
    }
}

/// Lists the groups, and notes what they changed.
fn tell_of_kin(task: &Task, recipe: &Subset, pool: &Pool, drawn: &[Slots; 3]) -> Result<()> {
    if let KeepTogether::Nothing(_) = recipe.keep_together {
        return Ok(());
    }
    let classes = pool.classes();
    let plain = Pool::new(recipe, pool.own, Groups::alone(pool.own))?;
    let kinship = Kinship::of(&classes, &pool.groups, &plain.draws(recipe).draw());
    let note = serde_json::json!({
        "groups": kinship.groups,
        "images": kinship.images,
        "leaks_without": kinship.leaks,
        "groups_of_several_classes": kinship.of_several_classes,
    });
    task.note("kept_together", note);
    if kinship.groups == 0 {
        return Ok(());
    }
    kin::write_table(&task.measured("kept_together.csv"), &classes, &pool.groups, drawn)
}

fn tell_of_unequal(task: &Task, recipe: &Subset, classes: &[&ClassImages], drawn: &[Slots; 3]) {
    let amounts = recipe.per_class.amounts();
    // A fold has the classes' own shares, and no setting to change them.
    let splits = if recipe.folds.is_some() { &[0][..] } else { &[0, 2] };
    for split in splits.iter().copied() {
        if let (Amount::Every(_), Some(told)) = (amounts[split], unequal(classes, split, &drawn[split])) {
            task.warn(told);
        }
    }
}

#[cfg(test)]
#[path = "subset_tests.rs"]
mod tests;
