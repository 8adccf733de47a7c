//! What images of the training split are compared by: their pixels, or what a trained network makes of them.

use anyhow::Result;
use pipeline::engine::Task;
use tch::{Device, Tensor};

use super::real::Real;
use super::trained::Trained;
use crate::images::Images;

/// The role of the network in the stage's inputs.
const ROLE: &str = "features";
/// Images that go through the network together.
const BATCH: usize = 128;

/// Turns places in the split into features.
pub struct Features {
    images: Images,
    network: Option<Trained>,
    /// Values of an image's pixels.
    pixels: u64,
}

impl Features {
    /// Of the network in the role `features`, or of the pixels where there is none.
    ///
    /// # Errors
    /// The network is damaged, tells other classes apart or takes images of another size.
    pub fn open(task: &Task, real: &Real, device: Device) -> Result<Features> {
        let [height, width] = real.size();
        let pixels = (height * width * 3) as u64;
        let classes = real.classes.len();
        if !task.job.inputs.contains_key(ROLE) {
            let images = Images::load(&real.split, &real.preprocess, classes, device)?;
            return Ok(Features { images, network: None, pixels });
        }
        let network = Trained::open(task, ROLE, real, device)?;
        Ok(Features { images: network.images(real)?, network: Some(network), pixels })
    }

    /// Of the images at `places`, a row each, `[n, features]` f32 on the CPU.
    pub fn of(&self, places: &[usize]) -> Tensor {
        let rows = places.chunks(BATCH).map(|places| {
            let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
            let (x, _) = self.images.at(&places);
            let rows = self.network.as_ref().map_or_else(|| x.flatten(1, -1), |network| network.features(&x));
            rows.flatten(1, -1).to_device(Device::Cpu)
        });
        Tensor::cat(&rows.collect::<Vec<_>>(), 0)
    }

    /// Bytes at most that choosing among `count` images takes: features, the same about their mean and three more for what is
    /// worked out of them; three for a batch on its way. What a network makes of an image is hardly ever larger than the image.
    /// The allocator was seen to hold two to four times as much.
    pub fn peak(&self, count: usize) -> u64 {
        4 * 4 * self.pixels * (5 * count + 3 * count.min(BATCH)) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::super::tests::{content, trained};
    use super::*;
    use crate::fixture::{Bench, alone, image_set, input};

    fn herding(folder: &Path, inputs: Vec<(&str, pipeline::engine::JobInput)>) -> Bench {
        let parameters = json!({ "images_per_class": 4, "method": { "herding": {} } });
        Bench::new(folder, "distil", parameters, inputs)
    }

    #[test]
    fn what_comes_to_the_last_layer_of_a_linear_network_are_the_pixels() {
        let _turn = alone();
        let folders = [(); 4].map(|()| tempfile::tempdir().unwrap());
        let [photos, linear, cnn, work] = folders.each_ref().map(|folder| folder.path());
        image_set(photos, 30, 3);
        trained(linear, photos, json!({ "linear": {} }), 1);
        trained(cnn, photos, json!({ "convnet": { "width": 4 } }), 1);
        let choose = |name: &str, net: Option<&Path>| {
            let net = net.map(|net| (ROLE, input("net", &net.join("content"))));
            let inputs = std::iter::once(("from", input("photos", photos))).chain(net).collect();
            let folder = work.join(name);
            std::fs::create_dir(&folder).unwrap();
            super::super::distil(&herding(&folder, inputs).task(), Device::Cpu).unwrap();
            content(&folder)
        };
        let pixels = choose("pixels", None);
        assert_eq!(choose("linear", Some(linear)), pixels);
        assert_ne!(choose("cnn", Some(cnn)), pixels);
    }

    #[test]
    fn a_network_that_tells_other_classes_apart_is_refused() {
        let _turn = alone();
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [photos, net, work] = folders.each_ref().map(|folder| folder.path());
        image_set(photos, 6, 3);
        trained(net, photos, json!({ "linear": {} }), 1);
        let others = super::super::tests::bench(work, json!({})).job.inputs.remove("from").unwrap();
        let inputs = vec![("from", others), (ROLE, input("net", &net.join("content")))];
        let error = super::super::distil(&herding(work, inputs).task(), Device::Cpu).unwrap_err();
        assert!(error.to_string().contains("hint: train the network of `features`"), "{error}");
    }
}
