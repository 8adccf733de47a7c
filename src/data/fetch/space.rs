//! Whether the disk has room, before and while it is filled.

use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Result, anyhow, ensure};

/// # Errors
/// There is less room for `path` than `wanted` bytes; where that cannot be told, there is none.
pub fn check_room(path: &Path, wanted: u64) -> Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(stat) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    ensure!(
        wanted <= free,
        "`{}` would take {wanted} bytes and the disk has {free} left\nhint: free some space, or name another `path`",
        path.display()
    );
    Ok(())
}

/// What writing ran into, with its remedy where the disk is full.
pub fn cannot_write(path: &Path, error: io::Error) -> anyhow::Error {
    let shown = path.display();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            anyhow!(
                "cannot write `{shown}`: {error}\nhint: free some space and fetch again: it goes on where it stopped"
            )
        }
        _ => anyhow!("cannot write `{shown}`: {error}"),
    }
}
