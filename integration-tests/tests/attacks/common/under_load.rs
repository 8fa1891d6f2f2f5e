//! How many threads ask at the same time.

pub(crate) const THREADS: usize = 4;
