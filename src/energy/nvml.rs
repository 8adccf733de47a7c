//! NVIDIA's management library, loaded when a stage holds a GPU, and where plans and choices need to know one. Not run on a real GPU yet: its readers are tested
//! against a library made up for it.

use std::sync::OnceLock;

use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::{Device, Nvml};

use super::gpu::{Gpu, State};

/// NVML_FI_DEV_POWER_INSTANT: milliwatts now. From Ampere on (but for GA100) the plain reading is the mean of a second.
const POWER_INSTANT: FieldId = FieldId(186);

/// The GPU with this index, as `nvidia-smi` counts.
///
/// # Errors
/// Without a driver, or such a GPU.
pub fn open(index: usize) -> Result<Box<dyn Gpu>, String> {
    let index = u32::try_from(index).map_err(|_| format!("there is no GPU {index}"))?;
    let device = library()?.device_by_index(index).map_err(|error| format!("GPU {index}: {error}"))?;
    Ok(Box::new(Nvidia(device)))
}

/// Names of the machine's GPUs.
///
/// # Errors
/// Without a driver.
pub fn names() -> Result<Vec<String>, String> {
    let library = library()?;
    let count = library.device_count().map_err(|error| error.to_string())?;
    let name = |index| library.device_by_index(index).and_then(|device| device.name());
    Ok((0..count).map(|index| name(index).unwrap_or_else(|error| error.to_string())).collect())
}

/// The index of the one GPU whose name (`GPU-8a5f…`) begins so; `None` without a driver, for several, and for a part of a GPU
/// (`MIG-…`), which has no index.
pub fn index_of(uuid: &str) -> Option<usize> {
    if !uuid.starts_with("GPU-") {
        return None;
    }
    let library = library().ok()?;
    let begins_so = |index: &u32| {
        let name = library.device_by_index(*index).and_then(|device| device.uuid());
        name.is_ok_and(|name| name.starts_with(uuid))
    };
    let mut found = (0..library.device_count().ok()?).filter(begins_so);
    let index = found.next().filter(|_| found.next().is_none())?;
    usize::try_from(index).ok()
}

/// Bytes free on the one of these GPUs that has the fewest; `None` without a driver, or GPUs.
pub fn free_memory(indices: &[usize]) -> Option<u64> {
    let library = library().ok()?;
    let free = |index: &usize| {
        let device = library.device_by_index(u32::try_from(*index).ok()?).ok()?;
        device.memory_info().ok().map(|memory| memory.free)
    };
    indices.iter().filter_map(free).min()
}

fn library() -> Result<&'static Nvml, String> {
    static LIBRARY: OnceLock<Result<Nvml, String>> = OnceLock::new();
    let opened = LIBRARY.get_or_init(|| Nvml::init().map_err(|error| format!("NVML: {error}")));
    opened.as_ref().map_err(Clone::clone)
}

struct Nvidia(Device<'static>);

impl Gpu for Nvidia {
    fn energy_millijoules(&self) -> Result<u64, String> {
        self.0.total_energy_consumption().map_err(|error| error.to_string())
    }

    fn power_milliwatts(&self) -> Result<u32, String> {
        let instant = self.0.field_values_for(&[POWER_INSTANT]).ok().and_then(|mut values| {
            match values.pop()?.ok()?.value.ok()? {
                SampleValue::U32(milliwatts) => Some(milliwatts),
                SampleValue::U64(milliwatts) => u32::try_from(milliwatts).ok(),
                _ => None,
            }
        });
        instant.map_or_else(|| self.0.power_usage().map_err(|error| error.to_string()), Ok)
    }

    fn limit_milliwatts(&self) -> Result<u32, String> {
        self.0.enforced_power_limit().map_err(|error| error.to_string())
    }

    fn state(&self) -> State {
        State {
            busy: self.0.utilization_rates().ok().map(|rates| f64::from(rates.gpu) / 100.0),
            memory_bytes: self.0.memory_info().ok().map(|memory| memory.used),
            celsius: self.0.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_driver_gets_the_reason() {
        match open(0) {
            Ok(_) => eprintln!("skipped: there is a GPU"),
            Err(reason) => assert!(reason.starts_with("NVML: ") || reason.starts_with("GPU 0"), "{reason}"),
        }
    }
}
