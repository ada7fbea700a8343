//! `Debug` for the messages that hold a secret: their names and everything else, never the secret.
//! And for those that hold many bytes: how many. And events as they are shown.

use std::fmt;

use crate::v1::event::Payload;
use crate::v1::{
    Change, CreateNodeTokenResponse, CreateSignatureKeyRequest, CreateSignatureKeyResponse,
    CreateTokenResponse, EnrolNodeRequest, EnvironmentChanges, Event, ReplaceSecretRequest,
    ReplaceSecretResponse,
};

const REDACTED: &str = "(redacted)";

impl Event {
    /// As it is shown: the ciphertext of its secret, and the hash of its token, stay in the record
    /// that the log keeps.
    #[must_use]
    pub fn without_ciphertext(mut self) -> Self {
        match &mut self.payload {
            Some(Payload::NodeTokenCreated(created)) => created.hash.clear(),
            Some(Payload::TokenCreated(created)) => created.hash.clear(),
            _ => {}
        }
        let secret = match &mut self.payload {
            Some(Payload::SignatureKeyCreated(created)) => created.secret.as_mut(),
            Some(Payload::SecretReplaced(replaced)) => replaced.secret.as_mut(),
            _ => None,
        };
        if let Some(secret) = secret {
            secret.ciphertext.clear();
        }
        self
    }
}

impl fmt::Debug for CreateSignatureKeyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateSignatureKeyRequest")
            .field("signature_key", &self.signature_key)
            .field("secret", &REDACTED)
            .field("request_id", &self.request_id)
            .field("expected_revision", &self.expected_revision)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CreateSignatureKeyResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateSignatureKeyResponse")
            .field("signature_key", &self.signature_key)
            .field("generated_secret", &REDACTED)
            .field("revision", &self.revision)
            .finish()
    }
}

impl fmt::Debug for CreateNodeTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateNodeTokenResponse")
            .field("node_token", &self.node_token)
            .field("token", &REDACTED)
            .field("revision", &self.revision)
            .finish()
    }
}

impl fmt::Debug for EnrolNodeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolNodeRequest")
            .field("token", &REDACTED)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ReplaceSecretRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplaceSecretRequest")
            .field("signature_key", &self.signature_key)
            .field("secret", &REDACTED)
            .field("request_id", &self.request_id)
            .field("expected_revision", &self.expected_revision)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ReplaceSecretResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplaceSecretResponse")
            .field("signature_key", &self.signature_key)
            .field("generated_secret", &REDACTED)
            .field("revision", &self.revision)
            .finish()
    }
}

impl fmt::Debug for CreateTokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateTokenResponse")
            .field("token", &self.token)
            .field("bearer", &REDACTED)
            .field("revision", &self.revision)
            .finish()
    }
}

impl fmt::Debug for EnvironmentChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentChanges")
            .field("environment_id", &self.environment_id)
            .field("change_set_bytes", &self.change_set.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("resource_bytes", &self.resource.as_ref().map(bytes::Bytes::len))
            .finish_non_exhaustive()
    }
}
