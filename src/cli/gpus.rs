//! Which of the machine's GPUs a launch may use: those that `CUDA_VISIBLE_DEVICES` leaves, as for any program with CUDA.

use super::machine::CudaFacts;

/// The variable by which users and schedulers choose. The worker's own is set by the launch, to the one that a stage is given.
pub const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

impl CudaFacts {
    /// The facts that are left by `told`, the variable's value: indices as `nvidia-smi` counts, or names such as `GPU-8a5f…`,
    /// whose indices `index_of` knows. As CUDA has it, what follows an entry that is neither does not count.
    pub fn narrowed(self, told: Option<&str>, index_of: impl Fn(&str) -> Option<usize>) -> CudaFacts {
        let all = self.devices;
        let Some(told) = told.filter(|_| self.available) else {
            return CudaFacts { indices: (0..all).collect(), ..self };
        };
        let entry = |entry: &str| match entry.parse::<usize>() {
            Ok(index) => Some(index).filter(|index| *index < all),
            Err(_) => index_of(entry),
        };
        let mut indices: Vec<usize> = told.split(',').map(str::trim).map_while(entry).collect();
        indices.sort_unstable();
        indices.dedup();
        if indices.is_empty() {
            let reason = format!("`{VISIBLE}={told}` leaves none of the machine's {all} GPUs");
            return CudaFacts { available: false, reason: Some(reason), indices, ..self };
        }
        CudaFacts { indices, ..self }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn four() -> CudaFacts {
        CudaFacts { available: true, reason: None, devices: 4, indices: Vec::new() }
    }

    fn left(told: Option<&str>) -> Vec<usize> {
        four().narrowed(told, |name| (name == "GPU-8a5f").then_some(3)).indices
    }

    #[test]
    fn a_launch_may_use_the_gpus_that_the_variable_leaves() {
        assert_eq!(left(None), [0, 1, 2, 3]);
        assert_eq!(left(Some("2")), [2]);
        assert_eq!(left(Some("3, 1,3")), [1, 3]);
        assert_eq!(left(Some("GPU-8a5f,0")), [0, 3]);
        // CUDA stops at the first that is none.
        assert_eq!(left(Some("1,9,2")), [1]);
        let told = |variable| four().narrowed(variable, |_| None).told();
        assert_eq!(told(Some("2")), "GPU 2 of 4, as `CUDA_VISIBLE_DEVICES` has it");
        assert_eq!(told(Some("2,0")), "GPUs 0, 2 of 4, as `CUDA_VISIBLE_DEVICES` has it");
        assert_eq!(told(None), "4 GPUs");
    }

    #[test]
    fn where_it_leaves_none_cuda_is_not_available_and_the_variable_is_the_reason() {
        for told in ["", "-1", "NoDevFiles", "9", "MIG-1f2e"] {
            let facts = four().narrowed(Some(told), |_| None);
            assert!(!facts.available && facts.indices.is_empty());
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
