//! A vector, from its token to the verdict that its author wrote down.

use bailiwick::capability::to_text;
use ed25519_dalek::SigningKey;
use serde_json::Value;

use super::cast::{ask, asked, known, root};
use super::format::{Expect, Known, Present, Stock, StockVerdict, Vector};
use super::judge::hex;
use crate::forge::Forge;

/// A vector of which the verdict is still to be said.
pub(super) struct Draft(Vector);

/// A token presented with the key of its holder.
pub(super) fn held(name: &str, says: &str, chain: &Forge) -> Draft {
    bytes(name, says, &chain.token(), &chain.holder)
}

/// A token of any bytes, presented with a key.
pub(super) fn bytes(name: &str, says: &str, token: &[u8], key: &SigningKey) -> Draft {
    let mut draft = sent(name, says, token);
    draft.0.present = Present::Held;
    draft.0.holder_key = Some(hex(&key.to_bytes()));
    draft
}

/// A token of any bytes, sent over the wire.
pub(super) fn sent(name: &str, says: &str, token: &[u8]) -> Draft {
    Draft(Vector {
        name: name.to_owned(),
        says: says.to_owned(),
        root: hex(&root().verifying_key().to_bytes()),
        root_id: None,
        present: Present::WireCall,
        holder_key: None,
        token: to_text(token),
        call: asked(),
        facts: known(),
        expect: Expect::Allow {},
        stock: Stock {
            verdict: StockVerdict::NotAsked,
            block: None,
            differs: None,
        },
    })
}

impl Draft {
    pub(super) fn call(mut self, tool: &str, args: Value) -> Self {
        self.0.call = ask(tool, args);
        self
    }

    pub(super) fn facts(mut self, change: impl FnOnce(&mut Known)) -> Self {
        change(&mut self.0.facts);
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Vector)) -> Self {
        change(&mut self.0);
        self
    }

    /// Says why the stock library's verdict is another.
    pub(super) fn stock_differs(mut self, why: &str) -> Self {
        self.0.stock.differs = Some(why.to_owned());
        self
    }

    pub(super) fn allow(self) -> Vector {
        self.done(None, true)
    }

    pub(super) fn deny(self, kind: &str, hop: Option<u32>) -> Vector {
        self.done(Some((kind, hop)), true)
    }

    /// As [`Draft::deny`], for what the stock engine is not to be asked.
    pub(super) fn deny_unasked(self, kind: &str, hop: Option<u32>) -> Vector {
        self.done(Some((kind, hop)), false)
    }

    /// The vector, when the verdict is the one that its author wrote, and the stock library's is
    /// the same or its author wrote why not.
    fn done(self, denied: Option<(&str, Option<u32>)>, ask_stock: bool) -> Vector {
        let mut vector = self.0;
        let name = vector.name.clone();
        vector.expect = match (vector.ours(), denied) {
            (Ok(()), None) => Expect::Allow {},
            (Err((stage, refusal)), Some((kind, hop))) => {
                let found = (refusal.kind().name(), refusal.hop());
                assert_eq!(found, (kind, hop), "{name}: {refusal}");
                Expect::Deny {
                    kind: kind.to_owned(),
                    hop,
                    stage,
                    explanation: refusal.detail().to_owned(),
                }
            }
            (ours, denied) => panic!("{name}: {ours:?}, expected {denied:?}"),
        };
        if ask_stock {
            (vector.stock.verdict, vector.stock.block) = vector.theirs();
        }
        let same = (vector.stock.verdict == StockVerdict::Allow) == denied.is_none();
        let said = vector.stock.differs.is_some();
        assert_eq!(said, !same || !ask_stock, "{name}: {:?}", vector.stock);
        vector
    }
}
