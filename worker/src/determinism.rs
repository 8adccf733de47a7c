//! The same bits each time, on a GPU: libtorch's switch for it, to which tch has no door.

use std::any::Any;
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use anyhow::{Context as _, Result, bail};

use crate::{device, memory};

// The C++ names, as GCC and Clang write them: `at::globalContext()` and
// `at::Context::setDeterministicAlgorithms(bool on, bool warn_only)`.
const CONTEXT: &CStr = c"_ZN2at13globalContextEv";
const SWITCH: &CStr = c"_ZN2at7Context26setDeterministicAlgorithmsEbb";

/// What libtorch says of an operation that has no such algorithm, behind its name.
const SAID: &str = " does not have a deterministic implementation";

/// From now on an operation gives the same bits each time, or none: it panics, which [`attempt`] understands.
///
/// # Errors
/// This libtorch has no such switch.
pub fn insist() -> Result<()> {
    set(true)
}

fn set(on: bool) -> Result<()> {
    let lacks = "this libtorch has no switch for deterministic algorithms\nhint: set `deterministic = false`";
    let context: extern "C" fn() -> *mut c_void = device::loaded(CONTEXT).context(lacks)?;
    // A method takes the object as its first argument.
    let switch: extern "C" fn(*mut c_void, bool, bool) = device::loaded(SWITCH).context(lacks)?;
    switch(context(), on, false);
    Ok(())
}

/// Does `work`; an operation without a deterministic algorithm is an error with its remedy.
///
/// # Errors
/// Those of `work`, and such an operation.
///
/// # Panics
/// As `work` does for every other reason.
pub fn attempt<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| match lacking(&*panic) {
        Some(operation) => bail!(
            "`{operation}` has no deterministic algorithm in libtorch\n\
             hint: set `deterministic = false` in pipeline.toml, or `device = \"cpu\"`"
        ),
        None => resume_unwind(panic),
    })
}

/// The operation that a panic complains of.
fn lacking(panic: &(dyn Any + Send)) -> Option<&str> {
    let before = memory::text(panic)?.split_once(SAID)?.0;
    before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;

    #[test]
    fn what_libtorch_can_only_do_otherwise_each_time_is_named_with_the_remedy() {
        let scatter = || {
            let places = Tensor::from_slice(&[0i64, 0]);
            Tensor::zeros([3], (Kind::Float, tch::Device::Cpu)).put(
                &places,
                &Tensor::from_slice(&[1f32, 2.0]),
                false,
            )
        };
        assert_eq!(attempt(|| Ok(scatter())).unwrap().size(), [3]);
        insist().unwrap();
        let found = attempt(|| Ok(scatter()));
        let exact = attempt(|| Ok(Tensor::from_slice(&[1f32, 2.0]).sum(Kind::Float)));
        set(false).unwrap();
        let message = found.unwrap_err().to_string();
        assert!(message.starts_with("`put_` has no deterministic algorithm"), "{message}");
        assert_eq!(exact.unwrap().double_value(&[]), 3.0);
        let other = std::panic::catch_unwind(|| attempt(|| -> Result<()> { panic!("a bug of ours") }));
        assert!(other.is_err());
    }
}
