//! `weights.safetensors`: parameters and running statistics by name, f32, in PyTorch's order of dimensions.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pipeline::networks::Buffer;
use safetensors::tensor::{Dtype, SafeTensors, View};
use tch::{Device, Kind, Tensor, no_grad};

use super::{Network, Parameters};
use crate::whitening::Whitening;

/// Under which a file keeps its one note.
pub const NOTE: &str = "note";

/// Writes what [`read`] and PyTorch's `safetensors.torch.load_file` read, and beside it the whitening of the images that
/// the network was trained on.
pub fn write(
    path: &Path,
    network: &Network,
    parameters: &Parameters,
    buffers: &[Tensor],
    whitening: Option<&Whitening>,
) -> Result<()> {
    let trained = network.parameters().iter().map(|p| p.name.as_str()).zip(parameters.tensors());
    let kept = network.buffers().iter().map(|b| b.name.as_str()).zip(buffers);
    let whitening = whitening.into_iter().flat_map(|whitening| whitening.tensors());
    write_tensors(path, trained.chain(kept).chain(whitening), None)
}

/// Parameters and buffers of `network` on `device`.
///
/// # Errors
/// The file is damaged, or belongs to another network: a name is missing or has another shape.
pub fn read(path: &Path, network: &Network, device: Device) -> Result<(Parameters, Vec<Tensor>)> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let damaged = || format!("`{}` is damaged or holds no weights", path.display());
    let file = SafeTensors::deserialize(&bytes).with_context(damaged)?;
    let parameters = Parameters::zeros(network.parameters(), network.layout(), device);
    for (parameter, tensor) in network.parameters().iter().zip(parameters.tensors()) {
        let found = tensor_of(&file, &parameter.name, &parameter.shape).with_context(damaged)?;
        no_grad(|| tensor.shallow_clone().copy_(&found));
    }
    let buffer = |b: &Buffer| Ok(tensor_of(&file, &b.name, &[b.channels])?.to_device(device));
    let buffers: Result<Vec<Tensor>> = network.buffers().iter().map(buffer).collect();
    Ok((parameters, buffers.with_context(damaged)?))
}

/// A tensor of f32 that must have this shape.
pub fn tensor_of(file: &SafeTensors, name: &str, shape: &[i64]) -> Result<Tensor> {
    let view = file.tensor(name).with_context(|| format!("no tensor `{name}`"))?;
    let found: Vec<i64> = view.shape().iter().map(|side| *side as i64).collect();
    ensure!(found == shape, "`{name}` has shape {found:?} instead of {shape:?}");
    ensure!(view.dtype() == Dtype::F32, "`{name}` holds {:?} instead of F32", view.dtype());
    Ok(Tensor::from_data_size(view.data(), shape, Kind::Float))
}

/// Writes tensors (f32 or f64) by name, with one note for whoever reads them.
pub fn write_tensors<'a>(
    path: &Path,
    tensors: impl Iterator<Item = (&'a str, &'a Tensor)>,
    note: Option<&str>,
) -> Result<()> {
    let stored = tensors.map(|(name, tensor)| (name, Stored::of(tensor)));
    // One entry only: the format's table of notes has no order of its own.
    let notes = note.map(|note| HashMap::from([(NOTE.to_string(), note.to_string())]));
    let written = safetensors::serialize_to_file(stored, notes, path);
    written.with_context(|| format!("cannot write `{}`", path.display()))
}

/// A tensor that is written from where it lies, without a copy.
struct Stored {
    /// On the CPU, its values in a row.
    tensor: Tensor,
    shape: Vec<usize>,
}

impl Stored {
    fn of(tensor: &Tensor) -> Stored {
        let tensor = tensor.detach().to_device(Device::Cpu).contiguous();
        Stored { shape: tensor.size().iter().map(|side| *side as usize).collect(), tensor }
    }
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        if self.tensor.kind() == Kind::Double { Dtype::F64 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if self.data_len() == 0 {
            return Cow::Borrowed(&[]);
        }
        // Sound: so many bytes lie there for as long as the tensor lives, and nothing writes to it meanwhile.
        Cow::Borrowed(unsafe { std::slice::from_raw_parts(self.tensor.data_ptr().cast(), self.data_len()) })
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.kind().elt_size_in_bytes()
    }
}
