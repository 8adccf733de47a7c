//! A file as the Parquet reader wants it: any part of it, and never more memory than the file has bytes.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::data::binary::Binary;

pub struct Whole(pub Arc<Binary>);

impl Length for Whole {
    fn len(&self) -> u64 {
        self.0.len
    }
}

impl ChunkReader for Whole {
    type T = From;

    fn get_read(&self, start: u64) -> Result<From> {
        Ok(From { binary: self.0.clone(), at: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // The file says how much, so it is looked at before memory is taken.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.len) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} of {}", self.0.len)));
        }
        let mut bytes = vec![0; length];
        self.0.read_at(start, &mut bytes).map_err(|error| ParquetError::General(format!("{error:#}")))?;
        Ok(bytes.into())
    }
}

/// Reads on from a place.
pub struct From {
    binary: Arc<Binary>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.binary.len.saturating_sub(self.at);
        let length = left.min(into.len() as u64) as usize;
        self.binary.read_at(self.at, &mut into[..length]).map_err(io::Error::other)?;
        self.at += length as u64;
        Ok(length)
    }
}
