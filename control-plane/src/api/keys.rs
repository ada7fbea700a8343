//! The service of signature keys. Here secrets come in: they are checked, sealed and forgotten.

use std::sync::Arc;

use countersign_proto::convert::{InvalidField, key_type_from_proto};
use countersign_proto::v1;
use countersign_proto::v1::signature_keys_server::SignatureKeys;
use countersign_shared::event::Event;
use countersign_shared::id::{KeyId, SecretId};
use countersign_shared::key::{KeyText, SealedSecret, SignatureKeyType, check_secret};
use countersign_shared::secret::Secret;
use countersign_shared::text::KeyName;
use tonic::{Request, Response, Status};

use super::key_order::KeyOrder;
use super::page::{Page, contains, total};
use super::write::{Caller, Write};
use super::{Api, status, views};
use crate::clock;
use crate::command::{Answer, Command, Reference};
use crate::decide::find_key;
use crate::keystore::{DataKey, SealError, Sealer};
use crate::rejection::Rejection;

#[tonic::async_trait]
impl SignatureKeys for Api {
    async fn create_signature_key(
        &self,
        request: Request<v1::CreateSignatureKeyRequest>,
    ) -> Result<Response<v1::CreateSignatureKeyResponse>, Status> {
        let (caller, mut request) = (Caller::of(&request), request.into_inner());
        let given = GivenSecret::take(&mut request.secret, &mut request.confirm_secret);
        request.secret = given.trace();
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let asked = request.signature_key.unwrap_or_default();
        if matches!(asked.r#type(), v1::SignatureKeyType::Aes | v1::SignatureKeyType::PublicKey) {
            let what = "signature keys of the types AES and PUBLIC_KEY have no public wire format: use HMAC or BASIC";
            return write.reject(self, Rejection::Unimplemented(what));
        }
        let name = write.take("signature_key.name", KeyName::parse(&asked.name));
        let key_type = key_type_from_proto("type", asked.r#type).map_err(|bad| bad.reason);
        let key_type = write.take("signature_key.type", key_type);
        let key = key_type.and_then(|key_type| {
            let text = if asked.key.is_empty() { clock::new_key(key_type) } else { asked.key };
            write.take("signature_key.key", KeyText::parse(key_type, &text))
        });
        let id = KeyId::from_bytes(clock::new_id());
        let secret = key_type.and_then(|key_type| given.check(key_type, &mut write.bad));
        let sealed =
            secret.map(|secret| seal(&self.sealer, id, secret)).transpose().map_err(no_seal)?;
        let (command, data_key, shown) = match (name, key_type, key, sealed) {
            (Some(name), Some(key_type), Some(key), Some((secret, data_key, shown))) => (
                Some(Command::CreateKey { id, name, key_type, key, secret }),
                Some(data_key),
                shown,
            ),
            _ => (None, None, None),
        };
        let answer = write.execute_sealed(self, command, data_key).await?;
        Ok(Response::new(v1::CreateSignatureKeyResponse {
            signature_key: made(&answer).and_then(|id| views::key(&answer.state, id)),
            generated_secret: show_once(&answer, shown),
            revision: answer.revision,
        }))
    }

    async fn get_signature_key(
        &self,
        request: Request<v1::GetSignatureKeyRequest>,
    ) -> Result<Response<v1::GetSignatureKeyResponse>, Status> {
        let view = self.engine.view();
        let id = find_key(&view.state, &request.get_ref().signature_key)
            .map_err(status::of_rejection)?
            .id;
        let signature_key = views::key(&view.state, id);
        Ok(Response::new(v1::GetSignatureKeyResponse {
            signature_key,
            revision: view.tip.head.revision,
        }))
    }

    async fn list_signature_keys(
        &self,
        request: Request<v1::ListSignatureKeysRequest>,
    ) -> Result<Response<v1::ListSignatureKeysResponse>, Status> {
        let request = request.into_inner();
        let order = KeyOrder::parse(&request.order_by)?;
        let key_type = match request.r#type() {
            v1::SignatureKeyType::Unspecified => None,
            _ => Some(
                key_type_from_proto("type", request.r#type)
                    .map_err(|bad| status::invalid(vec![bad]))?,
            ),
        };
        let view = self.engine.view();
        let keys = view.state.keys().iter().filter(|(id, key)| {
            contains(key.name.as_str(), &request.name_contains)
                && (request.name.is_empty() || request.name == key.name.as_str())
                && key_type.is_none_or(|wanted| wanted == key.key_type)
                && request
                    .bound
                    .is_none_or(|bound| bound == (view.state.index().binding_count(**id) > 0))
        });
        let total_size = total(request.count, keys.clone());
        let (ids, next_page_token) = match order {
            None => Page::parse(request.page_size, &request.page_token)?
                .of(keys.map(|(id, _)| (*id.as_bytes(), *id))),
            Some(order) => {
                let page = Page::parse(request.page_size, &request.page_token)?;
                let count = |id: KeyId| view.state.index().binding_count(id);
                page.of((0_u64..).zip(order.sorted(keys.map(|(_, key)| &**key), count)))
            }
        };
        let signature_keys = ids.into_iter().filter_map(|id| views::key(&view.state, id)).collect();
        let revision = view.tip.head.revision;
        Ok(Response::new(v1::ListSignatureKeysResponse {
            signature_keys,
            next_page_token,
            revision,
            total_size,
        }))
    }

    async fn update_signature_key(
        &self,
        request: Request<v1::UpdateSignatureKeyRequest>,
    ) -> Result<Response<v1::UpdateSignatureKeyResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let asked = request.signature_key.unwrap_or_default();
        let mask = write.mask(request.update_mask.as_ref(), &["name"]);
        let name =
            write.take_if(mask.has("name"), "signature_key.name", || KeyName::parse(&asked.name));
        let key = Reference(asked.id.clone());
        let answer = write.execute(self, Some(Command::RenameKey { key, name })).await?;
        let id = made(&answer).or_else(|| Some(find_key(&answer.state, &asked.id).ok()?.id));
        let signature_key = id.and_then(|id| views::key(&answer.state, id));
        Ok(Response::new(v1::UpdateSignatureKeyResponse {
            signature_key,
            revision: answer.revision,
        }))
    }

    async fn replace_secret(
        &self,
        request: Request<v1::ReplaceSecretRequest>,
    ) -> Result<Response<v1::ReplaceSecretResponse>, Status> {
        let (caller, mut request) = (Caller::of(&request), request.into_inner());
        let given = GivenSecret::take(&mut request.secret, &mut request.confirm_secret);
        request.secret = given.trace();
        let mut write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        // A key's type never changes, so what the view says of it holds when the engine decides.
        let view = self.engine.view();
        let key = match find_key(&view.state, &request.signature_key) {
            Ok(key) => key,
            Err(rejection) => return write.reject(self, rejection),
        };
        let secret = given.check(key.key_type, &mut write.bad);
        let sealed =
            secret.map(|secret| seal(&self.sealer, key.id, secret)).transpose().map_err(no_seal)?;
        let (command, data_key, shown) = match sealed {
            Some((secret, data_key, shown)) => {
                (Some(Command::ReplaceSecret { key: key.id, secret }), Some(data_key), shown)
            }
            None => (None, None, None),
        };
        let answer = write.execute_sealed(self, command, data_key).await?;
        Ok(Response::new(v1::ReplaceSecretResponse {
            signature_key: views::key(&answer.state, key.id),
            generated_secret: show_once(&answer, shown),
            revision: answer.revision,
        }))
    }

    async fn delete_signature_key(
        &self,
        request: Request<v1::DeleteSignatureKeyRequest>,
    ) -> Result<Response<v1::DeleteSignatureKeyResponse>, Status> {
        let (caller, request) = (Caller::of(&request), request.into_inner());
        let write = Write::begin(
            caller.because(&request.reason),
            &request,
            &request.request_id,
            request.expected_revision,
        );
        let command =
            Command::DeleteKey { key: Reference(request.signature_key), force: request.force };
        let answer = write.execute(self, Some(command)).await?;
        Ok(Response::new(v1::DeleteSignatureKeyResponse { revision: answer.revision }))
    }
}

/// The secret of a request, taken out of it before anything else looks at the request.
struct GivenSecret {
    secret: Option<Secret>,
    confirmed: bool,
}

impl GivenSecret {
    fn take(secret: &mut String, confirm_secret: &mut String) -> Self {
        let (secret, confirm) =
            (std::mem::take(secret), Secret::new(std::mem::take(confirm_secret)));
        let secret = (!secret.is_empty()).then(|| Secret::new(secret));
        let confirmed = confirm.is_empty() || secret.as_ref() == Some(&confirm);
        Self { secret, confirmed }
    }

    /// What stands for the secret in the request's digest.
    fn trace(&self) -> String {
        self.secret.as_ref().map(|secret| secret.fingerprint().to_string()).unwrap_or_default()
    }

    /// The secret, or a generated one where none was given; and whether it was generated.
    fn check(
        self,
        key_type: SignatureKeyType,
        bad: &mut Vec<InvalidField>,
    ) -> Option<(Secret, bool)> {
        if !self.confirmed {
            bad.push(InvalidField::new("confirm_secret", "not the same as the secret"));
        }
        let Some(secret) = self.secret else { return Some((clock::new_secret(), true)) };
        match check_secret(key_type, secret.expose()) {
            Ok(()) => Some((secret, false)),
            Err(rule) => {
                bad.push(InvalidField::new("secret", rule));
                None
            }
        }
    }
}

/// Seals a secret; a generated one is kept beside it, to be shown once.
fn seal(
    sealer: &Sealer,
    key: KeyId,
    (secret, generated): (Secret, bool),
) -> Result<(SealedSecret, DataKey, Option<Secret>), SealError> {
    let secret_id = SecretId::from_bytes(clock::new_id());
    let sealed = sealer.seal(key, secret_id, &secret)?;
    let fingerprint = secret.fingerprint();
    let ciphertext = Arc::from(sealed.ciphertext);
    let stored = SealedSecret { secret_id, fingerprint, ciphertext, generated };
    Ok((stored, sealed.data_key, generated.then_some(secret)))
}

/// Only the call that made the secret shows it: a repeated one was not the one that did.
fn show_once(answer: &Answer, shown: Option<Secret>) -> String {
    match shown {
        Some(secret) if !answer.repeated => secret.expose().to_owned(),
        _ => String::new(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn no_seal(error: SealError) -> Status {
    tracing::error!(%error, "a secret cannot be sealed");
    Status::internal(error.to_string())
}

fn made(answer: &Answer) -> Option<KeyId> {
    answer.records.iter().find_map(|record| match &record.event {
        Event::KeyCreated { id, .. } | Event::KeyRenamed { id, .. } => Some(*id),
        _ => None,
    })
}
