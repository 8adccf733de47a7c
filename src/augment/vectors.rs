//! Which vector instructions kernels may use. Every kernel gives the same bytes with any of them.

use std::sync::OnceLock;

/// What was found on this machine, or less. It cannot be made by hand, so that holding one is proof enough to call a
/// kernel that needs the instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vectors(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    None,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// None beyond what every processor of the target has.
    pub const NONE: Vectors = Vectors(Level::None);

    /// The best that this machine has.
    pub fn best() -> Vectors {
        static BEST: OnceLock<Vectors> = OnceLock::new();
        *BEST.get_or_init(detected)
    }

    /// All that this machine has, from none to the best.
    pub fn all() -> Vec<Vectors> {
        #[cfg(target_arch = "x86_64")]
        let levels = vec![Level::None, Level::Avx2, Level::Avx512];
        #[cfg(not(target_arch = "x86_64"))]
        let levels = vec![Level::None];
        levels.into_iter().map(Vectors).filter(|vectors| *vectors <= Vectors::best()).collect()
    }

    /// As measurements write it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::None => "plain",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "AVX-512",
        }
    }

    /// 256-bit integers, and the bit counts that come with them: AVX2, BMI1, BMI2, POPCNT.
    #[cfg(target_arch = "x86_64")]
    pub fn has_avx2(self) -> bool {
        self.0 >= Level::Avx2
    }

    /// 512-bit integers: AVX-512 F, BW, DQ, VL and VBMI.
    #[cfg(target_arch = "x86_64")]
    pub fn has_avx512(self) -> bool {
        self.0 >= Level::Avx512
    }
}

impl Default for Vectors {
    fn default() -> Vectors {
        Vectors::best()
    }
}

#[cfg(target_arch = "x86_64")]
fn detected() -> Vectors {
    macro_rules! have {
        ($($feature:tt)+) => { true $(&& is_x86_feature_detected!($feature))+ };
    }
    if !have!("avx2" "bmi1" "bmi2" "popcnt") {
        return Vectors::NONE;
    }
    match have!("avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vbmi") {
        true => Vectors(Level::Avx512),
        false => Vectors(Level::Avx2),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detected() -> Vectors {
    Vectors::NONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_begins_with_none_and_ends_with_the_best() {
        let all = Vectors::all();
        assert_eq!((all.first(), all.last()), (Some(&Vectors::NONE), Some(&Vectors::best())));
        assert!(all.is_sorted());
    }
}
