//! How much a piece of work allocates: the measure of "bounded" that does not depend on a clock.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what each thread asks of the system's allocator.
struct Counting;

thread_local! {
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_add(layout.size() as u64)));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does the work, and fails when it asked for more than `most` bytes in all.
///
/// Memory that is given back counts too: it is the work that is bounded, not the peak.
pub fn at_most<T>(most: u64, what: &str, work: impl FnOnce() -> T) -> T {
    let before = BYTES.get();
    let done = work();
    let asked = BYTES.get().wrapping_sub(before);
    assert!(
        asked <= most,
        "{what} allocated {asked} bytes, more than {most}"
    );
    done
}
