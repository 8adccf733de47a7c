//! GPUs as resources: one device to one stage, on the whole machine, also between launches.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

use super::lock::{self, Mode};
use super::stage::Device;

/// The same for every user and every store, as the devices are.
const FOLDER: &str = "/tmp/pipeline-devices";

/// How often a device that another launch holds is asked for again.
const PAUSE: Duration = Duration::from_millis(500);

/// The devices that this launch may hand out.
pub struct Devices {
    folder: PathBuf,
    free: Vec<usize>,
    next_try: Option<Instant>,
}

/// A device held; dropped, it is free for other launches once the stage's process holds it no more either.
pub struct Grant {
    pub device: usize,
    _lock: File,
}

impl Devices {
    pub fn new(devices: &[usize]) -> Devices {
        Devices::in_folder(Path::new(FOLDER), devices)
    }

    fn in_folder(folder: &Path, devices: &[usize]) -> Devices {
        Devices { folder: folder.to_path_buf(), free: devices.to_vec(), next_try: None }
    }

    /// The first free device; `None` while there is none, here or because of another launch.
    pub fn grant(&mut self) -> Result<Option<Grant>> {
        if self.next_try.is_some_and(|at| Instant::now() < at) {
            return Ok(None);
        }
        for index in 0..self.free.len() {
            let device = self.free[index];
            let lock = open(&self.folder, device)?;
            // Alone to be sure of it, then shared, so that the stage's process can hold it too and keeps it when
            // this one dies. Whoever slips in between has it.
            let taken = flock(&lock, FlockOperation::NonBlockingLockExclusive);
            if taken.and_then(|()| flock(&lock, FlockOperation::NonBlockingLockShared)).is_ok() {
                self.free.remove(index);
                return Ok(Some(Grant { device, _lock: lock }));
            }
        }
        self.next_try = (!self.free.is_empty()).then(|| Instant::now() + PAUSE);
        Ok(None)
    }

    pub fn give_back(&mut self, grant: Grant) {
        self.free.push(grant.device);
        self.free.sort_unstable();
    }
}

/// A stage's own hold on its device, to be kept while the process lives. `None`: stopped before it was free.
pub fn hold(device: &Device, stop: &dyn Fn() -> bool, waits: &dyn Fn()) -> Result<Option<Option<File>>> {
    let Device::Cuda(index) = device else { return Ok(Some(None)) };
    let file = open(Path::new(FOLDER), *index)?;
    Ok(lock::take(&file, Mode::Shared, stop, waits)?.then_some(Some(file)))
}

fn open(folder: &Path, device: usize) -> Result<File> {
    let path = folder.join(format!("gpu-{device}.lock"));
    let open = || -> std::io::Result<File> {
        // Without `create` first: in a sticky folder the kernel refuses to create over another user's file.
        match OpenOptions::new().read(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened,
        }
        fs::create_dir_all(folder)?;
        // Only its maker may do this, and need.
        let _ = fs::set_permissions(folder, Permissions::from_mode(0o1777));
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        let _ = fs::set_permissions(&path, Permissions::from_mode(0o666));
        Ok(file)
    };
    open().with_context(|| format!("cannot open the lock `{}` of a GPU", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_launches_never_hold_the_same_device() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Devices::in_folder(folder.path(), &[0, 1]);
        let mut other = Devices::in_folder(folder.path(), &[0, 1]);
        let first = one.grant().unwrap().unwrap();
        let second = other.grant().unwrap().unwrap();
        assert_eq!((first.device, second.device), (0, 1));
        assert!(one.grant().unwrap().is_none());
        // What a stage's process does when it begins: the device outlives the launch that granted it.
        let process = open(folder.path(), 0).unwrap();
        process.try_lock_shared().unwrap();
        one.give_back(first);
        other.give_back(second);
        other.next_try = None;
        assert_eq!(other.grant().unwrap().unwrap().device, 1);
        drop(process);
        other.next_try = None;
        assert_eq!(other.grant().unwrap().unwrap().device, 0);
    }
}
