//! What a training takes in a GPU's memory, by its network's description, and whether its images have room beside it.

use std::fmt;

use super::figures::Figures;

/// Bytes of a value in fp32.
const VALUE: u64 = 4;
/// Share of the free memory that is left alone, for the libraries' workspaces and what the allocator cannot join. An
/// estimate, not a measurement.
const SPARE: u64 = 10;

impl Figures {
    /// Bytes that a training takes at its peak beside its set: `copies` of the weights (themselves, their gradients, what the
    /// optimiser keeps), and of `images` images of `image_size` pixels that go through at once what is kept for the way
    /// back, the two largest gradients on it, and their pixels before and after random changes. All in fp32: in bf16
    /// it is less.
    pub fn training_bytes(&self, copies: u64, images: u64, image_size: u32) -> u64 {
        let largest = self.rows.iter().map(|row| row.shape.values()).max().unwrap_or(0) as u64;
        let pixels = 3 * u64::from(image_size).pow(2);
        let of_an_image = self.activations as u64 + 2 * largest + 2 * pixels;
        VALUE * (copies * self.parameters() as u64 + images * of_an_image)
    }
}

/// Where the images of a training lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residence {
    /// In the pages of their file, on which the processor computes as they are.
    File,
    /// On the GPU, as they are stored.
    Gpu,
    /// In the pages of their file; each batch is brought to the GPU ahead of its step.
    Batches,
}

/// What decides about it, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Of the images, as they are stored.
    pub stored: u64,
    /// Of the training beside them.
    pub needed: u64,
    /// On the GPU; `None` where it does not say.
    pub free: Option<u64>,
}

impl Room {
    /// Where images lie that a GPU is to train on.
    pub fn residence(&self) -> Residence {
        let fits = |free: u64| self.stored.saturating_add(self.needed) <= free - free / SPARE;
        if self.free.is_none_or(fits) { Residence::Gpu } else { Residence::Batches }
    }
}

/// As a stage's log and a plan have it.
impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stored, needed) = (written(self.stored), written(self.needed));
        match self.residence() {
            Residence::Gpu => write!(f, "the images ({stored}) lie on the GPU")?,
            _ => write!(
                f,
                "the images ({stored}) do not fit on the GPU and come from their file, batch by batch"
            )?,
        }
        write!(f, ": the training needs about {needed} beside them, and ")?;
        match self.free {
            Some(free) => write!(f, "{} are free", written(free)),
            None => write!(f, "how much is free is not known"),
        }
    }
}

/// Bytes as libtorch writes them.
pub fn written(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes >= 1_073_741_824.0 => format!("{:.2} GiB", bytes / 1_073_741_824.0),
        _ if bytes >= 1_048_576.0 => format!("{:.1} MiB", bytes / 1_048_576.0),
        _ if bytes >= 1024.0 => format!("{:.1} KiB", bytes / 1024.0),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::Structure;
    use crate::recipe::{Linear, Network};

    #[test]
    fn images_lie_on_the_gpu_where_they_fit_beside_the_training_and_a_tenth_to_spare() {
        let room = |stored: u64, free: u64| Room { stored, needed: 400, free: Some(free) }.residence();
        assert_eq!(room(500, 1000), Residence::Gpu);
        assert_eq!(room(501, 1000), Residence::Batches);
        assert_eq!(room(u64::MAX, 1000), Residence::Batches);
        assert_eq!(room(0, 0), Residence::Batches);
        let unknown = Room { stored: 1 << 40, needed: 1, free: None };
        assert_eq!(unknown.residence(), Residence::Gpu);
    }

    #[test]
    fn a_room_says_what_it_decided_and_by_what() {
        let room = Room { stored: 3 << 30, needed: 200 << 20, free: Some(79 << 30) };
        let told = "the images (3.00 GiB) lie on the GPU: the training needs about 200.0 MiB beside them, and 79.00 GiB are \
                    free";
        assert_eq!(room.to_string(), told);
        let told = Room { free: Some(3 << 30), ..room }.to_string();
        assert!(
            told.starts_with("the images (3.00 GiB) do not fit on the GPU and come from their file"),
            "{told}"
        );
        assert!(Room { free: None, ..room }.to_string().ends_with("how much is free is not known"));
    }

    #[test]
    fn a_training_takes_its_weights_and_what_its_layers_put_out() {
        let figures = Structure::new(&Network::Linear(Linear {}), 10, 4).unwrap().figures;
        // 48 inputs: 490 weights in 3 copies; of each image 10 outputs, twice the flat input of the first row, its pixels.
        let largest = figures.rows.iter().map(|row| row.shape.values()).max().unwrap() as u64;
        let of_an_image = figures.activations as u64 + 2 * largest + 2 * 48;
        assert_eq!(figures.training_bytes(3, 5, 4), 4 * (3 * 490 + 5 * of_an_image));
    }

    #[test]
    fn sizes_are_written_in_the_unit_that_suits() {
        let found = [512, 2048, 3 << 20, 5 << 30].map(written);
        assert_eq!(found, ["512 bytes", "2.0 KiB", "3.0 MiB", "5.00 GiB"]);
    }
}
