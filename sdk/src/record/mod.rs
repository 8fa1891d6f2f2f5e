//! WHAT HAPPENED: the proof of it, held together by hashes and signatures, and the events.

mod audit;
mod chain;
mod event;

pub use audit::{AUDIT_VERSION, Audit, AuditEntry, AuditVerdict, Body, EntryError};
pub use chain::{
    Broken, Checkpoint, CheckpointError, Fault, PublicKeyBytes, SignatureBytes, Verified, verify,
    verify_links,
};
pub use event::{EVENT_VERSION, Event, EventError, EventKind, Events};
