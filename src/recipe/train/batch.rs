//! How many images a step takes, and how many of them go through the network at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Keep, Train};
use crate::recipe::Complaint;

/// A number of images, or `"auto"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Batch {
    Images(#[schemars(range(min = 1, max = 65536))] u32),
    Auto(Auto),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Auto {
    Auto,
}

impl Batch {
    pub const AUTO: Batch = Batch::Auto(Auto::Auto);

    /// What a step takes where nothing is said, and with `"auto"`: the same on every machine.
    pub const USUAL: u32 = 32;

    /// The images of a step that is said to take these.
    pub fn of_a_step(self) -> u32 {
        match self {
            Batch::Images(images) => images,
            Batch::Auto(_) => Batch::USUAL,
        }
    }
}

pub(super) fn usual() -> Batch {
    Batch::Images(Batch::USUAL)
}

impl Train {
    /// Puts the number for `batch = "auto"`, so that the key holds it, and lets steps be split.
    pub(super) fn settle_batch(&mut self) {
        if self.batch == Batch::AUTO {
            self.batch = usual();
            self.micro_batch.get_or_insert(Batch::AUTO);
        }
    }

    /// How many values a training keeps for each weight: itself, its gradient, and what the optimiser, `ema` and `keep` add.
    pub fn values_of_a_weight(&self) -> u64 {
        let further = [self.ema.is_some(), self.keep == Keep::Best];
        2 + self.optimizer.values_kept() + further.into_iter().filter(|is| *is).count() as u64
    }

    /// Most images that go through the network at once, of a split of so many.
    pub fn images_at_once(&self, images: u64) -> u64 {
        let batch = u64::from(self.batch.of_a_step()).min(images);
        match self.micro_batch {
            Some(Batch::Images(part)) => batch.min(part.into()),
            _ => batch,
        }
    }

    pub(super) fn larger_part(&self) -> Option<Complaint> {
        let (Some(Batch::Images(part)), batch) = (self.micro_batch, self.batch.of_a_step()) else {
            return None;
        };
        let message = format!("{part} images at once are more than the {batch} of a step");
        let complaint = Complaint::new(&["micro_batch"], message);
        (part > batch).then(|| complaint.hint("a smaller `micro_batch`, or a larger `batch`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_number_or_auto() {
        let read = |text: &str| serde_json::from_str::<Batch>(text).ok();
        assert_eq!(read("64").map(Batch::of_a_step), Some(64));
        assert_eq!(read("\"auto\""), Some(Batch::AUTO));
        assert_eq!(Batch::AUTO.of_a_step(), 32);
        assert_eq!(read("\"large\""), None);
    }
}
