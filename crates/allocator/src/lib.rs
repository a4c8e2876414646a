//! Returns freed memory to the system. The site forbids unsafe code, and this is its only unsafe call.

/// Makes glibc return the free pages of its heaps to the system.
///
/// By itself glibc returns memory only from the end of a heap. After a burst all pages below the last live allocation
/// stay resident. The call locks each heap for some milliseconds: call it rarely, on a blocking thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn trim() {
    // SAFETY: malloc_trim takes no pointer, and glibc serialises it with all other allocator calls.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Does nothing: other allocators return memory themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn trim() {}
