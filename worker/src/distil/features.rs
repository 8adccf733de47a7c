//! What images of the training split are compared by: their pixels, or what a trained network makes of them.

use anyhow::{Result, ensure};
use pipeline::engine::Task;
use pipeline::recipe::files;
use tch::{Device, Kind, Tensor, no_grad};

use super::real::Real;
use crate::images::Images;
use crate::models::{Description, Mode, Network, Parameters, kind_of, weights};

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

/// A network with its weights.
struct Trained {
    network: Network,
    parameters: Parameters,
    buffers: Vec<Tensor>,
    compute: Kind,
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
        let described = Description::read(task.input(ROLE, files::NETWORK)?)?;
        fits(task, real, &described)?;
        let file = task.input(ROLE, files::WEIGHTS)?;
        let images = described.images(&real.split, file, device)?;
        let network = described.build()?;
        let (parameters, buffers) = weights::read(file, &network, device)?;
        let compute = kind_of(described.precision);
        Ok(Features { images, network: Some(Trained { network, parameters, buffers, compute }), pixels })
    }

    /// Of the images at `places`, a row each, `[n, features]` f32 on the CPU.
    pub fn of(&self, places: &[usize]) -> Tensor {
        let rows = places.chunks(BATCH).map(|places| {
            let places: Vec<i64> = places.iter().map(|place| *place as i64).collect();
            let (x, _) = self.images.at(&places);
            let rows = self.network.as_ref().map_or_else(|| x.flatten(1, -1), |network| network.of(&x));
            rows.flatten(1, -1).to_device(Device::Cpu)
        });
        Tensor::cat(&rows.collect::<Vec<_>>(), 0)
    }

    /// Bytes at most that choosing among `count` images takes: features, the same about their mean, and one more for
    /// what is worked out of them. What a network makes of an image is hardly ever larger than the image.
    pub fn peak(&self, count: usize) -> u64 {
        3 * 4 * self.pixels * count as u64
    }
}

impl Trained {
    fn of(&self, images: &Tensor) -> Tensor {
        let tensors = self.parameters.tensors();
        no_grad(|| self.network.features(tensors, &self.buffers, images, Mode::Eval, self.compute))
    }
}

fn fits(task: &Task, real: &Real, network: &Description) -> Result<()> {
    let (of, from) = (task.input_label(ROLE), task.input_label("from"));
    ensure!(
        network.classes == real.classes.names(),
        "`{of}` tells other classes apart than `{from}` holds\n\
         hint: train the network of `features` on the training split of `{from}`"
    );
    let (side, [height, width]) = (network.image_size as usize, real.size());
    ensure!(
        [height, width] == [side, side],
        "`{from}` has images of {width}×{height} pixels, and `{of}` takes {side}×{side}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::super::tests::content;
    use super::*;
    use crate::fixture::{Bench, alone, image_set, input};

    /// A network trained for a step on the images in `photos`, in `folder/content`.
    fn network(folder: &Path, photos: &Path, network: Value) {
        let sgd = json!({ "sgd": { "lr": 0.1, "momentum": 0.0, "nesterov": false, "weight_decay": 0.0 } });
        let parameters =
            json!({ "from": "", "network": network, "steps": 1, "optimizer": sgd, "precision": "fp32" });
        let bench = Bench::new(folder, "train", parameters, vec![("from", input("photos", photos))]);
        crate::training::train(&bench.task(), Device::Cpu).unwrap();
    }

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
        network(linear, photos, json!({ "linear": {} }));
        network(cnn, photos, json!({ "convnet": { "width": 4 } }));
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
        network(net, photos, json!({ "linear": {} }));
        let others = super::super::tests::bench(work, json!({})).job.inputs.remove("from").unwrap();
        let inputs = vec![("from", others), (ROLE, input("net", &net.join("content")))];
        let error = super::super::distil(&herding(work, inputs).task(), Device::Cpu).unwrap_err();
        assert!(error.to_string().contains("hint: train the network of `features`"), "{error}");
    }
}
