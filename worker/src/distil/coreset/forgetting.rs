//! Forgetting (Toneva et al. 2019): images that a network classifies wrongly after it had them right.

use anyhow::{Result, bail, ensure};
use pipeline::engine::{Stopped, Task};
use pipeline::recipe::Forgetting;
use tch::{Device, Kind};

use super::super::distilled::Distilled;
use super::super::draws::{self, Use};
use super::super::learner::{Lessons, Looked};
use super::super::memory;
use super::super::real::Real;
use super::super::shown::Shown;
use crate::models::Network;
use crate::training::loss;

/// What happened to an image while a network learned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct History {
    /// Whether it was classified rightly the last time.
    right: bool,
    /// Whether it ever was.
    learned: bool,
    forgotten: u32,
    /// Sum of the losses of its visits.
    loss: f64,
}

impl History {
    fn visit(&mut self, right: bool, loss: f64) {
        self.forgotten += u32::from(self.right && !right);
        self.learned |= right;
        self.right = right;
        self.loss += loss;
    }

    /// Events; more than any other has where it was never learned.
    fn events(&self) -> u32 {
        if self.learned { self.forgotten } else { u32::MAX }
    }
}

/// `per_class` images of each class, those forgotten most often first.
///
/// # Errors
/// The network does not take the images; its loss is no number; [`Stopped`], with nothing saved: a network learns within
/// minutes.
pub fn choose(
    task: &Task,
    real: &Real,
    settings: &Forgetting,
    per_class: usize,
    seed: u64,
    device: Device,
) -> Result<Distilled> {
    let histories = histories(task, real, settings, draws::seed(seed, Use::Network, &[]), device)?;
    let chosen = real.by_class.iter().flat_map(|places| most_forgotten(places, &histories, per_class));
    Ok(Distilled::chosen(real, &chosen.collect::<Vec<_>>(), per_class))
}

/// Of `places`, which are in order; the earlier of equals comes first.
fn most_forgotten(places: &[usize], histories: &[History], count: usize) -> Vec<usize> {
    let mut order = places.to_vec();
    order.sort_by(|a, b| {
        let [a, b] = [a, b].map(|place| &histories[*place]);
        b.events().cmp(&a.events()).then(b.loss.total_cmp(&a.loss))
    });
    order.truncate(count);
    order
}

/// What happened to every image of the split.
fn histories(
    task: &Task,
    real: &Real,
    settings: &Forgetting,
    seed: u64,
    device: Device,
) -> Result<Vec<History>> {
    let lessons = lessons(real, settings, device)?;
    let order = lessons.order(seed);
    let step = order.batch() as u64 * 2 * lessons.network.activation_bytes();
    let peak = real.stored() + step + 16 * lessons.network.count() as u64;
    memory::tell(task, device, peak, "the network that forgets", "lower `batch` of `forgetting`");
    task.started(None);
    let total = u64::from(settings.epochs) * order.steps_per_epoch();
    let mut learner = lessons.first(seed);
    let mut histories = vec![History::default(); real.split.len()];
    for done in 0..total {
        if task.should_stop() {
            bail!(Stopped { saved_at: None });
        }
        let looked = lessons.step(&mut learner, &order, seed, done);
        let loss = looked.loss.double_value(&[]);
        ensure!(
            loss.is_finite(),
            "the loss is {loss} at step {}: the network of `forgetting` has diverged\n\
             hint: lower the learning rate (`method.forgetting.optimizer.{}.lr`)",
            done + 1,
            settings.optimizer.name()
        );
        note(&looked, &mut histories)?;
        task.progress(done + 1, total, "step", &[("loss", loss)]);
    }
    Ok(histories)
}

fn lessons<'a>(real: &'a Real, settings: &'a Forgetting, device: Device) -> Result<Lessons<'a>> {
    Ok(Lessons {
        network: Network::new(&settings.network, real.classes.len(), real.size()[0] as u32)?,
        shown: Shown::load(real, None, device)?,
        rule: &settings.optimizer,
        transforms: &[],
        classes: real.classes.len(),
        preprocess: &real.preprocess,
        batch: settings.batch,
        device,
    })
}

/// What a step says of its images, before the network had learned from them.
fn note(looked: &Looked, histories: &mut [History]) -> Result<()> {
    let right = looked.logits.argmax(-1, false).eq_tensor(&loss::classes_of(&looked.labels));
    let losses = loss::each(&looked.logits, &looked.labels).to_kind(Kind::Double);
    let right = Vec::<bool>::try_from(right.to_device(Device::Cpu))?;
    let losses = Vec::<f64>::try_from(losses.to_device(Device::Cpu))?;
    for ((place, right), loss) in looked.places.iter().zip(right).zip(losses) {
        histories[*place as usize].visit(right, loss);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::tests::{bench, content, run};
    use super::*;
    use crate::fixture::alone;

    #[test]
    fn an_event_is_a_wrong_answer_after_a_right_one() {
        let mut image = History::default();
        for right in [false, true, true, false, false, true, false] {
            image.visit(right, 1.0);
        }
        assert_eq!((image.events(), image.loss), (2, 7.0));
        let mut never = History::default();
        never.visit(false, 1.0);
        assert_eq!(never.events(), u32::MAX);
    }

    #[test]
    fn the_most_forgotten_come_first_and_of_equals_the_harder_one() {
        let image = |forgotten, loss| History { right: true, learned: true, forgotten, loss };
        let unlearned = History { loss: 9.0, ..History::default() };
        let histories = [image(1, 5.0), image(3, 1.0), unlearned, image(1, 6.0), image(1, 5.0)];
        assert_eq!(most_forgotten(&[0, 1, 2, 3, 4], &histories, 4), [2, 1, 3, 0]);
        assert_eq!(most_forgotten(&[0, 4], &histories, 1), [0]);
    }

    fn forgetting(lr: f64) -> Value {
        let settings = json!({
            "network": { "convnet": { "width": 4 } }, "epochs": 8, "batch": 6, "optimizer": { "sgd": { "lr": lr } },
        });
        json!({ "images_per_class": 2, "method": { "forgetting": settings }, "seed": 2 })
    }

    #[test]
    fn the_same_real_images_are_chosen_twice_and_none_twice_at_once() {
        let _turn = alone();
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let splits = folders.each_ref().map(|folder| run(folder.path(), forgetting(0.05)));
        assert_eq!(content(folders[0].path()), content(folders[1].path()));
        assert_eq!(splits[0].labels().heaviest(), [0, 0, 1, 1, 2, 2]);
        let sources: std::collections::BTreeSet<_> =
            (0..6).map(|i| splits[0].source(i).to_string()).collect();
        assert_eq!(sources.len(), 6);
    }

    #[test]
    fn a_network_that_diverges_is_told_of_with_its_remedy() {
        let _turn = alone();
        let folder = tempfile::tempdir().unwrap();
        let task = bench(folder.path(), forgetting(1e30)).task();
        let error = super::super::super::distil(&task, Device::Cpu).unwrap_err().to_string();
        assert!(
            error.contains("hint: lower the learning rate (`method.forgetting.optimizer.sgd.lr`)"),
            "{error}"
        );
    }
}
