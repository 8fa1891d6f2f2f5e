//! A question, as Cedar is asked it.

use std::collections::{BTreeSet, HashSet};

use cedar_policy::{Context, Entities, Entity, Request, RestrictedExpression, Schema};

use super::schema::{Declarations, Names};
use super::shape;
use crate::guard::policy::Question;
use crate::id::{Timestamp, hex};
use crate::text::printable;

/// The most names in the path of an agent, and in each list of the context.
const MAX_NAMES: usize = 64;

/// What is made of a question: the request, and the entities that it names.
pub(super) type Asked = (Request, Entities);

/// The request for a question, checked against the schema. The text of an error says why Cedar cannot be asked.
pub(super) fn request(
    question: &Question<'_>,
    declared: &Declarations,
    (names, schema): (&Names, &Schema),
) -> Result<Asked, String> {
    let (call, context) = (question.call(), question.context());
    let capability = call.capability();
    let Some(known) = declared.get(capability) else {
        return Err(format!(
            "the tool `{}` is not among the declarations that the policies were loaded with; load them again with all tools",
            printable(capability)
        ));
    };
    if known.effect != context.effect {
        return Err(format!(
            "the tool `{}` is declared with the effect {} and is called with the effect {}; load the policies with the tools of this process",
            printable(capability),
            known.effect,
            context.effect
        ));
    }
    let arguments = shape::express(&known.arguments, call.arguments(), &mut 0);
    let arguments = arguments
        .map_err(|unfit| format!("the arguments cannot be represented in Cedar: {unfit}"))?;
    let pairs = Pairs::of(question, arguments)?;
    let asked = Context::from_pairs(pairs.0).map_err(|error| error.to_string())?;

    let mut entities = Vec::new();
    let paths = ancestry(&context.agent)?;
    let role = question.roles().last();
    for (at, path) in paths.iter().enumerate() {
        let above = at.checked_sub(1).and_then(|above| paths.get(above));
        let mut parents: HashSet<_> = above.iter().map(|above| names.agent(above)).collect();
        // A role is the agent's own: it says nothing of the agents below.
        if at + 1 == paths.len() {
            parents.extend(role.map(|role| names.role(role)));
        }
        entities.push(Entity::new_no_attrs(names.agent(path), parents));
    }
    let action = names.action(capability);
    let group = HashSet::from([names.effect(known.effect)]);
    entities.push(Entity::new_no_attrs(action.clone(), group));
    let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
    let agent = names.agent(&context.agent);
    let request = Request::new(agent, action, names.tool(capability), asked, Some(schema));
    let request = request.map_err(|error| error.to_string())?;
    Ok((request, entities))
}

/// The paths from the root to an agent: of `a/b`, they are `a` and `a/b`.
fn ancestry(path: &str) -> Result<Vec<&str>, String> {
    let ends = path.match_indices('/').map(|(at, _)| at);
    let paths: Vec<_> = ends
        .chain([path.len()])
        .filter_map(|end| path.get(..end))
        .take(MAX_NAMES + 1)
        .collect();
    match paths.len() > MAX_NAMES {
        true => Err(format!(
            "the path of the agent has more than {MAX_NAMES} names"
        )),
        false => Ok(paths),
    }
}

/// The attributes of a context or of a record.
struct Pairs(Vec<(String, RestrictedExpression)>);

impl Pairs {
    fn of(question: &Question<'_>, arguments: RestrictedExpression) -> Result<Self, String> {
        let (chain, context) = (question.chain(), question.context());
        let facts = &context.facts;

        let mut agent = Self(Vec::new());
        agent.text("path", &context.agent);
        agent.texts("roles", question.roles())?;
        agent.text("key", &chain.holder().to_string());
        agent.long("depth", i64::from(chain.depth()));

        let mut token = Self(Vec::new());
        token.text("id", &hex::write(&chain.id()));
        token.text("lineage", &hex::write(&chain.lineage()));
        token.time("expires", chain.expires())?;
        token.known("principal", chain.principal());
        token.known("intent", chain.intent());

        let mut all = Self(Vec::new());
        all.time("time", facts.time)?;
        all.record("agent", agent)?;
        all.record("token", token)?;
        all.text("call", &hex::write(&question.call().nonce().0));
        all.put("arguments", arguments);
        all.text("effect", &context.effect.to_string());
        if let Some(risk) = facts.risk {
            all.text("risk", risk.name());
            all.long("risk_level", i64::from(risk.rank()));
        }
        if let Some(sensitivity) = facts.sensitivity {
            all.text("sensitivity", sensitivity.name());
            all.long("sensitivity_level", i64::from(sensitivity.rank()));
        }
        for (name, list) in [("dataset", &facts.dataset), ("taint", &facts.taint)] {
            if let Some(list) = list {
                all.texts(name, list.iter().map(String::as_str))?;
            }
        }
        all.known("owner", context.owner.as_deref());
        all.known("environment", context.environment.as_deref());
        all.known("intent", context.intent.as_deref());
        all.known("task", facts.task.as_deref());
        all.known("step", facts.step.as_deref());
        all.known("audience", facts.audience.as_deref());
        let approvers: BTreeSet<_> = question.approvals().map(|(by, _)| by.to_string()).collect();
        all.texts("approved_by", approvers.iter().map(String::as_str))?;
        Ok(all)
    }

    fn put(&mut self, name: &str, value: RestrictedExpression) {
        self.0.push((name.to_owned(), value));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.put(name, RestrictedExpression::new_string(text.to_owned()));
    }

    fn known(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn long(&mut self, name: &str, value: i64) {
        self.put(name, RestrictedExpression::new_long(value));
    }

    /// A set of texts. A list with too many names is an error: no name is left out.
    fn texts<'t>(
        &mut self,
        name: &str,
        texts: impl Iterator<Item = &'t str>,
    ) -> Result<(), String> {
        let texts: Vec<_> = texts
            .take(MAX_NAMES + 1)
            .map(|text| RestrictedExpression::new_string(text.to_owned()))
            .collect();
        if texts.len() > MAX_NAMES {
            return Err(format!("`{name}` has more than {MAX_NAMES} names"));
        }
        self.put(name, RestrictedExpression::new_set(texts));
        Ok(())
    }

    fn time(&mut self, name: &str, time: Timestamp) -> Result<(), String> {
        let text = datetime(time)
            .ok_or_else(|| format!("`{name}` is {time}, which Cedar's dates do not reach"))?;
        self.put(name, RestrictedExpression::new_datetime(text));
        Ok(())
    }

    fn record(&mut self, name: &str, members: Self) -> Result<(), String> {
        let record = RestrictedExpression::new_record(members.0);
        self.put(name, record.map_err(|error| error.to_string())?);
        Ok(())
    }
}

/// A time as Cedar reads it: RFC 3339 with three decimals or with none, up to the year 9999.
fn datetime(time: Timestamp) -> Option<String> {
    let text = Timestamp::from_secs(time.secs())?.to_string();
    let seconds = text.strip_suffix('Z')?;
    // `2026-11-28T11:22:33`
    (seconds.len() == 19).then(|| format!("{seconds}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_below_each_agent_of_its_path() {
        assert_eq!(ancestry("a").unwrap(), ["a"]);
        assert_eq!(ancestry("a/b/c").unwrap(), ["a", "a/b", "a/b/c"]);
        let long = |names: usize| vec!["a"; names].join("/");
        assert_eq!(ancestry(&long(MAX_NAMES)).unwrap().len(), MAX_NAMES);
        assert!(ancestry(&long(MAX_NAMES + 1)).is_err());
    }

    #[test]
    fn a_time_is_written_for_cedar_in_whole_seconds() {
        let time: Timestamp = "2026-11-28T11:22:33.456Z".parse().unwrap();
        assert_eq!(datetime(time).unwrap(), "2026-11-28T11:22:33Z");
    }
}
