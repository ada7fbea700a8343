//! Which environments a node may ask for. Pure: what an operator wrote, parsed, and one question. A
//! node is known by the name that it says; whoever knows it better asks with another identity.

use std::str::FromStr;

use countersign_shared::id::EnvironmentId;
use countersign_shared::text::{Actor, EnvironmentName};

/// The rules. Without any, every node may ask for every environment.
#[derive(Debug, Clone, Default)]
pub struct Scope(Vec<Rule>);

/// `edge-eu-*=RELEASE,STAGING`: nodes by name, in which `*` stands for any characters, and the names
/// or ids of environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    nodes: String,
    environments: Vec<String>,
}

/// Why a rule is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    #[error("write NODES=ENVIRONMENT,…, as in edge-eu-*=RELEASE,STAGING")]
    NoEquals,
    #[error(
        "name the nodes before `=`, by 1–128 visible ASCII characters; * stands for all of them"
    )]
    Nodes,
    #[error("name at least one environment after `=`; every other one is refused to these nodes")]
    NoEnvironment,
    #[error(
        "`{0}` is neither the name of an environment nor an id: take one from `countersign env list`"
    )]
    Environment(String),
}

impl Scope {
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// Whether a node may ask for the environment that goes by these names.
    pub fn allows(&self, identity: &str, environment: &[&str]) -> bool {
        let is_named = |name: &str| environment.contains(&name);
        self.0.is_empty() || self.allowed(identity).any(is_named)
    }

    /// All that a node may ask for, as the rules that fit it have it.
    pub fn allowed(&self, identity: &str) -> impl Iterator<Item = &str> {
        let rules = self.0.iter().filter(move |rule| fits(&rule.nodes, identity));
        rules.flat_map(|rule| rule.environments.iter().map(String::as_str))
    }
}

impl FromStr for Rule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        let (nodes, environments) = text.split_once('=').ok_or(BadRule::NoEquals)?;
        Actor::parse(nodes).map_err(|_| BadRule::Nodes)?;
        if environments.is_empty() {
            return Err(BadRule::NoEnvironment);
        }
        let environments = environments.split(',').map(|text| {
            let is_one =
                text.parse::<EnvironmentId>().is_ok() || EnvironmentName::parse(text).is_ok();
            is_one.then(|| text.to_owned()).ok_or_else(|| BadRule::Environment(text.to_owned()))
        });
        Ok(Self { nodes: nodes.to_owned(), environments: environments.collect::<Result<_, _>>()? })
    }
}

/// Whether a name is the pattern, in which each `*` stands for any characters, none included.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        let Some((_, after)) = name.split_once(part) else { return false };
        name = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(rules: &[&str]) -> Scope {
        Scope::new(rules.iter().map(|rule| rule.parse().unwrap()).collect())
    }

    #[test]
    fn without_rules_everything_is_allowed_and_with_one_nothing_else() {
        assert!(scope(&[]).allows("anyone", &["RELEASE"]));
        let scope = scope(&["edge-eu-*=RELEASE,STAGING", "edge-eu-7=TEST"]);
        assert!(scope.allows("edge-eu-1", &["an id", "STAGING"]));
        assert!(scope.allows("edge-eu-7", &["RELEASE"]) && scope.allows("edge-eu-7", &["TEST"]));
        assert!(!scope.allows("edge-eu-1", &["TEST"]));
        assert!(!scope.allows("edge-us-1", &["RELEASE"]));
        assert_eq!(scope.allowed("edge-eu-7").collect::<Vec<_>>(), ["RELEASE", "STAGING", "TEST"]);
    }

    #[test]
    fn a_star_stands_for_any_characters_and_nothing_else_is_special() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("edge", "edge", true),
            ("edge", "edge-1", false),
            ("edge*", "edge", true),
            ("*-1", "edge-1", true),
            ("*-1", "edge-12", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
            ("edge-?", "edge-1", false),
            ("a**b", "ab", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_rule_is_told_with_what_would_be_one() {
        for (text, expected) in [
            ("edge-*", BadRule::NoEquals),
            ("=RELEASE", BadRule::Nodes),
            ("edge 1=RELEASE", BadRule::Nodes),
            ("edge-*=", BadRule::NoEnvironment),
            ("edge-*=RELEASE,", BadRule::Environment(String::new())),
            ("edge-*=no environment", BadRule::Environment("no environment".into())),
        ] {
            assert_eq!(text.parse::<Rule>(), Err(expected), "{text}");
        }
    }
}
