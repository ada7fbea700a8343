//! Events as they are stored and shown. Stored bytes never change: a later schema version is
//! brought up to date here, by a pure function for each step.

use std::sync::Arc;

use countersign_shared::event::{EnvironmentFields, Event, Origin, Record, RequestMark};
use countersign_shared::key::KeyText;
use countersign_shared::node::Enrolment;
use countersign_shared::stamp::Stamp;
use countersign_shared::text::{
    ActedAs, Actor, ApiName, EnvironmentName, GroupName, KeyName, NodeName, Reason, RequestId,
};

use super::access::{granted_from_proto, granted_to_proto, token_from_proto, token_to_proto};
use super::node;
use super::parts::{
    any_key, api, definition, environment, group, id, secret_from_proto, secret_to_proto, text,
};
use super::{
    InvalidField, definition_to_proto, key_type_from_proto, key_type_to_proto, time_ms, timestamp,
};
use crate::v1;
use crate::v1::event::Payload;

pub const EVENT_SCHEMA_VERSION: u32 = 1;

pub fn record_to_proto(record: &Record) -> v1::Event {
    let request = record.origin.request.as_ref();
    v1::Event {
        revision: record.at.revision,
        time: Some(timestamp(record.at.time_ms)),
        actor: record.origin.actor.to_string(),
        source: record.origin.source.clone(),
        request_id: request.map(|mark| mark.id.to_string()).unwrap_or_default(),
        request_digest: request.map(|mark| mark.digest.to_vec()).unwrap_or_default(),
        schema_version: EVENT_SCHEMA_VERSION,
        first_revision: record.first_revision,
        reason: record.origin.reason.to_string(),
        role: record.origin.role.to_string(),
        payload: Some(payload_to_proto(&record.event)),
    }
}

pub fn record_from_proto(message: &v1::Event) -> Result<Record, InvalidField> {
    if message.schema_version != EVENT_SCHEMA_VERSION {
        let reason =
            format!("{} is not known; a newer Countersign wrote it", message.schema_version);
        return Err(InvalidField::new("schema_version", reason));
    }
    let time = message.time.as_ref().ok_or_else(|| InvalidField::new("time", "missing"))?;
    let request = match message.request_id.as_str() {
        "" => None,
        id => Some(RequestMark {
            id: text("request_id", RequestId::parse(id))?,
            digest: (message.request_digest.as_slice().try_into())
                .map_err(|_| InvalidField::new("request_digest", "not 32 bytes"))?,
        }),
    };
    let payload = message
        .payload
        .as_ref()
        .ok_or_else(|| InvalidField::new("payload", "of an unknown kind"))?;
    Ok(Record {
        at: Stamp { revision: message.revision, time_ms: time_ms("time", time)? },
        origin: Arc::new(Origin {
            actor: text("actor", Actor::parse(&message.actor))?,
            role: text("role", ActedAs::parse(&message.role))?,
            source: message.source.clone(),
            request,
            reason: text("reason", Reason::parse(&message.reason))?,
        }),
        first_revision: message.first_revision,
        event: payload_from_proto(payload)?,
    })
}

fn payload_to_proto(event: &Event) -> Payload {
    match event {
        Event::LogCreated { log_id } => {
            Payload::LogCreated(v1::LogCreated { log_id: log_id.to_string() })
        }
        Event::EnvironmentCreated(fields) => {
            let EnvironmentFields { id, name, remark } = fields;
            Payload::EnvironmentCreated(v1::EnvironmentCreated {
                id: id.to_string(),
                name: name.to_string(),
                remark: remark.to_string(),
            })
        }
        Event::EnvironmentUpdated(fields) => {
            let EnvironmentFields { id, name, remark } = fields;
            Payload::EnvironmentUpdated(v1::EnvironmentUpdated {
                id: id.to_string(),
                name: name.to_string(),
                remark: remark.to_string(),
            })
        }
        Event::EnvironmentDeleted { id, name } => {
            Payload::EnvironmentDeleted(v1::EnvironmentDeleted {
                id: id.to_string(),
                name: name.to_string(),
            })
        }
        Event::GroupCreated(fields) => Payload::ApiGroupCreated(v1::ApiGroupCreated {
            id: fields.id.to_string(),
            name: fields.name.to_string(),
            domains: fields.domains.iter().map(ToString::to_string).collect(),
            remark: fields.remark.to_string(),
        }),
        Event::GroupUpdated(fields) => Payload::ApiGroupUpdated(v1::ApiGroupUpdated {
            id: fields.id.to_string(),
            name: fields.name.to_string(),
            domains: fields.domains.iter().map(ToString::to_string).collect(),
            remark: fields.remark.to_string(),
        }),
        Event::GroupDeleted { id, name } => Payload::ApiGroupDeleted(v1::ApiGroupDeleted {
            id: id.to_string(),
            name: name.to_string(),
        }),
        Event::ApiCreated(fields) => Payload::ApiCreated(v1::ApiCreated {
            id: fields.id.to_string(),
            api_group: fields.group.to_string(),
            name: fields.name.to_string(),
            remark: fields.remark.to_string(),
            definition: Some(definition_to_proto(&fields.definition)),
        }),
        Event::ApiUpdated(fields) => Payload::ApiUpdated(v1::ApiUpdated {
            id: fields.id.to_string(),
            api_group: fields.group.to_string(),
            name: fields.name.to_string(),
            remark: fields.remark.to_string(),
            definition: Some(definition_to_proto(&fields.definition)),
        }),
        Event::ApiDeleted { id, group, name } => Payload::ApiDeleted(v1::ApiDeleted {
            id: id.to_string(),
            api_group: group.to_string(),
            name: name.to_string(),
        }),
        Event::ApiPublished { api, environment, definition } => {
            Payload::ApiPublished(v1::ApiPublished {
                api: api.to_string(),
                environment: environment.to_string(),
                definition: Some(definition_to_proto(definition)),
            })
        }
        Event::ApiTakenOffline { api, environment } => {
            Payload::ApiTakenOffline(v1::ApiTakenOffline {
                api: api.to_string(),
                environment: environment.to_string(),
            })
        }
        Event::KeyCreated { id, name, key_type, key, secret } => {
            Payload::SignatureKeyCreated(v1::SignatureKeyCreated {
                id: id.to_string(),
                name: name.to_string(),
                r#type: key_type_to_proto(*key_type).into(),
                key: key.to_string(),
                secret: Some(secret_to_proto(secret)),
            })
        }
        Event::KeyRenamed { id, name, former_name } => {
            Payload::SignatureKeyRenamed(v1::SignatureKeyRenamed {
                id: id.to_string(),
                name: name.to_string(),
                former_name: former_name.to_string(),
            })
        }
        Event::SecretReplaced { id, secret } => Payload::SecretReplaced(v1::SecretReplaced {
            id: id.to_string(),
            secret: Some(secret_to_proto(secret)),
        }),
        Event::KeyDeleted { id, name, key } => {
            Payload::SignatureKeyDeleted(v1::SignatureKeyDeleted {
                id: id.to_string(),
                name: name.to_string(),
                key: key.to_string(),
            })
        }
        Event::KeyBound { key, api, environment } => Payload::KeyBound(v1::KeyBound {
            signature_key: key.to_string(),
            api: api.to_string(),
            environment: environment.to_string(),
        }),
        Event::KeyRebound { key, former_key, api, environment } => {
            Payload::KeyRebound(v1::KeyRebound {
                signature_key: key.to_string(),
                former_signature_key: former_key.to_string(),
                api: api.to_string(),
                environment: environment.to_string(),
            })
        }
        Event::KeyUnbound { key, api, environment } => Payload::KeyUnbound(v1::KeyUnbound {
            signature_key: key.to_string(),
            api: api.to_string(),
            environment: environment.to_string(),
        }),
        Event::NodeTokenCreated(fields) => Payload::NodeTokenCreated(node::token_to_proto(fields)),
        Event::NodeTokenRevoked { id } => {
            Payload::NodeTokenRevoked(v1::NodeTokenRevoked { id: id.to_string() })
        }
        Event::NodeEnrolled { node, role, token, scope, key } => {
            Payload::NodeEnrolled(node::enrolled_to_proto(node, *role, *token, scope, *key))
        }
        Event::NodeRevoked { node } => {
            Payload::NodeRevoked(v1::NodeRevoked { node: node.to_string() })
        }
        Event::AccessGranted(grant) => Payload::AccessGranted(granted_to_proto(grant)),
        Event::AccessRevoked { id, operator } => {
            let (id, operator) = (id.to_string(), operator.to_string());
            Payload::AccessRevoked(v1::AccessRevoked { id, operator })
        }
        Event::TokenCreated(fields) => Payload::TokenCreated(token_to_proto(fields)),
        Event::TokenRevoked { id, operator } => {
            let (id, operator) = (id.to_string(), operator.to_string());
            Payload::TokenRevoked(v1::TokenRevoked { id, operator })
        }
        Event::MasterKeyRotated { number } => {
            Payload::MasterKeyRotated(v1::MasterKeyRotated { number: *number })
        }
    }
}

fn payload_from_proto(payload: &Payload) -> Result<Event, InvalidField> {
    Ok(match payload {
        Payload::LogCreated(m) => Event::LogCreated { log_id: id("log_id", &m.log_id)? },
        Payload::EnvironmentCreated(m) => {
            Event::EnvironmentCreated(environment(&m.id, &m.name, &m.remark)?)
        }
        Payload::EnvironmentUpdated(m) => {
            Event::EnvironmentUpdated(environment(&m.id, &m.name, &m.remark)?)
        }
        Payload::EnvironmentDeleted(m) => Event::EnvironmentDeleted {
            id: id("id", &m.id)?,
            name: text("name", EnvironmentName::parse(&m.name))?,
        },
        Payload::ApiGroupCreated(m) => {
            Event::GroupCreated(group(&m.id, &m.name, &m.domains, &m.remark)?)
        }
        Payload::ApiGroupUpdated(m) => {
            Event::GroupUpdated(group(&m.id, &m.name, &m.domains, &m.remark)?)
        }
        Payload::ApiGroupDeleted(m) => Event::GroupDeleted {
            id: id("id", &m.id)?,
            name: text("name", GroupName::parse(&m.name))?,
        },
        Payload::ApiCreated(m) => {
            Event::ApiCreated(api(&m.id, &m.api_group, &m.name, &m.remark, m.definition.as_ref())?)
        }
        Payload::ApiUpdated(m) => {
            Event::ApiUpdated(api(&m.id, &m.api_group, &m.name, &m.remark, m.definition.as_ref())?)
        }
        Payload::ApiDeleted(m) => Event::ApiDeleted {
            id: id("id", &m.id)?,
            group: id("api_group", &m.api_group)?,
            name: text("name", ApiName::parse(&m.name))?,
        },
        Payload::ApiPublished(m) => Event::ApiPublished {
            api: id("api", &m.api)?,
            environment: id("environment", &m.environment)?,
            definition: definition(m.definition.as_ref())?,
        },
        Payload::ApiTakenOffline(m) => Event::ApiTakenOffline {
            api: id("api", &m.api)?,
            environment: id("environment", &m.environment)?,
        },
        Payload::SignatureKeyCreated(m) => {
            let key_type = key_type_from_proto("type", m.r#type)?;
            Event::KeyCreated {
                id: id("id", &m.id)?,
                name: text("name", KeyName::parse(&m.name))?,
                key_type,
                key: text("key", KeyText::parse(key_type, &m.key))?,
                secret: secret_from_proto(m.secret.as_ref())?,
            }
        }
        Payload::SignatureKeyRenamed(m) => Event::KeyRenamed {
            id: id("id", &m.id)?,
            name: text("name", KeyName::parse(&m.name))?,
            former_name: text("former_name", KeyName::parse(&m.former_name))?,
        },
        Payload::SecretReplaced(m) => Event::SecretReplaced {
            id: id("id", &m.id)?,
            secret: secret_from_proto(m.secret.as_ref())?,
        },
        Payload::SignatureKeyDeleted(m) => Event::KeyDeleted {
            id: id("id", &m.id)?,
            name: text("name", KeyName::parse(&m.name))?,
            // The type is not in the event; a key of either type is one that Basic or HMAC takes.
            key: text("key", any_key(&m.key))?,
        },
        Payload::KeyBound(m) => Event::KeyBound {
            key: id("signature_key", &m.signature_key)?,
            api: id("api", &m.api)?,
            environment: id("environment", &m.environment)?,
        },
        Payload::KeyRebound(m) => Event::KeyRebound {
            key: id("signature_key", &m.signature_key)?,
            former_key: id("former_signature_key", &m.former_signature_key)?,
            api: id("api", &m.api)?,
            environment: id("environment", &m.environment)?,
        },
        Payload::KeyUnbound(m) => Event::KeyUnbound {
            key: id("signature_key", &m.signature_key)?,
            api: id("api", &m.api)?,
            environment: id("environment", &m.environment)?,
        },
        Payload::NodeTokenCreated(m) => Event::NodeTokenCreated(node::token_from_proto(m)?),
        Payload::NodeTokenRevoked(m) => Event::NodeTokenRevoked { id: id("id", &m.id)? },
        Payload::NodeEnrolled(m) => {
            let (node, enrolment) = node::enrolled_from_proto(m, Stamp::default())?;
            let Enrolment { role, token, scope, key, .. } = enrolment;
            Event::NodeEnrolled { node, role, token, scope, key }
        }
        Payload::NodeRevoked(m) => {
            Event::NodeRevoked { node: text("node", NodeName::parse(&m.node))? }
        }
        Payload::AccessGranted(m) => Event::AccessGranted(granted_from_proto(m)?),
        Payload::AccessRevoked(m) => Event::AccessRevoked {
            id: id("id", &m.id)?,
            operator: text("operator", Actor::parse(&m.operator))?,
        },
        Payload::TokenCreated(m) => Event::TokenCreated(token_from_proto(m)?),
        Payload::TokenRevoked(m) => Event::TokenRevoked {
            id: id("id", &m.id)?,
            operator: text("operator", Actor::parse(&m.operator))?,
        },
        Payload::MasterKeyRotated(m) => Event::MasterKeyRotated { number: m.number },
    })
}
