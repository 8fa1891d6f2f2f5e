//! Where a call comes from, and the context that follows from it.

use crate::capability::Exposure;
use crate::guard::Context;
use crate::id::Timestamp;
use crate::tool::Declaration;

/// Where a call comes from. The run supplies it, and never the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// The agent's path from the root, such as `lead/reader`.
    pub agent: String,
    /// The task.
    pub task: Option<String>,
    /// The step of the plan.
    pub step: Option<String>,
    /// What the run has read; `None` where that is not known, which a caveat that asks for its taint
    /// refuses.
    pub exposure: Option<Exposure>,
    /// What the run is for.
    pub intent: Option<String>,
}

impl Situation {
    /// The context of a call that is made at `now`, of something that declares this of itself.
    pub(crate) fn context(&self, declaration: &Declaration, now: Timestamp) -> Context {
        let mut context = Context::new(&self.agent, declaration.effect, declaration.risk, now);
        context.facts.task.clone_from(&self.task);
        context.facts.step.clone_from(&self.step);
        context.facts.dataset.clone_from(&declaration.dataset);
        context.expose(self.exposure.as_ref(), declaration.exposure.sensitivity);
        context.intent.clone_from(&self.intent);
        context.owner.clone_from(&declaration.owner);
        context.environment.clone_from(&declaration.environment);
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{Risk, Sensitivity};
    use crate::guard::Effect;

    #[test]
    fn a_context_holds_all_that_the_situation_and_the_declaration_say() {
        let situation = Situation {
            agent: "lead/reader".to_owned(),
            task: Some("sum up".to_owned()),
            step: Some("read".to_owned()),
            exposure: Some(Exposure::new(["web"], Some(Sensitivity::Internal))),
            intent: Some("report".to_owned()),
        };
        let declaration = Declaration::new("fs.read", Effect::Write, Risk::High)
            .touches(["files"])
            .sensitivity(Sensitivity::Confidential)
            .owner("ops")
            .environment("production");
        let now = Timestamp::from_secs(1_800_000_000).unwrap();
        let mut expected = Context::new("lead/reader", Effect::Write, Risk::High, now);
        expected.facts.task = Some("sum up".to_owned());
        expected.facts.step = Some("read".to_owned());
        expected.facts.dataset = Some(["files".to_owned()].into());
        expected.facts.taint = Some(["web".to_owned()].into());
        expected.facts.sensitivity = Some(Sensitivity::Confidential);
        expected.intent = Some("report".to_owned());
        expected.owner = Some("ops".to_owned());
        expected.environment = Some("production".to_owned());
        assert_eq!(situation.context(&declaration, now), expected);
    }
}
