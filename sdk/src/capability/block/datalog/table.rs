//! Biscuit's interning: the strings and keys that a chain has named so far.

use std::ops::Range;
use std::sync::Arc;

use super::raw::RawBlock;
use crate::capability::block::protobuf::Reader;
use crate::capability::keys::PublicKey;

/// The strings that every Biscuit implementation knows (Biscuit specification, symbol table).
const DEFAULT: [&str; 28] = [
    "read",
    "write",
    "resource",
    "operation",
    "right",
    "time",
    "role",
    "owner",
    "tenant",
    "namespace",
    "user",
    "team",
    "service",
    "admin",
    "email",
    "group",
    "member",
    "ip_address",
    "client",
    "client_ip",
    "domain",
    "path",
    "version",
    "cluster",
    "node",
    "hostname",
    "nonce",
    "query",
];
/// The index of the first string that a token adds.
const OFFSET: u64 = 1024;

/// The strings and keys that the first-party blocks of a chain have named, in order.
///
/// Clones share one copy until one of them adds an entry, and blocks that are read together share one
/// copy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    inner: Arc<Inner>,
    /// How many of the strings and keys have been named. That is all of them, except while a block is read,
    /// which lists its own first, and in the table of a block after which others were read.
    named: (usize, usize),
    /// Whether a string or key was named out of order.
    out_of_turn: bool,
}

/// The strings: their concatenated text, the end of each, and their numbers, the shorter strings first and
/// those of one length in the order of their bytes.
#[derive(Clone, Debug, Default)]
struct Inner {
    text: String,
    ends: Vec<u32>,
    sorted: Vec<u32>,
    keys: Vec<PublicKey>,
}

impl Inner {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn range(&self, own: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(own)? as usize;
        let start = match own.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        Some(start..end)
    }

    fn string(&self, own: usize) -> Option<&str> {
        self.text.get(self.range(own)?)
    }

    /// The position of a string among the sorted ones, or the position where it would be inserted.
    fn place(&self, text: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|own| {
            let range = self.range(*own as usize).unwrap_or_default();
            // Most strings differ in their length, which is compared without a look at their text.
            range.len().cmp(&text.len()).then_with(|| {
                let bytes = self.text.as_bytes().get(range).unwrap_or_default();
                bytes.cmp(text.as_bytes())
            })
        })
    }

    fn find(&self, text: &str) -> Option<usize> {
        let place = self.place(text).ok()?;
        self.sorted.get(place).map(|own| *own as usize)
    }

    fn push(&mut self, text: &str) -> u64 {
        let own = self.len();
        if let Err(place) = self.place(text) {
            self.sorted.insert(place, number(own));
        }
        self.text.push_str(text);
        self.ends.push(number(self.text.len()));
        OFFSET + own as u64
    }

    /// The given number of first strings and keys.
    fn upto(&self, (strings, keys): (usize, usize)) -> Self {
        let ends = self.ends.get(..strings).unwrap_or(&self.ends);
        let text = ends.last().map_or(0, |end| *end as usize);
        Self {
            text: self.text.get(..text).unwrap_or_default().to_owned(),
            ends: ends.to_vec(),
            sorted: self
                .sorted
                .iter()
                .copied()
                .filter(|own| (*own as usize) < strings)
                .collect(),
            keys: self.keys.get(..keys).unwrap_or(&self.keys).to_vec(),
        }
    }
}

/// A number of strings or of bytes; a token has 16 KiB.
fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn default(text: &str) -> Option<u64> {
    let index = DEFAULT.iter().position(|known| *known == text)?;
    Some(index as u64)
}

impl Table {
    /// The index of a string, which is interned now if it is new.
    pub(super) fn intern(&mut self, text: &str) -> u64 {
        // A string is in one of the two tables; most are in the chain's own.
        if let Some(own) = self.inner.find(text) {
            self.out_of_turn |= own > self.named.0;
            self.named.0 = self.named.0.max(own + 1);
            return OFFSET + own as u64;
        }
        if let Some(index) = default(text) {
            return index;
        }
        self.out_of_turn |= self.named.0 < self.inner.len();
        let index = Arc::make_mut(&mut self.inner).push(text);
        self.named.0 = self.inner.len();
        index
    }

    /// The index of a key, which is interned now if it is new.
    pub(super) fn intern_key(&mut self, key: &PublicKey) -> i64 {
        let known = self.inner.keys.iter().position(|known| known == key);
        let index = known.unwrap_or_else(|| {
            Arc::make_mut(&mut self.inner).keys.push(*key);
            self.inner.keys.len() - 1
        });
        self.out_of_turn |= index > self.named.1;
        self.named.1 = self.named.1.max(index + 1);
        index as i64
    }

    /// Whether every entry that was added has been named, in order.
    pub(super) fn in_turn(&self) -> bool {
        let all = (self.inner.len(), self.inner.keys.len());
        !self.out_of_turn && self.named == all
    }

    pub(super) fn string(&self, index: u64) -> Option<&str> {
        match index.checked_sub(OFFSET) {
            Some(own) => self.inner.string(usize::try_from(own).ok()?),
            None => DEFAULT.get(usize::try_from(index).ok()?).copied(),
        }
    }

    pub(super) fn key(&self, index: i64) -> Option<&PublicKey> {
        self.inner.keys.get(usize::try_from(index).ok()?)
    }

    /// How many strings and keys have been named, to distinguish a block's own from those before it.
    pub(crate) const fn size(&self) -> (usize, usize) {
        self.named
    }

    /// The strings and keys that were named since `size`, which a block lists.
    pub(super) fn since(&self, size: (usize, usize)) -> (impl Iterator<Item = &str>, &[PublicKey]) {
        let strings = (size.0..self.named.0).filter_map(|own| self.inner.string(own));
        let keys = self.inner.keys.get(size.1..self.named.1);
        (strings, keys.unwrap_or_default())
    }

    /// The table of the block that was read when `size` had been named; it shares the strings of the blocks
    /// after it.
    pub(crate) fn upto(&self, size: (usize, usize)) -> Self {
        Self {
            inner: self.inner.clone(),
            named: size,
            out_of_turn: false,
        }
    }

    /// The table to read or write the next block with.
    pub(crate) fn continued(&self) -> Self {
        if (self.inner.len(), self.inner.keys.len()) == self.named {
            return self.clone();
        }
        Self {
            inner: Arc::new(self.inner.upto(self.named)),
            named: self.named,
            out_of_turn: false,
        }
    }

    /// How many bytes the table holds.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Inner>()
            + self.inner.text.capacity()
            + size_of::<u32>() * (self.inner.ends.capacity() + self.inner.sorted.capacity())
            + size_of::<PublicKey>() * self.inner.keys.capacity()
    }

    /// Adds the strings and keys that a block lists, as not named yet. A string or key that is already known is
    /// refused.
    pub(super) fn extend(&mut self, block: &RawBlock<'_>) -> Result<(), &'static str> {
        let mut listed = block.symbols.chain(block.keys);
        if listed.next().is_none() {
            return Ok(());
        }
        let inner = Arc::make_mut(&mut self.inner);
        for text in block.symbols {
            let text = std::str::from_utf8(text).map_err(|_| "the block names what is not text")?;
            if inner.find(text).is_some() || default(text).is_some() {
                return Err("the block names a string that is known already");
            }
            inner.push(text);
        }
        for key in block.keys {
            let key = key_of(key).ok_or("a key of the block is not Ed25519")?;
            let key =
                PublicKey::from_bytes(key).map_err(|_| "a key of the block cannot be used")?;
            if inner.keys.contains(&key) {
                return Err("the block names a key that is known already");
            }
            inner.keys.push(key);
        }
        Ok(())
    }
}

/// The bytes of a key; writing the block again checks the algorithm.
fn key_of(message: &[u8]) -> Option<[u8; 32]> {
    let mut fields = Reader::new(message);
    fields.optional_number(1).ok()??;
    let key = fields.bytes(2).ok()?;
    fields.end().ok()?;
    key.try_into().ok()
}
