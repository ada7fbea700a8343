//! The service of operators: grants, tokens, and who calls.

use std::time::Duration;

use countersign_proto::convert::{InvalidField, role_from_proto, role_to_proto, timestamp};
use countersign_proto::v1;
use countersign_proto::v1::access_server::Access;
use countersign_shared::access::{Grant, Right, TokenFields};
use countersign_shared::event::Event;
use countersign_shared::id::{GrantId, OperatorTokenId};
use countersign_shared::state::{Granted, State, Token};
use countersign_shared::text::{Actor, Remark};
use tonic::{Request, Response, Status};

use super::Api;
use super::principal::{By, Principal};
use super::write::{Caller, Write};
use crate::command::{Command, GrantedScope, Reference, WhichGrants};
use crate::{bearer, bootstrap, clock};

const USES_KEPT_EVERY: Duration = Duration::from_mins(1);
const TTL_SECONDS_DEFAULT: i64 = 90 * 24 * 3600;
const TTL_SECONDS_MIN: i64 = 60;
const TTL_SECONDS_MAX: i64 = 366 * 24 * 3600;

#[tonic::async_trait]
impl Access for Api {
    async fn grant_access(
        &self,
        request: Request<v1::GrantAccessRequest>,
    ) -> Result<Response<v1::GrantAccessResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let asked = request.grant.unwrap_or_default();
        let operator = write.take("grant.operator", Actor::parse(&asked.operator));
        let role = write.take_parsed(role_from_proto("grant.role", asked.role));
        let id = GrantId::from_bytes(clock::new_id());
        let scope = GrantedScope {
            environments: asked.environments.into_iter().map(Reference).collect(),
            groups: asked.api_groups.into_iter().map(Reference).collect(),
        };
        let command = operator.zip(role).map(|(operator, role)| Command::GrantAccess {
            id,
            operator,
            role,
            scope,
        });
        let answer = write.execute(self, command).await?;
        let made = answer.records.iter().find_map(|record| match &record.event {
            Event::AccessGranted(grant) => answer.state.access().grants().get(&grant.id),
            _ => None,
        });
        let grant = made.map(|granted| grant_view(&answer.state, granted));
        Ok(Response::new(v1::GrantAccessResponse { grant, revision: answer.revision }))
    }

    async fn revoke_access(
        &self,
        request: Request<v1::RevokeAccessRequest>,
    ) -> Result<Response<v1::RevokeAccessResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let grants = match (request.grant.as_str(), request.operator.as_str()) {
            (grant, "") => write.take("grant", grant.parse()).map(WhichGrants::One),
            ("", operator) => {
                write.take("operator", Actor::parse(operator)).map(WhichGrants::AllOf)
            }
            _ => {
                write.bad.push(InvalidField::new("grant", "a grant or an operator, not both"));
                None
            }
        };
        let command = grants.map(|grants| Command::RevokeAccess { grants });
        let answer = write.execute(self, command).await?;
        let revoked = u32::try_from(answer.records.len()).unwrap_or(u32::MAX);
        Ok(Response::new(v1::RevokeAccessResponse { revoked, revision: answer.revision }))
    }

    async fn list_grants(
        &self,
        request: Request<v1::ListGrantsRequest>,
    ) -> Result<Response<v1::ListGrantsResponse>, Status> {
        let (operator, view) = (request.into_inner().operator, self.engine.view());
        let all = view.state.access().grants().values();
        let wanted = all.filter(|it| operator.is_empty() || it.grant.operator.as_str() == operator);
        let grants = wanted.map(|granted| grant_view(&view.state, granted)).collect();
        let revision = view.tip.head.revision;
        Ok(Response::new(v1::ListGrantsResponse { grants, revision }))
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let operator = write.take("operator", Actor::parse(&request.operator));
        let remark = write.take("remark", Remark::parse(&request.remark));
        let ttl = if request.ttl_seconds == 0 { TTL_SECONDS_DEFAULT } else { request.ttl_seconds };
        if !(TTL_SECONDS_MIN..=TTL_SECONDS_MAX).contains(&ttl) {
            let rule = format!("{TTL_SECONDS_MIN}–{TTL_SECONDS_MAX}, or 0 for 90 days");
            write.bad.push(InvalidField::new("ttl_seconds", rule));
        }
        let text = bearer::text(&clock::random_bytes());
        let hash = bearer::hash(&text).ok_or_else(|| Status::internal("no token was made"))?;
        let id = OperatorTokenId::from_bytes(clock::new_id());
        let expires_ms = clock::now_ms().saturating_add(ttl.saturating_mul(1000));
        let command = operator.zip(remark).map(|(operator, remark)| Command::CreateToken {
            fields: Box::new(TokenFields { id, operator, hash, expires_ms, remark }),
        });
        let answer = write.execute(self, command).await?;
        let made = answer.records.iter().find_map(|record| match &record.event {
            Event::TokenCreated(fields) => answer.state.access().tokens().get(&fields.id),
            _ => None,
        });
        let token = made.map(|token| self.token_view(token));
        let bearer = if answer.repeated { String::new() } else { text };
        Ok(Response::new(v1::CreateTokenResponse { token, bearer, revision: answer.revision }))
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::RevokeTokenResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let token = write.take("token", request.token.parse());
        let answer = write.execute(self, token.map(|token| Command::RevokeToken { token })).await?;
        Ok(Response::new(v1::RevokeTokenResponse { revision: answer.revision }))
    }

    async fn list_tokens(
        &self,
        request: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let (operator, view) = (request.into_inner().operator, self.engine.view());
        let all = view.state.access().tokens().values();
        let wanted =
            all.filter(|it| operator.is_empty() || it.fields.operator.as_str() == operator);
        let tokens = wanted.map(|token| self.token_view(token)).collect();
        let revision = view.tip.head.revision;
        Ok(Response::new(v1::ListTokensResponse { tokens, revision }))
    }

    async fn who_am_i(
        &self,
        request: Request<v1::WhoAmIRequest>,
    ) -> Result<Response<v1::WhoAmIResponse>, Status> {
        let view = self.engine.view();
        let revision = view.tip.head.revision;
        let names = |rights: Vec<Right>| rights.iter().map(ToString::to_string).collect();
        let Some(principal) = request.extensions().get::<Principal>() else {
            let operator = Caller::of(&request).named()?;
            return Ok(Response::new(v1::WhoAmIResponse {
                operator,
                by: "local".to_owned(),
                rights: names(Right::ALL.to_vec()),
                revision,
                ..v1::WhoAmIResponse::default()
            }));
        };
        let access = view.state.access();
        let granted: Vec<&Grant> = access.grants_of(&principal.operator).collect();
        let held = |right: &Right| granted.iter().any(|grant| grant.role.has(*right));
        let shown = granted.iter().filter_map(|grant| access.grants().get(&grant.id));
        let (by, expires_ms) = match principal.by {
            By::Certificate { expires_ms } => ("certificate", expires_ms),
            By::Token { expires_ms, .. } => ("token", expires_ms),
        };
        Ok(Response::new(v1::WhoAmIResponse {
            operator: principal.operator.to_string(),
            by: by.to_owned(),
            expires: Some(timestamp(expires_ms)),
            grants: shown.map(|granted| grant_view(&view.state, granted)).collect(),
            rights: names(Right::ALL.into_iter().filter(held).collect()),
            revision,
        }))
    }
}

impl Api {
    /// Writes down once a minute when tokens were used, and at the end.
    pub async fn keep_uses(self, mut stopping: tokio::sync::watch::Receiver<bool>) {
        let mut is_stopping = false;
        while !is_stopping {
            is_stopping =
                tokio::time::timeout(USES_KEPT_EVERY, super::stopped(&mut stopping)).await.is_ok();
            let api = self.clone();
            let kept = tokio::task::spawn_blocking(move || {
                let view = api.engine.view();
                let tokens = view.state.access().tokens();
                api.admission.flush(|token| tokens.contains_key(&token));
            });
            // It tells by itself what it could not write.
            let _ = kept.await;
        }
    }

    fn token_view(&self, token: &Token) -> v1::Token {
        let fields = &token.fields;
        let used = self.admission.last_use(fields.id);
        v1::Token {
            id: fields.id.to_string(),
            operator: fields.operator.to_string(),
            expires: Some(timestamp(fields.expires_ms)),
            remark: fields.remark.to_string(),
            created: Some(timestamp(token.created.time_ms)),
            last_used: used.map(|(ms, _)| timestamp(ms)),
            last_address: used.map(|(_, address)| address.to_string()).unwrap_or_default(),
        }
    }
}

fn grant_view(state: &State, granted: &Granted) -> v1::Grant {
    let grant = &granted.grant;
    let environment_name = |id| state.environments().get(id).map(|it| it.fields.name.to_string());
    let group_name = |id| state.groups().get(id).map(|it| it.fields.name.to_string());
    v1::Grant {
        id: grant.id.to_string(),
        operator: grant.operator.to_string(),
        role: role_to_proto(grant.role).into(),
        environments: grant.environments.members().map(ToString::to_string).collect(),
        api_groups: grant.groups.members().map(ToString::to_string).collect(),
        granted: Some(timestamp(granted.granted.time_ms)),
        environment_names: (grant.environments.members())
            .map(|id| environment_name(id).unwrap_or_default())
            .collect(),
        api_group_names: (grant.groups.members())
            .map(|id| group_name(id).unwrap_or_default())
            .collect(),
    }
}

/// An admin has called: nobody needs the first token any more.
pub(super) fn void_bootstrap(api: &Api, operator: &Actor) {
    let view = api.engine.view();
    let access = view.state.access();
    let is_admin = |grant: &Grant| {
        grant.allows(Right::Administer, countersign_shared::access::Target::Everywhere)
    };
    if operator.as_str() == bootstrap::OPERATOR
        || !bootstrap::is_open(&view.state)
        || !access.grants_of(operator).any(is_admin)
    {
        return;
    }
    let api = api.clone();
    tokio::spawn(async move {
        match bootstrap::void(&api.engine, &api.data_dir).await {
            Ok(()) => tracing::info!("an admin has called: the first token is void"),
            // Another call was first, or the control plane stops.
            Err(error) => tracing::debug!(%error, "the first token could not be voided"),
        }
    });
}
