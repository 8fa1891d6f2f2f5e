//! Biscuit's interning: strings and keys that a chain has named so far.

use std::collections::HashMap;
use std::sync::Arc;

use biscuit_auth::format::schema;

use super::super::keys::PublicKey;

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
/// Clones share one copy until one of them names something new: most hops name nothing new.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    strings: Vec<Arc<str>>,
    index: HashMap<Arc<str>, u64>,
    keys: Vec<PublicKey>,
}

impl Table {
    /// The index of a string, interned now if it is new.
    pub(super) fn intern(&mut self, text: &str) -> u64 {
        if let Some(index) = DEFAULT.iter().position(|known| *known == text) {
            return index as u64;
        }
        if let Some(index) = self.inner.index.get(text) {
            return *index;
        }
        let own = Arc::make_mut(&mut self.inner);
        let index = OFFSET + own.strings.len() as u64;
        let text: Arc<str> = text.into();
        own.strings.push(text.clone());
        own.index.insert(text, index);
        index
    }

    /// The index of a key, interned now if it is new.
    pub(super) fn intern_key(&mut self, key: &PublicKey) -> i64 {
        let known = self.inner.keys.iter().position(|known| known == key);
        let index = known.unwrap_or_else(|| {
            Arc::make_mut(&mut self.inner).keys.push(*key);
            self.inner.keys.len() - 1
        });
        index as i64
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

    /// How many strings and keys there are, to tell a block's own from those before it.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.inner.strings.len(), self.inner.keys.len())
    }

    /// The strings and keys past `size`, as a block writes them.
    pub(super) fn since(&self, size: (usize, usize)) -> (Vec<String>, Vec<schema::PublicKey>) {
        (
            self.inner
                .strings
                .iter()
                .skip(size.0)
                .map(|text| text.to_string())
                .collect(),
            self.inner
                .keys
                .iter()
                .skip(size.1)
                .map(super::proto_key)
                .collect(),
        )
    }

    /// Takes up what a block adds. A string or key that is known already is refused.
    pub(super) fn extend(&mut self, block: &schema::Block) -> Result<(), &'static str> {
        for text in &block.symbols {
            let before = self.inner.strings.len();
            self.intern(text);
            if self.inner.strings.len() == before {
                return Err("the block names a string that is known already");
            }
        }
        for key in &block.public_keys {
            let bytes = <[u8; 32]>::try_from(key.key.as_slice())
                .map_err(|_| "a key of the block is not Ed25519")?;
            let key =
                PublicKey::from_bytes(bytes).map_err(|_| "a key of the block cannot be used")?;
            if self.inner.keys.contains(&key) {
                return Err("the block names a key that is known already");
            }
            Arc::make_mut(&mut self.inner).keys.push(key);
        }
        Ok(())
    }
}
