//! Which images of each class are drawn, and in what order: never one image for two splits, nor two images of a group.

use sha2::{Digest, Sha256};

use super::catalog::{ClassImages, ImageRef, SplitIndex};
use super::kin::Groups;
use crate::recipe::Amount;

/// The images drawn for a split: class by class, each class in the order in which it was drawn.
pub type Slots<'a> = Vec<(usize, &'a ImageRef)>;

/// The images of all classes, in the order in which they are drawn.
///
/// An image's rank is a hash of (seed, class, id), so that it does not depend on what else is there: a file more or
/// less changes few draws. Each group of images belongs to one split, all classes alike: from the start to test or to
/// valid if it holds an image that the data set itself placed there (test goes first), else to the split that draws of
/// it first.
pub struct Draws<'a> {
    decks: Vec<Deck<'a>>,
    /// Of each group.
    owner: Vec<Option<SplitIndex>>,
    /// How many images each split takes of each class.
    amounts: [Amount; 3],
}

struct Deck<'a> {
    class: &'a ClassImages,
    /// By split, in order of rank.
    cards: [Vec<Card>; 3],
    /// Training images group by group: places in `cards[0]`.
    bundles: Vec<Vec<usize>>,
}

struct Card {
    /// Into the class's images of the split.
    index: usize,
    group: usize,
    taken: bool,
}

impl<'a> Draws<'a> {
    pub fn new(classes: &[&'a ClassImages], groups: &Groups, amounts: [Amount; 3], seed: u64) -> Draws<'a> {
        let mut owner = vec![None; groups.count()];
        // Test last, so that it goes over valid.
        for split in [1, 2] {
            groups.of.iter().flat_map(|of| &of[split]).for_each(|group| owner[*group] = Some(split));
        }
        let decks = classes.iter().zip(&groups.of).map(|(class, of)| Deck::new(class, of, seed));
        Draws { decks: decks.collect(), owner, amounts }
    }

    /// Draws every split. A class that has too few images gives those that it has.
    ///
    /// Splits of a given size are drawn in the order train, valid, test, so that a larger test split leaves the others
    /// as they are; a split that takes all that is left comes after those that draw from training images.
    pub fn draw(&mut self) -> [Slots<'a>; 3] {
        let order = match self.amounts[0] {
            Amount::Number(_) => [0, 1, 2],
            Amount::Every(_) => [1, 2, 0],
        };
        let mut drawn = [const { Vec::new() }; 3];
        for (at, split) in order.into_iter().enumerate() {
            for label in 0..self.decks.len() {
                let images = self.draw_class(label, split, at == 2);
                drawn[split].extend(images.into_iter().map(|image| (label, image)));
            }
        }
        drawn
    }

    fn draw_class(&mut self, label: usize, split: SplitIndex, is_last: bool) -> Vec<&'a ImageRef> {
        let (wanted, tops_up) = match self.amounts[split] {
            Amount::Number(n) => (n as usize, split != 0),
            Amount::Every(_) => (usize::MAX, false),
        };
        let (deck, owner) = (&mut self.decks[label], &mut self.owner);
        let mut drawn = Vec::new();
        if split != 0 {
            deck.take_by_rank(split, split, wanted, owner, &mut drawn);
        }
        if split == 0 || tops_up {
            // Nobody comes after the last one, so that what it leaves of a group is no loss.
            match is_last {
                true => deck.take_by_rank(split, 0, wanted, owner, &mut drawn),
                false => deck.take_bundles(split, wanted, owner, &mut drawn),
            }
        }
        drawn
    }

    /// Another image for a split, in place of one that cannot be read. None where every image is taken already.
    pub fn next(&mut self, label: usize, split: SplitIndex) -> Option<&'a ImageRef> {
        if let Amount::Every(_) = self.amounts[split] {
            return None;
        }
        let (deck, owner) = (&mut self.decks[label], &mut self.owner);
        let mut drawn = Vec::new();
        deck.take_by_rank(split, split, 1, owner, &mut drawn);
        deck.take_by_rank(split, 0, 1, owner, &mut drawn);
        drawn.pop()
    }
}

impl<'a> Deck<'a> {
    fn new(class: &'a ClassImages, groups: &[Vec<usize>; 3], seed: u64) -> Deck<'a> {
        let ranks = [0, 1, 2].map(|split| {
            class.images[split].iter().map(|image| rank(image, &class.name, seed)).collect::<Vec<_>>()
        });
        let cards = [0, 1, 2].map(|split: SplitIndex| {
            let mut order: Vec<usize> = (0..ranks[split].len()).collect();
            order.sort_unstable_by_key(|index| (ranks[split][*index], *index));
            let card = |index| Card { index, group: groups[split][index], taken: false };
            order.into_iter().map(card).collect::<Vec<Card>>()
        });
        let bundles = bundle(&cards[0], &ranks[0]);
        Deck { class, cards, bundles }
    }

    /// Takes free images of the split `from` in order of rank, until `drawn` holds `wanted`.
    fn take_by_rank(
        &mut self,
        split: SplitIndex,
        from: SplitIndex,
        wanted: usize,
        owner: &mut [Option<SplitIndex>],
        drawn: &mut Vec<&'a ImageRef>,
    ) {
        for card in &mut self.cards[from] {
            if drawn.len() >= wanted {
                return;
            }
            if !card.taken && owner[card.group].is_none_or(|by| by == split) {
                (card.taken, owner[card.group]) = (true, Some(split));
                drawn.push(&self.class.images[from][card.index]);
            }
        }
    }

    /// Takes free training images group by group: first groups that are wanted whole, then part of one, so that as
    /// little as can be is lost for the splits to come.
    fn take_bundles(
        &mut self,
        split: SplitIndex,
        wanted: usize,
        owner: &mut [Option<SplitIndex>],
        drawn: &mut Vec<&'a ImageRef>,
    ) {
        for whole in [true, false] {
            for bundle in &self.bundles {
                if drawn.len() >= wanted {
                    return;
                }
                let cards = &mut self.cards[0];
                let group = cards[bundle[0]].group;
                let free: Vec<usize> = bundle.iter().copied().filter(|at| !cards[*at].taken).collect();
                let fits = !whole || free.len() <= wanted - drawn.len();
                if free.is_empty() || !fits || owner[group].is_some_and(|by| by != split) {
                    continue;
                }
                owner[group] = Some(split);
                for at in free.into_iter().take(wanted - drawn.len()) {
                    cards[at].taken = true;
                    drawn.push(&self.class.images[0][cards[at].index]);
                }
            }
        }
    }
}

/// Cards by group; a group stands where the first of its images in the order of the data set stands.
fn bundle(cards: &[Card], ranks: &[Rank]) -> Vec<Vec<usize>> {
    let mut by_group: Vec<(usize, usize)> =
        cards.iter().enumerate().map(|(at, card)| (card.group, at)).collect();
    by_group.sort_unstable();
    let members = |of: &[(usize, usize)]| of.iter().map(|(_, at)| *at).collect::<Vec<usize>>();
    let mut bundles: Vec<Vec<usize>> = by_group.chunk_by(|a, b| a.0 == b.0).map(members).collect();
    bundles.sort_by_cached_key(|bundle| {
        let first = bundle.iter().map(|at| cards[*at].index).min().expect("a group holds an image");
        (ranks[first], first)
    });
    bundles
}

pub type Rank = [u8; 32];

/// Where an image stands among those of its class.
pub fn rank(image: &ImageRef, class: &str, seed: u64) -> Rank {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    hasher.update((class.len() as u64).to_le_bytes());
    hasher.update(class.as_bytes());
    hasher.update(image.id.as_bytes());
    hasher.finalize().into()
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
