//! Cross-entropy against hard or soft labels.

use tch::{Kind, Reduction, Tensor};

/// Mean over the batch of the cross-entropy of logits `[n, classes]` against labels, `[n]` i64 or `[n, classes]` f32.
/// `smoothing` is the probability spread evenly over all classes; soft labels are taken as they are.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Tensor {
    if labels.kind() == Kind::Int64 {
        return logits.cross_entropy_loss::<Tensor>(labels, None, Reduction::Mean, -100, smoothing);
    }
    each(logits, labels).mean(Kind::Float)
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
