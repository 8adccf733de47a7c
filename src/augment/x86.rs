//! Whole vectors from and to arrays of bytes, for kernels with AVX2.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm_storeu_si128, _mm256_loadu_si256, _mm256_storeu_si256,
};

#[target_feature(enable = "avx2")]
#[inline]
pub fn load16(bytes: &[u8; 16]) -> __m128i {
    // 16 bytes may be read where they are, on any boundary.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
pub fn store16(bytes: &mut [u8; 16], vector: __m128i) {
    // 16 bytes may be written where they are, on any boundary.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), vector) }
}

#[target_feature(enable = "avx2")]
#[inline]
pub fn load32(bytes: &[u8; 32]) -> __m256i {
    // 32 bytes may be read where they are, on any boundary.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
pub fn store32(bytes: &mut [u8; 32], vector: __m256i) {
    // 32 bytes may be written where they are, on any boundary.
    unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) }
}
