//! Tests of the networks against what was published of them.

use serde_json::{json, to_value};

use super::*;
use crate::recipe::{
    Airbench, Alexnet, Cnn, Convnet, Convnext, ConvnextSize, Head, Linear, Mlp, Network, Norm, Resnet18,
    Resnet50, Step, Swin, Ultralight, UltralightModern, Vgg11, Vgg16, Vgg16Bn, VitTiny,
};

fn figures(network: Network, classes: usize, side: u32) -> Figures {
    Structure::new(&network, classes, side).unwrap().figures
}

fn convnext(size: ConvnextSize) -> Network {
    Network::Convnext(Convnext { size, ..Convnext::default() })
}

fn resnet50(steps: &[Step]) -> Network {
    Network::Resnet50(Resnet50 { modern: steps.to_vec(), ..Resnet50::default() })
}

/// Every network, with its settings at their defaults and, where that builds other layers, also with others.
fn all() -> Vec<Network> {
    vec![
        Network::Vgg11(Vgg11::default()),
        Network::Vgg16(Vgg16::default()),
        Network::Vgg16(Vgg16 { head: Head::Pooled, ..Vgg16::default() }),
        Network::Vgg16Bn(Vgg16Bn::default()),
        Network::Alexnet(Alexnet::default()),
        Network::Resnet18(Resnet18::default()),
        Network::Resnet18(Resnet18 { stem_stride: Some(4), drop_path: 0.1 }),
        rung(0),
        resnet50(&[Step::Depthwise, Step::FewerNorms]),
        convnext(ConvnextSize::Nano),
        Network::Convnext(Convnext { patch: Some(4), ..Convnext::default() }),
        Network::VitTiny(VitTiny::default()),
        Network::Swin(Swin::default()),
        Network::Cnn(Cnn {}),
        Network::Ultralight(Ultralight {}),
        Network::UltralightModern(UltralightModern {}),
        Network::Airbench(Airbench {}),
        Network::Convnet(Convnet::default()),
        Network::Convnet(Convnet { depth: Some(4), norm: Norm::None, ..Convnet::default() }),
        Network::Convnet(Convnet { width: 4, doubling: true, ..Convnet::default() }),
        Network::Convnet(Convnet { padding: 3, ..Convnet::default() }),
        Network::Mlp(Mlp::default()),
        Network::Linear(Linear {}),
    ]
}

#[test]
fn networks_have_as_many_parameters_as_published() {
    let published = [
        (Network::Vgg11(Vgg11::default()), 132_863_336),
        (Network::Vgg16(Vgg16::default()), 138_357_544),
        (Network::Vgg16Bn(Vgg16Bn { head: Head::Dense, ..Vgg16Bn::default() }), 138_365_992),
        (Network::Alexnet(Alexnet::default()), 61_100_840),
        (Network::Resnet18(Resnet18::default()), 11_689_512),
        (rung(0), 25_557_032),
        (convnext(ConvnextSize::Atto), 3_695_520),
        (convnext(ConvnextSize::Femto), 5_217_784),
        (convnext(ConvnextSize::Pico), 9_045_672),
        (convnext(ConvnextSize::Nano), 15_593_560),
        (convnext(ConvnextSize::Tiny), 28_589_128),
        (Network::VitTiny(VitTiny::default()), 5_717_416),
        (Network::Swin(Swin::default()), 28_288_354),
    ];
    for (network, parameters) in published {
        let name = network.name();
        assert_eq!(figures(network, 1000, 224).parameters(), parameters, "{name}");
    }
}

#[test]
fn networks_for_small_images_have_as_many_parameters_as_published() {
    assert_eq!(figures(Network::Convnet(Convnet::default()), 10, 32).parameters(), 320_010);
    // torchvision's vgg16_bn has 14,723,136 up to its pooling.
    assert_eq!(figures(Network::Vgg16Bn(Vgg16Bn::default()), 10, 64).parameters(), 14_723_136 + 5_130);
    assert_eq!(figures(Network::Linear(Linear {}), 10, 32).parameters(), 30_730);
    // The seed project's: 100 pixels, ten classes; Keras counted the running statistics of three norms too.
    assert_eq!(
        figures(Network::Ultralight(Ultralight {}), 10, 100).parameters(),
        229_392 - 2 * (16 + 32 + 64)
    );
}

#[test]
fn networks_take_as_many_multiply_adds_as_published() {
    // In units of 10⁹ at 224 pixels, from torchvision's table of weights, DeiT's and Swin's papers.
    let published = [
        (Network::Vgg11(Vgg11::default()), 7.61),
        (Network::Vgg16(Vgg16::default()), 15.47),
        (Network::Alexnet(Alexnet::default()), 0.71),
        (Network::Resnet18(Resnet18::default()), 1.81),
        (rung(0), 4.09),
        (convnext(ConvnextSize::Tiny), 4.46),
        (Network::VitTiny(VitTiny::default()), 1.26),
        (Network::Swin(Swin::default()), 4.49),
    ];
    for (network, billions) in published {
        let name = network.name();
        let found = figures(network, 1000, 224).multiply_adds() as f64 / 1e9;
        assert!((found / billions - 1.0).abs() < 0.01, "{name}: {found}");
    }
}

/// In the paper's order.
const STEPS: [Step; 12] = [
    Step::StageRatio,
    Step::PatchifyStem,
    Step::Depthwise,
    Step::Width,
    Step::InvertedBottleneck,
    Step::LargeKernel,
    Step::Gelu,
    Step::FewerActivations,
    Step::FewerNorms,
    Step::LayerNorm,
    Step::SeparateDownsampling,
    Step::LayerScale,
];

/// ResNet-50 with the first `steps` steps taken.
fn rung(steps: usize) -> Network {
    resnet50(&STEPS[..steps])
}

#[test]
fn each_rung_from_resnet_to_convnext_costs_what_the_paper_says() {
    // Figure 2 of Liu et al. 2022, in 10⁹.
    let published = [4.1, 4.5, 4.4, 2.4, 5.3, 4.6, 4.2, 4.2, 4.2, 4.2, 4.2, 4.5];
    for (steps, billions) in published.into_iter().enumerate() {
        let found = figures(rung(steps), 1000, 224).multiply_adds() as f64 / 1e9;
        assert!((found - billions).abs() < 0.06, "step {steps}: {found} instead of {billions}");
    }
}

#[test]
fn with_every_step_taken_resnet_is_convnext() {
    let (resnet, convnext) = (figures(rung(12), 1000, 224), figures(convnext(ConvnextSize::Tiny), 1000, 224));
    assert_eq!(resnet.parameters(), convnext.parameters());
    assert_eq!(resnet.multiply_adds(), convnext.multiply_adds());
    assert_eq!(resnet.activations, convnext.activations);
    let shapes = |figures: Figures| figures.rows.into_iter().map(|row| row.shape).collect::<Vec<_>>();
    assert_eq!(shapes(resnet), shapes(convnext));
}

#[test]
fn the_modern_ultralight_is_of_the_size_of_the_old_one() {
    let parameters = |network, side| figures(network, 10, side).parameters() as f64;
    let modern = parameters(Network::UltralightModern(UltralightModern {}), 64);
    let ratio = modern / parameters(Network::Ultralight(Ultralight {}), 64);
    assert!((0.95..1.0).contains(&ratio), "{ratio}");
    for side in [64, 100, 224] {
        let modern = figures(Network::UltralightModern(UltralightModern {}), 10, side);
        let old = figures(Network::Ultralight(Ultralight {}), 10, side);
        assert!(modern.parameters() < old.parameters(), "{side}: {}", modern.parameters());
        assert!(modern.multiply_adds() < 2 * old.multiply_adds(), "{side}: {}", modern.multiply_adds());
    }
}

#[test]
fn the_least_image_is_taken_and_one_smaller_refused() {
    for network in all() {
        let (name, least) = (network.name(), network.least_image_size());
        let structure = Structure::new(&network, 3, least).unwrap();
        assert!(structure.figures.rows.iter().all(|row| row.shape.values() > 0), "{name}: {structure:?}");
        if least > 1 {
            let refused = Structure::new(&network, 3, least - 1).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("{} pixels", least - 1))
                    || refused.contains(&format!("needs images of {least} pixels")),
                "{name}: {refused}"
            );
        }
    }
}

#[test]
fn parameters_have_names_of_their_own_and_are_all_counted() {
    for network in all() {
        let structure = Structure::new(&network, 3, 64).unwrap();
        let counted: i64 = structure.parameters.iter().map(Parameter::count).sum();
        assert_eq!(structure.figures.parameters(), counted, "{}", network.name());
        let parameters = structure.parameters.iter().map(|parameter| &parameter.name);
        let mut names: Vec<&String> = parameters.chain(structure.buffers.iter().map(|b| &b.name)).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{}", network.name());
    }
}

#[test]
fn every_network_ends_in_the_dense_layer_that_makes_the_logits() {
    for network in all() {
        let structure = Structure::new(&network, 7, 64).unwrap();
        assert!(matches!(structure.layers.last(), Some(Layer::Dense { .. })), "{}", network.name());
        assert_eq!(structure.figures.rows.last().unwrap().shape, Shape::Flat { features: 7 });
    }
}

#[test]
fn weights_decay_and_norms_biases_and_positions_do_not() {
    let structure = Structure::new(&Network::Swin(Swin::default()), 7, 64).unwrap();
    let decays = |name: &str| structure.parameters.iter().find(|p| p.name == name).unwrap().decays;
    assert!(decays("patch_embed.proj.weight") && decays("layers.0.blocks.0.attn.qkv.weight"));
    for name in ["norm.weight", "head.fc.bias", "layers.0.blocks.0.attn.relative_position_bias_table"] {
        assert!(!decays(name), "{name}");
    }
}

#[test]
fn activations_are_counted_once_where_they_are_changed_in_place() {
    // ConvNet-1 on 8 pixels: convolution and norm 8·8·2 each, pool 4·4·2, dense 3; ReLU overwrites.
    let small = Convnet { width: 2, depth: Some(1), norm: Norm::Batch, ..Convnet::default() };
    let figures = figures(Network::Convnet(small), 3, 8);
    assert_eq!(figures.activation_bytes(), 4 * (128 + 128 + 32 + 3));
    // 3·2·9 + 2 in the convolution, 2 + 2 in the norm, 32·3 + 3 in the dense layer.
    assert_eq!(figures.weight_bytes(), 4 * (56 + 4 + 99));
    assert_eq!(figures.multiply_adds(), 64 * 2 * 27 + 32 * 3);
}

#[test]
fn a_padded_convnet_is_on_28_pixels_what_it_is_on_32() {
    let padded = Convnet { padding: 3, ..Convnet::default() };
    let of = |convnet: &Convnet, side| Structure::new(&Network::Convnet(convnet.clone()), 10, side).unwrap();
    let (digits, photos) = (of(&padded, 28), of(&Convnet::default(), 32));
    let shapes = |found: &Structure| found.parameters.iter().map(|p| p.shape.clone()).collect::<Vec<_>>();
    assert_eq!(shapes(&digits), shapes(&photos));
    assert_eq!(digits.figures.parameters(), 320_010);
    assert_eq!(digits.figures.multiply_adds(), photos.figures.multiply_adds());
    // Without it, two blocks leave 7 pixels a side: 3·128·9 + 128·128·9 + 3·(2·128) and a dense layer from 128·49 values.
    assert_eq!(of(&Convnet::default(), 28).figures.parameters(), 3456 + 147_456 + 768 + 62_730);
    // Only the first block is padded more: 28 + 4, halved twice.
    let two = Convnet { depth: Some(2), width: 2, ..padded };
    assert_eq!(of(&two, 28).parameters.iter().rev().nth(1).unwrap().shape, [10, 2 * 8 * 8]);
}

#[test]
fn the_usual_padding_is_no_part_of_the_key() {
    let usual = json!({ "width": 128, "depth": null, "norm": "instance" });
    assert_eq!(to_value(Convnet::default()).unwrap(), usual);
    assert_eq!(to_value(Convnet { padding: 3, ..Convnet::default() }).unwrap()["padding"], 3);
}

#[test]
fn channels_double_from_block_to_block_where_they_are_to() {
    let doubling = Convnet { width: 2, doubling: true, norm: Norm::None, ..Convnet::default() };
    let structure = Structure::new(&Network::Convnet(doubling), 3, 32).unwrap();
    let shapes: Vec<&[i64]> = structure.parameters.iter().step_by(2).map(|p| &p.shape[..]).collect();
    assert_eq!(shapes, [&[2, 3, 3, 3][..], &[4, 2, 3, 3], &[8, 4, 3, 3], &[3, 8 * 16]]);
}
