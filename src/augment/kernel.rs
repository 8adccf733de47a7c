//! `kernel!`: a function in plain Rust that is compiled once for each kind of vector instructions.

/// Declares a function whose first argument says which vector instructions it may use; `LANES` is the bytes of a
/// vector. The text is one, and floats are neither fused nor reordered: all versions give the same bytes.
macro_rules! kernel {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$lanes:ident>($($argument:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name(vectors: $crate::augment::vectors::Vectors, $($argument: $type),*) $(-> $out)? {
            #[inline(always)]
            fn plain<const $lanes: usize>($($argument: $type),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($argument: $type),*) $(-> $out)? { plain::<32>($($argument),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
            fn avx512($($argument: $type),*) $(-> $out)? { plain::<64>($($argument),*) }
            #[cfg(target_arch = "x86_64")]
            if vectors.has_avx512() {
                // SAFETY: the function asks for no more than `has_avx512` says is there.
                return unsafe { avx512($($argument),*) };
            } else if vectors.has_avx2() {
                // SAFETY: the function asks for no more than `has_avx2` says is there.
                return unsafe { avx2($($argument),*) };
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = vectors;
            plain::<16>($($argument),*)
        }
    };
}

pub(super) use kernel;
