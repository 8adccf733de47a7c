//! What scoring costs beside its scores: how long one image takes.

use std::time::{Duration, Instant};

use tch::Tensor;

use super::scorer::Scorer;
use crate::images::Images;

/// Passes ahead of those that count: the first ones find memory and plans.
const WARM_UP: usize = 3;
/// Passes that count, unless they take longer than [`MOST`].
const PASSES: usize = 30;
const MOST: Duration = Duration::from_millis(500);

/// Milliseconds from one normalised image on the device to its logits on the processor, as scored: the median of up to
/// 30 passes, of which there is at least one.
pub fn latency_ms(scorer: &Scorer, images: &Images) -> f64 {
    let (image, _) = images.run(0, 1);
    let pass = || {
        let start = Instant::now();
        let logits = scorer.logits(&image);
        // To read a value is to wait for it.
        let _ = Tensor::double_value(&logits, &[0, 0]);
        start.elapsed()
    };
    let begun = Instant::now();
    for _ in 0..WARM_UP {
        let _ = pass();
        if begun.elapsed() > MOST {
            break;
        }
    }
    let (begun, mut times) = (Instant::now(), Vec::with_capacity(PASSES));
    while times.is_empty() || (times.len() < PASSES && begun.elapsed() < MOST) {
        times.push(pass());
    }
    median(&mut times).as_secs_f64() * 1e3
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_time_counts() {
        let mut times = [9, 1, 2, 100, 3].map(Duration::from_millis);
        assert_eq!(median(&mut times), Duration::from_millis(3));
    }
}
