//! What events, snapshots and other messages are made of: ids, texts, and the fields of each
//! resource, parsed and written.

use std::sync::Arc;

use countersign_shared::event::{ApiFields, EnvironmentFields, GroupFields};
use countersign_shared::id::InvalidId;
use countersign_shared::key::{KeyText, SealedSecret, SecretVersion};
use countersign_shared::secret::Fingerprint;
use countersign_shared::text::{ApiName, Domain, EnvironmentName, GroupName, InvalidText, Remark};

use super::{InvalidField, definition_from_proto};
use crate::v1;

pub(super) fn id<T: std::str::FromStr<Err = InvalidId>>(
    field: &str,
    text: &str,
) -> Result<T, InvalidField> {
    text.parse().map_err(|e| InvalidField::new(field, e))
}

pub(super) fn text<T>(field: &str, parsed: Result<T, InvalidText>) -> Result<T, InvalidField> {
    parsed.map_err(|e| InvalidField::new(field, e))
}

pub(super) fn environment(
    id_: &str,
    name: &str,
    remark: &str,
) -> Result<EnvironmentFields, InvalidField> {
    Ok(EnvironmentFields {
        id: id("id", id_)?,
        name: text("name", EnvironmentName::parse(name))?,
        remark: text("remark", Remark::parse(remark))?,
    })
}

pub(super) fn group(
    id_: &str,
    name: &str,
    domains: &[String],
    remark: &str,
) -> Result<GroupFields, InvalidField> {
    Ok(GroupFields {
        id: id("id", id_)?,
        name: text("name", GroupName::parse(name))?,
        domains: domains
            .iter()
            .map(|d| text("domains", Domain::parse(d)))
            .collect::<Result<_, _>>()?,
        remark: text("remark", Remark::parse(remark))?,
    })
}

pub(super) fn api(
    id_: &str,
    group: &str,
    name: &str,
    remark: &str,
    message: Option<&v1::ApiDefinition>,
) -> Result<ApiFields, InvalidField> {
    Ok(ApiFields {
        id: id("id", id_)?,
        group: id("api_group", group)?,
        name: text("name", ApiName::parse(name))?,
        remark: text("remark", Remark::parse(remark))?,
        definition: definition(message)?,
    })
}

pub(super) fn definition(
    message: Option<&v1::ApiDefinition>,
) -> Result<Arc<countersign_shared::api::ApiDefinition>, InvalidField> {
    let message = message.ok_or_else(|| InvalidField::new("definition", "missing"))?;
    let first = |bad: Vec<InvalidField>| {
        bad.into_iter().next().unwrap_or_else(|| InvalidField::new("definition", "invalid"))
    };
    definition_from_proto(message).map(Arc::new).map_err(|bad| first(bad).within("definition"))
}

pub(super) fn secret_to_proto(secret: &SecretVersion) -> v1::SecretVersion {
    v1::SecretVersion {
        number: secret.number,
        secret_id: secret.sealed.secret_id.to_string(),
        fingerprint: secret.sealed.fingerprint.to_string(),
        ciphertext: secret.sealed.ciphertext.to_vec(),
        generated: secret.sealed.generated,
    }
}

pub(super) fn secret_from_proto(
    message: Option<&v1::SecretVersion>,
) -> Result<SecretVersion, InvalidField> {
    let message = message.ok_or_else(|| InvalidField::new("secret", "missing"))?;
    let fingerprint = Fingerprint::parse(&message.fingerprint)
        .ok_or_else(|| InvalidField::new("secret.fingerprint", "12 lower-case hex digits"))?;
    Ok(SecretVersion {
        number: message.number,
        sealed: SealedSecret {
            secret_id: id("secret.secret_id", &message.secret_id)?,
            fingerprint,
            ciphertext: Arc::from(message.ciphertext.as_slice()),
            generated: message.generated,
        },
    })
}

pub(super) fn any_key(text: &str) -> Result<KeyText, InvalidText> {
    use countersign_shared::key::SignatureKeyType::{Basic, Hmac};
    KeyText::parse(Hmac, text).or_else(|_| KeyText::parse(Basic, text))
}
