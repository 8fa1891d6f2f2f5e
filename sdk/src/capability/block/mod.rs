//! How is a block written in bytes? As Datalog in protobuf, and as signed blocks in the wire format.

mod datalog;
mod protobuf;
pub(super) mod wire;

pub use datalog::stock_facts;
pub(super) use datalog::{
    ApprovalBlock, AuthorityBlock, Block, CallBlock, HopBlock, Table, decode, encode,
};
