//! Secrets for tests, sealed as a control plane would.

use countersign_delivery::{Bound, DeliveryKey, KEY_BYTES};
use countersign_proto::v1;
use countersign_shared::id::{KeyId, SecretId};
use countersign_shared::key::SignatureKeyType;
use countersign_shared::secret::Secret;
use zeroize::Zeroizing;

use super::*;

/// The same for every environment.
pub(crate) fn delivery_key() -> DeliveryKey {
    DeliveryKey::from_bytes(Zeroizing::new([7; KEY_BYTES]))
}

/// For all that a Welcome names.
pub(crate) fn delivery_keys(welcome: &v1::Welcome) -> DeliveryKeys {
    let ids = welcome.environments.iter().filter_map(|e| EnvironmentId::try_from(&*e.id).ok());
    ids.map(|id| (id, Arc::new(delivery_key()))).collect()
}

pub(crate) fn signer(
    number: u8,
    key_type: SignatureKeyType,
    key: &str,
    secret: &str,
) -> v1::SignerResource {
    let secret_id = SecretId::from_bytes([number; 16]);
    let key_id = KeyId::from_bytes([number; 16]);
    let bound = Bound { key_id, key_type, key, secret_id, secret_version: 1 };
    v1::SignerResource {
        r#type: countersign_proto::convert::key_type_to_proto(key_type).into(),
        key: key.to_owned(),
        secret_version: 1,
        secret_id: secret_id.as_bytes().to_vec(),
        sealed_secret: delivery_key().seal(&bound, &Secret::new(secret.to_owned())).unwrap(),
    }
}
