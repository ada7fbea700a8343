//! Resources field by field: what each is called, what its fields say, and how two moments of it
//! differ. Secrets are fingerprints here, for the control plane gives nothing else.

use countersign_proto::v1::resource::Kind;
use countersign_proto::v1::{Difference, Resource};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::json;
use crate::output::enum_name;

/// Fields that say when, or how much of something else there is, and not what the resource is.
const ASIDE: [&str; 13] = [
    "id",
    "create_time",
    "update_time",
    "create_revision",
    "update_revision",
    "publish_time",
    "publish_revision",
    "bind_time",
    "bind_revision",
    "binding_count",
    "published_in",
    "published",
    "secret_id",
];

/// A resource at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What it is and what it was called, such as `binding shop/orders in RELEASE`.
    pub(crate) label: String,
    /// The same for all moments of it.
    pub(crate) identity: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// A field that differs; `-` where there was or is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) label: String,
    pub(crate) field: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Shown {
    pub(crate) fn of(resource: &Resource) -> Result<Self, Failure> {
        let Some(kind) = &resource.kind else {
            return Err(Failure::failed("the control plane shows a resource of an unknown kind"));
        };
        let place =
            |group: &str, api: &str, environment: &str| format!("{group}/{api} in {environment}");
        let (kind, name, id, message) = match kind {
            Kind::Environment(it) => {
                ("environment", it.name.clone(), it.id.clone(), json::compact(it)?)
            }
            Kind::ApiGroup(it) => ("group", it.name.clone(), it.id.clone(), json::compact(it)?),
            Kind::Api(it) => (
                "api",
                format!("{}/{}", it.api_group_name, it.name),
                it.id.clone(),
                json::compact(it)?,
            ),
            Kind::SignatureKey(it) => ("key", it.name.clone(), it.id.clone(), json::compact(it)?),
            Kind::Publication(it) => {
                let name = place(&it.api_group_name, &it.api_name, &it.environment_name);
                ("publication", name, format!("{} {}", it.api, it.environment), json::compact(it)?)
            }
            Kind::Binding(it) => {
                let name = place(&it.api_group_name, &it.api_name, &it.environment_name);
                ("binding", name, format!("{} {}", it.api, it.environment), json::compact(it)?)
            }
            Kind::NodeToken(it) => ("node token", it.id.clone(), it.id.clone(), json::compact(it)?),
            Kind::Node(it) => ("node", it.name.clone(), it.name.clone(), json::compact(it)?),
        };
        let mut fields = Vec::new();
        if let Value::Object(mut message) = message {
            message.retain(|field, _| is_own(kind, field));
            flatten("", &message, &mut fields);
        }
        let (label, identity) = (format!("{kind} {name}"), format!("{kind} {id}"));
        Ok(Self { label, identity, fields })
    }

    /// All fields on one line.
    pub(crate) fn line(&self) -> String {
        let fields: Vec<_> =
            self.fields.iter().map(|(field, value)| format!("{field} {value}")).collect();
        fields.join(", ")
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// The fields that differ between two moments of a resource.
pub(crate) fn between(before: Option<&Shown>, after: Option<&Shown>) -> Vec<Changed> {
    let label = after.or(before).map(|shown| shown.label.clone()).unwrap_or_default();
    let mut names: Vec<&str> = Vec::new();
    for (field, _) in after.into_iter().chain(before).flat_map(|shown| &shown.fields) {
        if !names.contains(&field.as_str()) {
            names.push(field);
        }
    }
    let value = |of: Option<&Shown>, name: &str| {
        of.and_then(|shown| shown.field(name)).unwrap_or("-").to_owned()
    };
    let changed = |field: &str| {
        let (before, after) = (value(before, field), value(after, field));
        let differs = before != after;
        differs.then(|| Changed { label: label.clone(), field: field.to_owned(), before, after })
    };
    names.into_iter().filter_map(changed).collect()
}

/// What an event changed.
pub(crate) fn of_event(differences: &[Difference]) -> Result<Vec<Changed>, Failure> {
    let mut all = Vec::new();
    for difference in differences {
        let before = difference.before.as_ref().map(Shown::of).transpose()?;
        let after = difference.after.as_ref().map(Shown::of).transpose()?;
        all.extend(between(before.as_ref(), after.as_ref()));
    }
    Ok(all)
}

/// Whether a field says what the resource is, and is neither an id beside its name nor in the label.
fn is_own(kind: &str, field: &str) -> bool {
    let in_label = match kind {
        "binding" => [
            "api",
            "environment",
            "signature_key",
            "api_name",
            "api_group_name",
            "environment_name",
        ]
        .as_slice(),
        // The key that signs there is what the binding says.
        "publication" => &[
            "api",
            "environment",
            "signature_key",
            "signature_key_name",
            "api_name",
            "api_group_name",
            "environment_name",
        ],
        "api" => &["api_group"],
        _ => &[],
    };
    !ASIDE.contains(&field) && !in_label.contains(&field)
}

fn flatten(prefix: &str, message: &Map<String, Value>, fields: &mut Vec<(String, String)>) {
    for (field, value) in message {
        let name = format!("{prefix}{field}");
        match value {
            Value::Object(inner) => flatten(&format!("{name}."), inner, fields),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(text).collect();
                fields.push((name, items.join(", ")));
            }
            value => fields.push((name, text(value))),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => enum_name(text).to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use countersign_proto::v1::{Binding, SignatureKey};

    use super::*;

    fn key(name: &str, fingerprint: &str) -> Shown {
        let key = SignatureKey {
            id: "1".into(),
            name: name.into(),
            secret_fingerprint: fingerprint.into(),
            update_revision: 9,
            ..SignatureKey::default()
        };
        Shown::of(&Resource { kind: Some(Kind::SignatureKey(key)) }).unwrap()
    }

    #[test]
    fn a_change_is_told_field_by_field_with_secrets_as_fingerprints() {
        let changed = between(Some(&key("orders", "aa")), Some(&key("orders", "bb")));
        let is = Changed {
            label: "key orders".into(),
            field: "secret_fingerprint".into(),
            before: "aa".into(),
            after: "bb".into(),
        };
        assert_eq!(changed, [is]);
        let made = between(None, Some(&key("orders", "aa")));
        assert!(made.iter().all(|changed| changed.before == "-"));
        assert_eq!(made.len(), 2);
        assert_eq!(between(Some(&key("a", "b")), Some(&key("a", "b"))), []);
    }

    #[test]
    fn a_binding_is_called_after_its_place() {
        let binding = Binding {
            api_name: "orders".into(),
            api_group_name: "shop".into(),
            environment_name: "RELEASE".into(),
            signature_key_name: "gateway".into(),
            ..Binding::default()
        };
        let shown = Shown::of(&Resource { kind: Some(Kind::Binding(binding)) }).unwrap();
        assert_eq!(shown.label, "binding shop/orders in RELEASE");
        assert_eq!(shown.line(), "signature_key_name gateway");
    }
}
