//! WHAT HAPPENED: the proof of it, held together by hashes and signatures, and the events.

mod audit;
mod chain;
mod event;

pub use audit::{AUDIT_VERSION, Audit, Body, Entry, EntryError, Verdict};
pub use chain::{
    Broken, Checkpoint, Fault, PublicKeyBytes, SignatureBytes, Verified, verify, verify_links,
};
pub use event::{EVENT_VERSION, Event, EventError, EventKind, Events};
