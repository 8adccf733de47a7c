//! A student's gradients by finite differences of first-order ones: how fast the loss moves along v is v·g, so ∂/∂X of v·g is
//! how fast ∂/∂X of the loss moves along v, and no gradient of the second order is taken. The signs in ReLUs are held, as autograd
//! holds them.

use tch::{Kind, Tensor, no_grad};

use super::kept::Kept;
use super::student::{End, Leaves, Loss, Outcome, Student, Way, add, square};
use crate::models::{Kinks, Parameters, Signs};

/// How far a difference is taken, as a share of the weights' length: at a hundredth of it what is not linear shows (17 to 39 %
/// of TESLA's gradient, measured on `convnet`s of 32 and 128 channels), at a ten-thousandth 0.2 to 0.5 %, and rounding does not
/// yet; here it was 0.05 to 0.1 % of both gradients over 20 and 50 steps at 32 channels, and 0.1 % over 10 at 128. But when the
/// weights change in their last digit and a value at a ReLU its sign, autograd's own gradient moves by up to 2 % (128 channels):
/// what comes out of differences is as near to it as that lets it be.
const STRIDE: f64 = 5e-5;

/// What v is multiplied with for such a difference; anything does where v is 0.
fn stride(way: &Way, v: &Tensor) -> f64 {
    let length = square(v);
    if length > 0.0 { STRIDE * (square(&way.from) / length).sqrt() } else { 1.0 }
}

/// A student on its way, the leaves it learns, and the loss of its steps.
pub struct Round<'a, L> {
    pub student: &'a Student<'a>,
    pub kept: &'a Kept,
    pub way: &'a Way,
    pub leaves: &'a Leaves,
    pub loss: L,
}

impl<L: Loss> Round<'_, L> {
    /// v is the same for every step: a first round of steps finds out where the student ends, and a second takes the sum. Where
    /// the weights of all steps may not be kept, it goes the way of the first again.
    pub fn truncated(&self) -> Outcome {
        let Round { student, kept, way, leaves, .. } = self;
        let mut here = leaves.sums();
        let signs = self.go(&mut here);
        let end = End::of(way, student.weights.flat());
        let v = end.slope(-way.lr);
        let by = stride(way, &v);
        let (aside, mut there) = (v * by, leaves.sums());
        let weights: Vec<Tensor> = student.fixed.tensors().iter().map(Tensor::detach).collect();
        student.weights.set(&way.from);
        for (step, signs) in (0..).zip(signs) {
            let signs = if kept.has_weights() {
                let signs = signs.unwrap_or_else(|| self.noted(step));
                student.fixed.set(&(kept.weights(step) + &aside));
                signs
            } else {
                student.fixed.set(&no_grad(|| student.weights.flat() + &aside));
                let signs = Signs::default();
                self.walk(step, Kinks::Noted(&signs), &mut here);
                signs
            };
            let loss = (self.loss)(step, &weights, leaves, Kinks::Held(&signs));
            add(&mut there, &Tensor::run_backward(&[&loss], &leaves.all(), false, false));
        }
        end.outcome(differences(&here, &there, by))
    }

    /// Back from the end, by Hessian-vector products: v_N = ∂L/∂θ_N, v_i = v_(i+1) - α·∂/∂θ of v_(i+1)·g_i; and ∂L/∂α is the sum of
    /// -v_(i+1)·g_i, ∂L/∂X of -α·∂/∂X of v_(i+1)·g_i.
    pub fn unrolled(&self) -> Outcome {
        let Round { student, kept, way, leaves, .. } = self;
        let mut here = leaves.sums();
        let signs = self.go(&mut here);
        let end = End::of(way, student.weights.flat());
        let mut v = end.slope(1.0);
        // The same for all steps, so that of the leaves' gradients only sums have to stay. v may grow: 155 times as long after 50
        // steps at a rate of 1, far beyond what learns, it still left the images' gradient within 3 % of autograd's.
        let by = stride(way, &v);
        let mut there = leaves.sums();
        let mut lr = Tensor::zeros([], (Kind::Double, v.device()));
        for (step, signs) in signs.into_iter().enumerate().rev() {
            let step = step as u64;
            let gradients = kept.gradients(step);
            lr -= (&gradients * &v).sum(Kind::Double);
            let signs = signs.unwrap_or_else(|| self.noted(step));
            student.fixed.set(&(kept.weights(step) + &v * by));
            let loss = (self.loss)(step, student.fixed.tensors(), leaves, Kinks::Held(&signs));
            let (beside, of_leaves) = both(&loss, &student.fixed, leaves);
            add(&mut there, &of_leaves);
            v -= (beside - gradients) * (way.lr / by);
        }
        let lr = lr.double_value(&[]);
        Outcome { lr, ..end.outcome(differences(&here, &there, by / -way.lr)) }
    }

    /// To the end of the way; what the ReLUs of a step went by, where that is kept. Where the weights of every step are kept,
    /// gradients of the leaves are added to `here`.
    fn go(&self, here: &mut [Tensor]) -> Vec<Option<Signs>> {
        let Round { student, kept, way, leaves, .. } = self;
        student.weights.set(&way.from);
        let steps = (0..student.steps).map(|step| {
            if !kept.has_weights() {
                let loss = (self.loss)(step, student.weights.tensors(), leaves, Kinks::Free);
                student.advance(
                    &Tensor::run_backward(&[&loss], student.weights.tensors(), false, false),
                    way.lr,
                );
                return None;
            }
            kept.keep_weights(step, student.weights.flat());
            let signs = Signs::default();
            let kinks = if kept.may_keep_signs() { Kinks::Noted(&signs) } else { Kinks::Free };
            self.walk(step, kinks, here);
            kept.signs(step, &signs)
        });
        steps.collect()
    }

    /// A step, whose gradients of the leaves are added to `here`.
    fn walk(&self, step: u64, kinks: Kinks, here: &mut [Tensor]) {
        let weights = &self.student.weights;
        let loss = (self.loss)(step, weights.tensors(), self.leaves, kinks);
        let (gradients, of_leaves) = both(&loss, weights, self.leaves);
        add(here, &of_leaves);
        self.kept.keep_gradients(step, &gradients);
        self.student.advance_by(&gradients, self.way.lr);
    }

    /// Where the ReLUs of a step let through, at the weights that are kept of it.
    fn noted(&self, step: u64) -> Signs {
        let signs = Signs::default();
        let weights = &self.student.fixed;
        weights.set(&self.kept.weights(step));
        no_grad(|| drop((self.loss)(step, weights.tensors(), self.leaves, Kinks::Noted(&signs))));
        signs
    }
}

/// Gradients of the weights, `[weights]`, and of the leaves.
fn both(loss: &Tensor, weights: &Parameters, leaves: &Leaves) -> (Tensor, Vec<Tensor>) {
    let all: Vec<&Tensor> = weights.tensors().iter().chain(leaves.all()).collect();
    let mut gradients = Tensor::run_backward(&[loss], &all, false, false);
    let of_leaves = gradients.split_off(weights.tensors().len());
    (weights.flatten(&gradients), of_leaves)
}

fn differences(here: &[Tensor], there: &[Tensor], by: f64) -> Vec<Tensor> {
    here.iter().zip(there).map(|(here, there)| ((there - here) / by).to_kind(Kind::Float)).collect()
}
