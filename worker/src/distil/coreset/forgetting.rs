//! Forgetting (Toneva et al. 2019): images that a network classifies wrongly after it had them right.

use anyhow::{Result, anyhow, bail, ensure};
use pipeline::engine::{Stopped, Task};
use pipeline::recipe::Forgetting;
use tch::{Device, Kind, Tensor};

use super::super::checkpoint::{self, Tensors};
use super::super::distilled::Distilled;
use super::super::draws::{self, Use};
use super::super::learner::{Learner, Lessons, Looked};
use super::super::losses::Losses;
use super::super::memory;
use super::super::real::Real;
use super::super::shown::Shown;
use crate::models::Network;
use crate::pace::Pace;
use crate::training::loss;
use crate::training::order::Order;

/// Numbers that a checkpoint keeps of an image.
const NUMBERS: usize = 4;

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

    /// As a checkpoint keeps it.
    fn numbers(&self) -> [f64; NUMBERS] {
        [f64::from(self.right), f64::from(self.learned), f64::from(self.forgotten), self.loss]
    }

    fn of_numbers(numbers: &[f64]) -> History {
        let [right, learned, forgotten, loss] = numbers else { unreachable!("four numbers are kept") };
        History { right: *right != 0.0, learned: *learned != 0.0, forgotten: *forgotten as u32, loss: *loss }
    }

    /// Events; more than any other has where it was never learned.
    fn events(&self) -> u32 {
        if self.learned { self.forgotten } else { u32::MAX }
    }
}

/// `per_class` images of each class, those forgotten most often first.
///
/// # Errors
/// The network does not take the images; its loss is no number; [`Stopped`].
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

/// What steps change.
struct State {
    learner: Learner,
    /// Of every image of the split.
    histories: Vec<History>,
    done: u64,
}

/// What happened to every image of the split. Goes on from a checkpoint where there is one; the outcome is the same.
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
    let peak = real.stored() + memory::held(false) * step + 16 * lessons.network.count() as u64;
    memory::tell(task, device, peak, "the network that forgets", "lower `batch` of `forgetting`");
    let images = vec![History::default(); real.split.len()];
    let mut state = State { learner: lessons.first(seed), histories: images, done: 0 };
    state.resume(task)?;
    task.started(Some(state.done).filter(|done| *done > 0));
    let total = u64::from(settings.epochs) * order.steps_per_epoch();
    let mut pace = Pace::of(state.tensors().iter().map(|(_, tensor)| tensor));
    while state.done < total {
        let stop = task.should_stop();
        if stop || pace.is_due() {
            pace.save(|| state.save(task))?;
        }
        if stop {
            bail!(Stopped { saved_at: Some(state.done) });
        }
        let loss = state.step(&lessons, &order, seed).map_err(|error| diverged(&error, settings))?;
        task.progress(state.done, total, "step", &[("loss", loss)]);
    }
    Ok(state.histories)
}

fn diverged(error: &anyhow::Error, settings: &Forgetting) -> anyhow::Error {
    let rate = format!("method.forgetting.optimizer.{}.lr", settings.optimizer.name());
    anyhow!("{error:#}: the network of `forgetting` has diverged\nhint: lower the learning rate (`{rate}`)")
}

impl State {
    /// One update, and what it says of its images; its loss, a number.
    fn step(&mut self, lessons: &Lessons, order: &Order, seed: u64) -> Result<f64> {
        let looked = lessons.step(&mut self.learner, order, seed, self.done);
        let loss = looked.loss.double_value(&[]);
        self.done += 1;
        ensure!(loss.is_finite(), "the loss is {loss} at step {}", self.done);
        note(&looked, &mut self.histories)?;
        Ok(loss)
    }

    /// Everything that the next step depends on. Of the tensors, those of the network are its own.
    fn tensors(&self) -> Tensors {
        let numbers: Vec<f64> = self.histories.iter().flat_map(History::numbers).collect();
        let own = [
            ("histories".to_string(), Tensor::from_slice(&numbers)),
            ("done".to_string(), Tensor::from_slice(&[self.done as i64])),
        ];
        self.learner.tensors().into_iter().chain(own).collect()
    }

    fn save(&self, task: &Task) -> Result<()> {
        checkpoint::save(task.checkpoints(), &self.tensors(), &Losses::default())
    }

    fn resume(&mut self, task: &Task) -> Result<()> {
        let tensors = self.tensors();
        match checkpoint::restore(task.checkpoints(), &tensors) {
            Ok(None) => return Ok(()),
            Ok(Some(_)) => {}
            Err(error) => {
                task.warn(format!("{error:#}; starting over"));
                return Ok(());
            }
        }
        let [.., (_, histories), (_, done)] = &tensors[..] else { unreachable!("two are its own") };
        let numbers = Vec::<f64>::try_from(histories)?;
        self.histories = numbers.chunks(NUMBERS).map(History::of_numbers).collect();
        self.done = done.int64_value(&[0]) as u64;
        Ok(())
    }
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
    use crate::fixture::{Bench, alone};

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
    fn a_network_that_was_stopped_goes_on_and_the_same_images_are_chosen() {
        let _turn = alone();
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        run(folders[0].path(), forgetting(0.05));
        let stopped = Bench { stop_at: Some(13), ..bench(folders[1].path(), forgetting(0.05)) };
        let error = super::super::super::distil(&stopped.task(), Device::Cpu).unwrap_err();
        assert_eq!(error.downcast_ref::<Stopped>().unwrap().saved_at, Some(13));
        let goes_on = Bench { stop_at: None, ..stopped };
        super::super::super::distil(&goes_on.task(), Device::Cpu).unwrap();
        assert_eq!(goes_on.starts(), [None, Some(13)]);
        assert_eq!(content(folders[1].path()), content(folders[0].path()));
    }

    #[test]
    fn a_history_comes_back_from_its_numbers() {
        let image = History { right: true, learned: true, forgotten: 7, loss: 0.1 + 0.2 };
        assert_eq!(History::of_numbers(&image.numbers()), image);
        assert_eq!(History::of_numbers(&History::default().numbers()), History::default());
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
