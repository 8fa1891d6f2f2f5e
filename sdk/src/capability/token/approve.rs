//! One call of one token, approved by a third party.

use std::fmt;
use std::sync::Arc;

use super::error::MintError;
use super::held::Held;
use super::link::Link;
use super::mint::finish;
use crate::capability::block::wire;
use crate::capability::block::wire::{External, SignedBlock};
use crate::capability::block::{ApprovalBlock, Block, Table, decode, encode};
use crate::capability::keys::{AgentKey, PublicKey, random};
use crate::capability::value::{Call, Facts};
use crate::id::Timestamp;

/// The request that an approver is asked to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// The digest of the call ([`Call::digest`]).
    pub call: [u8; 32],
    /// The signature of the token that the approval comes after.
    pub after: [u8; 64],
}

/// An approver's signature over exactly one call of one token.
#[derive(Clone, PartialEq, Eq)]
pub struct Approval {
    by: PublicKey,
    after: [u8; 64],
    bytes: Vec<u8>,
    signature: [u8; 64],
}

impl ApprovalRequest {
    /// Signs the request with an approver's key; the approval is valid until `expires`.
    #[must_use]
    pub fn approve(&self, key: &AgentKey, expires: Timestamp) -> Approval {
        let block = ApprovalBlock {
            call: self.call,
            expires: expires.floor_to_second(),
            id: random(),
        };
        let bytes = encode(&Block::Approval(block), &mut Table::default());
        let signature = key.sign(&wire::external_payload(&bytes, &self.after));
        Approval {
            by: key.public(),
            after: self.after,
            bytes,
            signature,
        }
    }
}

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Approval(by {})", self.by)
    }
}

impl Held {
    /// The request that an approver must sign for `call`: the digest of the call, and the signature that the
    /// approval comes after.
    #[must_use]
    pub fn approval_request(&self, call: &Call, facts: &Facts) -> ApprovalRequest {
        ApprovalRequest {
            call: call.digest(
                &self.chain.holder(),
                facts.task.as_deref(),
                facts.audience.as_deref(),
            ),
            after: self.chain.last().signed.signature,
        }
    }

    /// A copy of the token, for one call, that carries `approval`.
    ///
    /// # Errors
    ///
    /// [`MintError::OtherApproval`] when the approval was made for another token (ask again) or does
    /// not verify; [`MintError::Position`] when it comes from the root's or a holder's key.
    pub fn with_approval(&self, approval: &Approval) -> Result<Held, MintError> {
        let last = self.chain.last();
        let external = External {
            key: approval.by,
            signature: approval.signature,
        };
        if approval.after != last.signed.signature
            || !approval.by.verify(
                &wire::external_payload(&approval.bytes, &last.signed.signature),
                &approval.signature,
            )
        {
            return Err(MintError::OtherApproval);
        }
        let mut table = last.table.continued();
        let block =
            decode(&approval.bytes, true, &mut table).map_err(MintError::UnreadableApproval)?;
        let key = AgentKey::generate();
        let payload = wire::payload(
            &approval.bytes,
            &key.public(),
            Some(&last.signed.signature),
            Some(&external.signature),
        );
        let signed = SignedBlock {
            bytes: approval.bytes.clone(),
            next_key: key.public(),
            signature: self.key.sign(&payload),
            external: Some(external),
        };
        let link = Link::new(Some(last), signed, block, table).map_err(MintError::Patterns)?;
        let chain = finish(
            self.chain.root(),
            self.chain.key_id(),
            self.chain.links().to_vec(),
            link,
        )?;
        Ok(Held {
            chain,
            key: Arc::new(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::keys::Authority;
    use crate::capability::scope::{Grant, Scope};
    use crate::capability::token::Mandate;

    #[test]
    fn an_approval_that_does_not_verify_is_not_put_on_a_token() {
        let now = Timestamp::from_secs(1_800_000_000).unwrap();
        let (holder, approver) = (AgentKey::generate(), AgentKey::generate());
        let scope = Scope::new().grant(Grant::new("pay").approved_by([approver.public()]));
        let held = Authority::generate()
            .mint(&scope, &Mandate::default(), holder.public(), now)
            .unwrap()
            .held_by(holder)
            .unwrap();
        let call = Call::parse("pay", "{}").unwrap();
        let request = held.approval_request(&call, &Facts::at(now));
        let good = request.approve(
            &approver,
            now.saturating_add(std::time::Duration::from_secs(9)),
        );
        assert!(held.with_approval(&good).is_ok());
        let mut signature = good.clone();
        signature.signature[0] ^= 1;
        let mut bytes = good.clone();
        *bytes.bytes.last_mut().unwrap() ^= 1;
        let by = Approval {
            by: AgentKey::generate().public(),
            ..good.clone()
        };
        let after = Approval {
            after: [7; 64],
            ..good
        };
        for bad in [signature, bytes, by, after] {
            let error = held.with_approval(&bad).unwrap_err();
            assert!(error.to_string().contains("ask for it again"), "{error}");
        }
    }
}
