//! When to save what a killed stage goes on from.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Time ahead of the first checkpoint; it doubles from one to the next.
const FIRST: Duration = Duration::from_millis(100);
/// Pauses double up to this.
const USUAL: Duration = Duration::from_secs(20);
/// A checkpoint takes a twentieth of the time at most, as long as that makes no pause longer than the longest.
const SHARE: u32 = 20;
/// A kill costs a minute of work at most: this, and the step that it cuts off.
const LONGEST: Duration = Duration::from_secs(50);

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
        self.pause = next(self.pause, self.last - start);
        Ok(())
    }
}

/// The pause after `pause` and a checkpoint that took so long.
fn next(pause: Duration, took: Duration) -> Duration {
    (2 * pause).min(USUAL).max(SHARE * took).min(LONGEST)
}

#[cfg(test)]
mod tests {
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
        assert_eq!(after(2000), Duration::from_secs(40));
        assert_eq!(after(10_000), LONGEST);
        assert!(LONGEST < Duration::from_secs(60));
    }

    #[test]
    fn saving_counts_anew() {
        let mut pace = Pace::new();
        assert!(!pace.is_due());
        let slow = || {
            std::thread::sleep(Duration::from_millis(60));
            Ok(())
        };
        pace.save(slow).unwrap();
        assert!(!pace.is_due() && pace.pause >= Duration::from_millis(1200), "{:?}", pace.pause);
    }
}
