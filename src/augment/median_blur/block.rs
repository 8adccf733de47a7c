//! Bytes side by side in a register, as a median needs them: the lower, the higher, and how often one is not lower.

use super::super::vectors::Vectors;

/// Some bytes. Its functions are only fast, and only sound, inside a function compiled for the instructions that the
/// type stands for; see [`Work`].
pub trait Block: Copy {
    const BYTES: usize;

    /// # Safety
    /// `BYTES` may be read from `from` on, and the processor has the instructions.
    unsafe fn load(from: *const u8) -> Self;
    /// # Safety
    /// `BYTES` may be written from `to` on, and the processor has the instructions.
    unsafe fn store(self, to: *mut u8);
    /// # Safety
    /// The processor has the instructions.
    unsafe fn lower(self, other: Self) -> Self;
    /// # Safety
    /// The processor has the instructions.
    unsafe fn higher(self, other: Self) -> Self;
    /// # Safety
    /// The processor has the instructions.
    unsafe fn splat(level: u8) -> Self;
    /// One more where `self` is at least `bound`.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn count(self, bound: Self, counts: Self) -> Self;
    /// `self` where `counts` is above `half`, else `other`.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn where_above(self, other: Self, counts: Self, half: u8) -> Self;
    /// # Safety
    /// The processor has the instructions.
    unsafe fn or(self, bit: u8) -> Self;
}

/// Stores the first of a block's bytes: as many as `out` has.
///
/// # Safety
/// The caller is compiled for `B`.
#[inline(always)]
pub unsafe fn store_some<B: Block>(block: B, out: &mut [u8]) {
    if out.len() >= B::BYTES {
        // SAFETY: `out` is long enough.
        return unsafe { block.store(out.as_mut_ptr()) };
    }
    let mut bytes = [0; 64];
    assert!(B::BYTES <= bytes.len());
    // SAFETY: a block is no longer, as asserted.
    unsafe { block.store(bytes.as_mut_ptr()) };
    out.copy_from_slice(&bytes[..out.len()]);
}

/// The bytes from `at` on, and zeros where they end.
///
/// # Safety
/// The caller is compiled for `B`.
#[inline(always)]
pub unsafe fn load_some<B: Block>(from: &[u8], at: usize) -> B {
    let from = &from[at..];
    if from.len() >= B::BYTES {
        // SAFETY: `from` is long enough.
        return unsafe { B::load(from.as_ptr()) };
    }
    let mut bytes = [0; 64];
    assert!(B::BYTES <= bytes.len());
    bytes[..from.len()].copy_from_slice(from);
    // SAFETY: a block is no longer, as asserted.
    unsafe { B::load(bytes.as_ptr()) }
}

/// What can be done with blocks of any kind.
pub trait Work {
    /// # Safety
    /// The caller is compiled for the instructions that `B` stands for, and the processor has them.
    unsafe fn with<B: Block>(self);
}

/// Does it with the widest blocks that `vectors` allows.
pub fn dispatch(vectors: Vectors, work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    {
        if vectors.has_avx512() {
            // SAFETY: the function asks for no more than `has_avx512` says is there.
            unsafe { x86::with_avx512(work) }
        } else if vectors.has_avx2() {
            // SAFETY: the function asks for no more than `has_avx2` says is there.
            unsafe { x86::with_avx2(work) }
        } else if cfg!(miri) {
            // SAFETY: bytes need no instructions.
            unsafe { work.with::<u8>() }
        } else {
            // SAFETY: every x86-64 processor has SSE2.
            unsafe { work.with::<std::arch::x86_64::__m128i>() }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = vectors;
        // SAFETY: bytes need no instructions.
        unsafe { work.with::<u8>() }
    }
}

impl Block for u8 {
    const BYTES: usize = 1;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> u8 {
        // SAFETY: the caller says that it may be read.
        unsafe { from.read() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: the caller says that it may be written.
        unsafe { to.write(self) }
    }

    #[inline(always)]
    unsafe fn lower(self, other: u8) -> u8 {
        self.min(other)
    }

    #[inline(always)]
    unsafe fn higher(self, other: u8) -> u8 {
        self.max(other)
    }

    #[inline(always)]
    unsafe fn splat(level: u8) -> u8 {
        level
    }

    #[inline(always)]
    unsafe fn count(self, bound: u8, counts: u8) -> u8 {
        counts + u8::from(self >= bound)
    }

    #[inline(always)]
    unsafe fn where_above(self, other: u8, counts: u8, half: u8) -> u8 {
        if counts > half { self } else { other }
    }

    #[inline(always)]
    unsafe fn or(self, bit: u8) -> u8 {
        self | bit
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Block, Work};

    #[target_feature(enable = "avx2")]
    pub fn with_avx2(work: impl Work) {
        // SAFETY: this function is compiled for AVX2, and is called where the processor has it.
        unsafe { work.with::<__m256i>() }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    pub fn with_avx512(work: impl Work) {
        // SAFETY: this function is compiled for AVX-512 BW, and is called where the processor has it.
        unsafe { work.with::<__m512i>() }
    }

    /// SSE2 and AVX2 differ in names alone.
    macro_rules! block {
        ($register:ty, $bytes:literal, $load:ident, $store:ident, $min:ident, $max:ident, $splat:ident, $equal:ident, $sub:ident, $and:ident, $andnot:ident, $or:ident, $subs:ident, $zero:ident) => {
            impl Block for $register {
                const BYTES: usize = $bytes;

                #[inline(always)]
                unsafe fn load(from: *const u8) -> Self {
                    // SAFETY: the caller says that so many bytes may be read.
                    unsafe { $load(from.cast()) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut u8) {
                    // SAFETY: the caller says that so many bytes may be written.
                    unsafe { $store(to.cast(), self) }
                }

                #[inline(always)]
                unsafe fn lower(self, other: Self) -> Self {
                    // SAFETY: the caller says that the processor has the instruction; so below.
                    unsafe { $min(self, other) }
                }

                #[inline(always)]
                unsafe fn higher(self, other: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $max(self, other) }
                }

                #[inline(always)]
                unsafe fn splat(level: u8) -> Self {
                    // SAFETY: as above.
                    unsafe { $splat(level as i8) }
                }

                #[inline(always)]
                unsafe fn count(self, bound: Self, counts: Self) -> Self {
                    // SAFETY: as above.
                    unsafe { $sub(counts, $equal($max(self, bound), self)) }
                }

                #[inline(always)]
                unsafe fn where_above(self, other: Self, counts: Self, half: u8) -> Self {
                    // SAFETY: as above.
                    unsafe {
                        let not = $equal($subs(counts, $splat(half as i8)), $zero());
                        $or($and(not, other), $andnot(not, self))
                    }
                }

                #[inline(always)]
                unsafe fn or(self, bit: u8) -> Self {
                    // SAFETY: as above.
                    unsafe { $or(self, $splat(bit as i8)) }
                }
            }
        };
    }

    block! {
        __m128i, 16, _mm_loadu_si128, _mm_storeu_si128, _mm_min_epu8, _mm_max_epu8, _mm_set1_epi8, _mm_cmpeq_epi8,
        _mm_sub_epi8, _mm_and_si128, _mm_andnot_si128, _mm_or_si128, _mm_subs_epu8, _mm_setzero_si128
    }

    block! {
        __m256i, 32, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_min_epu8, _mm256_max_epu8, _mm256_set1_epi8,
        _mm256_cmpeq_epi8, _mm256_sub_epi8, _mm256_and_si256, _mm256_andnot_si256, _mm256_or_si256, _mm256_subs_epu8,
        _mm256_setzero_si256
    }

    impl Block for __m512i {
        const BYTES: usize = 64;

        #[inline(always)]
        unsafe fn load(from: *const u8) -> Self {
            // SAFETY: the caller says that so many bytes may be read.
            unsafe { _mm512_loadu_si512(from.cast()) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut u8) {
            // SAFETY: the caller says that so many bytes may be written.
            unsafe { _mm512_storeu_si512(to.cast(), self) }
        }

        #[inline(always)]
        unsafe fn lower(self, other: Self) -> Self {
            // SAFETY: the caller says that the processor has the instruction; so below.
            unsafe { _mm512_min_epu8(self, other) }
        }

        #[inline(always)]
        unsafe fn higher(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_max_epu8(self, other) }
        }

        #[inline(always)]
        unsafe fn splat(level: u8) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_set1_epi8(level as i8) }
        }

        #[inline(always)]
        unsafe fn count(self, bound: Self, counts: Self) -> Self {
            // SAFETY: as above.
            unsafe {
                let reached = _mm512_cmpge_epu8_mask(self, bound);
                _mm512_mask_add_epi8(counts, reached, counts, _mm512_set1_epi8(1))
            }
        }

        #[inline(always)]
        unsafe fn where_above(self, other: Self, counts: Self, half: u8) -> Self {
            // SAFETY: as above.
            unsafe {
                let above = _mm512_cmpgt_epu8_mask(counts, _mm512_set1_epi8(half as i8));
                _mm512_mask_blend_epi8(above, other, self)
            }
        }

        #[inline(always)]
        unsafe fn or(self, bit: u8) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_or_si512(self, _mm512_set1_epi8(bit as i8)) }
        }
    }
}
