//! Keeps libtorch's large blocks of memory from going back to the kernel and being faulted in again at every step
//! (35–38 % of a step of a small network).

/// Call before the first tensor and before a second thread.
pub fn tune() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::tune();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    /// mallopt(3): never give back the free memory at the heap's top.
    const NEVER: libc::c_int = -1;

    pub fn tune() {
        // Sound: these only set limits of malloc, and no other thread runs yet that could read the environment.
        unsafe {
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_TRIM_THRESHOLD, NEVER);
            // libtorch reads it at its first allocation and then asks for transparent huge pages.
            std::env::set_var("THP_MEM_ALLOC_ENABLE", "1");
        }
    }
}
