//! Where an augmentation draws: over a picture, or a changed copy of another, which then need not be copied first.

use super::image::{Image, Picture, Spare};

/// A picture to change.
pub struct Canvas<'a> {
    image: &'a mut Image,
    /// What `image` is to become a changed copy of; `None` where it holds the picture already.
    original: Option<Picture<'a>>,
}

impl<'a> Canvas<'a> {
    pub fn over(image: &'a mut Image) -> Canvas<'a> {
        Canvas { image, original: None }
    }

    /// `image` may hold anything; its memory is reused.
    pub fn copy_of(original: Picture<'a>, image: &'a mut Image) -> Canvas<'a> {
        Canvas { image, original: Some(original) }
    }

    pub fn is_empty(&self) -> bool {
        self.original.map_or(self.image.pixels.is_empty(), |original| original.pixels.is_empty())
    }

    /// The picture, to be changed where it lies.
    pub fn in_place(self) -> &'a mut Image {
        if let Some(original) = self.original {
            self.image.copy_from(original);
        }
        self.image
    }

    /// Has `draw` read the picture and write the changed one: bytes of any value, as many as are read.
    pub fn redraw(self, spare: &mut Spare, draw: impl FnOnce(Picture, &mut [u8], &mut Spare)) {
        let image = self.image;
        if let Some(original) = self.original {
            (image.width, image.height) = (original.width, original.height());
            image.pixels.resize(original.pixels.len(), 0);
            return draw(original, &mut image.pixels, spare);
        }
        let before = std::mem::replace(&mut image.pixels, std::mem::take(&mut spare.pixels));
        image.pixels.resize(before.len(), 0);
        draw(Picture { width: image.width, pixels: &before }, &mut image.pixels, spare);
        spare.pixels = before;
    }
}
