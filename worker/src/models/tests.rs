//! Tests of the networks as wholes.

use pipeline::recipe::{
    self, Airbench, Alexnet, Cnn, Convnet, Convnext, Head, Linear, Mlp, Norm, Resnet18, Resnet50, Step, Swin,
    Ultralight, UltralightModern, Vgg11, Vgg16, Vgg16Bn, VitTiny,
};
use tch::{Device, Kind, Tensor};

use super::{Layout, Mode, Network};
use crate::fixture;

/// Every network on which a step takes little, with the side of its images.
fn all() -> Vec<(recipe::Network, u32)> {
    let modern = vec![Step::PatchifyStem, Step::Depthwise, Step::Gelu];
    vec![
        (recipe::Network::Vgg16Bn(Vgg16Bn::default()), 32),
        (recipe::Network::Cnn(Cnn {}), 32),
        (recipe::Network::Ultralight(Ultralight {}), 32),
        (recipe::Network::Convnet(Convnet { width: 16, ..Convnet::default() }), 32),
        (
            recipe::Network::Convnet(Convnet {
                width: 16,
                norm: Norm::Batch,
                depth: Some(2),
                doubling: true,
                padding: 3,
            }),
            32,
        ),
        (recipe::Network::Vgg11(Vgg11 { head: Head::Pooled, ..Vgg11::default() }), 32),
        (recipe::Network::UltralightModern(UltralightModern {}), 32),
        (recipe::Network::Airbench(Airbench {}), 32),
        (recipe::Network::Resnet18(Resnet18 { stem_stride: Some(2), drop_path: 0.1 }), 32),
        (recipe::Network::Resnet50(Resnet50 { stem_stride: Some(4), modern, ..Resnet50::default() }), 32),
        (recipe::Network::Convnext(Convnext { patch: Some(2), drop_path: 0.1, ..Convnext::default() }), 32),
        (recipe::Network::VitTiny(VitTiny { patch: Some(8), drop_path: 0.1 }), 32),
        (recipe::Network::Swin(Swin { width: 32, window: Some(4), drop_path: 0.1, ..Swin::default() }), 32),
        (recipe::Network::Mlp(Mlp { dropout: 0.1, ..Mlp::default() }), 32),
        (recipe::Network::Linear(Linear {}), 32),
        (recipe::Network::Airbench(Airbench {}), 9),
    ]
}

/// Those that do more in training than in scoring, or do it otherwise.
fn has_modes(recipe: &recipe::Network) -> bool {
    let plain = matches!(recipe.name(), "linear" | "vgg11")
        || matches!(recipe, recipe::Network::Convnet(Convnet { norm: Norm::Instance, .. }));
    !plain
}

/// A pattern without randomness: libtorch's generator is one for all tests.
pub fn images(n: i64, side: i64) -> Tensor {
    let places = Tensor::arange(n * 3 * side * side, (Kind::Float, Device::Cpu));
    ((&places * 0.37).sin() + (places * 0.011).cos()).view([n, 3, side, side])
}

#[test]
fn every_network_makes_logits_and_features_in_both_formats() {
    for (recipe, side) in all() {
        let network = Network::new(&recipe, 7, side).unwrap();
        let (parameters, buffers) = network.initial(1, Device::Cpu);
        let x = images(2, side.into());
        for compute in [Kind::Float, Kind::BFloat16] {
            let logits = network.forward(parameters.tensors(), &buffers, &x, Mode::Eval, compute);
            assert_eq!((logits.size(), logits.kind()), (vec![2, 7], Kind::Float), "{}", recipe.name());
            assert!(bool::try_from(logits.isfinite().all()).unwrap(), "{}", recipe.name());
            let features = network.features(parameters.tensors(), &buffers, &x, Mode::Eval, compute);
            let wants = network.parameters()[network.head()[0]].shape[1];
            assert_eq!(features.size(), [2, wants]);
        }
    }
}

#[test]
fn convolutions_that_begin_as_the_identity_hand_their_inputs_on() {
    let network = Network::new(&recipe::Network::Airbench(Airbench {}), 3, 32).unwrap();
    let (parameters, _) = network.initial(1, Device::Cpu);
    for (name, inputs) in [("blocks.0.conv1.weight", 24), ("blocks.2.conv1.weight", 256)] {
        let place = network.parameters().iter().position(|parameter| parameter.name == name).unwrap();
        let x = images(2, 32).view([-1]).narrow(0, 0, 4 * inputs).view([1, inputs, 2, 2]);
        let y = x.conv2d(&parameters.tensors()[place], None::<Tensor>, 1, 1, 1, 1);
        assert_eq!(y.narrow(1, 0, inputs), x, "{name}");
        let further = y.narrow(1, inputs, y.size()[1] - inputs);
        assert!(further.numel() == 0 || further.abs().min().double_value(&[]) > 0.0, "{name}");
    }
}

#[test]
fn the_large_heads_make_logits_too() {
    let vgg = recipe::Network::Vgg16(Vgg16::default());
    for (recipe, side) in [(vgg, 32), (recipe::Network::Alexnet(Alexnet::default()), 63)] {
        let network = Network::new(&recipe, 2, side).unwrap();
        let (parameters, buffers) =
            (super::Parameters::zeros(network.parameters(), network.layout(), Device::Cpu), []);
        let x = images(1, side.into());
        let logits = network.forward(parameters.tensors(), &buffers, &x, Mode::Eval, Kind::Float);
        assert_eq!(logits, Tensor::zeros([1, 2], (Kind::Float, Device::Cpu)));
    }
}

#[test]
fn one_step_lowers_the_loss_of_every_network() {
    let _alone = fixture::alone();
    for (recipe, side) in all() {
        let network = Network::new(&recipe, 4, side).unwrap();
        let (parameters, buffers) = network.initial(3, Device::Cpu);
        let (x, labels) = (images(4, side.into()), Tensor::from_slice(&[0i64, 1, 2, 3]));
        let loss = |parameters: &super::Parameters| {
            tch::manual_seed(7);
            let logits = network.forward(parameters.tensors(), &buffers, &x, Mode::Train, Kind::Float);
            logits.cross_entropy_for_logits(&labels)
        };
        let before = loss(&parameters);
        let gradients = Tensor::run_backward(&[&before], parameters.tensors(), false, false);
        let gradient = parameters.flatten(&gradients);
        // Along the gradient far enough for a hundredth of a nat, were the loss a plane.
        let stride = 0.01 / gradient.square().sum(Kind::Double).double_value(&[]);
        parameters.set(&(parameters.flat() - gradient * stride));
        let (before, after) = (before.double_value(&[]), loss(&parameters).double_value(&[]));
        assert!(after < before - 0.001, "{}: {before} to {after}", recipe.name());
    }
}

#[test]
fn scoring_is_the_same_twice_and_training_draws() {
    let _alone = fixture::alone();
    for (recipe, side) in all() {
        let network = Network::new(&recipe, 4, side).unwrap();
        let (parameters, buffers) = network.initial(3, Device::Cpu);
        let x = images(4, side.into());
        let logits = |mode| network.forward(parameters.tensors(), &buffers, &x, mode, Kind::Float);
        let scored = logits(Mode::Eval);
        assert_eq!(scored, logits(Mode::Eval), "{}", recipe.name());
        // Which images a block is left out for is a draw: eight of them hardly miss all blocks.
        let differs = (0..8).any(|_| logits(Mode::Train) != scored);
        assert_eq!(differs, has_modes(&recipe), "{}", recipe.name());
    }
}

#[test]
fn every_parameter_gets_a_gradient_and_both_layouts_agree() {
    for (recipe, side) in all() {
        let gradients = [Layout::Planar, Layout::ChannelsLast].map(|layout| {
            let network = Network::new(&recipe, 4, side).unwrap().with_layout(layout);
            let (parameters, buffers) = network.initial(3, Device::Cpu);
            // Dropout draws in the order in which values lie: left out of the comparison by not training.
            let logits = network.forward(
                parameters.tensors(),
                &buffers,
                &images(6, side.into()),
                Mode::Eval,
                Kind::Float,
            );
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
    let network = Network::new(&all()[2].0, 4, 32).unwrap();
    let (parameters, _) = network.initial(0, Device::Cpu);
    let flat = parameters.flat().copy();
    let again = parameters.flatten(&parameters.tensors().iter().map(Tensor::detach).collect::<Vec<_>>());
    assert_eq!(flat, again);
    parameters.set(&(flat * 0.0));
    assert!(parameters.tensors().iter().all(|tensor| tensor.abs().max().double_value(&[]) == 0.0));
}

#[test]
fn the_seed_alone_decides_how_a_network_starts() {
    let network = Network::new(&all()[2].0, 4, 32).unwrap();
    let flat = |seed| network.initial(seed, Device::Cpu).0.flat().copy();
    assert_eq!(flat(1), flat(1));
    assert_ne!(flat(1), flat(2));
}

#[test]
fn training_moves_the_running_statistics_and_scoring_does_not() {
    let network = Network::new(&all()[1].0, 4, 32).unwrap();
    let (parameters, buffers) = network.initial(0, Device::Cpu);
    let before = buffers[0].copy();
    let _ = network.forward(parameters.tensors(), &buffers, &images(4, 32), Mode::Eval, Kind::Float);
    assert_eq!(before, buffers[0]);
    let _ = network.forward(parameters.tensors(), &buffers, &images(4, 32), Mode::Train, Kind::Float);
    assert_ne!(before, buffers[0]);
}

#[test]
fn images_too_small_for_a_network_are_refused() {
    let message = Network::new(&all()[0].0, 4, 16).err().map(|e| e.to_string()).unwrap_or_default();
    let (said, hint) = message.split_once("\nhint: ").unwrap();
    assert_eq!(said, "`vgg16-bn` needs images of 32 pixels or more, not 16");
    assert_eq!(hint, "`image_size = 32` of the subset, or another network");
}

#[test]
fn a_padded_convnet_sees_images_of_28_pixels_with_zeros_around_as_another_sees_32() {
    let of = |padding, side| {
        let convnet = Convnet { width: 8, padding, ..Convnet::default() };
        Network::new(&recipe::Network::Convnet(convnet), 10, side).unwrap()
    };
    let (padded, usual) = (of(3, 28), of(1, 32));
    let (parameters, _) = padded.initial(1, Device::Cpu);
    let logits = |network: &Network, x: &Tensor| {
        network.forward(parameters.tensors(), &[], x, Mode::Eval, Kind::Float)
    };
    let x = images(4, 28);
    let [digits, photos] = [logits(&padded, &x), logits(&usual, &x.constant_pad_nd([2, 2, 2, 2]))];
    assert_eq!(digits.size(), [4, 10]);
    assert!((digits - photos).abs().max().double_value(&[]) < 1e-5);
}

/// `cargo test -p pipeline-worker -- --ignored --nocapture time_of_a_step`
#[test]
#[ignore = "a measurement"]
fn time_of_a_step_in_each_layout() {
    crate::allocator::tune();
    tch::set_num_threads(1);
    let convnet = recipe::Network::Convnet(Convnet::default());
    let batch_norm = recipe::Network::Convnet(Convnet { norm: Norm::Batch, ..Convnet::default() });
    let [vgg, cnn, light, modern] = [0, 1, 2, 6].map(|place| all()[place].0.clone());
    for (recipe, side) in
        [(&light, 64), (&modern, 64), (&cnn, 64), (&vgg, 48), (&vgg, 64), (&convnet, 64), (&batch_norm, 64)]
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
