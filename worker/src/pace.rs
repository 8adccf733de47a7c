//! When to save what a killed stage goes on from.

use std::time::{Duration, Instant};

use anyhow::Result;
use tch::Tensor;

/// Time ahead of the first checkpoint, of a small one; it doubles from one to the next.
const FIRST: Duration = Duration::from_millis(100);
/// Pauses double up to this.
const USUAL: Duration = Duration::from_secs(20);
/// A checkpoint takes a hundredth of the time at most, as long as that makes no pause longer than the longest.
const SHARE: u32 = 100;
/// How fast a checkpoint is taken to be written before the first one is timed.
const BYTES_A_MILLISECOND: u64 = 500_000;
/// A kill costs a minute of work at most: this, and the step that it cuts off.
const LONGEST: Duration = Duration::from_secs(50);

/// When to save: soon at first, so that who is killed early has lost little as well; what is large, later.
pub struct Pace {
    last: Instant,
    pause: Duration,
}

impl Pace {
    /// Work begins now, and a checkpoint holds these tensors.
    pub fn of<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Pace {
        let bytes = |tensor: &Tensor| (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64;
        Pace::of_bytes(tensors.into_iter().map(bytes).sum())
    }

    fn of_bytes(bytes: u64) -> Pace {
        let takes = Duration::from_millis(bytes / BYTES_A_MILLISECOND);
        Pace { last: Instant::now(), pause: next(FIRST / 2, takes) }
    }

    pub fn is_due(&self) -> bool {
        self.last.elapsed() >= self.pause
    }

    /// Saves, and counts from now on.
    pub fn save(&mut self, save: impl FnOnce() -> Result<()>) -> Result<()> {
        let start = Instant::now();
        save()?;
        self.last = Instant::now();
        self.pause = next(self.pause, self.last - start);
        Ok(())
    }
}

/// The pause after `pause` and a checkpoint that took so long.
fn next(pause: Duration, took: Duration) -> Duration {
    (2 * pause).min(USUAL).max(took.saturating_mul(SHARE)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn pauses_double_up_to_the_usual_one() {
        let doubled = |pause: &Duration| Some(next(*pause, Duration::from_millis(1)));
        let pauses = std::iter::successors(Some(FIRST), doubled).map(|pause| pause.as_millis());
        let expected = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 20_000, 20_000];
        assert_eq!(pauses.take(expected.len()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pauses_are_long_where_saving_is_but_a_kill_costs_a_minute_at_most() {
        let after = |millis| next(USUAL, Duration::from_millis(millis));
        assert_eq!(after(300), Duration::from_secs(30));
        assert_eq!(after(10_000), LONGEST);
        assert!(LONGEST < Duration::from_secs(60));
    }

    #[test]
    fn what_is_large_is_not_saved_at_once() {
        assert_eq!(Pace::of_bytes(500_000).pause, FIRST);
        assert_eq!(Pace::of_bytes(100_000_000).pause, Duration::from_secs(20));
        assert_eq!(Pace::of_bytes(u64::MAX).pause, LONGEST);
        let [floats, halves] =
            [Kind::Float, Kind::BFloat16].map(|kind| Tensor::zeros([1_000_000], (kind, Device::Cpu)));
        assert_eq!(Pace::of([&floats, &halves]).pause, Duration::from_millis(1200));
    }

    #[test]
    fn saving_counts_anew() {
        let mut pace = Pace::of([]);
        assert!(!pace.is_due());
        let slow = || {
            std::thread::sleep(Duration::from_millis(60));
            Ok(())
        };
        pace.save(slow).unwrap();
        assert!(!pace.is_due() && pace.pause >= Duration::from_secs(3), "{:?}", pace.pause);
    }
}
