//! The verdicts on a vector: ours through the public API, and the stock library's.

use std::sync::Arc;
use std::time::Duration;

use bailiwick::capability::{
    Call, CallNonce, KeyRing, Kind, PublicKey, Refusal, Risk, RootKey, Skip, from_text, stock_facts,
};
use bailiwick::clock::ManualClock;
use bailiwick::guard::{Context, Effect, Guard, Presented};
use biscuit_auth::Biscuit;
use biscuit_auth::format::schema::{self, proof::Content};
use prost::Message;

use super::format::{Present, Stage, StockVerdict, Vector};
use crate::{forge, stock};

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that hexadecimal stands for.
pub(super) fn unhex<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N, "{text}");
    let byte = |index: usize| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap();
    std::array::from_fn(byte)
}

impl Vector {
    fn root(&self) -> PublicKey {
        format!("ed25519/{}", self.root).parse().unwrap()
    }

    fn asked(&self) -> Result<Call, Refusal> {
        let call = Call::parse(self.call.tool.as_str(), &self.call.args)?;
        let nonce = CallNonce(unhex(&self.call.nonce));
        Call::with_nonce(self.call.tool.as_str(), call.arguments().clone(), nonce)
    }

    /// The verdict of this library, and where it was reached.
    pub fn ours(&self) -> Result<(), (Stage, Refusal)> {
        let token = |refusal| (Stage::Token, refusal);
        let ring = KeyRing::new([RootKey {
            key: self.root(),
            key_id: self.root_id,
        }]);
        let bytes =
            from_text(&self.token).map_err(|what| token(Refusal::new(Kind::Malformed, what)))?;
        match self.present {
            Present::Held => {
                let key = forge::from_seed(unhex(self.holder_key.as_ref().unwrap()));
                let chain = ring.chain(&bytes).map_err(token)?;
                let held = chain.held_by(forge::agent(&key)).map_err(token)?;
                self.ask(&ring, Presented::Held(&held))
            }
            Present::WireCall => {
                let wire = ring.wire_call(&bytes).map_err(token)?;
                self.ask(&ring, Presented::Wire(&wire))
            }
        }
        .map_err(|refusal| (Stage::Call, refusal))
    }

    /// The blocks' verdict with budgets and approvals as the facts give them; then what a guard
    /// asks beside, its state apart.
    fn ask(&self, ring: &KeyRing, presented: Presented<'_>) -> Result<(), Refusal> {
        let (call, facts) = (self.asked()?, self.facts.facts());
        presented.chain().explain(&call, &facts, Skip::default())?;
        // It started long before the call, so it forgot none that could have been made.
        let started = facts.time.saturating_sub(Duration::from_secs(3600));
        let guard = Guard::builder(ring.clone())
            .clock(Arc::new(ManualClock::at(started)))
            .build();
        let mut context = Context::new("vector", Effect::Read, Risk::Low, facts.time);
        context.facts = facts;
        let checked = guard.check(presented, &call, &context);
        checked.map(drop).map_err(|denial| {
            let detail = denial.detail().to_owned();
            match denial.hop() {
                Some(hop) => Refusal::at(denial.kind(), hop, detail),
                None => Refusal::new(denial.kind(), detail),
            }
        })
    }

    /// The verdict of the stock library on the same facts.
    ///
    /// A held token is given to it with the holder's secret, the only form in which it takes one.
    #[must_use]
    pub fn theirs(&self) -> (StockVerdict, Option<u32>) {
        const REFUSE: (StockVerdict, Option<u32>) = (StockVerdict::Refuse, None);
        let (Ok(bytes), Ok(call)) = (from_text(&self.token), self.asked()) else {
            return REFUSE;
        };
        let Ok(mut raw) = schema::Biscuit::decode(bytes.as_slice()) else {
            return REFUSE;
        };
        // The bytes as they are, unless there is a secret to add.
        let bytes = match (&self.holder_key, &raw.proof.content) {
            (Some(seed), None) => {
                let secret: [u8; 32] = unhex(seed);
                raw.proof.content = Some(Content::NextSecret(secret.to_vec()));
                forge::bytes(&raw)
            }
            _ => bytes,
        };
        let Ok(token) = Biscuit::from(&bytes, stock::key(&self.root())) else {
            return REFUSE;
        };
        let facts = self.facts.facts();
        let own = |block: &&schema::SignedBlock| block.external_signature.is_none();
        let blocks = forge::blocks(&raw);
        let calls = usize::from(self.present == Present::WireCall);
        let depth = (blocks.iter().filter(own).count() - 1).saturating_sub(calls);
        let holder = blocks.iter().filter(own).nth(depth).unwrap();
        let wire = PublicKey::from_bytes(holder.next_key.key.as_slice().try_into().unwrap());
        let wire = wire.ok().map(|holder| {
            let digest = call.digest(&holder, facts.task.as_deref(), facts.audience.as_deref());
            (digest, call.nonce().0)
        });
        let lines = stock_facts(&call, &facts, u32::try_from(depth).unwrap(), wire);
        match stock::judge(&token, &lines) {
            stock::Verdict::Allow => (StockVerdict::Allow, None),
            stock::Verdict::Deny { block } => (StockVerdict::Deny, block),
            stock::Verdict::Error(_) => REFUSE,
        }
    }
}
