//! `trajectories.safetensors`: one tensor `trajectories` `[experts, epochs + 1, weights]` f32, written and read row by row,
//! so that memory does not grow with it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use memmap2::Mmap;
use safetensors::tensor::{Dtype, TensorInfo};
use tch::{Device, Kind, Tensor};

const NAME: &str = "trajectories";
/// Bytes of a value.
const VALUE: u64 = 4;

/// How much there is of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub experts: u64,
    /// Of each; there is a row more, of the start.
    pub epochs: u64,
    /// Weights of the network.
    pub weights: u64,
}

impl Extent {
    /// Bytes of all values.
    pub fn bytes(&self) -> u64 {
        self.experts * (self.epochs + 1) * self.weights * VALUE
    }

    /// The file's beginning: the header's length, and the header, padded so that values lie on multiples of 8.
    fn header(&self) -> Vec<u8> {
        let (shape, bytes) = ([self.experts, self.epochs + 1, self.weights], self.bytes());
        let mut text =
            format!(r#"{{"{NAME}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[0,{bytes}]}}}}"#);
        text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
        (text.len() as u64).to_le_bytes().into_iter().chain(text.into_bytes()).collect()
    }

    /// Bytes ahead of a row.
    fn ahead_of(&self, expert: u64, epoch: u64) -> u64 {
        debug_assert!(expert < self.experts && epoch <= self.epochs, "{expert} {epoch} {self:?}");
        (expert * (self.epochs + 1) + epoch) * self.weights * VALUE
    }
}

/// A file of trajectories that is being written.
pub struct Draft {
    pub extent: Extent,
    file: File,
    path: PathBuf,
    /// Where values begin.
    start: u64,
}

impl Draft {
    /// A file of this extent at `path`: one that is there already goes on, any other is replaced. The flag says whether it
    /// was there.
    pub fn create(path: &Path, extent: Extent) -> Result<(Draft, bool)> {
        let failed = || format!("cannot write `{}`", path.display());
        let there = Trajectories::read(path).is_ok_and(|known| known.extent == extent);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(!there).open(path).with_context(failed)?;
        let header = extent.header();
        let start = header.len() as u64;
        file.write_all_at(&header, 0).with_context(failed)?;
        file.set_len(start + extent.bytes()).with_context(failed)?;
        Ok((Draft { extent, file, path: path.to_path_buf(), start }, there))
    }

    /// Writes the weights `[weights]` of an expert after so many epochs.
    pub fn put(&self, expert: u64, epoch: u64, weights: &Tensor) -> Result<()> {
        let values = Vec::<f32>::try_from(weights.detach().to_device(Device::Cpu).view(-1))?;
        ensure!(values.len() as u64 == self.extent.weights, "{} weights", values.len());
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let place = self.start + self.extent.ahead_of(expert, epoch);
        let written = self.file.write_all_at(&bytes, place);
        written.with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    /// Waits until what was put is on the disk.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

/// A file of trajectories: its pages are read when they are looked at.
#[derive(Debug)]
pub struct Trajectories {
    pub extent: Extent,
    map: Mmap,
    /// Where values begin.
    start: usize,
}

impl Trajectories {
    /// # Errors
    /// The file is missing, damaged or of another kind.
    pub fn read(path: &Path) -> Result<Trajectories> {
        let open = || -> Result<Trajectories> {
            let file = File::open(path)?;
            // Sound: artifacts are read-only, and a draft is written by the one process that holds its folder.
            let map = unsafe { Mmap::map(&file)? };
            let length = map.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
            let start = usize::try_from(length.saturating_add(8)).unwrap_or(usize::MAX);
            let header = map.get(8..start).context("it is cut off, or has no header")?;
            let found: BTreeMap<String, TensorInfo> = serde_json::from_slice(header)?;
            let tensor = found.get(NAME).with_context(|| format!("it has no tensor `{NAME}`"))?;
            let [experts, rows, weights] = tensor.shape[..] else {
                anyhow::bail!("`{NAME}` has another shape")
            };
            ensure!(tensor.dtype == Dtype::F32 && rows > 0, "`{NAME}` does not hold f32");
            let [experts, epochs, weights] = [experts, rows - 1, weights].map(|side| side as u64);
            let extent = Extent { experts, epochs, weights };
            ensure!(map.len() as u64 == start as u64 + extent.bytes(), "it is cut off");
            Ok(Trajectories { extent, map, start })
        };
        open().with_context(|| format!("`{}` holds no trajectories", path.display()))
    }

    /// The weights `[weights]` f32 of an expert after so many epochs, on the CPU.
    pub fn at(&self, expert: u64, epoch: u64) -> Tensor {
        let start = self.start + self.extent.ahead_of(expert, epoch) as usize;
        let bytes = &self.map[start..start + (self.extent.weights * VALUE) as usize];
        Tensor::from_data_size(bytes, &[self.extent.weights as i64], Kind::Float)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_the_file_is_one_of_safetensors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        let extent = Extent { experts: 2, epochs: 1, weights: 3 };
        let row = |first: f32| Tensor::from_slice(&[first, first + 0.5, -first]);
        let (draft, was_there) = Draft::create(&path, extent).unwrap();
        assert!(!was_there);
        draft.put(0, 1, &row(1.0)).unwrap();
        draft.put(1, 0, &row(7.0)).unwrap();
        drop(draft);
        let (draft, was_there) = Draft::create(&path, extent).unwrap();
        assert!(was_there);
        draft.put(1, 1, &row(9.0)).unwrap();
        let read = Trajectories::read(&path).unwrap();
        assert_eq!((read.extent, read.at(0, 1), read.at(1, 0)), (extent, row(1.0), row(7.0)));
        let all = Tensor::read_safetensors(&path).unwrap();
        assert_eq!((all[0].0.as_str(), all[0].1.size()), (NAME, vec![2, 2, 3]));
        assert_eq!(all[0].1.get(1).get(1), row(9.0));
    }

    #[test]
    fn a_file_that_is_cut_off_or_something_else_is_refused_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        let extent = Extent { experts: 1, epochs: 1, weights: 2 };
        for length in [90, 5, 0] {
            Draft::create(&path, extent).unwrap();
            OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
            let error = format!("{:#}", Trajectories::read(&path).unwrap_err());
            assert!(error.contains("holds no trajectories"), "{error}");
            assert!(!Draft::create(&path, extent).unwrap().1);
            assert!(Draft::create(&path, extent).unwrap().1);
        }
        std::fs::write(&path, "weights").unwrap();
        assert!(Trajectories::read(&path).is_err());
    }
}
