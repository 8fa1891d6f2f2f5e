//! The one accepted spelling of a protobuf message, read in place and written in one pass.
//!
//! Fields come in the order of their numbers, each field is known, and numbers have their shortest form.
//! Every protobuf reader accepts more, and a token may have only this form. Field numbers are below 16, so
//! that a tag is one byte.

mod write;

pub(crate) use write::{Writer, signed};

/// The bytes are not the one spelling of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotCanonical;

impl From<NotCanonical> for &'static str {
    fn from(_: NotCanonical) -> Self {
        "the bytes are not a Biscuit token in canonical protobuf"
    }
}

/// The rest of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The number in this field, if the field comes next.
    pub(super) fn optional_number(&mut self, field: u8) -> Result<Option<u64>, NotCanonical> {
        if self.tag(field << 3) {
            self.varint().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The bytes or the message in this field, if the field comes next.
    pub(super) fn optional_bytes(&mut self, field: u8) -> Result<Option<&'a [u8]>, NotCanonical> {
        if !self.tag(field << 3 | 2) {
            return Ok(None);
        }
        let length = usize::try_from(self.varint()?).map_err(|_| NotCanonical)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(NotCanonical)?;
        self.0 = rest;
        Ok(Some(bytes))
    }

    /// The bytes or the message in this field, which must come next.
    pub(crate) fn bytes(&mut self, field: u8) -> Result<&'a [u8], NotCanonical> {
        self.optional_bytes(field)?.ok_or(NotCanonical)
    }

    /// All consecutive occurrences of this field that come next.
    pub(crate) fn many(&mut self, field: u8) -> Result<Many<'a>, NotCanonical> {
        let start = self.0;
        while self.optional_bytes(field)?.is_some() {}
        let length = start.len().saturating_sub(self.0.len());
        let bytes = start.get(..length).unwrap_or_default();
        Ok(Many {
            rest: Reader(bytes),
            field,
        })
    }

    /// The tag that comes next: the field and its wire type.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn tag(&mut self, tag: u8) -> bool {
        match self.0.split_first() {
            Some((found, rest)) if *found == tag => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// A number in its shortest form, of at most 64 bits.
    fn varint(&mut self) -> Result<u64, NotCanonical> {
        let mut value = 0u64;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(NotCanonical)?;
            self.0 = rest;
            let digits = u64::from(byte & 0x7f);
            if digits << shift >> shift != digits || (*byte == 0 && shift > 0) {
                return Err(NotCanonical);
            }
            value |= digits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(NotCanonical)
    }

    /// Whether the message has been read to its end.
    pub(crate) const fn end(&self) -> Result<(), NotCanonical> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(NotCanonical)
        }
    }
}

/// A repeated field: its bytes or messages, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Many<'a> {
    rest: Reader<'a>,
    field: u8,
}

impl<'a> Many<'a> {
    /// The fields as they are written.
    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        self.rest.0
    }
}

impl<'a> Iterator for Many<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        // The field was read once before, to find its end.
        self.rest.optional_bytes(self.field).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        for (bytes, value) in [
            (&[0u8][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0x80, 1], Some(128)),
            (&[0x80, 0], None),
            (&[0x80], None),
            (&[], None),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                Some(u64::MAX),
            ),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
                None,
            ),
            (
                &[
                    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1,
                ],
                None,
            ),
        ] {
            assert_eq!(Reader(bytes).varint().ok(), value, "{bytes:?}");
            if let Some(value) = value {
                let mut out = Writer::default();
                out.number(1, value);
                assert_eq!(out.into_bytes().get(1..), Some(bytes));
            }
        }
    }

    #[test]
    fn a_repeated_field_ends_where_another_begins() {
        let mut out = Writer::default();
        out.bytes(2, b"one");
        out.bytes(2, &[7; 200]);
        out.bytes(3, b"other");
        let bytes = out.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.many(1).unwrap().count(), 0);
        let many = reader.many(2).unwrap();
        assert_eq!(many.collect::<Vec<_>>(), [b"one", &[7; 200][..]]);
        assert_eq!(reader.bytes(2), Err(NotCanonical));
        assert_eq!(reader.bytes(3), Ok(&b"other"[..]));
        assert_eq!(reader.end(), Ok(()));
        assert!(Reader::new(&[2 << 3 | 2, 9]).many(2).is_err());
    }
}
