//! Proof that the guard allowed one call, and what it holds for that call.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::Context;
use super::denial::Denial;
use crate::capability::{Call, Chain, Refusal, Skip};
use crate::id::CallId;

/// How long after the verdict a body may still start.
const LAPSES_AFTER: Duration = Duration::from_secs(10);

/// The right to run one body once. Only the guard makes a permit; it cannot be cloned, and it expires.
///
/// ```compile_fail
/// # fn steal(permit: bailiwick::guard::Permit) {
/// let twice = permit.clone();
/// # }
/// ```
#[derive(Debug)]
pub struct Permit {
    id: CallId,
    given: Instant,
    scope: Arc<Allowed>,
}

/// The call that was allowed, for the doors, which enforce it on the resource that is really opened.
#[derive(Debug)]
pub struct Allowed {
    chain: Chain,
    call: Call,
    context: Context,
    by_policy: bool,
}

/// What the ledger holds for a call until it is settled.
#[derive(Debug)]
#[must_use = "a reservation is settled when the call has ended"]
pub struct Reservation {
    pub(super) id: CallId,
}

impl Reservation {
    /// The call that it is for.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }
}

impl Permit {
    /// A permit for a call; `by_policy` says that a policy allowed the call too.
    pub(super) fn new(
        id: CallId,
        chain: Chain,
        call: Call,
        context: Context,
        by_policy: bool,
    ) -> Self {
        Self {
            id,
            given: Instant::now(),
            scope: Arc::new(Allowed {
                chain,
                call,
                context,
                by_policy,
            }),
        }
    }

    /// The call that it is for.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }

    /// The capability that may be called.
    #[must_use]
    pub fn capability(&self) -> &str {
        self.scope.call.capability()
    }

    /// Whether it is too late to start the body.
    pub(crate) fn lapsed(&self) -> bool {
        self.given.elapsed() > LAPSES_AFTER
    }

    /// The call that was allowed, for the resources of this call.
    pub(crate) fn allowed(&self) -> Arc<Allowed> {
        self.scope.clone()
    }
}

impl Allowed {
    /// Whether the argument `name` of the call that was allowed is this text.
    pub(crate) fn is(&self, name: &str, text: &str) -> bool {
        self.call
            .arguments()
            .get(name)
            .and_then(serde_json::Value::as_str)
            == Some(text)
    }

    /// The innermost directory that the token grants the path argument `name` under, with its
    /// trailing slash; `None` when no block names one.
    pub(crate) fn root(&self, name: &str) -> Option<String> {
        self.chain.innermost_root(&self.call, name)
    }

    /// Whether a policy allowed this call too. The policy has decided about this call only: another call
    /// that follows from it must be decided as a call of its own.
    #[cfg_attr(
        not(feature = "http"),
        expect(dead_code, reason = "only the door to the network asks")
    )]
    pub(crate) const fn by_policy(&self) -> bool {
        self.by_policy
    }

    /// Asks the token about the same call with another value for one argument: a redirect.
    #[cfg_attr(
        not(feature = "http"),
        expect(dead_code, reason = "only the door to the network asks")
    )]
    pub(crate) fn again(&self, name: &str, value: &str) -> Result<(), Denial> {
        if self.is(name, value) {
            return Ok(());
        }
        self.with(name, value)
            .and_then(|call| {
                // An approval is for one call, so a redirect never has one.
                let skip = Skip {
                    budgets: true,
                    approvals: false,
                };
                self.chain.explain(&call, &self.context.facts, skip)
            })
            .map_err(|refusal| Denial::new(&self.context.agent, self.call.capability(), refusal))
    }

    /// The call that was allowed, with another value for one argument.
    fn with(&self, name: &str, value: &str) -> Result<Call, Refusal> {
        if self.is(name, value) {
            return Ok(self.call.clone());
        }
        let mut arguments = self.call.arguments().clone();
        arguments.insert(name.to_owned(), value.into());
        Call::new(self.call.capability(), arguments)
    }

    /// Whether the token names this very address among the hosts of the argument `name`, where that
    /// is this URL.
    #[cfg_attr(
        not(feature = "http"),
        expect(dead_code, reason = "only the door to the network asks")
    )]
    pub(crate) fn names_address(&self, name: &str, url: &str, ip: IpAddr) -> bool {
        let (chain, facts) = (&self.chain, &self.context.facts);
        self.with(name, url)
            .is_ok_and(|call| chain.names_address(&call, facts, name, ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{AgentKey, Authority, Grant, Mandate, Risk, Scope};
    use crate::guard::Effect;
    use crate::id::Timestamp;

    #[test]
    fn a_permit_lapses() {
        let now = Timestamp::from_secs(1_800_000_000).unwrap();
        let scope = Scope::new().grant(Grant::new("a"));
        let holder = AgentKey::generate().public();
        let chain = Authority::generate()
            .mint(&scope, &Mandate::default(), holder, now)
            .unwrap();
        let context = Context::new("lead", Effect::Read, Risk::Low, now);
        let mut permit = Permit::new(
            CallId::fresh(),
            chain,
            Call::parse("a", "{}").unwrap(),
            context,
            false,
        );
        assert_eq!(permit.capability(), "a");
        assert!(!permit.lapsed());
        permit.given = Instant::now()
            .checked_sub(LAPSES_AFTER + Duration::from_millis(1))
            .unwrap();
        assert!(permit.lapsed());
    }
}
