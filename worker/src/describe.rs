//! `pipeline-worker --describe`: one line of JSON about libtorch and CUDA on this machine.

use std::io::Write;

use serde_json::{Value, json};

use crate::device::{ThisMachine, loaded, open_cuda};

/// # Errors
/// Standard output is closed.
pub fn describe() -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{}", facts())
}

fn facts() -> Value {
    let (devices, reason) = match open_cuda(&ThisMachine) {
        Ok(gpus) => (gpus, None),
        Err(reason) => (0, Some(reason)),
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "libtorch": libtorch_version(),
        "capability": capability(),
        "cuda": { "available": devices > 0, "reason": reason, "devices": devices },
    })
}

/// What libtorch's kernels are dispatched on: `DEFAULT`, `AVX2`, `AVX512`. Results differ between them.
pub fn capability() -> String {
    // `std::string at::get_cpu_capability()`.
    let symbol = loaded::<extern "C" fn() -> ShortString>(c"_ZN2at18get_cpu_capabilityB5cxx11Ev");
    let text = symbol.map(|ask| ask()).and_then(|text| text.short[..].get(..text.length).map(<[u8]>::to_vec));
    text.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| "unknown".to_string())
}

/// libstdc++'s `std::string`, of which up to 15 bytes lie inside; like any class of 32 bytes it is returned in memory.
#[repr(C)]
struct ShortString {
    start: *const u8,
    length: usize,
    short: [u8; 16],
}

/// The version of the libtorch that is loaded, such as `2.11.0`.
pub fn libtorch_version() -> String {
    // Stable C interface of libtorch: major, minor and patch in the three highest bytes.
    let symbol = loaded::<extern "C" fn() -> u64>(c"aoti_torch_abi_version");
    let [major, minor, patch, ..] = symbol.map_or(0, |ask| ask()).to_be_bytes();
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libtorch_that_is_loaded_is_known_by_version_and_capability() {
        let facts = facts();
        assert!(facts["libtorch"].as_str().unwrap().starts_with("2.11"), "{facts}");
        assert!(["DEFAULT", "AVX2", "AVX512"].contains(&facts["capability"].as_str().unwrap()), "{facts}");
        let cuda = &facts["cuda"];
        assert_eq!(cuda["available"].as_bool().unwrap(), cuda["reason"].is_null(), "{facts}");
    }
}
