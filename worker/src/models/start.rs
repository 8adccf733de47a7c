//! Weights of another training, or made elsewhere, put into a network that is to be trained.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use safetensors::tensor::{Dtype, SafeTensors};
use tch::{Kind, Tensor, no_grad};

use super::{Network, Parameters};

/// The name of a vision transformer's learnt positions.
const POSITIONS: &str = "pos_embed";

/// What becomes of the last layer where a training starts from weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// The classes are the same: it is taken like the rest.
    Taken,
    /// They are others: it stays as it is.
    New,
    /// They are not known: it is taken where it is there with the shape that is wanted.
    IfItFits,
}

/// Copies the weights in `path`, which people call `label`, into parameters and buffers; tells whether those of the last
/// layer were among them. What the file holds beside them is left aside.
///
/// # Errors
/// A name is missing, or has another shape.
pub fn take(
    path: &Path,
    label: &str,
    network: &Network,
    (parameters, buffers): (&Parameters, &[Tensor]),
    head: Head,
) -> Result<bool> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let file = SafeTensors::deserialize(&bytes).with_context(|| format!("`{label}` holds no safetensors"))?;
    let last = network.head();
    let named = network.parameters().iter().zip(parameters.tensors());
    let fits = |place: &usize| {
        found(&file, label, &network.parameters()[*place].name, &parameters.tensors()[*place]).is_ok()
    };
    let takes_last = match head {
        Head::Taken => true,
        Head::New => false,
        Head::IfItFits => last.iter().all(fits),
    };
    let wanted = named.enumerate().filter(|(place, _)| takes_last || !last.contains(place));
    let wanted = wanted.map(|(_, (parameter, tensor))| (&parameter.name, tensor));
    let kept = network.buffers().iter().map(|buffer| &buffer.name).zip(buffers);
    for (name, target) in wanted.chain(kept) {
        let source = found(&file, label, name, target)?;
        no_grad(|| target.shallow_clone().copy_(&source));
    }
    Ok(takes_last)
}

/// A tensor of any number format, that must have the shape of `target`.
fn found(file: &SafeTensors, label: &str, name: &str, target: &Tensor) -> Result<Tensor> {
    let Ok(view) = file.tensor(name) else {
        let mut names = file.names();
        names.sort_unstable();
        let some: Vec<String> = names.iter().take(4).map(|name| format!("`{name}`")).collect();
        bail!(
            "`{label}` has no weights called `{name}`; it has {}\n\
             hint: they must be those of the same network, with torchvision's names, or timm's for `convnext`, \
             `vit-tiny` and `swin`",
            some.join(", ")
        )
    };
    let shape: Vec<i64> = view.shape().iter().map(|side| *side as i64).collect();
    let wanted = target.size();
    ensure!(
        shape == wanted || resamples(name, &shape, &wanted),
        "`{name}` of `{label}` has shape {shape:?} instead of {:?}\n\
         hint: give the network the settings that the weights were made with; the first layers follow the image size \
         where `stem_stride` or `patch` is not given",
        wanted
    );
    let kind = match view.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        other => bail!("`{name}` of `{label}` holds {other:?}, which is no floating-point format"),
    };
    let tensor = Tensor::from_data_size(view.data(), &shape, kind).to_kind(Kind::Float);
    let finite = bool::try_from(tensor.isfinite().all())?;
    ensure!(finite, "`{name}` of `{label}` holds values that are no numbers: nothing can start from it");
    Ok(if shape == wanted { tensor } else { resampled(&tensor, wanted[1]) })
}

/// Whether these are a vision transformer's positions for images of other sizes: `[1, 1 + side², channels]` both.
fn resamples(name: &str, shape: &[i64], wanted: &[i64]) -> bool {
    let square = |count: i64| (count - 1).isqrt().pow(2) == count - 1;
    match (shape, wanted) {
        (&[1, from, channels], &[1, to, others]) => {
            name == POSITIONS && channels == others && from > 1 && to > 1 && square(from) && square(to)
        }
        _ => false,
    }
}

/// Positions `[1, 1 + side², channels]` as `count` of them: the first, of the class token, as it is, and the others resampled
/// along both sides, bicubically and with anti-aliasing, as timm's `resample_abs_pos_embed` does.
fn resampled(positions: &Tensor, count: i64) -> Tensor {
    let size = positions.size();
    let (from, to, channels) = ((size[1] - 1).isqrt(), (count - 1).isqrt(), size[2]);
    let map = positions.narrow(1, 1, from * from).reshape([1, from, from, channels]).permute([0, 3, 1, 2]);
    let map = map.internal_upsample_bicubic2d_aa([to, to], false, None, None);
    let others = map.permute([0, 2, 3, 1]).reshape([1, to * to, channels]);
    Tensor::cat(&[positions.narrow(1, 0, 1), others], 1)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn positions_are_resampled_as_in_timm() {
        let places = Tensor::arange(52, (Kind::Float, Device::Cpu));
        let positions = ((places * 37.0).remainder(101.0) / 101.0).view([1, 26, 2]);
        assert!(resamples(POSITIONS, &[1, 26, 2], &[1, 10, 2]));
        let found = Vec::<f64>::try_from(resampled(&positions, 10).reshape([-1])).unwrap();
        for (found, expected) in found.iter().zip(POSITIONS_OF_TIMM) {
            assert!((found - expected).abs() < 2e-6, "{found} {expected}");
        }
        let larger = resampled(&positions, 37);
        assert_eq!(larger.size(), [1, 37, 2]);
        assert!((larger.sum(Kind::Double).double_value(&[]) - 36.911_487_58).abs() < 1e-4);
    }

    /// `resample_abs_pos_embed` of timm 1.0 from 5×5 to 3×3, two channels; to 6×6, the sum.
    const POSITIONS_OF_TIMM: [f64; 20] = [
        0.0, 0.366337, 0.457426, 0.517017, 0.516828, 0.52846, 0.638842, 0.434291, 0.402738, 0.393762,
        0.524752, 0.611695, 0.646767, 0.475357, 0.410663, 0.529899, 0.532677, 0.50023, 0.592079, 0.498534,
    ];

    #[test]
    fn nothing_else_is_resampled() {
        assert!(!resamples("cls_token", &[1, 26, 2], &[1, 10, 2]));
        assert!(!resamples(POSITIONS, &[1, 26, 2], &[1, 10, 3]));
        assert!(!resamples(POSITIONS, &[1, 25, 2], &[1, 10, 2]));
    }
}
