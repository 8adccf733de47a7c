//! Cross-entropy and squared error against hard or soft labels, and the distance to a teacher.

use pipeline::recipe::Loss;
use tch::{Kind, Reduction, Tensor};

/// What a training minimises, of outputs `[n, classes]` and labels, `[n]` i64 or `[n, classes]` f32; `smoothing` and
/// `weights` are cross-entropy's.
pub fn mean(
    loss: Loss,
    outputs: &Tensor,
    labels: &Tensor,
    smoothing: f64,
    weights: Option<&Tensor>,
) -> Tensor {
    match loss {
        Loss::CrossEntropy => cross_entropy(outputs, labels, smoothing, weights),
        Loss::Mse => outputs.mse_loss(&targets(labels, outputs.size()[1]), Reduction::Mean),
    }
}

/// The same of each image, `[n]`, without smoothing.
pub fn of_each(loss: Loss, outputs: &Tensor, labels: &Tensor) -> Tensor {
    match loss {
        Loss::CrossEntropy => each(outputs, labels),
        Loss::Mse => (outputs - targets(labels, outputs.size()[1])).square().mean_dim(1, false, Kind::Float),
    }
}

/// What outputs are to be under squared error, `[n, classes]`: of a hard label 1 for the class and 0 for the others, less
/// their mean.
pub fn targets(labels: &Tensor, classes: i64) -> Tensor {
    if labels.kind() == Kind::Int64 {
        return labels.one_hot(classes).to_kind(Kind::Float) - 1.0 / classes as f64;
    }
    labels.shallow_clone()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squared_error_is_that_of_pytorch_and_of_each_image_alike() {
        let outputs = Tensor::from_slice(&[0.5_f32, -0.25, 1.0, 2.0, 0.0, -1.0]).view([2, 3]);
        let hard = Tensor::from_slice(&[2_i64, 0]);
        let soft = Tensor::from_slice(&[0.5_f32, -0.75, 1.0, 1.0, 0.25, -1.0]).view([2, 3]);
        // F.mse_loss(outputs, F.one_hot(hard) - 1 / 3) and F.mse_loss(outputs, soft) of PyTorch 2.11.
        for (labels, expected) in [(&hard, 0.524_305_6), (&soft, 0.218_75)] {
            let mean = mean(Loss::Mse, &outputs, labels, 0.0, None).double_value(&[]);
            assert!((mean - expected).abs() < 1e-6, "{mean}");
            let each = of_each(Loss::Mse, &outputs, labels).mean(Kind::Float).double_value(&[]);
            assert!((each - expected).abs() < 1e-6, "{each}");
        }
        let entropy = mean(Loss::CrossEntropy, &outputs, &hard, 0.0, None);
        assert_eq!(entropy, cross_entropy(&outputs, &hard, 0.0, None));
    }
}
