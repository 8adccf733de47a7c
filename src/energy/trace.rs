//! Readings over time, as a CSV beside the artifact.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::readings::Sample;

const HEADER: &str = "secs,processor_watts,memory_watts,gpu_watts,busy_threads,resident_bytes,processor_celsius,gpu_busy,gpu_memory_bytes,gpu_celsius";

/// Written from the first sample on: a stage that is over before has no file.
pub struct Trace {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    failed: bool,
}

impl Trace {
    pub fn new(path: &Path) -> Trace {
        Trace { path: path.to_path_buf(), file: None, failed: false }
    }

    /// A trace that cannot be written is not worth a stage.
    pub fn add(&mut self, sample: &Sample) {
        if !self.failed && self.write(sample).is_err() {
            self.failed = true;
        }
    }

    fn write(&mut self, sample: &Sample) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut file = BufWriter::new(File::create(&self.path)?);
                writeln!(file, "{HEADER}")?;
                self.file.insert(file)
            }
        };
        let cells = [
            Some(format!("{:.3}", sample.secs)),
            sample.processor_watts.map(|watts| format!("{:.3}", watts.value())),
            sample.memory_watts.map(|watts| format!("{:.3}", watts.value())),
            sample.gpu_watts.map(|watts| format!("{:.3}", watts.value())),
            sample.busy_threads.map(|threads| format!("{threads:.3}")),
            sample.resident_bytes.map(|bytes| bytes.to_string()),
            sample.celsius.map(|celsius| format!("{celsius:.1}")),
            sample.gpu.busy.map(|busy| format!("{busy:.2}")),
            sample.gpu.memory_bytes.map(|bytes| bytes.to_string()),
            sample.gpu.celsius.map(|celsius| format!("{celsius:.1}")),
        ];
        writeln!(file, "{}", cells.map(Option::unwrap_or_default).join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::super::units::Watts;
    use super::*;

    #[test]
    fn what_is_not_known_is_an_empty_cell() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("power.csv");
        let mut trace = Trace::new(&path);
        assert!(!path.exists());
        let sample = Sample { secs: 1.0, processor_watts: Some(Watts::new(3.5)), ..Sample::default() };
        trace.add(&sample);
        drop(trace);
        let text = std::fs::read_to_string(&path).unwrap();
        let row = text.lines().nth(1).unwrap();
        assert_eq!(row, "1.000,3.500,,,,,,,,");
        assert_eq!(row.matches(',').count(), HEADER.matches(',').count());
    }
}
