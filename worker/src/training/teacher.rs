//! A trained network whose outputs a student learns to give (Hinton et al. 2015). Its passes are part of the student's
//! stage, and of what that is charged with.

use anyhow::{Result, ensure};
use pipeline::engine::Task;
use pipeline::recipe::{Preprocess, files};
use tch::{Device, Kind, Tensor, no_grad};

use super::set::Set;
use crate::models::{Description, Mode, Network, Parameters, kind_of, weights};

pub struct Teacher {
    network: Network,
    parameters: Parameters,
    buffers: Vec<Tensor>,
    compute: Kind,
    /// From the student's normalised images to its own, `[1, 3, 1, 1]`; `None` where both are normalised alike.
    renormalise: Option<[Tensor; 2]>,
}

impl Teacher {
    /// The network in the role `teacher`.
    ///
    /// # Errors
    /// It tells other classes apart, or takes images of another size.
    pub fn open(task: &Task, set: &Set, device: Device) -> Result<Teacher> {
        let described = Description::read(task.input("teacher", files::NETWORK)?)?;
        let label = task.input_label("teacher");
        ensure!(
            described.classes == set.classes,
            "the teacher `{label}` tells apart other classes than `{}` holds, or in another order\n\
             hint: train the teacher on an image set with the same classes",
            task.input_label("from")
        );
        ensure!(
            described.image_size == set.image_size,
            "the teacher `{label}` takes images of {} pixels, and `{}` has {}",
            described.image_size,
            task.input_label("from"),
            set.image_size
        );
        ensure!(
            !described.whitened && set.train.whitening().is_none(),
            "the teacher `{label}` and its student are to see the same images, which whitening prevents\n\
             hint: train both on sets without `zca`"
        );
        let network = described.build()?;
        let (mut parameters, buffers) =
            weights::read(task.input("teacher", files::WEIGHTS)?, &network, device)?;
        let finite = bool::try_from(parameters.flat().isfinite().all())?;
        ensure!(finite, "the teacher `{label}` holds weights that are no numbers");
        parameters.freeze(&vec![true; network.parameters().len()]);
        let compute = kind_of(described.precision);
        let renormalise = renormalisation(&set.preprocess, &described.preprocess, device);
        Ok(Teacher { network, parameters, buffers, compute, renormalise })
    }

    /// Logits `[n, classes]` of the images `[n, 3, h, w]` as the student sees them, without gradients.
    pub fn logits(&self, images: &Tensor) -> Tensor {
        no_grad(|| {
            let own = self.renormalise.as_ref().map(|[scale, shift]| images * scale + shift);
            let images = own.as_ref().unwrap_or(images);
            self.network.forward(self.parameters.tensors(), &self.buffers, images, Mode::Eval, self.compute)
        })
    }
}

/// Pixels are x · sd + mean for whoever normalised them; so (x · sd + mean - mean') / sd' is what the teacher would see.
fn renormalisation(student: &Preprocess, teacher: &Preprocess, device: Device) -> Option<[Tensor; 2]> {
    if student == teacher {
        return None;
    }
    let channels = |of: &dyn Fn(usize) -> f64| {
        let values = [0, 1, 2].map(|channel| of(channel) as f32);
        Tensor::from_slice(&values).view([1, 3, 1, 1]).to_device(device)
    };
    let scale = channels(&|c| student.sd[c] / teacher.sd[c]);
    let shift = channels(&|c| (student.mean[c] - teacher.mean[c]) / teacher.sd[c]);
    Some([scale, shift])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_teacher_sees_pixels_as_it_was_trained_on_them() {
        let student = Preprocess { mean: [0.4, 0.5, 0.6], sd: [0.2, 0.25, 0.3] };
        let teacher = Preprocess { mean: [0.485, 0.456, 0.406], sd: [0.229, 0.224, 0.225] };
        assert!(renormalisation(&student, &student, Device::Cpu).is_none());
        let [scale, shift] = renormalisation(&student, &teacher, Device::Cpu).unwrap();
        for channel in 0..3 {
            let pixel = 0.7;
            let seen = (pixel - student.mean[channel]) / student.sd[channel];
            let place = [0, channel as i64, 0, 0];
            let own = seen * scale.double_value(&place) + shift.double_value(&place);
            assert!((own - (pixel - teacher.mean[channel]) / teacher.sd[channel]).abs() < 1e-6);
        }
    }
}
