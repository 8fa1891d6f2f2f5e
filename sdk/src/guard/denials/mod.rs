//! Denials as they are recorded: the first of a kind in full, the rest counted and written as one
//! entry, so that a caller that provokes denials on purpose does not fill the log.

mod flush;
mod tally;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::context::Context;
use super::denial::Denial;
use super::verdict::{Attempt, Presented, Recorder};
use super::verifier::Guard;
use crate::capability::{Call, Chain, Kind, PublicKey, Refusal, WireCall, canonical};
use crate::id::{CallId, Timestamp};
use crate::store::Store;
use tally::{Asked, Tally};

/// Under whom denials are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Under {
    /// A holder that has proved possession of its key.
    Holder(PublicKey),
    /// A door, if no key was shown: the bytes are not a token, its signatures do not hold, no trusted
    /// root signed it, or the sender is not its holder.
    Door(String),
    /// Many holders: there are too many to be counted one by one.
    Others,
}

/// The door of calls that are made in this process.
const HOME: &str = "home";
/// The door of calls that [`Guard::authorize`] gets as wire calls.
const WIRE: &str = "wire";

/// What a guard has denied, and what of it is still to be written.
pub(super) struct Denials {
    tally: Mutex<Tally>,
    store: Arc<dyn Store>,
    recorder: Option<Arc<dyn Recorder>>,
}

impl fmt::Debug for Denials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denials").finish_non_exhaustive()
    }
}

impl Denials {
    pub(super) fn new(store: Arc<dyn Store>, recorder: Option<Arc<dyn Recorder>>) -> Arc<Self> {
        Arc::new(Self {
            tally: Mutex::default(),
            store,
            recorder,
        })
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a refusal of this kind means that no caller has proved to hold the token.
const fn is_before_possession(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Malformed | Kind::BadSignature | Kind::UntrustedRoot | Kind::NotHolder
    )
}

impl Guard {
    /// Reads a call that came over the wire through a door of this process, such as `http`.
    ///
    /// As [`KeyRing::wire_call`](crate::capability::KeyRing::wire_call), and a refusal is counted under the
    /// door: no holder has shown a key, so the refusal belongs to no holder. The counts are written to
    /// the log once a second, as one entry for each door and kind.
    ///
    /// # Errors
    ///
    /// The refusal: `malformed`, `bad_signature`, `untrusted_root` or `not_holder`.
    pub fn receive(&self, door: &str, bytes: &[u8]) -> Result<WireCall, Refusal> {
        self.ring.wire_call(bytes).inspect_err(|refusal| {
            let asked = Asked {
                under: Under::Door(door.to_owned()),
                tree: None,
                kind: refusal.kind(),
                capability: None,
                digest: canonical::sha256(b"bailiwick/refused/1\0", bytes),
            };
            self.denials.count(asked, self.told());
        })
    }

    /// How many calls this guard has denied for a reason since it was built, with those refused at
    /// its doors, those that lacked only an approval, and turns of models.
    #[must_use]
    pub fn denied(&self, kind: Kind) -> u64 {
        self.denials.tally().denied(kind)
    }

    /// How many of them were refused at a door before a caller had proved to hold the token: those of
    /// [`Guard::receive`] by the name that it was given, those of [`Guard::authorize`] under `home`
    /// and `wire`. At most 64 doors are told apart; further ones are `others`.
    #[must_use]
    pub fn denied_at(&self, door: &str, kind: Kind) -> u64 {
        self.denials.tally().denied_at(door, kind)
    }

    /// The time now, for the record of when a call was refused.
    fn told(&self) -> Timestamp {
        let now = self.now().ok().or_else(|| self.clock.now().ok());
        now.unwrap_or_else(|| self.high_water.highest())
    }

    /// Counts a denial, and writes it if it is among the first of its kind in this minute. Denials that
    /// get no entry of their own are counted in one entry that is written each second.
    pub(super) async fn record(
        &self,
        id: CallId,
        presented: Presented<'_>,
        call: Option<&Call>,
        context: &Context,
        denial: &Denial,
    ) {
        let chain = presented.chain();
        let time = match context.facts.time == Timestamp::default() {
            true => self.told(),
            false => context.facts.time,
        };
        let door = match presented {
            Presented::Held(_) => HOME,
            Presented::Wire(_) => WIRE,
        };
        let asked = asked(chain, door, call, denial);
        if self.denials.count(asked.clone(), time) {
            let attempt = Attempt {
                id,
                chain,
                capability: denial.capability(),
                call,
                context,
                denial: Some(denial),
            };
            if let Some(recorder) = &self.recorder {
                let batch = recorder.attempt(&attempt);
                if let Err(error) = self.write(batch).await {
                    // The call is refused either way.
                    tracing::error!(%error, %denial, "a denial could not be recorded; it is counted");
                    self.denials.postpone(asked, time);
                }
            }
        }
        if self.denials.tally().is_due(time)
            && let Err(error) = self.denials.flush().await
        {
            tracing::error!(%error, "counted denials could not be recorded; they are kept and written later");
        }
    }

    /// Records the denial of a call that the guard was not asked about, such as one whose arguments
    /// could not be read.
    pub(crate) async fn record_unread(
        &self,
        presented: Presented<'_>,
        context: &Context,
        denial: &Denial,
    ) {
        self.record(CallId::fresh(), presented, None, context, denial)
            .await;
    }

    /// Counts a denial that has no entry in the log: that of a turn.
    pub(super) fn count_only(&self, kind: Kind) {
        self.denials.tally().count_only(kind);
    }
}

/// The parts of a denial that are counted.
fn asked(chain: &Chain, door: &str, call: Option<&Call>, denial: &Denial) -> Asked {
    let kind = denial.kind();
    let (under, tree) = match is_before_possession(kind) {
        true => (Under::Door(door.to_owned()), None),
        false => {
            let holder = chain.holder();
            let first = chain.hops().next().map_or(holder, |hop| hop.holder);
            (Under::Holder(holder), Some(first))
        }
    };
    let arguments = call.map(|call| canonical::write_object(call.arguments()));
    let mut what = Vec::with_capacity(256);
    what.extend(chain.id());
    for part in [kind.name(), denial.capability()] {
        what.extend(part.as_bytes());
        what.push(0);
    }
    what.extend(arguments.unwrap_or_default().as_bytes());
    Asked {
        under,
        tree,
        kind,
        capability: Some(denial.capability().to_owned()),
        digest: canonical::sha256(b"bailiwick/denial/1\0", &what),
    }
}
