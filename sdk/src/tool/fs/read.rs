//! Reading a whole file, up to the limit.

use std::io::Read;

use super::FsError;
use super::open_grant::OpenGrant;

impl OpenGrant<'_> {
    pub(super) fn read(&self) -> Result<Vec<u8>, FsError> {
        let max = self.mount().byte_limit();
        let mut bytes = Vec::new();
        // Counted while reading: the size in the metadata is a claim, and may change.
        self.open_file()?
            .take(max.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|e| self.io(e))?;
        if bytes.len() as u64 > max {
            return Err(FsError::TooLarge {
                path: self.path(),
                max,
            });
        }
        Ok(bytes)
    }
}
