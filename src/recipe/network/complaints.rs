//! What goes wrong between a network's settings and the size of its images, told before anything runs.

use super::{Convnet, Network, Resnet18, Resnet50, Step, Swin, VitTiny, convnet_depth, convnet_side};
use crate::recipe::Complaint;

/// Stages of a network that halve the side, after the first.
const HALVINGS: u32 = 3;

impl Network {
    /// The smallest image, in pixels a side, that the network leaves something of.
    pub fn least_image_size(&self) -> u32 {
        match self {
            Network::Vgg11(_) | Network::Vgg16(_) | Network::Vgg16Bn(_) => 32,
            Network::Alexnet(_) => 63,
            Network::Resnet18(Resnet18 { stem_stride, .. }) => stem_stride.unwrap_or(1) << HALVINGS,
            Network::Resnet50(Resnet50 { stem_stride, .. }) => stem_stride.unwrap_or(1) << HALVINGS,
            Network::Convnext(settings) => settings.patch.unwrap_or(1) << HALVINGS,
            Network::VitTiny(settings) => settings.patch.unwrap_or(4),
            Network::Swin(settings) => settings.patch.unwrap_or(2) << HALVINGS,
            Network::Cnn(_) => 16,
            Network::Ultralight(_) => 12,
            Network::UltralightModern(_) => 16,
            Network::Airbench(_) => 9,
            Network::Convnet(Convnet { depth, padding, .. }) => {
                // What the padding leaves to the image, which is a pixel at least.
                (1 << depth.unwrap_or(2)).max(convnet_side(1, *padding)) - convnet_side(0, *padding)
            }
            Network::Mlp(_) | Network::Linear(_) => 1,
        }
    }

    /// Settings that cannot work, or not with images of this size; `None` is a size that is not known. Fields start at
    /// `network`.
    pub fn complaints(&self, image_size: Option<u32>) -> Vec<Complaint> {
        let own = match self {
            Network::Resnet18(Resnet18 { stem_stride, .. })
            | Network::Resnet50(Resnet50 { stem_stride, .. }) => self.stem(*stem_stride),
            Network::Swin(settings) => split_heads(settings),
            _ => None,
        };
        let twice = match self {
            Network::Resnet50(Resnet50 { modern, .. }) => taken_twice(modern),
            _ => Vec::new(),
        };
        let of_size = image_size.and_then(|size| self.against_size(size));
        own.into_iter().chain(twice).chain(of_size).collect()
    }

    fn stem(&self, stride: Option<u32>) -> Option<Complaint> {
        let message = "a stem divides the side by 1, 2 or 4, not by 3";
        stride.filter(|stride| *stride == 3)?;
        let complaint = Complaint::new(&["network", self.name(), "stem_stride"], message);
        Some(complaint.hint("`stem_stride = 2` or `4`; without it, it follows the image size"))
    }

    fn against_size(&self, size: u32) -> Option<Complaint> {
        if let Network::Convnet(Convnet { depth: Some(depth), padding, .. }) = self {
            return too_deep(&["network", "convnet", "depth"], *depth, *padding, size);
        }
        let found = match self {
            _ if size < self.least_image_size() => self.too_small(size),
            Network::VitTiny(settings) => split_patches(settings, size)?,
            Network::Swin(settings) => split_windows(settings, size)?,
            _ => return None,
        };
        Some(found.against("from", &["image_size"]))
    }

    fn too_small(&self, size: u32) -> Complaint {
        let (name, least) = (self.name(), self.least_image_size());
        let complaint = Complaint::new(
            &["network"],
            format!("`{name}` needs images of {least} pixels or more, not {size}"),
        );
        match self.shrinking_setting() {
            Some(setting) => complaint.hint(format!("larger images, or a smaller `{setting}`")),
            None => complaint.hint(format!("`image_size = {least}` of the subset, or another network")),
        }
    }

    /// The setting that follows the image size where it is not given, and gives the first layers their shapes.
    pub fn sized_by(&self) -> Option<&'static str> {
        match self {
            Network::Resnet18(_) | Network::Resnet50(_) => Some("stem_stride"),
            Network::Convnext(_) | Network::VitTiny(_) | Network::Swin(_) => Some("patch"),
            _ => None,
        }
    }

    /// The setting, where one is given, that a smaller image could be taken with.
    fn shrinking_setting(&self) -> Option<&'static str> {
        let given = match self {
            Network::Resnet18(settings) => settings.stem_stride,
            Network::Resnet50(settings) => settings.stem_stride,
            Network::Convnext(settings) => settings.patch,
            Network::VitTiny(settings) => settings.patch,
            Network::Swin(settings) => settings.patch,
            _ => None,
        };
        given.and_then(|_| self.sized_by())
    }
}

/// Attention has a head for every 32 channels.
fn split_heads(settings: &Swin) -> Option<Complaint> {
    let width = settings.width;
    let (below, above) = (width / 32 * 32, width.next_multiple_of(32));
    let message = format!("a width of {width} is no multiple of 32");
    let complaint = || Complaint::new(&["network", "swin", "width"], message);
    (below != above).then(|| complaint().hint(format!("{below} or {above}; 96 is Swin-T")))
}

/// A step towards ConvNeXt is taken or not.
fn taken_twice(steps: &[Step]) -> Vec<Complaint> {
    let twice = steps.iter().enumerate().filter(|(place, step)| steps[..*place].contains(step));
    let complaint = |(place, _): (usize, &Step)| {
        let message = "this step is in `modern` already, and is taken once";
        Complaint::new(&["network", "resnet50", "modern", &place.to_string()], message)
            .hint("leave one of them out")
    };
    twice.map(complaint).collect()
}

/// A `convnet` of more blocks than images of `size` pixels, padded, can be halved; `field` is its `depth`.
pub fn too_deep(field: &[&str], depth: u32, padding: u32, size: u32) -> Option<Complaint> {
    let side = convnet_side(size, padding);
    let padded = if side == size { String::new() } else { format!(", padded to {side},") };
    let message = format!("{depth} blocks halve an image of {size} pixels{padded} to nothing");
    let (most, usual) = (side.max(1).ilog2(), convnet_depth(side));
    let complaint = || Complaint::new(field, message).against("from", &["image_size"]);
    (side >> depth == 0)
        .then(|| complaint().hint(format!("at most {most} blocks, or leave `depth` out for {usual}")))
}

fn split_patches(settings: &VitTiny, size: u32) -> Option<Complaint> {
    let patch = settings.patch(size);
    if size.is_multiple_of(patch) {
        return None;
    }
    let message = format!("patches of {patch} pixels do not divide images of {size}");
    let dividing = (1..=patch).rev().find(|patch| size.is_multiple_of(*patch)).unwrap_or(1);
    let hint = format!("`patch = {dividing}` does, and so do images of {} pixels", size / patch * patch);
    Some(Complaint::new(&["network", "vit-tiny"], message).hint(hint))
}

fn split_windows(settings: &Swin, size: u32) -> Option<Complaint> {
    let (patch, window) = (settings.patch(size), settings.window(size));
    let step = patch << HALVINGS;
    if !size.is_multiple_of(step) {
        let message =
            format!("`swin` with patches of {patch} needs images of a multiple of {step} pixels, not {size}");
        let below = size / step * step;
        let hint = format!("{below} or {} pixels, or another `patch`", below + step);
        return Some(Complaint::new(&["network"], message).hint(hint));
    }
    if settings.fits(size, window) {
        return None;
    }
    let message =
        format!("windows of {window} do not divide the {} tokens a side of {size} pixels", size / patch);
    let fitting = (4..=16).find(|window| settings.fits(size, *window));
    let complaint = Complaint::new(&["network", "swin"], message);
    Some(match fitting {
        Some(fitting) => complaint.hint(format!("`window = {fitting}` does")),
        None => complaint.hint("another image size or `patch`"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Convnext, UltralightModern};
    use super::*;

    fn told(network: &Network, size: u32) -> Vec<(String, Option<String>)> {
        network.complaints(Some(size)).into_iter().map(|told| (told.message, told.hint)).collect()
    }

    fn one(message: &str, hint: Option<&str>) -> Vec<(String, Option<String>)> {
        vec![(message.to_string(), hint.map(str::to_string))]
    }

    #[test]
    fn images_too_small_are_told_with_the_least_size() {
        let modern = Network::UltralightModern(UltralightModern {});
        let message = "`ultralight-modern` needs images of 16 pixels or more, not 12";
        let hint = "`image_size = 16` of the subset, or another network";
        assert_eq!(told(&modern, 12), one(message, Some(hint)));
        let patchy = Network::Convnext(Convnext { patch: Some(4), ..Convnext::default() });
        let message = "`convnext` needs images of 32 pixels or more, not 16";
        assert_eq!(told(&patchy, 16), one(message, Some("larger images, or a smaller `patch`")));
    }

    #[test]
    fn a_convnet_too_deep_is_told_with_the_depth_that_fits() {
        let deep = Network::Convnet(Convnet { depth: Some(6), ..Convnet::default() });
        let message = "6 blocks halve an image of 32 pixels to nothing";
        assert_eq!(told(&deep, 32), one(message, Some("at most 5 blocks, or leave `depth` out for 3")));
        assert_eq!(told(&deep, 64), []);
    }

    #[test]
    fn a_padded_convnet_takes_smaller_images_and_more_blocks() {
        let padded = |padding, depth| Network::Convnet(Convnet { padding, depth, ..Convnet::default() });
        let least = |padding, depth| padded(padding, depth).least_image_size();
        assert_eq!([least(1, None), least(2, None), least(3, None), least(3, Some(4))], [4, 2, 1, 12]);
        assert_eq!(told(&padded(3, Some(5)), 28), []);
        let message = "6 blocks halve an image of 28 pixels, padded to 32, to nothing";
        let hint = "at most 5 blocks, or leave `depth` out for 3";
        assert_eq!(told(&padded(3, Some(6)), 28), one(message, Some(hint)));
        assert_eq!(told(&padded(3, Some(4)), 11).len(), 1);
        assert_eq!(told(&padded(3, Some(4)), 12), []);
    }

    #[test]
    fn patches_and_windows_that_do_not_divide_the_image_are_told_with_some_that_do() {
        let vit = Network::VitTiny(VitTiny { patch: Some(7), ..VitTiny::default() });
        let message = "patches of 7 pixels do not divide images of 48";
        assert_eq!(told(&vit, 48), one(message, Some("`patch = 6` does, and so do images of 42 pixels")));
        let swin = |window| Network::Swin(Swin { window, ..Swin::default() });
        let message = "`swin` with patches of 2 needs images of a multiple of 16 pixels, not 100";
        assert_eq!(told(&swin(None), 100), one(message, Some("96 or 112 pixels, or another `patch`")));
        let message = "windows of 7 do not divide the 32 tokens a side of 64 pixels";
        assert_eq!(told(&swin(Some(7)), 64), one(message, Some("`window = 4` does")));
        for size in [16, 32, 48, 64, 96, 112, 128, 224] {
            assert_eq!(told(&swin(None), size), [], "{size}");
        }
    }

    #[test]
    fn settings_that_never_work_are_told_without_an_image_size() {
        let stem = Network::Resnet18(Resnet18 { stem_stride: Some(3), drop_path: 0.0 });
        assert_eq!(stem.complaints(None)[0].field, ["network", "resnet18", "stem_stride"]);
        let narrow = Network::Swin(Swin { width: 48, ..Swin::default() });
        assert_eq!(narrow.complaints(None)[0].message, "a width of 48 is no multiple of 32");
        assert_eq!(narrow.complaints(None)[0].hint.as_deref(), Some("32 or 64; 96 is Swin-T"));
        let steps = vec![Step::Width, Step::Gelu, Step::Width];
        let twice = Network::Resnet50(Resnet50 { modern: steps, ..Resnet50::default() });
        let told = twice.complaints(None);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].field, ["network", "resnet50", "modern", "2"]);
    }
}
