//! The values of a Parquet column, row by row, in memory for one page.

use std::io::Cursor;

use anyhow::{Result, bail, ensure};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::reader::{ChunkReader, FileReader};
use parquet::file::serialized_reader::SerializedFileReader;

use crate::data::extents::Spill;

/// Rows that are read at a time.
const BATCH: usize = 64;

/// Hands on the value of each row of a column without lists; `most` is the level at which a value is there.
pub fn each_value<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    most: i16,
    take: &mut dyn FnMut(Option<&T::T>) -> Result<()>,
) -> Result<()> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    loop {
        levels.clear();
        values.clear();
        let (rows, _, _) = column.read_records(BATCH, Some(&mut levels), None, &mut values)?;
        if rows == 0 {
            return Ok(());
        }
        let mut next = values.iter();
        for row in 0..rows {
            let there = most == 0 || levels.get(row) == Some(&most);
            let value = if there { next.next() } else { None };
            ensure!(value.is_some() || !there, "a page holds fewer values than it says");
            take(value)?;
        }
    }
}

/// Lays the images of all rows one after the other; a row without one takes no bytes. Returns how many rows there are.
pub fn spill_images<R: ChunkReader + 'static>(
    reader: &SerializedFileReader<R>,
    column: usize,
    spill: &mut Spill,
) -> Result<u64> {
    let mut rows = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let most = group.metadata().column(column).column_descr().max_def_level();
        let ColumnReader::ByteArrayColumnReader(values) = group.get_column_reader(column)? else {
            bail!("its images are no bytes")
        };
        each_value(values, most, &mut |value| {
            rows += 1;
            let bytes = value.map_or(&[][..], |value| value.data());
            spill.add(&mut Cursor::new(bytes)).map(drop)
        })?;
    }
    Ok(rows)
}
