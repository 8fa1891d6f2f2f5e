//! Biscuit's interning: strings and keys that a chain has named so far.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::keys::PublicKey;
use super::super::protobuf::Reader;
use super::raw::RawBlock;

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
/// Clones share one copy until one of them takes up something new: most hops name nothing new.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    inner: Arc<Inner>,
    /// How many of the strings and keys have been named: all, but while a block is being read that
    /// lists its own first.
    named: (usize, usize),
    /// Whether something was named before its turn.
    out_of_turn: bool,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    strings: Vec<Arc<str>>,
    index: HashMap<Arc<str>, u64>,
    keys: Vec<PublicKey>,
}

impl Inner {
    fn push(&mut self, text: &str) -> u64 {
        let index = OFFSET + self.strings.len() as u64;
        let text: Arc<str> = text.into();
        self.strings.push(text.clone());
        self.index.insert(text, index);
        index
    }
}

fn default(text: &str) -> Option<u64> {
    let index = DEFAULT.iter().position(|known| *known == text)?;
    Some(index as u64)
}

impl Table {
    /// The index of a string, interned now if it is new.
    pub(super) fn intern(&mut self, text: &str) -> u64 {
        // A string is in one of the two; most are the chain's own.
        if let Some(index) = self.inner.index.get(text) {
            let own = index.saturating_sub(OFFSET) as usize;
            self.out_of_turn |= own > self.named.0;
            self.named.0 = self.named.0.max(own + 1);
            return *index;
        }
        if let Some(index) = default(text) {
            return index;
        }
        self.out_of_turn |= self.named.0 < self.inner.strings.len();
        let index = Arc::make_mut(&mut self.inner).push(text);
        self.named.0 = self.inner.strings.len();
        index
    }

    /// The index of a key, interned now if it is new.
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

    /// Whether everything that was taken up has been named, each in its turn.
    pub(super) fn in_turn(&self) -> bool {
        let all = (self.inner.strings.len(), self.inner.keys.len());
        !self.out_of_turn && self.named == all
    }

    pub(super) fn string(&self, index: u64) -> Option<&str> {
        match index.checked_sub(OFFSET) {
            Some(own) => self
                .inner
                .strings
                .get(usize::try_from(own).ok()?)
                .map(AsRef::as_ref),
            None => DEFAULT.get(usize::try_from(index).ok()?).copied(),
        }
    }

    pub(super) fn key(&self, index: i64) -> Option<&PublicKey> {
        self.inner.keys.get(usize::try_from(index).ok()?)
    }

    /// How many strings and keys have been named, to tell a block's own from those before it.
    pub(super) const fn size(&self) -> (usize, usize) {
        self.named
    }

    /// The strings and keys named since `size`, which a block lists.
    pub(super) fn since(&self, size: (usize, usize)) -> (&[Arc<str>], &[PublicKey]) {
        let strings = self.inner.strings.get(size.0..self.named.0);
        let keys = self.inner.keys.get(size.1..self.named.1);
        (strings.unwrap_or_default(), keys.unwrap_or_default())
    }

    /// Takes up what a block lists, not named yet. A string or key that is known already is refused.
    pub(super) fn extend(&mut self, block: &RawBlock<'_>) -> Result<(), &'static str> {
        let mut listed = block.symbols.chain(block.keys);
        if listed.next().is_none() {
            return Ok(());
        }
        let inner = Arc::make_mut(&mut self.inner);
        for text in block.symbols {
            let text = std::str::from_utf8(text).map_err(|_| "the block names what is not text")?;
            if inner.index.contains_key(text) || default(text).is_some() {
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

/// The bytes of a key; writing the block again tells whether the algorithm is the one.
fn key_of(message: &[u8]) -> Option<[u8; 32]> {
    let mut fields = Reader::new(message);
    fields.optional_number(1).ok()??;
    let key = fields.bytes(2).ok()?;
    fields.end().ok()?;
    key.try_into().ok()
}
