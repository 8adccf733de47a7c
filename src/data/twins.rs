//! Images that show the same thing: the same pixels, or nearly; worst where they stand in two splits.

use std::collections::{BTreeMap, BTreeSet};

use super::likeness::groups;
use super::survey::Seen;

/// Two images or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Indices into the images seen, in order.
    pub images: Vec<usize>,
    /// Whether all have the same pixels.
    pub exact: bool,
    /// Whether they stand in several splits: what is learnt from one is remembered at the other.
    pub leak: bool,
    /// Whether they stand in several classes: one of the labels is wrong.
    pub torn: bool,
    /// The largest distance of an image from its nearest in the group; 0 where all are exact.
    pub distance: u32,
}

/// Groups of images whose fingerprints lie no farther apart than `within`, chained: those that stand in two splits
/// first, then in the order of their first image.
pub fn twins(seen: &[Seen], within: u32) -> Vec<Group> {
    let prints: Vec<_> = seen.iter().map(|image| image.print).collect();
    let mut by_group: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    // Blank pictures share a fingerprint and nothing else, unless their pixels are the same.
    for (index, group) in groups(&prints, within).into_iter().enumerate() {
        by_group.entry(group).or_default().push(index);
    }
    let mut found: Vec<Group> =
        by_group.into_values().filter(|images| images.len() > 1).map(|images| group(seen, images)).collect();
    found.sort_by_key(|group| (!group.leak, group.images[0]));
    found
}

fn group(seen: &[Seen], images: Vec<usize>) -> Group {
    let several = |of: &dyn Fn(&Seen) -> usize| {
        images.iter().map(|index| of(&seen[*index])).collect::<BTreeSet<_>>().len() > 1
    };
    let exact = images.windows(2).all(|pair| seen[pair[0]].pixels == seen[pair[1]].pixels);
    Group {
        exact,
        leak: several(&|image| image.split),
        torn: several(&|image| image.class),
        distance: if exact { 0 } else { farthest(seen, &images) },
        images,
    }
}

/// Images of a group that are compared with one another: a thousand copies would take a million comparisons.
const COMPARED: usize = 200;

fn farthest(seen: &[Seen], images: &[usize]) -> u32 {
    let images = &images[..images.len().min(COMPARED)];
    let nearest = |one: &usize| {
        let others = images.iter().filter(|other| *other != one);
        others.map(|other| seen[*one].print.distance(&seen[*other].print)).min().unwrap_or(0)
    };
    images.iter().map(nearest).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::super::likeness::{Fingerprint, NEAR};
    use super::*;

    fn scene(phase: f64, shade: u8) -> RgbImage {
        RgbImage::from_fn(64, 64, |x, y| {
            let wave = (f64::from(x) * 0.1 * phase).sin() * (f64::from(y) * 0.07 * phase).cos();
            Rgb([(120.0 + 100.0 * wave) as u8, shade, (y * 3) as u8])
        })
    }

    fn seen(image: &RgbImage, class: usize, split: usize) -> Seen {
        let digest = <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(image.as_raw()));
        let pixels = *digest.first_chunk().unwrap();
        let print = Fingerprint::of(image);
        Seen { class, split, index: 0, width: 64, height: 64, format: "PNG", pixels, print }
    }

    #[test]
    fn copies_and_near_copies_are_grouped_and_leaks_come_first() {
        let (one, other, third) = (scene(1.0, 10), scene(2.7, 200), scene(4.9, 90));
        let all = [
            seen(&one, 0, 0),
            seen(&other, 0, 0),
            seen(&third, 1, 0),
            seen(&one, 0, 0),
            seen(&scene(2.7, 204), 1, 2),
        ];
        let found = twins(&all, NEAR);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            (&found[0].images[..], found[0].exact, found[0].leak, found[0].torn),
            (&[1, 4][..], false, true, true)
        );
        assert_eq!((&found[1].images[..], found[1].exact, found[1].leak), (&[0, 3][..], true, false));
        assert!(found[0].distance <= NEAR && found[1].distance == 0);
    }
}
