//! Cross-entropy against hard or soft labels, and the distance to a teacher.

use tch::{Kind, Reduction, Tensor};

/// Mean over the batch of the cross-entropy of logits `[n, classes]` against labels, `[n]` i64 or `[n, classes]` f32.
/// `smoothing` is the probability spread evenly over all classes; soft labels are taken as they are. `weights` are those
/// of the classes, `[classes]`; with them the mean over hard labels is a weighted one, as in PyTorch.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64, weights: Option<&Tensor>) -> Tensor {
    if labels.kind() == Kind::Int64 {
        return logits.cross_entropy_loss(labels, weights, Reduction::Mean, -100, smoothing);
    }
    match weights {
        Some(weights) => each(logits, &(labels * weights)).mean(Kind::Float),
        None => each(logits, labels).mean(Kind::Float),
    }
}

/// Mean over the batch of the Kullback-Leibler divergence of the student's distribution from the teacher's, both
/// softened by the temperature, times its square, so that gradients keep their size (Hinton et al. 2015). Logits are
/// `[n, classes]`.
pub fn distilled(student: &Tensor, teacher: &Tensor, temperature: f64) -> Tensor {
    let soft = |logits: &Tensor| (logits / temperature).log_softmax(-1, Kind::Float);
    let images = student.size()[0] as f64;
    soft(student).kl_div(&soft(teacher), Reduction::Sum, true) * (temperature * temperature / images)
}

/// Weights of the classes, `[classes]` f32, that give each class as much of the loss as any other: n / (classes · n_k),
/// where a class has n_k of n images; 0 for a class without any. Soft labels count by their shares.
pub fn balanced(labels: &Tensor, classes: usize) -> Tensor {
    let counts = match labels.kind() {
        Kind::Int64 => labels.bincount::<Tensor>(None, classes as i64).to_kind(Kind::Float),
        _ => labels.sum_dim_intlist(0, false, Kind::Float),
    };
    let weights = counts.sum(Kind::Float) / (&counts * classes as f64);
    weights.where_self(&counts.gt(0.0), &counts.zeros_like())
}

/// The cross-entropy of each image, `[n]`.
pub fn each(logits: &Tensor, labels: &Tensor) -> Tensor {
    if labels.kind() == Kind::Int64 {
        return logits.cross_entropy_loss::<Tensor>(labels, None, Reduction::None, -100, 0.0);
    }
    -(labels * logits.log_softmax(-1, Kind::Float)).sum_dim_intlist(-1, false, Kind::Float)
}

/// The class of each image, `[n]` i64; of soft labels the heaviest.
pub fn classes_of(labels: &Tensor) -> Tensor {
    if labels.kind() == Kind::Int64 { labels.shallow_clone() } else { labels.argmax(-1, false) }
}

/// How many images have their class's logit highest, a scalar i64.
pub fn hits(logits: &Tensor, labels: &Tensor) -> Tensor {
    logits.argmax(-1, false).eq_tensor(&classes_of(labels)).sum(Kind::Int64)
}
