//! The learning rate of each step.

use std::f64::consts::PI;

use pipeline::recipe::{Constant, CosineDecay, LinearDecay, OneCycle, Schedule, StepDown};

/// The learning rate of `step`, counted from 0, in a training of `total` steps with the highest rate `lr`.
pub fn rate(schedule: &Schedule, lr: f64, step: u64, total: u64) -> f64 {
    match schedule {
        Schedule::Constant(Constant { warm_up }) => lr * risen(*warm_up, step, total),
        Schedule::OneCycle(cycle) => one_cycle(cycle, lr, step as f64, total as f64),
        Schedule::CosineDecay(CosineDecay { warm_up, end }) => {
            warmed(*warm_up, lr, step as f64, total as f64, |share| along_cosine(lr, end * lr, share))
        }
        Schedule::LinearDecay(LinearDecay { warm_up, end }) => {
            warmed(*warm_up, lr, step as f64, total as f64, |share| lr + (end - 1.0) * lr * share)
        }
        Schedule::StepDown(StepDown { at, factor, warm_up }) => {
            let falls = at.iter().filter(|share| step as f64 >= **share * total as f64).count();
            lr * factor.powi(falls as i32) * risen(*warm_up, step, total)
        }
    }
}

/// How far the rate has risen: along a line over the first `warm_up` of the training, to 1.
fn risen(warm_up: f64, step: u64, total: u64) -> f64 {
    let warm = (warm_up * total as f64).round();
    ((step as f64 + 1.0) / warm).min(1.0)
}

/// Up along a line over the first `warm_up` of the training, then what `fall` makes of the share of the rest that is over.
fn warmed(warm_up: f64, lr: f64, step: f64, total: f64, fall: impl Fn(f64) -> f64) -> f64 {
    let warm = (warm_up * total).round();
    if step < warm { lr * (step + 1.0) / warm } else { fall((step - warm) / (total - warm)) }
}

/// As PyTorch's `OneCycleLR` with cosine annealing has it.
fn one_cycle(cycle: &OneCycle, highest: f64, step: f64, total: f64) -> f64 {
    let first = highest / cycle.start_div;
    let last = first / cycle.end_div;
    let (peak, end) = ((cycle.rise * total - 1.0).max(0.0), total - 1.0);
    if step <= peak && peak > 0.0 {
        along_cosine(first, highest, step / peak)
    } else if end > peak {
        along_cosine(highest, last, (step - peak) / (end - peak))
    } else {
        highest
    }
}

fn along_cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * share).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cycle_goes_as_in_pytorch() {
        let rates = [0, 1, 2, 3, 5, 9].map(|step| rate(&Schedule::default(), 0.02, step, 10));
        let expected = ONE_CYCLE_OF_PYTORCH;
        for (rate, expected) in rates.iter().zip(expected) {
            assert!((rate - expected).abs() < 1e-12 + 1e-9 * expected, "{rates:?}");
        }
    }

    /// `OneCycleLR(max_lr=.02, total_steps=10)` of PyTorch 2.11 at steps 0, 1, 2, 3, 5 and 9.
    const ONE_CYCLE_OF_PYTORCH: [f64; 6] =
        [0.0008, 0.0104, 0.02, 0.019009692640269475, 0.012225240438725785, 8e-8];

    #[test]
    fn cosine_and_linear_go_as_in_pytorch() {
        let cosine = |warm_up, end| Schedule::CosineDecay(CosineDecay { warm_up, end });
        let linear = Schedule::LinearDecay(LinearDecay { warm_up: 0.0, end: 0.1 });
        let schedules = [cosine(0.0, 0.0), cosine(0.0, 0.1), linear, cosine(0.4, 0.0)];
        for (schedule, expected) in schedules.iter().zip(FALLS_OF_PYTORCH) {
            let rates = [0, 1, 3, 5, 9].map(|step| rate(schedule, 0.02, step, 10));
            for (rate, expected) in rates.iter().zip(expected) {
                assert!((rate - expected).abs() < 1e-12, "{schedule:?}: {rates:?}");
            }
        }
    }

    /// Learning rates of PyTorch 2.11 at steps 0, 1, 3, 5 and 9 of 10: `CosineAnnealingLR`, with `eta_min=.002`,
    /// `LinearLR` to a tenth, and `LinearLR` over 4 steps before `CosineAnnealingLR` over 6.
    const FALLS_OF_PYTORCH: [[f64; 5]; 4] = [
        [0.02, 0.019510565162951538, 0.015877852522924733, 0.01, 0.0004894348370484647],
        [0.02, 0.019559508646656384, 0.016290067270632258, 0.011, 0.002440491353343618],
        [0.02, 0.0182, 0.0146, 0.011, 0.0038],
        [0.005, 0.01, 0.02, 0.01866025403784439, 0.001339745962155613],
    ];

    #[test]
    fn a_step_down_multiplies_at_each_of_its_points() {
        let schedule = Schedule::StepDown(StepDown { at: vec![0.5, 0.75], factor: 0.1, warm_up: 0.0 });
        let rates = [0, 49, 50, 75, 99].map(|step| rate(&schedule, 1.0, step, 100));
        for (rate, expected) in rates.iter().zip([1.0, 1.0, 0.1, 0.01, 0.01]) {
            assert!((rate - expected).abs() < 1e-12, "{rates:?}");
        }
        assert_eq!(rate(&Schedule::Constant(Constant::default()), 0.3, 7, 9), 0.3);
    }

    #[test]
    fn what_does_not_fall_or_falls_in_steps_is_warmed_up_as_in_pytorch() {
        let stepped =
            |at: &[f64], factor| Schedule::StepDown(StepDown { at: at.to_vec(), factor, warm_up: 0.4 });
        let constant = Schedule::Constant(Constant { warm_up: 0.4 });
        let schedules = [constant, stepped(&[0.5, 0.8], 0.1), stepped(&[0.2], 0.5)];
        for (schedule, expected) in schedules.iter().zip(WARM_UPS_OF_PYTORCH) {
            let rates = [0, 1, 2, 3, 5, 9].map(|step| rate(schedule, 0.02, step, 10));
            for (rate, expected) in rates.iter().zip(expected) {
                assert!((rate - expected).abs() < 1e-12, "{schedule:?}: {rates:?}");
            }
        }
    }

    /// Learning rates of PyTorch 2.11 at steps 0, 1, 2, 3, 5 and 9 of 10: `LinearLR` from a quarter over 3 steps, alone, and
    /// with `ChainedScheduler` beside `MultiStepLR` at steps 5 and 8 by a tenth, and at step 2 by half.
    const WARM_UPS_OF_PYTORCH: [[f64; 6]; 3] = [
        [0.005, 0.01, 0.015, 0.02, 0.02, 0.02],
        [0.005, 0.01, 0.015, 0.02, 0.002, 0.0002],
        [0.005, 0.01, 0.0075, 0.01, 0.01, 0.01],
    ];

    #[test]
    fn the_shortest_trainings_have_a_rate() {
        let cosine = Schedule::CosineDecay(CosineDecay { warm_up: 0.9, end: 0.0 });
        for total in 1..6 {
            for schedule in [&Schedule::default(), &cosine] {
                assert!(
                    (0..total).all(|step| rate(schedule, 0.1, step, total) > 0.0),
                    "{schedule:?} {total}"
                );
            }
        }
    }
}
