//! Tests of the changes, against figures of torchvision where it has them.

use super::*;
use pipeline::recipe::{Crop, Cutmix, Cutout, Erase, Flip, Mixup, RandAugment};
use serde::Deserialize;

/// A line of `torchvision_figures.json`.
#[derive(Deserialize)]
struct Figures {
    change: String,
    strengths: [f64; 2],
    /// `[2, 3, 6, 6]` in 0..1.
    pixels: Vec<f32>,
}

/// The images of `torchvision_figures.py`, `[2, 3, 6, 6]` in 0..1.
fn pictured() -> Tensor {
    let level = |k: u32| if k >= 5 * 36 { 99 } else { (k * 53 + (k * k) % 97 * 7) % 256 };
    let pixels: Vec<f32> = (0..2 * 3 * 36).map(|k| level(k) as f32 / 255.0).collect();
    Tensor::from_slice(&pixels).view([2, 3, 6, 6])
}

#[test]
fn changes_of_colour_and_place_are_those_of_torchvision() {
    let figures: Vec<Figures> = serde_json::from_str(include_str!("torchvision_figures.json")).unwrap();
    assert_eq!(figures.len(), 14);
    let x = pictured();
    for Figures { change, strengths, pixels } in figures {
        let by = Tensor::from_slice(&strengths.map(|strength| strength as f32)).view([2, 1, 1, 1]);
        let warp = |map: &dyn Fn(f64) -> [[f64; 3]; 2]| warp::warped(&x, &strengths.map(map));
        let found = match change.as_str() {
            "brightness" => colour::brightness(&x, &by),
            "contrast" => colour::contrast(&x, &by),
            "saturation" => colour::saturation(&x, &by),
            "hue" => colour::hue(&x, &by),
            "sharpness" => colour::sharpness(&x, &by),
            "solarise" => colour::solarise(&x, &by),
            "auto-contrast" => colour::auto_contrast(&x),
            "posterise" => colour::posterise(&x, &by),
            "equalise" => colour::equalise(&x),
            "rotate" => warp(&|by| {
                let (sin, cos) = by.to_radians().sin_cos();
                [[cos, sin, 0.0], [-sin, cos, 0.0]]
            }),
            "shear-x" => warp(&|by| [[1.0, by, 0.0], [0.0, 1.0, 0.0]]),
            "shear-y" => warp(&|by| [[1.0, 0.0, 0.0], [by, 1.0, 0.0]]),
            "translate-x" => warp(&|by| [[1.0, 0.0, -by / 3.0], [0.0, 1.0, 0.0]]),
            "translate-y" => warp(&|by| [[1.0, 0.0, 0.0], [0.0, 1.0, -by / 3.0]]),
            other => panic!("{other}"),
        };
        let apart = (found - Tensor::from_slice(&pixels).view([2, 3, 6, 6])).abs().max().double_value(&[]);
        assert!(apart < 1.01e-4, "{change}: {apart}");
    }
}

#[test]
fn rand_augment_changes_images_as_told_and_each_by_itself() {
    let settings = RandAugment { ops: 1, strength: 15 };
    let x = images(32).remainder(7.0) / 7.0;
    let out = rand_augment::rand_augment(&settings, &x, &PREPROCESS, &mut Stream::new(3, &[]));
    let same = (&out - &x).abs().amax([1, 2, 3].as_slice(), false).lt(1e-6).sum(Kind::Int64).int64_value(&[]);
    assert!(
        (1..16).contains(&same),
        "one of 14 changes is none, and few others leave an image as it is: {same}"
    );
    let none = RandAugment { ops: 0, ..settings };
    assert_eq!(rand_augment::rand_augment(&none, &x, &PREPROCESS, &mut Stream::new(3, &[])), x);
}

#[test]
fn colour_without_strength_leaves_images_as_they_are() {
    let still = Colour { brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0 };
    let x = standardised(&pictured(), &PREPROCESS);
    let apart = (recoloured(&still, &x, &PREPROCESS, &mut Stream::new(1, &[])) - &x).abs().max();
    assert!(apart.double_value(&[]) < 1e-5);
    assert_ne!(recoloured(&Colour::default(), &x, &PREPROCESS, &mut Stream::new(1, &[])), x);
}

const PREPROCESS: Preprocess = Preprocess { mean: [0.4, 0.45, 0.5], sd: [0.2, 0.25, 0.3] };

fn images(n: i64) -> Tensor {
    Tensor::arange(n * 3 * 4 * 4, (Kind::Float, Device::Cpu)).view([n, 3, 4, 4]) + 1.0
}

#[test]
fn a_shift_of_its_own_for_each_image_equals_one_for_all() {
    let x = images(2);
    let each = shifted(&x, &[[1, -2], [0, 3]]);
    assert_eq!(each.get(0), shifted(&x, &[[1, -2]]).get(0));
    assert_eq!(each.get(1), shifted(&x, &[[0, 3]]).get(1));
    // Up by one row, right by two columns.
    assert_eq!(each.double_value(&[0, 0, 0, 2]), x.double_value(&[0, 0, 1, 0]));
    assert_eq!(each.double_value(&[0, 0, 0, 1]), 0.0);
    assert_eq!(each.double_value(&[0, 0, 3, 3]), 0.0);
}

#[test]
fn only_the_images_told_are_mirrored() {
    let x = images(2);
    let mirrored = flipped(&x, &[true, false]);
    assert_eq!(mirrored.get(1), x.get(1));
    assert_eq!(mirrored.get(0), x.flip([3]).get(0));
}

#[test]
fn transforms_depend_on_seed_and_step_alone() {
    let list = [
        Transform::Flip(Flip {}),
        Transform::Crop(Crop { by: 2 }),
        Transform::Colour(Colour { hue: 0.1, ..Colour::default() }),
        Transform::RandAugment(RandAugment::default()),
        Transform::Erase(Erase::default()),
        Transform::Cutout(Cutout::default()),
        Transform::Mixup(Mixup::default()),
        Transform::Cutmix(Cutmix::default()),
    ];
    let at = |seed, step| {
        let labels = Tensor::arange(16, (Kind::Int64, Device::Cpu)).remainder(3);
        let list = Transforms { list: &list, classes: 3, smoothing: 0.1, preprocess: &PREPROCESS, seed };
        list.apply(images(16), labels, step)
    };
    assert_eq!(at(1, 5), at(1, 5));
    assert_ne!(at(1, 5), at(1, 6));
    assert_ne!(at(1, 5), at(2, 5));
}
