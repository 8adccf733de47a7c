//! Codes of an autoencoder that learned to give back the training images, and stays as it is.

use anyhow::Result;
use pipeline::engine::Task;
use pipeline::recipe;
use tch::Tensor;

use super::super::autoencoder::{Coder, Training};
use super::super::synthetic::Synthetic;
use super::super::{iteration, memory};
use crate::models::Parameters;

/// What a killed process need not learn again is in this folder of the checkpoints.
const FOLDER: &str = "decoder";

/// An encoder, which images start from, and a decoder, which makes them.
pub struct Decoder {
    coder: Coder,
    weights: Parameters,
}

impl Decoder {
    /// Learns to give back the training images, from a checkpoint on where there is one; the outcome is the same.
    ///
    /// # Errors
    /// The loss is no number, or [`Stopped`](pipeline::engine::Stopped).
    pub fn of(task: &Task, synthetic: &Synthetic, settings: &recipe::Decoder) -> Result<Decoder> {
        let training = settings.training();
        let training = Training::new(synthetic, &training);
        let remedy = "lower `batch`, `width` or the image size";
        memory::tell(task, synthetic.device, training.peak(), "training the decoder", remedy);
        let mut weights = iteration::prepare(task, &training, FOLDER)?.weights;
        weights.freeze(&vec![true; weights.tensors().len()]);
        Ok(Decoder { coder: training.coder, weights })
    }

    /// Codes `[n, code]` of images `[n, 3, h, w]`.
    pub fn encode(&self, images: &Tensor) -> Tensor {
        self.coder.encode(self.weights.tensors(), images)
    }

    /// Images `[n, 3, h, w]` of codes `[n, code]`.
    pub fn decode(&self, code: &Tensor) -> Tensor {
        self.coder.decode(self.weights.tensors(), code)
    }

    /// Values that all pictures share: the decoder's. The encoder is of no use once the codes are there.
    pub fn shared(&self) -> usize {
        self.coder.decoder_count() as usize
    }

    /// Bytes of what so many pictures are decoded through, forth and back.
    pub fn activation_bytes(&self, pictures: u64) -> u64 {
        pictures * self.coder.activation_bytes() * 3 / 4
    }
}

#[cfg(test)]
mod tests {
    use pipeline::recipe::Distil;
    use serde_json::json;
    use tch::Device;

    use super::super::super::distil;
    use super::super::super::real::Real;
    use super::super::super::tests::{bench, content, run};
    use super::*;
    use crate::fixture::alone;

    #[test]
    fn a_decoder_has_as_many_values_as_the_recipe_counts() {
        let folder = tempfile::tempdir().unwrap();
        for settings in
            [json!({}), json!({ "width": 3, "depth": 3, "code": 7 }), json!({ "width": 2, "depth": 2 })]
        {
            let settings: recipe::Decoder = serde_json::from_value(settings).unwrap();
            let about = json!({ "images_per_class": 1, "method": { "random": {} } });
            let task = bench(folder.path(), about).task();
            let (recipe, real) = (task.parameters::<Distil>().unwrap(), Real::open(&task).unwrap());
            let synthetic = Synthetic::new(&real, &recipe, None, Device::Cpu).unwrap();
            let autoencoder = settings.training();
            let coder = Training::new(&synthetic, &autoencoder).coder;
            assert_eq!(coder.decoder_count(), settings.shared(8));
        }
    }

    #[test]
    fn a_decoder_that_was_stopped_while_it_learned_goes_on() {
        let _turn = alone();
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let matching = json!({ "iterations": 6, "lr": 0.2, "real_batch": 4, "width": 4 });
        let code = json!({ "code": 8, "width": 3, "depth": 1, "iterations": 20, "batch": 6, "pictures": 5 });
        let parameters = json!({
            "images_per_class": 2, "method": { "distribution-matching": matching }, "code": { "autoencoder": code },
        });
        run(folders[0].path(), parameters.clone());
        let task = bench(folders[1].path(), parameters.clone()).task();
        let (recipe, real) = (task.parameters::<Distil>().unwrap(), Real::open(&task).unwrap());
        let Some(recipe::Code::Decoder(settings)) = &recipe.code else { panic!() };
        let synthetic = Synthetic::new(&real, &recipe, None, Device::Cpu).unwrap();
        let autoencoder = settings.training();
        let training = Training::new(&synthetic, &autoencoder);
        iteration::cut_off_in(&task.checkpoints().join(FOLDER), &training, 7);
        let goes_on = bench(folders[1].path(), parameters);
        distil(&goes_on.task(), Device::Cpu).unwrap();
        assert_eq!(goes_on.starts(), [Some(7), None]);
        assert_eq!(content(folders[1].path()), content(folders[0].path()));
    }
}
