//! Holds the networks to what PyTorch, torchvision and timm compute with the same weights (`pytorch_figures.py`).

use pipeline::networks::{Buffer, Parameter};
use pipeline::recipe;
use serde::Deserialize;
use tch::{Device, Kind, Tensor, no_grad};

use super::tests::images;
use super::{Description, Mode, Network, Parameters, weights};

/// A line of `pytorch_figures.json`.
#[derive(Deserialize)]
struct Figures {
    network: recipe::Network,
    side: u32,
    parameters: i64,
    /// `[2, 3]`
    logits: Vec<f64>,
    /// The norm of the gradient of the first weight.
    gradient: f64,
}

fn of_pytorch() -> Vec<Figures> {
    serde_json::from_str(include_str!("pytorch_figures.json")).unwrap()
}

/// `scattered` of `pytorch_figures.py`.
fn scattered(place: u64, phase: u64) -> f64 {
    const MASK: u64 = 0xffff_ffff;
    let mut h = ((place + 1) * 2_654_435_761 + phase * 40_503) & MASK;
    for _ in 0..2 {
        h = ((h ^ (h >> 16)) * 73_244_475) & MASK;
    }
    h ^= h >> 16;
    (h as f64 / (1u64 << 31) as f64 - 1.0) * 3f64.sqrt()
}

/// `formula` of `pytorch_figures.py`.
fn formula(name: &str, shape: &[i64]) -> Tensor {
    let phase =
        name.bytes().zip(1..).map(|(byte, place): (u8, u64)| place * u64::from(byte)).sum::<u64>() % 1009;
    let count: i64 = shape.iter().product();
    let (base, scale) = match name {
        _ if name.ends_with("running_mean") => (0.0, 0.3),
        _ if name.ends_with("running_var") => (1.0, 0.3),
        _ if name.ends_with("weight") && shape.len() > 1 => {
            (0.0, (2.0 * shape[0] as f64 / count as f64).sqrt())
        }
        _ if shape.len() == 1 && !name.ends_with("bias") => (1.0, 0.2),
        _ => (0.0, 0.2),
    };
    let value = |place| (base + scale * scattered(place, phase)) as f32;
    Tensor::from_slice(&(0..count as u64).map(value).collect::<Vec<f32>>()).view(shape)
}

fn fill(network: &Network) -> (Parameters, Vec<Tensor>) {
    let parameters = Parameters::zeros(network.parameters(), network.layout(), Device::Cpu);
    let put = |(parameter, tensor): (&Parameter, &Tensor)| {
        no_grad(|| tensor.shallow_clone().copy_(&formula(&parameter.name, &parameter.shape)));
    };
    network.parameters().iter().zip(parameters.tensors()).for_each(put);
    let statistics = |buffer: &Buffer| formula(&buffer.name, &[buffer.channels]);
    (parameters, network.buffers().iter().map(statistics).collect())
}

/// The largest difference, as a share of the largest value.
fn apart(found: &Tensor, expected: &[f64]) -> f64 {
    let expected = Tensor::from_slice(expected).view([2, -1]);
    let most = |x: Tensor| x.abs().max().double_value(&[]);
    most(found - &expected) / most(expected).max(1.0)
}

#[test]
fn networks_compute_what_they_compute_in_pytorch() {
    for Figures { network: recipe, side, parameters: count, logits, gradient } in of_pytorch() {
        let network = Network::new(&recipe, 3, side).unwrap();
        assert_eq!(network.count(), count, "{recipe:?}");
        let (parameters, buffers) = fill(&network);
        let x = images(2, side.into());
        let found = network.forward(parameters.tensors(), &buffers, &x, Mode::Eval, Kind::Float);
        assert!(apart(&found, &logits) < 1e-4, "{recipe:?}: {}", apart(&found, &logits));
        let loss = found.cross_entropy_for_logits(&Tensor::from_slice(&[2i64, 0]));
        let first = network.parameters().iter().position(|p| p.decays).unwrap();
        let weight = &parameters.tensors()[first..=first];
        let norm = Tensor::run_backward(&[loss], weight, false, false)[0].square().sum(Kind::Double).sqrt();
        assert!((norm.double_value(&[]) / gradient - 1.0).abs() < 1e-3, "{recipe:?}: {norm}");
    }
}

/// `PYTORCH_WEIGHTS=FOLDER cargo test -p pipeline-worker -- --ignored weights_that_pytorch_wrote`, with the folder that
/// `pytorch_weights.py write FOLDER` fills.
#[test]
#[ignore = "wants what `pytorch_weights.py` writes"]
fn weights_that_pytorch_wrote_give_its_logits() {
    let folder = std::path::PathBuf::from(std::env::var("PYTORCH_WEIGHTS").unwrap());
    for entry in std::fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let described = Description::read(&folder.join("network.json")).unwrap();
        let network = described.build().unwrap();
        let file = folder.join("weights.safetensors");
        let (parameters, buffers) = weights::read(&file, &network, Device::Cpu).unwrap();
        let logits: Vec<f64> =
            serde_json::from_slice(&std::fs::read(folder.join("logits.json")).unwrap()).unwrap();
        let x = images(2, described.image_size.into());
        let found = network.forward(parameters.tensors(), &buffers, &x, Mode::Eval, Kind::Float);
        let place = folder.file_name().unwrap().to_string_lossy().into_owned();
        println!("{place}: {:.1e} apart", apart(&found, &logits));
        assert!(apart(&found, &logits) < 1e-4, "{}", described.name);
    }
}
