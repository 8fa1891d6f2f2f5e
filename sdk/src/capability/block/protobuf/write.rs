//! Writes messages in one pass.

/// A message being written; its fields must come in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

/// How protobuf writes a signed number: as the unsigned one of the same bits.
pub(crate) const fn signed(number: i64) -> u64 {
    number.cast_unsigned()
}

impl Writer {
    /// An empty message with room for this many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn number(&mut self, field: u8, number: u64) {
        self.0.push(field << 3);
        self.varint(number);
    }

    pub(crate) fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.0.push(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Writes a nested message. Its length stands before it and is known only after it; most lengths take one
    /// byte.
    pub(crate) fn message<T>(&mut self, field: u8, content: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(field << 3 | 2);
        let start = self.0.len();
        self.0.push(0);
        let made = content(self);
        let length = self.0.len() - start - 1;
        match self.0.get_mut(start) {
            Some(byte) if length < 0x80 => *byte = length as u8,
            _ => {
                let mut prefix = Self(Vec::with_capacity(10));
                prefix.varint(length as u64);
                self.0.splice(start..=start, prefix.0);
            }
        }
        made
    }

    /// Adds fields that were written separately.
    pub(crate) fn fields(&mut self, fields: &[u8]) {
        self.0.extend_from_slice(fields);
    }

    /// Clears the message and keeps its capacity.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}
