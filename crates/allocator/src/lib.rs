//! Returns freed memory to the system. A crate of its own, since it is the one call that the site cannot make in safe Rust.

/// Has glibc return the free pages of its heaps to the system. Elsewhere it does nothing.
///
/// glibc returns memory from the end of a heap only: after a burst everything below the last live allocation stays
/// resident. The call locks each heap in turn for some milliseconds, so call it seldom and on a blocking thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn trim() {
    // SAFETY: malloc_trim takes no pointer, and glibc serialises it with all other calls of the allocator.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Does nothing: other allocators return memory themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn trim() {}
