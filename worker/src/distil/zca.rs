//! ZCA whitening fitted to the training split: T = U(S + λ)^-½Uᵀ, where the covariance of the pixels is USUᵀ, and its
//! inverse (Bell & Sejnowski 1997; λ as in the distillation literature).

use std::path::Path;

use anyhow::{Context, Result, ensure};
use pipeline::engine::Task;
use tch::{Device, Kind, Tensor};

use super::components::{Components, matrix};
use super::memory;
use super::real::Real;
use crate::whitening::Whitening;

/// Added to every variance, of pixels from black 0 to white 1.
const REGULARISATION: f64 = 0.1;
/// Values of the largest images that are whitened: 48 pixels a side.
const LARGEST: usize = 3 * 48 * 48;
/// Images whose products are taken together.
const CHUNK: usize = 1024;
/// Rows of a product that are added up at a time: of 3072 values as f64, three quarters of a megabyte.
const ROWS: i64 = 32;
/// What a killed process need not fit again.
const CHECKPOINT: &str = "zca.safetensors";

/// A whitening and the way back.
pub struct Zca {
    /// `[d]` f32.
    mean: Tensor,
    /// `[d, d]` f32.
    matrix: Tensor,
    /// `[d, d]` f32.
    inverse: Tensor,
}

impl Zca {
    /// Fitted to the training split, in f64 on the CPU; the fit is kept with the checkpoints.
    ///
    /// # Errors
    /// The images are too large.
    pub fn of(task: &Task, real: &Real) -> Result<Zca> {
        let [height, width] = real.size();
        let values = height * width * 3;
        ensure!(
            values <= LARGEST,
            "whitening images of {width}×{height} pixels takes {values} × {values} floats\n\
             hint: leave `zca` out, or set `image_size` to at most 48"
        );
        let path = task.checkpoints().join(CHECKPOINT);
        if let Some(known) = Zca::read(&path, values as i64) {
            return Ok(known);
        }
        let remedy = "leave `zca` out, or lower the image size";
        memory::tell(task, Device::Cpu, peak(real.split.len(), values), "whitening", remedy);
        let zca = Zca::fit(real);
        zca.write(&path).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(zca)
    }

    fn fit(real: &Real) -> Zca {
        let (n, [height, width]) = (real.split.len(), real.size());
        let places: Vec<usize> = (0..n).collect();
        let (mean, variances, vectors) = if n < height * width * 3 {
            let found = Components::of(&matrix(real, &places), n);
            (found.mean.shallow_clone(), Tensor::from_slice(&found.variances), found.vectors)
        } else {
            let (mean, covariance) = covariance(real, &places);
            let (variances, vectors) = covariance.linalg_eigh("L");
            (mean, variances.clamp_min(0.0), vectors.tr())
        };
        let power = |exponent: f64| symmetric(&variances, &vectors, exponent).to_kind(Kind::Float);
        Zca { mean: mean.to_kind(Kind::Float), matrix: power(-0.5), inverse: power(0.5) }
    }

    /// What the set is given, and networks apply.
    pub fn whitening(&self, device: Device) -> Whitening {
        Whitening::new(&self.mean.to_device(device), &self.matrix.to_device(device))
    }

    /// Whitened images `[n, h, w, 3]` on the CPU as pixels again, black 0 and white 1.
    pub fn undo(&self, images: &Tensor) -> Tensor {
        (images.flatten(1, -1).matmul(&self.inverse) + &self.mean).view_as(images)
    }

    fn tensors(&self) -> [(&'static str, &Tensor); 3] {
        [("mean", &self.mean), ("matrix", &self.matrix), ("inverse", &self.inverse)]
    }

    fn write(&self, path: &Path) -> Result<()> {
        let draft = path.with_extension("part");
        Tensor::write_safetensors(&self.tensors(), &draft)?;
        Ok(std::fs::rename(&draft, path)?)
    }

    /// The fit at `path`, if one is there and whole.
    fn read(path: &Path, values: i64) -> Option<Zca> {
        let tensors = path.exists().then(|| Tensor::read_safetensors(path).ok()).flatten()?;
        let find = |name: &str, shape: &[i64]| {
            let (_, found) = tensors.iter().find(|(known, _)| known == name)?;
            (found.size() == shape).then(|| found.shallow_clone())
        };
        let square = [values, values];
        let (mean, matrix) = (find("mean", &[values])?, find("matrix", &square)?);
        Some(Zca { mean, matrix, inverse: find("inverse", &square)? })
    }
}

/// Bytes that fitting takes, and then all images once they are whitened. Beside the covariance in f64, libtorch keeps its
/// vectors and what it works on; from those come two matrices.
fn peak(images: usize, values: usize) -> u64 {
    let (images, values) = (images as u64, values as u64);
    let fitting = 5 * 8 * values * values + images.min(CHUNK as u64) * values * (8 + 8 + 4);
    fitting.max(2 * 4 * values * values + 4 * images * values)
}

/// Mean `[d]` and covariance `[d, d]` of the images at `places`, f64, in memory that does not grow with them. Products
/// are taken in f32 and added up in f64: what they are rounded by is far below λ.
fn covariance(real: &Real, places: &[usize]) -> (Tensor, Tensor) {
    let n = places.len() as f64;
    let sums = places.chunks(CHUNK).map(|chunk| matrix(real, chunk).sum_dim_intlist(0, false, Kind::Double));
    let mean = sums.reduce(|sum, part| sum + part).expect("a split has images") / n;
    let mut products = places.chunks(CHUNK).map(|chunk| {
        let centred = (matrix(real, chunk) - &mean).to_kind(Kind::Float);
        centred.tr().matmul(&centred)
    });
    let product = products.next().expect("a split has images").to_kind(Kind::Double);
    products.for_each(|part| add(&product, &part));
    (mean, product / (n - 1.0).max(1.0))
}

/// Adds a product in f32 to the sum in f64, some rows at a time, so that what is made f64 of it stays in the cache.
fn add(sum: &Tensor, part: &Tensor) {
    for (mut sum, part) in sum.split(ROWS, 0).into_iter().zip(part.split(ROWS, 0)) {
        sum += part;
    }
}

/// Vᵀ(S + λ)^exponent·V for the components `[k, d]` with variances `[k]`, and λ^exponent in every other direction.
fn symmetric(variances: &Tensor, vectors: &Tensor, exponent: f64) -> Tensor {
    let rest = REGULARISATION.powf(exponent);
    let further = (variances + REGULARISATION).pow_tensor_scalar(exponent) - rest;
    let product = (vectors * further.unsqueeze(1)).tr().matmul(vectors);
    let size = product.size()[0];
    product + Tensor::eye(size, (Kind::Double, Device::Cpu)) * rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{bench, run};
    use super::*;

    fn close(a: &Tensor, b: &Tensor) -> bool {
        (a - b).abs().max().double_value(&[]) < 1e-4
    }

    #[test]
    fn both_ways_of_fitting_agree_and_whiten_the_covariance() {
        let folder = tempfile::tempdir().unwrap();
        let real = Real::open(&bench(folder.path(), json!({})).task()).unwrap();
        let places: Vec<usize> = (0..real.split.len()).collect();
        let few = Zca::fit(&real);
        let (mean, covariance) = covariance(&real, &places);
        let (variances, vectors) = covariance.linalg_eigh("L");
        let variances = variances.clamp_min(0.0);
        let many = |exponent| symmetric(&variances, &vectors.tr(), exponent).to_kind(Kind::Float);
        assert!(close(&few.mean, &mean.to_kind(Kind::Float)));
        assert!(close(&few.matrix, &many(-0.5)) && close(&few.inverse, &many(0.5)));
        // T(C + λ)T is the identity, whichever way T was found.
        let eye = Tensor::eye(covariance.size()[0], (Kind::Double, Device::Cpu));
        let matrix = few.matrix.to_kind(Kind::Double);
        let identity = matrix.matmul(&(covariance + &eye * REGULARISATION)).matmul(&matrix);
        assert!(close(&identity, &eye));
    }

    #[test]
    fn products_add_up_by_rows_to_the_bits_of_a_whole_sum() {
        let parts = [0.1, 0.7, 1.3].map(|phase| {
            let places = Tensor::arange(75 * 75, (Kind::Float, Device::Cpu)).view([75, 75]);
            (places * 0.37 + phase).sin()
        });
        let sum = parts[0].to_kind(Kind::Double);
        parts[1..].iter().for_each(|part| add(&sum, part));
        let whole = parts.iter().map(|part| part.to_kind(Kind::Double)).reduce(|sum, part| sum + part);
        assert_eq!(sum, whole.unwrap());
    }

    #[test]
    fn a_whitened_image_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let task = bench(folder.path(), json!({})).task();
        let real = Real::open(&task).unwrap();
        let zca = Zca::of(&task, &real).unwrap();
        let images =
            (Tensor::arange(2 * 8 * 8 * 3, (Kind::Float, Device::Cpu)) * 0.1).sin().view([2, 8, 8, 3]);
        let whitened = zca.whitening(Device::Cpu).apply(&images);
        assert!(!close(&whitened, &images) && close(&zca.undo(&whitened), &images));
        let again = Zca::of(&task, &real).unwrap();
        assert_eq!(again.matrix, zca.matrix);
    }

    #[test]
    fn a_whitened_set_keeps_its_pixels_and_says_how_it_is_whitened() {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let parameters = |zca| json!({ "images_per_class": 2, "method": { "random": {} }, "zca": zca });
        let [plain, whitened] =
            [false, true].map(|zca| run(folders[usize::from(zca)].path(), parameters(zca)));
        assert_eq!(plain.pixels(), whitened.pixels());
        assert_eq!(plain.whitening(), None);
        assert_eq!(whitened.whitening().unwrap().matrix.len(), (3 * 8 * 8) * (3 * 8 * 8));
    }
}
