//! A split of an image set as a device computes on it: bytes as stored, normalised batch by batch.

use std::cell::RefCell;

use anyhow::{Result, ensure};
use pipeline::data::{Labels, Pixels, Split};
use pipeline::networks::Residence;
use pipeline::recipe::Preprocess;
use tch::{Device, Kind, Tensor};

use crate::memory;
use crate::whitening::Whitening;

/// Images and labels for a device.
pub struct Images {
    /// Pixels that are not on a GPU are the file's own pages, read when they are touched; this keeps them mapped.
    _file: Split,
    /// Where the images come out.
    device: Device,
    residence: Residence,
    /// `[n, h, w, 3]`, u8 or f32, where they reside.
    pixels: Tensor,
    /// The pixels at these places, brought to the device before they were asked for.
    ahead: RefCell<Option<(Vec<i64>, Tensor)>>,
    /// `[n]` i64, or soft `[n, classes]` f32.
    labels: Tensor,
    /// `[3]`: 1 / (255 · sd) for bytes, 1 / sd for floats.
    scale: Tensor,
    /// `[3]`: -mean / sd.
    shift: Tensor,
    /// What white is stored as: 255 for bytes, 1 for floats.
    white: f64,
    /// In place of scale and shift.
    whitening: Option<Whitening>,
}

impl Images {
    /// All on the device.
    ///
    /// # Errors
    /// A label is not below `classes`, or soft labels weigh another number of classes.
    pub fn load(split: &Split, preprocess: &Preprocess, classes: usize, device: Device) -> Result<Images> {
        let residence = if device.is_cuda() { Residence::Gpu } else { Residence::File };
        Images::residing(residence, split, preprocess, classes, device)
    }

    /// With pixels that lie there.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn residing(
        residence: Residence,
        split: &Split,
        preprocess: &Preprocess,
        classes: usize,
        device: Device,
    ) -> Result<Images> {
        // A map of our own, which lives as long as the tensor over it.
        let split = Split::open(split.path())?;
        let (pixels, white) = match split.pixels() {
            Pixels::U8(bytes) => (mapped(&split, bytes.as_ptr(), Kind::Uint8), 255.0),
            Pixels::F32(floats) => (mapped(&split, floats.as_ptr().cast(), Kind::Float), 1.0),
        };
        let Preprocess { mean, sd } = preprocess;
        let scale = [0, 1, 2].map(|c| (1.0 / (white * sd[c])) as f32);
        let shift = [0, 1, 2].map(|c| (-mean[c] / sd[c]) as f32);
        Ok(Images {
            device,
            residence,
            pixels: if residence == Residence::Gpu { pixels.to_device(device) } else { pixels },
            ahead: RefCell::default(),
            labels: labels_of(&split, classes)?.to_device(device),
            scale: Tensor::from_slice(&scale).to_device(device),
            shift: Tensor::from_slice(&shift).to_device(device),
            white,
            whitening: None,
            _file: split,
        })
    }

    /// The same images, whitened instead of normalised where there is a whitening.
    pub fn whitened(self, whitening: Option<Whitening>) -> Images {
        Images { whitening, ..self }
    }

    /// What is applied instead of mean and standard deviation.
    pub fn whitening(&self) -> Option<&Whitening> {
        self.whitening.as_ref()
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.pixels.size()[0] as usize
    }

    /// Of all images, `[n]` i64 or soft `[n, classes]` f32.
    pub fn labels(&self) -> &Tensor {
        &self.labels
    }

    /// The images at these places, normalised, `[n, 3, h, w]` f32 with channels fastest, and their labels.
    pub fn at(&self, places: &[i64]) -> (Tensor, Tensor) {
        let chosen = Tensor::from_slice(places).to_device(self.device);
        let pixels = match self.residence {
            Residence::Batches => self.gathered(places),
            // One copy of the places to a GPU serves pixels and labels.
            Residence::File | Residence::Gpu => self.pixels.index_select(0, &chosen),
        };
        (self.normalised(&pixels), self.labels.index_select(0, &chosen))
    }

    /// The pixels of the images at these places, neither normalised nor whitened: `[n, 3, h, w]` f32, black 0 and white 1.
    pub fn pixels_at(&self, places: &[i64]) -> Tensor {
        let pixels = self.gathered(places).to_kind(Kind::Float) / self.white;
        pixels.permute([0, 3, 1, 2])
    }

    /// The images at these places, normalised even where there is a whitening, `[n, 3, h, w]` f32 with channels fastest.
    pub fn normalised_at(&self, places: &[i64]) -> Tensor {
        self.scaled(&self.gathered(places).to_kind(Kind::Float)).permute([0, 3, 1, 2])
    }

    /// Has the images at these places on their way to the device while it is busy, if they are not there: they will be asked
    /// for next.
    pub fn ahead(&self, places: &[i64]) {
        if self.residence == Residence::Batches {
            // Where there is no room for two batches, the next one comes when it is asked for.
            let brought = memory::attempt(|| self.brought(places)).ok();
            self.ahead.replace(brought.map(|pixels| (places.to_vec(), pixels)));
        }
    }

    fn gathered(&self, places: &[i64]) -> Tensor {
        match self.ahead.take() {
            Some((known, pixels)) if known == places => pixels,
            _ => self.brought(places),
        }
    }

    fn brought(&self, places: &[i64]) -> Tensor {
        let places = Tensor::from_slice(places).to_device(self.pixels.device());
        self.on_device(self.pixels.index_select(0, &places))
    }

    /// Pinned memory is copied to a GPU while the processor goes on.
    fn on_device(&self, pixels: Tensor) -> Tensor {
        if pixels.device() == self.device {
            return pixels;
        }
        let pinned = pixels.f_pin_memory(self.device).unwrap_or(pixels);
        pinned.to_device_(self.device, pinned.kind(), true, false)
    }

    /// `count` images from `start` on, like [`at`](Self::at).
    pub fn run(&self, start: usize, count: usize) -> (Tensor, Tensor) {
        let (start, count) = (start as i64, count as i64);
        let pixels = self.on_device(self.pixels.narrow(0, start, count));
        (self.normalised(&pixels), self.labels.narrow(0, start, count))
    }

    /// All images in runs of at most `batch`, like [`at`](Self::at).
    pub fn batches(&self, batch: usize) -> impl Iterator<Item = (Tensor, Tensor)> + '_ {
        (0..self.len()).step_by(batch).map(move |start| self.run(start, batch.min(self.len() - start)))
    }

    fn normalised(&self, pixels: &Tensor) -> Tensor {
        let pixels = pixels.to_kind(Kind::Float);
        let images = match &self.whitening {
            Some(whitening) => whitening.apply(&(pixels / self.white)),
            None => self.scaled(&pixels),
        };
        images.permute([0, 3, 1, 2])
    }

    fn scaled(&self, pixels: &Tensor) -> Tensor {
        self.shift.addcmul(pixels, &self.scale)
    }
}

/// The split's pixels as a tensor `[n, h, w, 3]`, without a copy.
fn mapped(split: &Split, start: *const u8, kind: Kind) -> Tensor {
    let shape = [split.len(), split.height(), split.width(), 3].map(|side| side as i64);
    // Sound: the pages stay where they are for as long as the split, which lives as long as the tensor; the split gave
    // out as many values as its shape says; and nothing here writes to the tensor.
    unsafe { Tensor::from_blob(start, &shape, &[], kind, Device::Cpu) }
}

fn labels_of(split: &Split, classes: usize) -> Result<Tensor> {
    let shown = split.path().display();
    match split.labels() {
        Labels::Hard(labels) => {
            let largest = labels.iter().max().copied().unwrap_or(0);
            ensure!(
                (largest as usize) < classes,
                "`{shown}` has label {largest}, and there are {classes} classes"
            );
            Ok(Tensor::from_slice(&labels))
        }
        Labels::Soft { values, classes: weighed } => {
            ensure!(weighed == classes, "`{shown}` weighs {weighed} classes, and there are {classes}");
            Ok(Tensor::from_slice(&values).view([-1, weighed as i64]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::data::write_split;

    const PREPROCESS: Preprocess = Preprocess { mean: [0.5, 0.25, 0.0], sd: [0.5, 0.25, 1.0] };

    #[test]
    fn bytes_and_floats_are_normalised_alike() {
        let folder = tempfile::tempdir().unwrap();
        let sources = ["a", "b"].map(String::from);
        let bytes: Vec<u8> = (0..24).map(|i| i * 10).collect();
        let floats: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
        let labels = Labels::Hard(vec![0, 2]);
        let load = |name: &str, pixels| {
            let path = folder.path().join(name);
            write_split(&path, 2, 2, pixels, &labels, &sources).unwrap();
            Images::load(&Split::open(&path).unwrap(), &PREPROCESS, 3, Device::Cpu).unwrap()
        };
        let (whole, half) = (load("u8", Pixels::U8(&bytes)), load("f32", Pixels::F32(&floats)));
        let ((a, labels), (b, _)) = (whole.at(&[1, 0]), half.at(&[1, 0]));
        assert_eq!(a.size(), [2, 3, 2, 2]);
        assert!((&a - b).abs().max().double_value(&[]) < 1e-5);
        assert_eq!(Vec::<i64>::try_from(labels).unwrap(), [2, 0]);
        // Image 0, green, row 0, column 1: the fifth byte.
        let expected = (40.0 / 255.0 - 0.25) / 0.25;
        assert!((a.double_value(&[1, 1, 0, 1]) - expected).abs() < 1e-6);
    }

    #[test]
    fn batches_brought_ahead_are_those_that_lie_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        let bytes: Vec<u8> = (0..5 * 12).map(|i| i * 3).collect();
        let sources = ["a", "b", "c", "d", "e"].map(String::from);
        write_split(&path, 2, 2, Pixels::U8(&bytes), &Labels::Hard(vec![0, 1, 2, 1, 0]), &sources).unwrap();
        let split = Split::open(&path).unwrap();
        let there = Images::load(&split, &PREPROCESS, 3, Device::Cpu).unwrap();
        let brought = Images::residing(Residence::Batches, &split, &PREPROCESS, 3, Device::Cpu).unwrap();
        brought.ahead(&[4, 1]);
        assert!(brought.ahead.borrow().is_some());
        // What was asked for ahead, what was not, and what is asked for once more.
        for places in [[4, 1], [0, 2], [4, 1]] {
            assert_eq!(brought.at(&places), there.at(&places));
        }
        brought.ahead(&[3]);
        assert_eq!(brought.at(&[2]), there.at(&[2]));
        assert_eq!(brought.run(1, 3), there.run(1, 3));
        assert_eq!(brought.pixels_at(&[3, 3]), there.pixels_at(&[3, 3]));
        there.ahead(&[4, 1]);
        assert!(there.ahead.borrow().is_none(), "what lies there is not copied");
    }

    #[test]
    fn a_whitening_takes_the_place_of_mean_and_deviation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        let labels = Labels::Hard(vec![0]);
        write_split(&path, 1, 1, Pixels::U8(&[51, 102, 204]), &labels, &["a".to_string()]).unwrap();
        let mean = Tensor::from_slice(&[0.1_f32, 0.2, 0.3]);
        let matrix = Tensor::from_slice(&[1.0_f32, 2.0, 0.0, 2.0, 5.0, 1.0, 0.0, 1.0, 3.0]).view([3, 3]);
        let images = Images::load(&Split::open(&path).unwrap(), &PREPROCESS, 1, Device::Cpu).unwrap();
        let images = images.whitened(Some(Whitening::new(&mean, &matrix)));
        let found = Vec::<f32>::try_from(images.at(&[0]).0.view(-1)).unwrap();
        // (0.1, 0.2, 0.5) · matrix.
        let expected = [0.5, 1.7, 1.7];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn labels_that_no_class_has_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.safetensors");
        write_split(&path, 1, 1, Pixels::U8(&[1, 2, 3]), &Labels::Hard(vec![3]), &["a".to_string()]).unwrap();
        let split = Split::open(&path).unwrap();
        let message = Images::load(&split, &PREPROCESS, 3, Device::Cpu).err().unwrap().to_string();
        assert!(message.ends_with("has label 3, and there are 3 classes"), "{message}");
    }
}
