//! Delivery keys on their way to a node: with its Welcome, or to a relay that asks for it. They are
//! sealed, and nothing but bytes here.

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use tonic::{Code, Status};

use super::{hello, status};
use crate::source::{NoKeys, Source};

/// Puts the keys that a Hello asks for into its Welcome. Where nobody can be asked for them now, the
/// node decides whether it can go along without.
pub(super) async fn add_keys(
    source: &impl Source,
    hello: &v1::Hello,
    welcome: &mut v1::Welcome,
) -> Result<(), Status> {
    if hello.delivery_public_key.is_empty() {
        return Ok(());
    }
    let asked = v1::DeliverKeysRequest {
        node: hello.node.clone(),
        instance: hello.instance.clone(),
        delivery_public_key: hello.delivery_public_key.clone(),
        environment_ids: welcome.environments.iter().map(|served| served.id.clone()).collect(),
    };
    match source.delivery_keys(asked).await {
        Ok(keys) => {
            for (served, key) in welcome.environments.iter_mut().zip(keys) {
                served.sealed_delivery_key = key;
            }
            Ok(())
        }
        Err(NoKeys::Unreachable(why)) => {
            tracing::warn!(node = hello.node, why, "no delivery keys can be had for this node now");
            Ok(())
        }
        Err(why) => Err(refused(why)),
    }
}

pub(super) fn no_environment() -> Status {
    status::invalid(vec![InvalidField::new("environment_ids", "16 bytes each")])
}

pub(super) fn refused(why: NoKeys) -> Status {
    match why {
        NoKeys::PublicKey => {
            let rule = why.to_string();
            status::invalid(vec![InvalidField::new("delivery_public_key", rule)])
        }
        NoKeys::Unserved(unserved) => hello::unserved(unserved),
        NoKeys::NotAllowed(why) => {
            status::status(Code::PermissionDenied, "ENVIRONMENT_NOT_ALLOWED", why, [])
        }
        NoKeys::Unreachable(_) => {
            status::status(Code::Unavailable, "NO_DELIVERY_KEYS", why.to_string(), [])
        }
    }
}
