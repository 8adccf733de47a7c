//! Tells the linker and the worker where libtorch lies, so that nothing has to be exported to run it.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let libs = libtorch().join("lib");
    println!("cargo::rustc-env=LIBTORCH_LIB={}", libs.display());
    // RPATH, not RUNPATH: another libtorch on LD_LIBRARY_PATH must not be mixed with the headers this was built from.
    println!("cargo::rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{}", libs.display());
}

/// The libtorch that torch-sys links: it reads the same two variables in the same order.
fn libtorch() -> PathBuf {
    for name in ["LIBTORCH_LIB", "LIBTORCH"] {
        println!("cargo::rerun-if-env-changed={name}");
        if let Some(folder) = env::var_os(name) {
            return PathBuf::from(folder);
        }
    }
    panic!("LIBTORCH is not set: build inside the project, whose .cargo/config.toml sets it");
}
