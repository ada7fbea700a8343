//! Grants and tokens as they stand in events and in the stored state.

use countersign_shared::access::{BearerHash, Grant, Role, Scope, TokenFields};
use countersign_shared::text::{Actor, Remark};

use super::parts::{id, text};
use super::{InvalidField, time_ms, timestamp};
use crate::v1;

pub fn role_to_proto(role: Role) -> v1::OperatorRole {
    match role {
        Role::Viewer => v1::OperatorRole::Viewer,
        Role::Auditor => v1::OperatorRole::Auditor,
        Role::Operator => v1::OperatorRole::Operator,
        Role::KeyAdmin => v1::OperatorRole::KeyAdmin,
        Role::Admin => v1::OperatorRole::Admin,
    }
}

pub fn role_from_proto(field: &str, role: i32) -> Result<Role, InvalidField> {
    let known = Role::ALL.into_iter().find(|known| i32::from(role_to_proto(*known)) == role);
    let rule = "VIEWER, AUDITOR, OPERATOR, KEY_ADMIN or ADMIN";
    known.ok_or_else(|| InvalidField::new(field, rule))
}

pub(super) fn granted_to_proto(grant: &Grant) -> v1::AccessGranted {
    v1::AccessGranted {
        id: grant.id.to_string(),
        operator: grant.operator.to_string(),
        role: role_to_proto(grant.role).into(),
        environments: grant.environments.members().map(ToString::to_string).collect(),
        api_groups: grant.groups.members().map(ToString::to_string).collect(),
    }
}

pub(super) fn granted_from_proto(m: &v1::AccessGranted) -> Result<Grant, InvalidField> {
    let environments = m.environments.iter().map(|member| id("environments", member));
    let groups = m.api_groups.iter().map(|member| id("api_groups", member));
    Ok(Grant {
        id: id("id", &m.id)?,
        operator: text("operator", Actor::parse(&m.operator))?,
        role: role_from_proto("role", m.role)?,
        environments: Scope::of(environments.collect::<Result<Vec<_>, _>>()?),
        groups: Scope::of(groups.collect::<Result<Vec<_>, _>>()?),
    })
}

pub(super) fn token_to_proto(fields: &TokenFields) -> v1::TokenCreated {
    v1::TokenCreated {
        id: fields.id.to_string(),
        operator: fields.operator.to_string(),
        hash: fields.hash.0.to_vec(),
        expires: Some(timestamp(fields.expires_ms)),
        remark: fields.remark.to_string(),
    }
}

pub(super) fn token_from_proto(m: &v1::TokenCreated) -> Result<TokenFields, InvalidField> {
    let hash = m.hash.as_slice().try_into();
    let expires = m.expires.as_ref().ok_or_else(|| InvalidField::new("expires", "missing"))?;
    Ok(TokenFields {
        id: id("id", &m.id)?,
        operator: text("operator", Actor::parse(&m.operator))?,
        hash: BearerHash(hash.map_err(|_| InvalidField::new("hash", "not 32 bytes"))?),
        expires_ms: time_ms("expires", expires)?,
        remark: text("remark", Remark::parse(&m.remark))?,
    })
}
