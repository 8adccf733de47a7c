//! Which images a step takes: a new order in every epoch, from (seed, epoch) alone.

use std::cell::RefCell;

use crate::randomness::Stream;

/// The images of every step.
pub struct Order {
    images: usize,
    batch: usize,
    seed: u64,
    /// The epoch last asked for, and its order.
    latest: RefCell<Option<(u64, Vec<i64>)>>,
}

impl Order {
    /// `images` must not be 0. Where there are fewer than `batch`, a step takes all of them.
    pub fn new(images: usize, batch: usize, seed: u64) -> Order {
        Order { images, batch: batch.min(images), seed, latest: RefCell::default() }
    }

    /// Images in a step.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Steps in an epoch; images that do not fill a batch are left out of it.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.images / self.batch) as u64
    }

    /// Places of the images that step `step` takes, counted from 0.
    pub fn places(&self, step: u64) -> Vec<i64> {
        let epoch = step / self.steps_per_epoch();
        let start = (step % self.steps_per_epoch()) as usize * self.batch;
        let mut latest = self.latest.borrow_mut();
        if latest.as_ref().is_none_or(|(known, _)| *known != epoch) {
            *latest = Some((epoch, Stream::new(self.seed, &[epoch]).permutation(self.images)));
        }
        let order = latest.as_ref().map(|(_, order)| order.as_slice()).unwrap_or_default();
        order[start..start + self.batch].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_shows_each_image_at_most_once_and_the_next_in_another_order() {
        let order = Order::new(10, 3, 1);
        assert_eq!(order.steps_per_epoch(), 3);
        let mut epoch: Vec<i64> = (0..3).flat_map(|step| order.places(step)).collect();
        assert_ne!(order.places(0), order.places(3));
        epoch.sort_unstable();
        epoch.dedup();
        assert_eq!(epoch.len(), 9);
    }

    #[test]
    fn a_step_takes_the_same_images_whenever_it_is_asked_for() {
        let (ahead, fresh) = (Order::new(50, 8, 3), Order::new(50, 8, 3));
        for step in 0..40 {
            let _ = ahead.places(step);
        }
        assert_eq!(ahead.places(17), fresh.places(17));
    }

    #[test]
    fn fewer_images_than_a_batch_are_all_taken() {
        let order = Order::new(5, 32, 0);
        assert_eq!((order.batch(), order.steps_per_epoch(), order.places(4).len()), (5, 1, 5));
    }
}
