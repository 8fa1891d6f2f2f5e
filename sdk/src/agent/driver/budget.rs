//! What a turn of the model may cost: taken from the budgets before it, settled after it.

use super::super::core::AgentCore;
use super::super::durable::OpenTurn;
use super::super::prices::Prices;
use crate::capability::{Kind, Refusal};
use crate::guard::{COST, Charged, Denial, TOKENS, TURNS};
use crate::model::{Request, Usage};
use crate::store::{Batch, StoreError};

/// The most tokens of a completion where neither limits nor budgets set fewer.
const MAX_OUTPUT: u32 = 4096;
/// How often the charge is tried again when other agents took what was left in between.
const TRIES: u32 = 16;

/// A turn whose cost is taken.
pub(super) struct Turn {
    charged: Charged,
    prices: Option<Prices>,
}

/// Takes what the turn may cost at most from the budgets of the agent and its ancestors, and caps
/// what the model may write at what is left of them. The batch that `extra` makes of it is written with it.
pub(super) async fn begin(
    core: &AgentCore,
    request: &mut Request,
    mut extra: impl FnMut(&Charged, Option<u32>) -> Batch + Send,
) -> Result<Turn, Denial> {
    let (guard, held) = (core.runtime.gate.guard(), &core.held);
    let denied = |refusal| Denial::new(&core.path, "a turn of the model", refusal);
    let unread = |error| {
        let what = format!("what is left of a budget cannot be read: {error}");
        denied(Refusal::new(Kind::Unavailable, what).outage())
    };
    let prices = core.prices();
    let asked = request.max_output_tokens.unwrap_or(MAX_OUTPUT);
    let (mut tries, mut input) = (0, None);
    loop {
        tries += 1;
        let tokens = guard.left(held, TOKENS).await.map_err(unread)?;
        let money = guard.left(held, COST).await.map_err(unread)?;
        let mut amounts = vec![(TURNS, 1)];
        if tokens.is_some() || money.is_some() {
            // Estimated once, and only where a budget needs it: the whole conversation is serialised for it.
            let input = *input.get_or_insert_with(|| estimate(request));
            let mut output = u64::from(asked);
            let too_little = |left: u64, kind: &str, needed: u64| {
                let what = format!(
                    "{left} of `{kind}` are left, and reading the conversation takes about {needed}"
                );
                denied(Refusal::new(Kind::Budget, what))
            };
            if let Some(left) = tokens {
                output = output.min(left.saturating_sub(input));
                if output == 0 {
                    return Err(too_little(left, TOKENS, input));
                }
            }
            if let Some(left) = money {
                let prices = prices.ok_or_else(|| {
                    let what = "there is a budget of money, and no price for this model; see \
                                `OrchestratorBuilder::prices`";
                    denied(Refusal::new(Kind::Budget, what))
                })?;
                let reading = prices.reading(input);
                output = output.min(prices.writes(left.saturating_sub(reading)));
                if left < reading || output == 0 {
                    return Err(too_little(left, COST, reading));
                }
                let writing = prices.cost(Usage {
                    output,
                    ..Usage::default()
                });
                // Rounded up twice, which may be one more than there is.
                amounts.push((COST, reading.saturating_add(writing).min(left)));
            }
            amounts.push((TOKENS, input.saturating_add(output)));
            request.max_output_tokens = Some(u32::try_from(output).unwrap_or(asked));
        }
        let most = request.max_output_tokens;
        let extra = |charged: &_| extra(charged, most);
        let task = core.task();
        let charge = guard.charge(held, &core.path, &amounts);
        match charge.task(task.as_deref()).and(extra).await {
            Ok(charged) => return Ok(Turn { charged, prices }),
            // Others may have taken some of it since it was looked at.
            Err(denial) if denial.kind() == Kind::Budget && tries < TRIES && amounts.len() > 1 => {}
            Err(denial) => return Err(denial),
        }
    }
}

/// The turn that was begun before a crash: the amounts that were taken for it stay taken, and its cap stays. As
/// before any turn, the agent is checked for revocation: the model of a revoked agent is not asked, and the amounts
/// stay taken, since the model may have been asked before the crash.
pub(super) async fn again(
    core: &AgentCore,
    request: &mut Request,
    open_turn: OpenTurn,
) -> Result<Turn, Denial> {
    let guard = core.runtime.gate.guard();
    let task = core.task();
    guard
        .may_think(&core.held, &core.path, task.as_deref())
        .await?;
    request.max_output_tokens = open_turn.max_output_tokens;
    let prices = core.prices();
    let charged = open_turn.charged().ok_or_else(|| {
        let what = "what was kept of the budgets that a turn took from is damaged";
        let refusal = Refusal::new(Kind::Unavailable, what);
        Denial::new(&core.path, "a turn of the model", refusal)
    })?;
    Ok(Turn { charged, prices })
}

impl Turn {
    /// Replaces the amounts that were taken by the cost of the turn, if it is known, and writes `extra`
    /// with it.
    pub(super) async fn settle(
        self,
        core: &AgentCore,
        usage: Option<Usage>,
        extra: Batch,
    ) -> Result<(), StoreError> {
        let cost = usage.map(|usage| {
            let cost = self.prices.map_or(0, |prices| prices.cost(usage));
            [(TOKENS, usage.total()), (COST, cost)]
        });
        let cost = cost.as_slice().as_flattened();
        let guard = core.runtime.gate.guard();
        guard.settle(self.charged, cost).and(extra).await
    }
}

/// An estimate of the tokens of a request, rather too high than too low: one for three bytes of its JSON.
fn estimate(request: &Request) -> u64 {
    let written = serde_json::to_vec(request).map_or(0, |json| json.len());
    written.div_ceil(3) as u64
}
