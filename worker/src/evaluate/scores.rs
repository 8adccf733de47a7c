//! What a network says of each image.

use anyhow::Result;
use tch::{Kind, Tensor};

use crate::training::loss;

/// How many of the likeliest classes count for top-5 accuracy.
pub const TOP: usize = 5;

/// What a network says of one image. Classes are places in the list of classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    pub label: usize,
    pub predicted: usize,
    /// Of the predicted class.
    pub probability: f64,
    /// Of the image's own class.
    pub label_probability: f64,
    /// Cross-entropy.
    pub loss: f64,
    /// Whether the image's class is among the [`TOP`] likeliest.
    pub in_top: bool,
}

impl Score {
    pub fn hit(&self) -> bool {
        self.label == self.predicted
    }
}

/// Scores of logits `[n, classes]` against labels, `[n]` i64 or soft `[n, classes]` f32.
pub fn scores_of(logits: &Tensor, labels: &Tensor) -> Result<Vec<Score>> {
    let classes = loss::classes_of(labels);
    let probabilities = logits.softmax(-1, Kind::Double);
    let (probability, predicted) = probabilities.max_dim(-1, false);
    let own = probabilities.gather(1, &classes.unsqueeze(1), false).squeeze_dim(1);
    let above = probabilities.gt_tensor(&own.unsqueeze(1)).sum_dim_intlist(1, false, Kind::Int64);
    let longs = |tensor: &Tensor| Vec::<i64>::try_from(tensor);
    let doubles = |tensor: &Tensor| Vec::<f64>::try_from(tensor.to_kind(Kind::Double));
    let (label, predicted, above) = (longs(&classes)?, longs(&predicted)?, longs(&above)?);
    let (probability, own, loss) =
        (doubles(&probability)?, doubles(&own)?, doubles(&loss::each(logits, labels))?);
    let score = |i: usize| Score {
        label: label[i] as usize,
        predicted: predicted[i] as usize,
        probability: probability[i],
        label_probability: own[i],
        loss: loss[i],
        in_top: above[i] < TOP as i64,
    };
    Ok((0..label.len()).map(score).collect())
}
