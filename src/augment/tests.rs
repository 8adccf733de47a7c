//! What holds for every augmentation: pinned bytes, no panic, identities.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::recipe::{self, Strength};

/// Every augmentation with its defaults.
pub fn every_op() -> Vec<Op> {
    vec![
        Op::Brightness(Default::default()),
        Op::Contrast(Default::default()),
        Op::Saturation(Default::default()),
        Op::HorizontalFlip(Default::default()),
        Op::GaussianNoise(Default::default()),
        Op::MedianBlur(Default::default()),
        Op::AdaptiveHistogramEqualisation(Default::default()),
        Op::BitmapCompression(Default::default()),
        Op::Edges(Default::default()),
        Op::SaltAndPepper(Default::default()),
        Op::GridNoise(Default::default()),
    ]
}

fn applied(op: &Op, mut image: Image, seed: u64) -> Image {
    apply(op, &mut image, &mut Spare::default(), &mut Random::at([seed, 0, 0, 0]));
    image
}

#[test]
fn a_changed_copy_is_the_copy_changed_whatever_was_there_before() {
    let original = fixtures::noise(31, 14);
    for op in every_op() {
        let (mut image, mut spare) = (fixtures::colour(), Spare::default());
        for seed in 0..4 {
            apply_to(&op, original.as_picture(), &mut image, &mut spare, &mut Random::at([seed, 0, 0, 0]));
            assert!(image == applied(&op, original.clone(), seed), "{}", op.name());
        }
    }
    let empty = Image::default();
    let mut image = fixtures::colour();
    let random = &mut Random::at([0; 4]);
    apply_to(&every_op()[0], empty.as_picture(), &mut image, &mut Spare::default(), random);
    assert_eq!(image, empty);
}

fn digest(op: &Op) -> String {
    let Image { width, height, pixels } = applied(op, fixtures::colour(), 1);
    assert_eq!((width, height), (23, 17));
    Sha256::digest(pixels)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Name, revision and the first 16 digits of the SHA-256 of the result, the same on every machine.
const GOLDEN: [(&str, u32, &str); 11] = [
    ("brightness", 1, "0eb98b71e99222bf"),
    ("contrast", 1, "08e451cc03dc24a6"),
    ("saturation", 1, "a0c1fad0b8f3f4fd"),
    ("horizontal-flip", 1, "7828f46b4fc1d4ec"),
    ("gaussian-noise", 2, "cfbdc0e9417d27ae"),
    ("median-blur", 1, "e06f2f09d416cee5"),
    ("adaptive-histogram-equalisation", 1, "8120aa459dfa25ee"),
    ("bitmap-compression", 2, "ac53b897b49d4313"),
    ("edges", 1, "78fc1208e45b2202"),
    ("salt-and-pepper", 2, "b9d6feea78c95926"),
    ("grid-noise", 1, "62815e0d153e2ab8"),
];

#[test]
fn bytes_change_only_with_the_revision() {
    let seen = every_op().into_iter().map(|op| (op.name(), op.revision(), digest(&op)));
    let changed =
        seen.zip(GOLDEN).filter(|((name, revision, seen), golden)| (*name, *revision, &seen[..]) != *golden);
    let changed: Vec<String> = changed
        .map(|((name, revision, seen), _)| {
            format!("raise the revision of `{name}` ({revision}) in src/recipe/ops.rs, and pin it here with {seen}")
        })
        .collect();
    assert!(changed.is_empty(), "other bytes than were pinned\nhint: {}", changed.join("\nhint: "));
}

#[test]
fn every_augmentation_is_pinned() {
    let schema = serde_json::to_value(schemars::schema_for!(Op)).unwrap();
    assert_eq!(schema["oneOf"].as_array().map(Vec::len), Some(GOLDEN.len()), "pin the new augmentation here");
}

#[test]
fn spare_buffers_carry_nothing_from_image_to_image() {
    let mut spare = Spare::default();
    for image in [fixtures::noise(40, 30), fixtures::colour(), fixtures::noise(1, 1), fixtures::grey()] {
        for op in every_op() {
            let mut seen = image.clone();
            apply(&op, &mut seen, &mut spare, &mut Random::at([1, 0, 0, 0]));
            assert!(seen == applied(&op, image.clone(), 1), "{}", op.name());
        }
    }
}

fn any_dither() -> impl Strategy<Value = recipe::Dither> {
    use recipe::Dither::*;
    prop_oneof![Just(None), Just(Ordered), Just(FloydSteinberg)]
}

/// A number or a range in 0..=max.
fn strength(max: f64) -> impl Strategy<Value = Strength> {
    prop_oneof![
        (0.0..=max).prop_map(Strength::One),
        [0.0..=max, 0.0..=max].prop_map(|[a, b]| Strength::Between([a.min(b), a.max(b)])),
    ]
}

/// A number in 0..=1 or a range in -1..=1.
fn either_way() -> impl Strategy<Value = Strength> {
    prop_oneof![
        (0.0..=1.0).prop_map(Strength::One),
        [-1.0..=1.0, -1.0..=1.0].prop_map(|[a, b]: [f64; 2]| Strength::Between([a.min(b), a.max(b)])),
    ]
}

/// Those that look at a pixel's surroundings or at the whole picture.
fn any_area_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (1..=15_u32).prop_map(|radius| Op::MedianBlur(recipe::MedianBlur {
            size: (2 * radius + 1).into(),
            ..Default::default()
        })),
        (1..=64_u32, 1.0..=256.0_f64).prop_map(|(tiles, clip)| {
            let clip = recipe::Clip::At(clip.into());
            Op::AdaptiveHistogramEqualisation(recipe::AdaptiveHistogramEqualisation {
                tiles,
                clip,
                ..Default::default()
            })
        }),
        (0..3_u32, 1..=7_u32, any_dither()).prop_map(|(way, bits, dither)| {
            Op::BitmapCompression(recipe::BitmapCompression {
                bits: bits.into(),
                colours: (way == 1).then_some((bits * bits + 1).into()),
                jpeg_quality: (way == 2).then_some((bits * 14).into()),
                dither,
                ..Default::default()
            })
        }),
        (0.01..=16.0, any::<bool>(), 0.0..=2040.0).prop_map(|(gain, is_canny, high): (f64, _, f64)| {
            let detector = if is_canny { recipe::Detector::Canny } else { recipe::Detector::Sobel };
            let (low, high) = ((high / 2.0).into(), high.into());
            Op::Edges(recipe::Edges { gain: gain.into(), detector, low, high, ..Default::default() })
        }),
    ]
}

/// Any augmentation with any settings in range.
fn any_op() -> impl Strategy<Value = Op> {
    let unit = 0.0..=1.0_f64;
    prop_oneof![
        (either_way(), unit.clone())
            .prop_map(|(by, probability)| Op::Brightness(recipe::Brightness { by, probability })),
        (either_way(), unit.clone())
            .prop_map(|(by, probability)| Op::Contrast(recipe::Contrast { by, probability })),
        (either_way(), unit.clone())
            .prop_map(|(by, probability)| Op::Saturation(recipe::Saturation { by, probability })),
        unit.clone().prop_map(|probability| Op::HorizontalFlip(recipe::HorizontalFlip { probability })),
        strength(255.0).prop_map(|sd| Op::GaussianNoise(recipe::GaussianNoise { sd, probability: 1.0 })),
        any_area_op(),
        strength(1.0).prop_map(|share| Op::SaltAndPepper(recipe::SaltAndPepper { share, probability: 1.0 })),
        (any::<bool>(), 2..=256_u32, 1..=255_u32, any::<u8>(), strength(1.0)).prop_map(
            |(squares, spacing, thickness, level, share)| {
                let shape = if squares { recipe::GridShape::Squares } else { recipe::GridShape::Lines };
                Op::GridNoise(recipe::GridNoise { shape, spacing, thickness, level, share, probability: 1.0 })
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_size_and_no_settings_panic(op in any_op(), width in 1..=40_usize, height in 1..=40_usize, seed: u64) {
        let image = applied(&op, fixtures::noise(width, height), seed);
        prop_assert_eq!((image.width, image.height, image.pixels.len()), (width, height, width * height * 3));
    }

    #[test]
    fn bytes_are_equal_on_every_path(op in any_op(), width in 1..=90_usize, height in 1..=40_usize, seed: u64) {
        let image = fixtures::noise(width, height);
        let made = |vectors| {
            let (mut image, mut spare) = (image.clone(), Spare { vectors, ..Spare::default() });
            apply(&op, &mut image, &mut spare, &mut Random::at([seed, 0, 0, 0]));
            image.pixels
        };
        let plain = made(Vectors::NONE);
        for vectors in Vectors::all() {
            prop_assert!(made(vectors) == plain, "{} of {op:?}", vectors.name());
        }
    }

    #[test]
    fn settings_that_ask_for_nothing_do_nothing(width in 1..=40_usize, height in 1..=40_usize, seed: u64) {
        let image = fixtures::noise(width, height);
        for op in [
            Op::Brightness(recipe::Brightness { by: 0.0.into(), ..Default::default() }),
            Op::Contrast(recipe::Contrast { by: 0.0.into(), ..Default::default() }),
            Op::Saturation(recipe::Saturation { by: 0.0.into(), ..Default::default() }),
            Op::HorizontalFlip(recipe::HorizontalFlip { probability: 0.0 }),
            Op::GaussianNoise(recipe::GaussianNoise { sd: 0.0.into(), ..Default::default() }),
            Op::SaltAndPepper(recipe::SaltAndPepper { share: 0.0.into(), ..Default::default() }),
        ] {
            prop_assert!(applied(&op, image.clone(), seed) == image, "{}", op.name());
        }
    }

    #[test]
    fn two_flips_are_none(width in 1..=40_usize, height in 1..=40_usize) {
        let image = fixtures::noise(width, height);
        let flip = Op::HorizontalFlip(Default::default());
        prop_assert!(applied(&flip, applied(&flip, image.clone(), 1), 1) == image);
    }

    #[test]
    fn compressing_twice_is_compressing_once(bits in 1..=7_u32, width in 1..=40_usize) {
        let compress = Op::BitmapCompression(recipe::BitmapCompression { bits: bits.into(), ..Default::default() });
        let once = applied(&compress, fixtures::noise(width, 20), 1);
        prop_assert!(applied(&compress, once.clone(), 1) == once);
    }
}
