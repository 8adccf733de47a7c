//! Which of the machine's GPUs a launch may use: those that `CUDA_VISIBLE_DEVICES` names. Their order does not count, as each
//! stage is given the first that is free, and parts of a GPU (MIG) cannot be told apart, so they are refused.

use super::machine::CudaFacts;

/// The variable by which users and schedulers choose. The worker's own is set by the launch, to the one that a stage is given.
pub const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";
/// What helps where the variable leaves none.
pub const HINT: &str =
    "name GPUs as `nvidia-smi -L` lists them, by number or `GPU-…`, or unset `CUDA_VISIBLE_DEVICES`";

/// What the variable did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visible {
    /// It left GPUs, or there were none.
    #[default]
    Some,
    /// It says that none is to be used.
    None,
    /// It names what is no GPU here: no reason to go on without one.
    Unclear,
}

impl CudaFacts {
    /// The facts that are left by `told`, the variable's value: indices as `nvidia-smi` counts, or names such as `GPU-8a5f…`,
    /// whose indices `index_of` knows. As CUDA has it, nothing counts behind `-1`.
    pub fn narrowed(self, told: Option<&str>, index_of: impl Fn(&str) -> Option<usize>) -> CudaFacts {
        let all = self.devices;
        let Some(told) = told.filter(|_| self.available) else {
            return CudaFacts { indices: (0..all).collect(), ..self };
        };
        let entries = told.split(',').map(str::trim).take_while(|entry| !hides(entry));
        let index = |entry: &str| match entry.parse::<usize>() {
            Ok(index) => Some(index).filter(|index| *index < all).ok_or(entry.to_string()),
            Err(_) => index_of(entry).ok_or(entry.to_string()),
        };
        let none = |reason: String, visible| {
            let indices = Vec::new();
            CudaFacts { available: false, reason: Some(reason), indices, visible, ..self.clone() }
        };
        match entries.map(index).collect::<Result<Vec<usize>, String>>() {
            Ok(indices) if indices.is_empty() => {
                none(format!("`{VISIBLE}={told}` leaves none of the machine's {all} GPUs"), Visible::None)
            }
            Ok(mut indices) => {
                indices.sort_unstable();
                indices.dedup();
                CudaFacts { indices, ..self }
            }
            Err(entry) => none(
                format!("`{VISIBLE}={told}` names `{entry}`, which is none of the machine's {all} GPUs"),
                Visible::Unclear,
            ),
        }
    }

    /// `4 GPUs`, or which of them.
    pub fn told(&self) -> String {
        let (listed, all) = (self.indices.iter().map(usize::to_string).collect::<Vec<_>>(), self.devices);
        let kind = if listed.len() == 1 { "GPU" } else { "GPUs" };
        if listed.len() == all {
            return format!("{all} {kind}");
        }
        format!("{kind} {} of {all}, as `{VISIBLE}` has it", listed.join(", "))
    }
}

/// Entries by which users and schedulers say: no GPU.
fn hides(entry: &str) -> bool {
    entry.is_empty() || entry.starts_with('-') || entry == "NoDevFiles"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(told: Option<&str>) -> CudaFacts {
        let four = CudaFacts { available: true, devices: 4, ..CudaFacts::default() };
        four.narrowed(told, |name| (name == "GPU-8a5f").then_some(3))
    }

    #[test]
    fn a_launch_may_use_the_gpus_that_the_variable_leaves() {
        let left = |told| with(told).indices;
        assert_eq!(left(None), [0, 1, 2, 3]);
        assert_eq!(left(Some("2")), [2]);
        assert_eq!(left(Some("3, 1,3")), [1, 3]);
        assert_eq!(left(Some("GPU-8a5f,0")), [0, 3]);
        assert_eq!(left(Some("1,-1,2")), [1]);
        assert_eq!(with(Some("2")).told(), "GPU 2 of 4, as `CUDA_VISIBLE_DEVICES` has it");
        assert_eq!(with(Some("2,0")).told(), "GPUs 0, 2 of 4, as `CUDA_VISIBLE_DEVICES` has it");
        assert_eq!(with(None).told(), "4 GPUs");
    }

    #[test]
    fn where_it_leaves_none_cuda_is_not_available_and_the_variable_is_the_reason() {
        let cases = [("", Visible::None), ("-1", Visible::None), ("NoDevFiles", Visible::None)];
        let unclear = ["9", "1,9", "MIG-1f2e", "GPU-77"].map(|told| (told, Visible::Unclear));
        for (told, visible) in cases.into_iter().chain(unclear) {
            let facts = with(Some(told));
            assert!(!facts.available && facts.indices.is_empty());
            assert_eq!(facts.visible, visible, "{told}");
            let reason = facts.reason.unwrap();
            assert!(reason.contains(&format!("CUDA_VISIBLE_DEVICES={told}`")), "{reason}");
        }
    }

    #[test]
    fn without_a_gpu_the_reason_stays() {
        let none = CudaFacts { reason: Some("no NVIDIA driver".into()), ..CudaFacts::default() };
        assert_eq!(none.clone().narrowed(Some("0"), |_| None), none);
    }
}
