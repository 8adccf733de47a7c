//! What a comparison draws from: seeds with their test images, and the numbers that draw them.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// One replicate of a side (a seed, a draw, a fold): how much of its test images was right.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// For each group of near-duplicates (an image alone is one): images that were right, averaged over the networks of
    /// this replicate, and images in the group.
    pub groups: Vec<(f64, f64)>,
}

impl Unit {
    /// Share of images that were right, 0..1.
    pub fn accuracy(&self) -> f64 {
        let (right, images) = self.groups.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        right / images
    }

    /// All images as one group.
    pub fn whole(self) -> Unit {
        let images = self.groups.iter().map(|(_, images)| images).sum();
        Unit { groups: vec![(self.accuracy() * images, images)] }
    }
}

/// Whether all units were scored on the very same groups of images, in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Both sides, all units: images are a level of their own.
    Shared,
    /// Each unit brought its own, so that they are drawn with it.
    OfUnits,
}

/// Two sides to compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub of: Vec<Unit>,
    pub baseline: Vec<Unit>,
    pub images: Images,
    /// Whether unit i of one side shares something with unit i of the other: a draw, a fold.
    pub paired: bool,
    /// Of folds of one cross-validation: test images of a fold over its training images.
    pub test_to_train: Option<f64>,
}

impl Sample {
    /// `of` minus `baseline`, 0..1.
    pub fn difference(&self) -> f64 {
        let mean = |units: &[Unit]| units.iter().map(Unit::accuracy).sum::<f64>() / units.len().max(1) as f64;
        mean(&self.of) - mean(&self.baseline)
    }

    /// Replicates of the side that has fewer.
    pub fn fewest(&self) -> usize {
        self.of.len().min(self.baseline.len())
    }
}

/// Random numbers of one draw, a function of its number alone, so that threads may share the work.
pub struct Draws(Xoshiro256PlusPlus);

/// Any number would do; it is fixed so that the same runs give the same interval.
const SEED: u64 = 0x5EED_0F5E_ED50_F5EE;

impl Draws {
    pub fn at(draw: u64) -> Draws {
        Draws(Xoshiro256PlusPlus::seed_from_u64(SEED ^ draw))
    }

    pub fn coin(&mut self) -> bool {
        self.0.next_u64() >> 63 == 1
    }

    /// A number below `below`, by multiplication (Lemire 2019); its bias is under 2⁻⁴⁰ for any number of images.
    pub fn index(&mut self, below: usize) -> usize {
        ((u128::from(self.0.next_u64()) * below as u128) >> 64) as usize
    }
}
