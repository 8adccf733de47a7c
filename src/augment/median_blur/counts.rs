//! Sixteen counts side by side: how many levels lie below each of sixteen bounds. The bin that holds a median is then
//! one comparison of all of them. A column's counts fit bytes; a sum of columns takes 16 bits a count.

use super::super::vectors::Vectors;

/// At most 255 levels.
pub type Column = [u8; 16];

/// One level of each value: it lies below all the bounds after its own.
static BELOW: [Column; 16] = {
    let mut below = [[0; 16]; 16];
    let mut value = 0;
    while value < 16 {
        let mut bound = value + 1;
        while bound < 16 {
            below[value][bound] = 1;
            bound += 1;
        }
        value += 1;
    }
    below
};

/// A sum of columns, at most 65,535 levels. Its functions are only fast, and only sound, inside a function compiled for
/// the instructions that the type stands for; see [`Work`].
pub trait Sum: Copy {
    /// # Safety
    /// The processor has the instructions.
    unsafe fn zero() -> Self;
    /// # Safety
    /// The processor has the instructions.
    unsafe fn plus(self, column: &Column) -> Self;
    /// # Safety
    /// The processor has the instructions.
    unsafe fn minus(self, column: &Column) -> Self;
    /// The last bound that has at most `lower` levels below it, and how many it has.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn bin(self, lower: u16) -> (usize, u16);
    /// Counts a level whose value is below 16.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn count(column: &mut Column, value: usize);
    /// Forgets such a level.
    ///
    /// # Safety
    /// The processor has the instructions, and the level was counted.
    unsafe fn forget(column: &mut Column, value: usize);
}

/// What can be done with sums of any kind.
pub trait Work {
    /// # Safety
    /// The caller is compiled for the instructions that `S` stands for, and the processor has them.
    unsafe fn with<S: Sum>(self);
}

/// Does it with the widest registers that `vectors` allows.
pub fn dispatch(vectors: Vectors, work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if vectors.has_avx2() {
        // SAFETY: the function asks for no more than `has_avx2` says is there.
        return unsafe { x86::with_avx2(work) };
    }
    let _ = vectors;
    // SAFETY: arrays need no instructions.
    unsafe { work.with::<[u16; 16]>() }
}

impl Sum for [u16; 16] {
    #[inline(always)]
    unsafe fn zero() -> Self {
        [0; 16]
    }

    #[inline(always)]
    unsafe fn plus(self, column: &Column) -> Self {
        std::array::from_fn(|bound| self[bound] + u16::from(column[bound]))
    }

    #[inline(always)]
    unsafe fn minus(self, column: &Column) -> Self {
        std::array::from_fn(|bound| self[bound] - u16::from(column[bound]))
    }

    #[inline(always)]
    unsafe fn bin(self, lower: u16) -> (usize, u16) {
        // Counts rise from bound to bound, and below the first lies none.
        let bin = self[1..].iter().map(|count| usize::from(*count <= lower)).sum();
        (bin, self[bin])
    }

    #[inline(always)]
    unsafe fn count(column: &mut Column, value: usize) {
        column.iter_mut().zip(&BELOW[value]).for_each(|(count, one)| *count += one);
    }

    #[inline(always)]
    unsafe fn forget(column: &mut Column, value: usize) {
        column.iter_mut().zip(&BELOW[value]).for_each(|(count, one)| *count -= one);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::super::super::x86::{load16, store16};
    use super::{BELOW, Column, Sum, Work};

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    pub fn with_avx2(work: impl Work) {
        // SAFETY: this function is compiled for AVX2, and is called where the processor has it.
        unsafe { work.with::<__m256i>() }
    }

    impl Sum for __m256i {
        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: the caller says that the processor has the instruction; so below.
            unsafe { _mm256_setzero_si256() }
        }

        #[inline(always)]
        unsafe fn plus(self, column: &Column) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_add_epi16(self, _mm256_cvtepu8_epi16(load16(column))) }
        }

        #[inline(always)]
        unsafe fn minus(self, column: &Column) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_sub_epi16(self, _mm256_cvtepu8_epi16(load16(column))) }
        }

        #[inline(always)]
        unsafe fn bin(self, lower: u16) -> (usize, u16) {
            // SAFETY: as above; the 16 counts of the register fit where they are stored.
            unsafe {
                let lower = _mm256_set1_epi16(lower.cast_signed());
                let reached = _mm256_movemask_epi8(_mm256_cmpeq_epi16(_mm256_min_epu16(self, lower), self));
                let mut counts = [0_u16; 16];
                _mm256_storeu_si256(counts.as_mut_ptr().cast(), self);
                // Two bits a count; below the first bound lies none, so that one is always reached.
                let bin = (reached.count_ones() as usize / 2 - 1) % 16;
                (bin, counts[bin])
            }
        }

        #[inline(always)]
        unsafe fn count(column: &mut Column, value: usize) {
            // SAFETY: as above.
            unsafe { store16(column, _mm_add_epi8(load16(column), load16(&BELOW[value]))) }
        }

        #[inline(always)]
        unsafe fn forget(column: &mut Column, value: usize) {
            // SAFETY: as above.
            unsafe { store16(column, _mm_sub_epi8(load16(column), load16(&BELOW[value]))) }
        }
    }
}
