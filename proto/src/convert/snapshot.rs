//! The whole state as one message and back.

use std::sync::Arc;

use countersign_shared::event::RequestMark;
use countersign_shared::key::{KeyText, SignatureKey};
use countersign_shared::node::{KnownNode, NodeToken, PublicKeyDigest};
use countersign_shared::stamp::Stamp;
use countersign_shared::state::{Publication, Restore, State};
use countersign_shared::text::{KeyName, NodeName, RequestId};

use super::access;
use super::node;
use super::parts::{
    api, definition, environment, group, id, secret_from_proto, secret_to_proto, text,
};
use super::{InvalidField, definition_to_proto, key_type_from_proto, key_type_to_proto};
use crate::store::v1 as store;

pub fn snapshot_to_proto(state: &State) -> store::Snapshot {
    store::Snapshot {
        log_id: state.log_id().map(|id| id.to_string()).unwrap_or_default(),
        head: Some(stamp_to_proto(state.head())),
        environments: (state.environments().values())
            .map(|e| store::StoredEnvironment {
                id: e.fields.id.to_string(),
                name: e.fields.name.to_string(),
                remark: e.fields.remark.to_string(),
                created: Some(stamp_to_proto(e.created)),
                updated: Some(stamp_to_proto(e.updated)),
            })
            .collect(),
        groups: (state.groups().values())
            .map(|g| store::StoredGroup {
                id: g.fields.id.to_string(),
                name: g.fields.name.to_string(),
                domains: g.fields.domains.iter().map(ToString::to_string).collect(),
                remark: g.fields.remark.to_string(),
                created: Some(stamp_to_proto(g.created)),
                updated: Some(stamp_to_proto(g.updated)),
            })
            .collect(),
        apis: (state.apis().values())
            .map(|a| store::StoredApi {
                id: a.fields.id.to_string(),
                group: a.fields.group.to_string(),
                name: a.fields.name.to_string(),
                remark: a.fields.remark.to_string(),
                definition: Some(definition_to_proto(&a.fields.definition)),
                created: Some(stamp_to_proto(a.created)),
                updated: Some(stamp_to_proto(a.updated)),
            })
            .collect(),
        publications: (state.publications().iter())
            .map(|((environment, api), p)| store::StoredPublication {
                api: api.to_string(),
                environment: environment.to_string(),
                definition: Some(definition_to_proto(&p.definition)),
                published: Some(stamp_to_proto(p.published)),
            })
            .collect(),
        keys: state.keys().values().map(key_to_proto).collect(),
        bindings: (state.bindings().iter())
            .map(|((environment, api), b)| store::StoredBinding {
                api: api.to_string(),
                environment: environment.to_string(),
                key: b.key.to_string(),
                bound: Some(stamp_to_proto(b.bound)),
            })
            .collect(),
        grants: (state.access().grants().values())
            .map(|g| store::StoredGrant {
                grant: Some(access::granted_to_proto(&g.grant)),
                granted: Some(stamp_to_proto(g.granted)),
            })
            .collect(),
        tokens: (state.access().tokens().values())
            .map(|t| store::StoredToken {
                token: Some(access::token_to_proto(&t.fields)),
                created: Some(stamp_to_proto(t.created)),
            })
            .collect(),
        requests: (state.requests().iter())
            .map(|r| store::StoredRequest {
                request_id: r.mark.id.to_string(),
                digest: r.mark.digest.to_vec(),
                first_revision: r.first_revision,
                last_revision: r.last_revision,
            })
            .collect(),
        node_tokens: state.nodes().tokens().values().map(|t| token_to_proto(t)).collect(),
        nodes: state.nodes().known().values().map(|n| node_to_proto(n)).collect(),
        master_key: state.master_key(),
        node_keys: (state.nodes().keys().iter())
            .map(|(key, node)| store::StoredNodeKey {
                digest: key.0.to_vec(),
                node: node.to_string(),
            })
            .collect(),
    }
}

pub fn snapshot_from_proto(message: &store::Snapshot) -> Result<State, InvalidField> {
    let mut restore =
        Restore::new(id("log_id", &message.log_id)?, stamp("head", message.head.as_ref())?);
    restore.master_key(message.master_key);
    for m in &message.environments {
        let fields = environment(&m.id, &m.name, &m.remark)?;
        restore.environment(
            &fields,
            stamp("created", m.created.as_ref())?,
            stamp("updated", m.updated.as_ref())?,
        );
    }
    for m in &message.groups {
        let fields = group(&m.id, &m.name, &m.domains, &m.remark)?;
        restore.group(
            &fields,
            stamp("created", m.created.as_ref())?,
            stamp("updated", m.updated.as_ref())?,
        );
    }
    for m in &message.apis {
        let fields = api(&m.id, &m.group, &m.name, &m.remark, m.definition.as_ref())?;
        restore.api(
            &fields,
            stamp("created", m.created.as_ref())?,
            stamp("updated", m.updated.as_ref())?,
        );
    }
    for m in &message.publications {
        let place = (id("environment", &m.environment)?, id("api", &m.api)?);
        let publication = Publication {
            definition: definition(m.definition.as_ref())?,
            published: stamp("published", m.published.as_ref())?,
        };
        restore.publication(place, publication);
    }
    for m in &message.keys {
        restore.key(key_from_proto(m)?);
    }
    for m in &message.bindings {
        let place = (id("environment", &m.environment)?, id("api", &m.api)?);
        restore.binding(id("key", &m.key)?, place, stamp("bound", m.bound.as_ref())?);
    }
    let missing = |field: &str| InvalidField::new(field, "missing");
    for m in &message.grants {
        let grant = m.grant.as_ref().ok_or_else(|| missing("grant"))?;
        restore.grant(&access::granted_from_proto(grant)?, stamp("granted", m.granted.as_ref())?);
    }
    for m in &message.tokens {
        let token = m.token.as_ref().ok_or_else(|| missing("token"))?;
        restore.token(&access::token_from_proto(token)?, stamp("created", m.created.as_ref())?);
    }
    for m in &message.requests {
        let digest = (m.digest.as_slice().try_into())
            .map_err(|_| InvalidField::new("digest", "not 32 bytes"))?;
        let mark = RequestMark { id: text("request_id", RequestId::parse(&m.request_id))?, digest };
        restore.request(&mark, m.first_revision, m.last_revision);
    }
    for m in &message.node_tokens {
        restore.node_token(token_from_proto(m)?);
    }
    for m in &message.nodes {
        restore.node(node_from_proto(m)?);
    }
    for m in &message.node_keys {
        let key = PublicKeyDigest(node::digest("digest", &m.digest)?);
        restore.node_key(key, &text("node", NodeName::parse(&m.node))?);
    }
    Ok(restore.finish())
}

fn token_to_proto(token: &NodeToken) -> store::StoredNodeToken {
    let (spent_by, spent) = token.spent.clone().unzip();
    store::StoredNodeToken {
        token: Some(node::token_to_proto(&token.fields)),
        created: Some(stamp_to_proto(token.created)),
        spent_by: spent_by.map(|name| name.to_string()).unwrap_or_default(),
        spent: spent.map(stamp_to_proto),
    }
}

fn token_from_proto(m: &store::StoredNodeToken) -> Result<NodeToken, InvalidField> {
    let token = m.token.as_ref().ok_or_else(|| InvalidField::new("token", "missing"))?;
    let spent = match m.spent.as_ref() {
        None => None,
        spent => Some((text("spent_by", NodeName::parse(&m.spent_by))?, stamp("spent", spent)?)),
    };
    let created = stamp("created", m.created.as_ref())?;
    Ok(NodeToken { fields: node::token_from_proto(token)?, created, spent })
}

fn node_to_proto(known: &KnownNode) -> store::StoredNode {
    let enrolment = known.enrolment.as_ref();
    store::StoredNode {
        name: known.name.to_string(),
        enrolment: enrolment
            .map(|e| node::enrolled_to_proto(&known.name, e.role, e.token, &e.scope, e.key)),
        enrolled: enrolment.map(|e| stamp_to_proto(e.enrolled)),
        revoked: known.revoked.map(stamp_to_proto),
    }
}

fn node_from_proto(m: &store::StoredNode) -> Result<KnownNode, InvalidField> {
    let enrolment = match &m.enrolment {
        None => None,
        Some(it) => Some(node::enrolled_from_proto(it, stamp("enrolled", m.enrolled.as_ref())?)?.1),
    };
    let revoked = m.revoked.as_ref().map(|it| stamp("revoked", Some(it))).transpose()?;
    Ok(KnownNode { name: text("name", NodeName::parse(&m.name))?, enrolment, revoked })
}

fn key_to_proto(key: &Arc<SignatureKey>) -> store::StoredKey {
    store::StoredKey {
        id: key.id.to_string(),
        name: key.name.to_string(),
        r#type: key_type_to_proto(key.key_type).into(),
        key: key.key.to_string(),
        secret: Some(secret_to_proto(&key.secret)),
        created: Some(stamp_to_proto(key.created)),
        updated: Some(stamp_to_proto(key.updated)),
    }
}

fn key_from_proto(m: &store::StoredKey) -> Result<SignatureKey, InvalidField> {
    let key_type = key_type_from_proto("type", m.r#type)?;
    Ok(SignatureKey {
        id: id("id", &m.id)?,
        name: text("name", KeyName::parse(&m.name))?,
        key_type,
        key: text("key", KeyText::parse(key_type, &m.key))?,
        secret: secret_from_proto(m.secret.as_ref())?,
        created: stamp("created", m.created.as_ref())?,
        updated: stamp("updated", m.updated.as_ref())?,
    })
}

fn stamp_to_proto(stamp: Stamp) -> store::Stamp {
    store::Stamp { revision: stamp.revision, time_ms: stamp.time_ms }
}

fn stamp(field: &str, message: Option<&store::Stamp>) -> Result<Stamp, InvalidField> {
    let message = message.ok_or_else(|| InvalidField::new(field, "missing"))?;
    Ok(Stamp { revision: message.revision, time_ms: message.time_ms })
}
