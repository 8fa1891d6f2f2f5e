//! What the fuzz targets share.

pub mod block_kind;
pub mod draft;
pub mod edit;
pub mod hostile;
pub mod intern;
pub mod meter;
pub mod oracle;
pub mod probe;
pub mod program;
pub mod strict;
pub mod worst;
