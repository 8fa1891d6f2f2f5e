//! The one road to a tool's body: read once, decide, run, settle.

mod call;
mod journal;
mod outcome;
mod situation;
mod stop;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use self::call::GateCall;
pub use self::journal::Journal;
pub use self::outcome::Outcome;
pub use self::situation::Situation;
use super::toolbox::Entry;
use super::{ToolError, Toolbox};
use crate::capability::Call;
use crate::guard::{Context, Denial, Guard, Presented, Recorded, Reservation, Verdict};
use crate::record::Audit;
use crate::store::{Batch, StoreError};

/// The one road to a tool. Nothing else can make what a body needs.
#[derive(Clone, Debug)]
pub struct Gate {
    recorded: Recorded<Audit>,
    toolbox: Toolbox,
}

impl Gate {
    /// A gate in front of `toolbox`. The outcomes of calls are in the log to which the guard writes the
    /// attempts.
    ///
    /// A call that is not recorded does not run, so a gate needs a guard that records:
    ///
    /// ```
    /// # use bailiwick::capability::KeyRing;
    /// # use bailiwick::guard::Guard;
    /// # use bailiwick::record::Audit;
    /// # use bailiwick::tool::{Gate, Toolbox};
    /// # fn gate(ring: KeyRing, toolbox: Toolbox) -> Gate {
    /// let guard = Guard::builder(ring).build_recorded(Audit::new());
    /// let gate = Gate::new(guard, toolbox);
    /// # gate
    /// # }
    /// ```
    ///
    /// A gate over another guard does not compile:
    ///
    /// ```compile_fail,E0308
    /// # use bailiwick::capability::KeyRing;
    /// # use bailiwick::guard::Guard;
    /// # use bailiwick::record::Audit;
    /// # use bailiwick::tool::{Gate, Toolbox};
    /// # fn gate(ring: KeyRing, toolbox: Toolbox) -> Gate {
    /// let guard = Guard::builder(ring).build();
    /// let gate = Gate::new(guard, toolbox);
    /// # gate
    /// # }
    /// ```
    #[must_use]
    pub const fn new(guard: Recorded<Audit>, toolbox: Toolbox) -> Self {
        Self {
            recorded: guard,
            toolbox,
        }
    }

    /// The guard.
    #[must_use]
    pub const fn guard(&self) -> &Arc<Guard> {
        self.recorded.guard()
    }

    /// The tools.
    #[must_use]
    pub const fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    /// The record.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        self.recorded.recorder()
    }

    /// Calls a tool by its name with the raw text of its arguments, by the authority of a token that is held
    /// in this process, or of a wire call. Await the result for the [`Outcome`]; [`GateCall::cancelled_by`]
    /// names what cancels the call, and [`GateCall::journal`] stores it.
    ///
    /// The text is read once; the value that comes out is checked, and the same value is moved into
    /// the body. The body runs in a task of its own: when it panics the call has failed, and when
    /// the caller goes away it is still settled.
    ///
    /// A wire call reaches only the tool that it names, only with the arguments that its holder signed (as
    /// the tool's type writes them, so an argument with a default is signed too), and only once: its own
    /// nonce is spent.
    pub fn call<'a>(
        &'a self,
        authority: impl Into<Presented<'a>>,
        tool: &'a str,
        raw: &'a str,
        situation: &'a Situation,
    ) -> GateCall<'a> {
        let found = self.toolbox.find(tool).ok_or(tool);
        self.call_found(authority, found, raw, situation)
    }

    /// As [`Gate::call`], of a tool that was looked up before; the error is a name that no tool has.
    pub(crate) fn call_found<'a>(
        &'a self,
        authority: impl Into<Presented<'a>>,
        tool: Result<&'a Entry, &'a str>,
        raw: &'a str,
        situation: &'a Situation,
    ) -> GateCall<'a> {
        GateCall {
            gate: self,
            presented: authority.into(),
            tool,
            raw,
            situation,
            cancel: CancellationToken::new(),
            journal: None,
        }
    }

    /// Asks the guard about a call. What the journal stores of its beginning is written with the decision that
    /// allows it.
    pub(crate) async fn decide(
        &self,
        presented: Presented<'_>,
        call: Call,
        context: Context,
        journal: Option<&dyn Journal>,
        gone: impl Future<Output = ()> + Send,
    ) -> Verdict {
        let asked = self.guard().authorize(presented, call, context);
        asked
            .and(|id| journal.map_or_else(Batch::new, |journal| journal.begun(id)))
            .until(gone)
            .await
    }

    /// Records the end of a call, together with what the journal stores of it. The journal is told if that
    /// fails.
    pub(crate) async fn end(
        &self,
        reservation: &Reservation,
        result: Result<&Value, &ToolError>,
        journal: Option<&dyn Journal>,
    ) -> Result<(), StoreError> {
        let entry = self.audit().outcome(reservation, result.err());
        let stored = journal.map(|journal| journal.ended(reservation.id(), result));
        let recorded = self
            .guard()
            .record_with(entry, stored.unwrap_or_default())
            .await;
        if let (Err(error), Some(journal)) = (&recorded, journal) {
            journal.not_persisted(error);
        }
        recorded
    }

    /// Records the denial of a call that the guard could not decide, like any other denial: its arguments
    /// cannot be read, or the policy panicked.
    pub(crate) async fn record_undecided(
        &self,
        presented: Presented<'_>,
        context: &Context,
        denial: &Denial,
    ) {
        self.guard().record_unread(presented, context, denial).await;
    }
}
