//! What happened: the proof of it, held together by hashes and signatures.

mod chain;

pub use chain::{
    Broken, Checkpoint, Fault, PublicKeyBytes, SignatureBytes, Verified, verify, verify_links,
};
