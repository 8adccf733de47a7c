//! Where a killed distillation goes on: every tensor that moves and the losses so far, in one file that is whole or
//! absent.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tch::{Device, Tensor, no_grad};

use super::losses::Losses;

const NAME: &str = "distillation.safetensors";
const LOSSES: &str = "losses";

/// Time ahead of the first checkpoint; it doubles from one to the next.
const FIRST: Duration = Duration::from_millis(100);
/// What a killed process loses at most.
const MOST: Duration = Duration::from_secs(20);
/// A checkpoint takes a tenth of the time at most, however long that makes the pauses.
const SHARE: u32 = 10;

/// When to save: soon at first, so that who is killed early has lost little as well.
pub struct Pace {
    last: Instant,
    pause: Duration,
}

impl Pace {
    /// Work begins now.
    pub fn new() -> Pace {
        Pace { last: Instant::now(), pause: FIRST }
    }

    pub fn is_due(&self) -> bool {
        self.last.elapsed() >= self.pause
    }

    /// Saves, and counts from now on.
    pub fn save(&mut self, save: impl FnOnce() -> Result<()>) -> Result<()> {
        let start = Instant::now();
        save()?;
        self.last = Instant::now();
        self.pause = (2 * self.pause).min(MOST).max(SHARE * (self.last - start));
        Ok(())
    }
}

/// What the next iteration depends on, beside settings and seed: tensors by name, each the very one that iterations
/// change.
pub type Tensors = Vec<(String, Tensor)>;

/// Replaces the checkpoint in `folder`; the losses are settled.
pub fn save(folder: &Path, tensors: &Tensors, losses: &Losses) -> Result<()> {
    let (path, draft) = (folder.join(NAME), folder.join(format!("{NAME}.part")));
    let on_cpu = |tensor: &Tensor| tensor.detach().to_device(Device::Cpu).contiguous();
    let mut all: Tensors = tensors.iter().map(|(name, tensor)| (name.clone(), on_cpu(tensor))).collect();
    all.push((LOSSES.into(), Tensor::from_slice(losses.settled())));
    let write = || -> Result<()> {
        Tensor::write_safetensors(&all, &draft)?;
        File::open(&draft)?.sync_all()?;
        Ok(fs::rename(&draft, &path)?)
    };
    write().with_context(|| format!("cannot write the checkpoint `{}`", path.display()))
}

/// Takes over the checkpoint in `folder`, if there is one: writes to `tensors` and gives the losses.
///
/// # Errors
/// There is one, and it does not hold tensors like these, which are as before.
pub fn restore(folder: &Path, tensors: &Tensors) -> Result<Option<Losses>> {
    let path = folder.join(NAME);
    if !path.exists() {
        return Ok(None);
    }
    take_over(&path, tensors)
        .map(Some)
        .with_context(|| format!("the checkpoint `{}` cannot be used", path.display()))
}

fn take_over(path: &Path, tensors: &Tensors) -> Result<Losses> {
    let stored = Tensor::read_safetensors(path)?;
    let find = |name: &str| {
        let found = stored.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor);
        found.with_context(|| format!("it has no `{name}`"))
    };
    let mut found = Vec::with_capacity(tensors.len());
    for (name, like) in tensors {
        let tensor = find(name)?;
        let (had, wanted) = ((tensor.size(), tensor.kind()), (like.size(), like.kind()));
        ensure!(had == wanted, "its `{name}` is {had:?} instead of {wanted:?}");
        found.push(tensor);
    }
    let losses = Losses::of(Vec::<f64>::try_from(find(LOSSES)?)?);
    for ((_, target), source) in tensors.iter().zip(found) {
        no_grad(|| target.shallow_clone().copy_(source));
    }
    Ok(losses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_what_may_be_lost_and_are_long_where_saving_is() {
        let mut pace = Pace::new();
        assert!(!pace.is_due());
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pace.save(|| Ok(())).unwrap();
            pauses.push(pace.pause.as_millis());
        }
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12_800, 20_000]);
        let slow = || {
            std::thread::sleep(Duration::from_millis(60));
            Ok(())
        };
        let mut pace = Pace::new();
        pace.save(slow).unwrap();
        assert!(pace.pause >= Duration::from_millis(600), "{:?}", pace.pause);
    }
}
