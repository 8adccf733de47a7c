//! Tests of the networks as wholes.

use pipeline::recipe::{self, Cnn, Convnet, Norm, Ultralight, Vgg16, Vgg16Bn};
use tch::{Device, Kind, Tensor, no_grad};

use super::{Buffer, Layout, Mode, Network, Parameters};

fn all() -> Vec<recipe::Network> {
    vec![
        recipe::Network::Vgg16Bn(Vgg16Bn {}),
        recipe::Network::Cnn(Cnn {}),
        recipe::Network::Ultralight(Ultralight {}),
        recipe::Network::Convnet(Convnet { width: 16, ..Convnet::default() }),
        recipe::Network::Convnet(Convnet { width: 16, norm: Norm::Batch, depth: Some(2) }),
    ]
}

/// A pattern without randomness: libtorch's generator is one for all tests.
fn images(n: i64, side: i64) -> Tensor {
    let places = Tensor::arange(n * 3 * side * side, (Kind::Float, Device::Cpu));
    ((&places * 0.37).sin() + (places * 0.011).cos()).view([n, 3, side, side])
}

#[test]
fn networks_have_as_many_parameters_as_published() {
    let count = |network, classes, side| Network::new(&network, classes, side).unwrap().count();
    assert_eq!(count(recipe::Network::Vgg16(Vgg16::default()), 1000, 224), 138_357_544);
    assert_eq!(count(recipe::Network::Convnet(Convnet::default()), 10, 32), 320_010);
    // torchvision's vgg16_bn has 14,723,136 up to its pooling.
    assert_eq!(count(recipe::Network::Vgg16Bn(Vgg16Bn {}), 10, 64), 14_723_136 + 5_130);
}

#[test]
fn every_network_makes_logits_and_features_at_every_size_and_in_both_formats() {
    for recipe in all() {
        for side in [32, 48, 64] {
            let network = Network::new(&recipe, 7, side).unwrap();
            let (parameters, buffers) = network.initial(1, Device::Cpu);
            let x = images(2, side.into());
            // bf16 is slow where the processor does not multiply it.
            for compute in if side == 32 { &[Kind::Float, Kind::BFloat16][..] } else { &[Kind::Float] } {
                let logits = network.forward(parameters.tensors(), &buffers, &x, Mode::Eval, *compute);
                assert_eq!((logits.size(), logits.kind()), (vec![2, 7], Kind::Float), "{}", recipe.name());
                let features = network.features(parameters.tensors(), &buffers, &x, Mode::Eval, *compute);
                let wants = network.parameters()[network.parameters().len() - 2].shape[1];
                assert_eq!(features.size(), [2, wants]);
            }
        }
    }
}

#[test]
fn every_parameter_gets_a_gradient_and_both_layouts_agree() {
    for recipe in all() {
        let gradients = [Layout::Planar, Layout::ChannelsLast].map(|layout| {
            let network = Network::new(&recipe, 4, 32).unwrap().with_layout(layout);
            let (parameters, buffers) = network.initial(3, Device::Cpu);
            // Dropout draws in the order in which values lie: left out of the comparison by not training.
            let logits =
                network.forward(parameters.tensors(), &buffers, &images(6, 32), Mode::Eval, Kind::Float);
            let loss = logits.square().mean(Kind::Float);
            let gradients = Tensor::run_backward(&[loss], parameters.tensors(), false, false);
            assert_eq!(parameters.flatten(&gradients).size(), [network.count()]);
            gradients
        });
        let [planar, last] = gradients;
        for (a, b) in planar.iter().zip(&last) {
            assert!(a.abs().max().double_value(&[]) > 0.0, "{}", recipe.name());
            assert!((a - b).abs().max().double_value(&[]) < 1e-4 * (1.0 + a.abs().max().double_value(&[])));
        }
    }
}

#[test]
fn the_flat_buffer_and_the_tensors_are_one_memory() {
    let network = Network::new(&all()[2], 4, 32).unwrap();
    let (mut parameters, _) = network.initial(0, Device::Cpu);
    let flat = parameters.flat().copy();
    let again = parameters.flatten(&parameters.tensors().iter().map(Tensor::detach).collect::<Vec<_>>());
    assert_eq!(flat, again);
    parameters.set(&(flat * 0.0));
    assert!(parameters.tensors().iter().all(|tensor| tensor.abs().max().double_value(&[]) == 0.0));
}

#[test]
fn the_seed_alone_decides_how_a_network_starts() {
    let network = Network::new(&all()[2], 4, 32).unwrap();
    let flat = |seed| network.initial(seed, Device::Cpu).0.flat().copy();
    assert_eq!(flat(1), flat(1));
    assert_ne!(flat(1), flat(2));
}

#[test]
fn training_moves_the_running_statistics_and_scoring_does_not() {
    let network = Network::new(&all()[1], 4, 32).unwrap();
    let (parameters, buffers) = network.initial(0, Device::Cpu);
    let before = buffers[0].copy();
    let _ = network.forward(parameters.tensors(), &buffers, &images(4, 32), Mode::Eval, Kind::Float);
    assert_eq!(before, buffers[0]);
    let _ = network.forward(parameters.tensors(), &buffers, &images(4, 32), Mode::Train, Kind::Float);
    assert_ne!(before, buffers[0]);
}

#[test]
fn images_too_small_for_a_network_are_refused() {
    let message = Network::new(&all()[0], 4, 16).err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(message, "`vgg16-bn` needs images of 32 pixels or more, not 16");
}

/// Parameters and running statistics by the formula of `pytorch_figures.py`.
fn fill(network: &Network) -> (Parameters, Vec<Tensor>) {
    let parameters = Parameters::zeros(network.parameters(), network.layout(), Device::Cpu);
    for (i, (parameter, tensor)) in network.parameters().iter().zip(parameters.tensors()).enumerate() {
        let matrix = parameter.shape.len() > 1;
        let fan_in = if matrix { parameter.count() / parameter.shape[0] } else { 100 };
        let base = if !matrix && i % 4 == 2 { 1.0 } else { 0.0 };
        let scale = (1.0 / fan_in as f64).sqrt();
        let value = |k: i64| (base + (0.7 * k as f64 + i as f64).sin() * scale) as f32;
        let values: Vec<f32> = (0..parameter.count()).map(value).collect();
        no_grad(|| tensor.shallow_clone().copy_(&Tensor::from_slice(&values).view(&parameter.shape[..])));
    }
    let statistics = |buffer: &Buffer| {
        let k = Tensor::arange(buffer.channels, (Kind::Double, Device::Cpu));
        let mean = buffer.name.ends_with("running_mean");
        if mean { k.sin() * 0.1 } else { k.cos() * 0.5 + 1.0 }.to_kind(Kind::Float)
    };
    (parameters, network.buffers().iter().map(statistics).collect())
}

/// Printed by `pytorch_figures.py`: logits of two images, and the norm of the first convolution's gradient.
const OF_PYTORCH: [([f64; 6], f64); 4] = [
    ([-111.522911, -384.96875, -632.833679, -51.939423, -178.7043, -293.588165], 621.475952),
    ([-0.047695, -0.016029, -0.019889, -0.114542, -0.079513, -0.075793], 0.07777),
    ([0.164934, -0.020754, -0.124765, 0.166389, -0.022389, -0.123266], 0.084897),
    ([0.048451, 0.109921, 0.051802, 0.272444, -0.139021, 0.321543], 0.190508),
];

#[test]
fn networks_compute_what_they_compute_in_pytorch() {
    for (recipe, (logits, gradient)) in all().iter().zip(OF_PYTORCH) {
        let network = Network::new(recipe, 3, 32).unwrap();
        let (parameters, buffers) = fill(&network);
        let found = network.forward(parameters.tensors(), &buffers, &images(2, 32), Mode::Eval, Kind::Float);
        let expected = Tensor::from_slice(&logits).view([2, 3]);
        let apart = ((&found - &expected).abs() / expected.abs().clamp_min(1.0)).max().double_value(&[]);
        assert!(apart < 1e-4, "{}: {apart}", recipe.name());
        let loss = found.cross_entropy_for_logits(&Tensor::from_slice(&[2i64, 0]));
        let first = &Tensor::run_backward(&[loss], &parameters.tensors()[..1], false, false)[0];
        let norm = first.square().sum(Kind::Double).sqrt().double_value(&[]);
        assert!((norm / gradient - 1.0).abs() < 1e-3, "{}: {norm}", recipe.name());
    }
}

/// `cargo test -p pipeline-worker -- --ignored --nocapture time_of_a_step`
#[test]
#[ignore = "a measurement"]
fn time_of_a_step_in_each_layout() {
    crate::allocator::tune();
    tch::set_num_threads(1);
    let convnet = recipe::Network::Convnet(Convnet::default());
    let batch_norm = recipe::Network::Convnet(Convnet { norm: Norm::Batch, ..Convnet::default() });
    let [vgg, cnn, light] = [0, 1, 2].map(|place| all()[place].clone());
    for (recipe, side) in
        [(&light, 64), (&cnn, 64), (&vgg, 48), (&vgg, 64), (&convnet, 64), (&batch_norm, 64)]
    {
        for layout in [Layout::Planar, Layout::ChannelsLast, Layout::Planar, Layout::ChannelsLast] {
            let network = Network::new(recipe, 5, side).unwrap().with_layout(layout);
            println!("{} {side} px {layout:?}: {:.1} ms", recipe.name(), step_milliseconds(&network, side));
        }
    }
}

fn step_milliseconds(network: &Network, side: u32) -> f64 {
    let (parameters, buffers) = network.initial(0, Device::Cpu);
    let x = images(32, side.into());
    let labels = Tensor::arange(32, (Kind::Int64, Device::Cpu)).remainder(5);
    let mut best = f64::MAX;
    for _ in 0..4 {
        let start = processor_seconds();
        let logits = network.forward(parameters.tensors(), &buffers, &x, Mode::Train, Kind::Float);
        let loss = logits.cross_entropy_for_logits(&labels);
        let gradients = Tensor::run_backward(&[loss], parameters.tensors(), false, false);
        let _flat = parameters.flatten(&gradients);
        best = best.min((processor_seconds() - start) * 1e3);
    }
    best
}

/// Of this process: a loaded machine lengthens the wall time of a step, hardly this.
fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // Sound: it writes to `time` alone.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
