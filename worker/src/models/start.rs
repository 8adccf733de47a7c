//! Weights of another training, or made elsewhere, put into a network that is to be trained.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pipeline::networks::Positions;
use safetensors::tensor::{Dtype, SafeTensors};
use tch::{Kind, Tensor, no_grad};

use super::resampling::resampled;
use super::{Network, Parameters};

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
    let positions = Positions::of(name, &shape, &wanted);
    ensure!(
        shape == wanted || positions.is_some(),
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
    Ok(match positions {
        Some(positions) if shape != wanted => resampled(&tensor, positions),
        _ => tensor,
    })
}
