//! Messages of the contract as JSON: fields named as in the proto, every field present that has
//! a default, enums by name, 64-bit numbers as numbers, times in RFC 3339. Knows nothing of
//! single resources; the descriptors tell it everything.

use std::sync::LazyLock;

use countersign_proto::v1;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, ReflectMessage as _, SerializeOptions};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// A message that says which one of the contract it is.
pub(crate) trait Named: prost::Message {
    const NAME: &'static str;
}

macro_rules! named {
    ($($message:ident)*) => {$(
        impl Named for v1::$message {
            const NAME: &'static str = concat!("countersign.v1.", stringify!($message));
        }
    )*};
}

named! {
    Environment CreateEnvironmentResponse GetEnvironmentResponse UpdateEnvironmentResponse
    DeleteEnvironmentResponse
    ApiGroup CreateApiGroupResponse GetApiGroupResponse UpdateApiGroupResponse
    DeleteApiGroupResponse
    Api CreateApiResponse GetApiResponse UpdateApiResponse DeleteApiResponse
    Publication PublishApiResponse TakeApiOfflineResponse
    SignatureKey CreateSignatureKeyResponse GetSignatureKeyResponse UpdateSignatureKeyResponse
    ReplaceSecretResponse DeleteSignatureKeyResponse
    Binding CreateBindingResponse GetBindingResponse DeleteBindingResponse
    Event GetCheckpointResponse Resource Attempt
    Node GetNodeResponse WaitForRevisionResponse RevokeNodeResponse KnownNode
    GetMasterKeyResponse RotateMasterKeyResponse
    NodeToken CreateNodeTokenResponse RevokeNodeTokenResponse
    Grant GrantAccessResponse RevokeAccessResponse Token CreateTokenResponse RevokeTokenResponse
    WhoAmIResponse
}

/// A message as it is shown by itself, such as one element of a list.
pub(crate) fn object<M: Named>(message: &M) -> Result<Map<String, Value>, Failure> {
    map_of(&dynamic(message)?)
}

/// A reply: the fields of the resource it carries, and the reply's other fields beside them.
pub(crate) fn reply<M: Named>(message: &M) -> Result<Map<String, Value>, Failure> {
    let message = dynamic(message)?;
    let resource = message
        .descriptor()
        .fields()
        .find(|field| matches!(field.kind(), Kind::Message(_)))
        .map(|field| field.name().to_owned());
    let mut fields = map_of(&message)?;
    let Some(Value::Object(mut flat)) = resource.and_then(|name| fields.shift_remove(&name)) else {
        return Ok(fields);
    };
    flat.extend(fields);
    Ok(flat)
}

/// A message on one line, without the fields that say nothing: what stands in an export, where
/// it must not change when the contract gets new fields.
pub(crate) fn compact<M: Named>(message: &M) -> Result<Value, Failure> {
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false)
        .skip_default_fields(true);
    let value = dynamic(message)?.serialize_with_options(serde_json::value::Serializer, &options);
    value.map_err(|error| unreadable(M::NAME, &error))
}

/// The message with its descriptor, for those who walk over its fields.
pub(crate) fn dynamic<M: Named>(message: &M) -> Result<DynamicMessage, Failure> {
    static POOL: LazyLock<Result<DescriptorPool, String>> = LazyLock::new(|| {
        DescriptorPool::decode(countersign_proto::DESCRIPTORS).map_err(|error| error.to_string())
    });
    let pool = POOL.as_ref().map_err(|error| unreadable(M::NAME, error))?;
    let descriptor = pool
        .get_message_by_name(M::NAME)
        .ok_or_else(|| unreadable(M::NAME, &"the contract does not have it"))?;
    let bytes = message.encode_to_vec();
    DynamicMessage::decode(descriptor, bytes.as_slice())
        .map_err(|error| unreadable(M::NAME, &error))
}

fn map_of(message: &DynamicMessage) -> Result<Map<String, Value>, Failure> {
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false)
        .skip_default_fields(false);
    let name = message.descriptor();
    let value = message.serialize_with_options(serde_json::value::Serializer, &options);
    match value {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(unreadable(name.full_name(), &"it is not an object")),
        Err(error) => Err(unreadable(name.full_name(), &error)),
    }
}

fn unreadable(message: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("{message} cannot be shown: {why}"))
        .advise("control plane and command line should be of the same version")
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use serde_json::json;

    use super::*;

    fn api() -> v1::Api {
        v1::Api {
            id: "00112233445566778899aabbccddeeff".into(),
            api_group: "ffeeddccbbaa99887766554433221100".into(),
            api_group_name: "shop".into(),
            name: "orders".into(),
            method: v1::Method::Get.into(),
            path: "/orders".into(),
            match_mode: v1::MatchMode::Swa.into(),
            backend: Some(v1::Backend {
                scheme: "http".into(),
                targets: vec!["127.0.0.1:9000".into()],
                timeout_ms: 5000,
                ..Default::default()
            }),
            create_time: Some(Timestamp { seconds: 1_795_435_200, nanos: 0 }),
            create_revision: u64::MAX,
            ..Default::default()
        }
    }

    #[test]
    fn a_reply_is_one_object_with_every_field_named_as_in_the_proto() {
        let reply = reply(&v1::GetApiResponse { api: Some(api()), revision: 7 }).unwrap();
        assert_eq!(
            Value::Object(reply),
            json!({
                "id": "00112233445566778899aabbccddeeff",
                "api_group": "ffeeddccbbaa99887766554433221100",
                "name": "orders",
                "remark": "",
                "method": "METHOD_GET",
                "path": "/orders",
                "match_mode": "MATCH_MODE_SWA",
                "backend": {
                    "scheme": "http",
                    "targets": ["127.0.0.1:9000"],
                    "path": "",
                    "timeout_ms": 5000,
                    "retries": 0,
                    "protocol": "BACKEND_PROTOCOL_UNSPECIFIED",
                    "connect_timeout_ms": 0,
                    "total_timeout_ms": 0,
                    "concurrency_max": 0
                },
                "body_policy": "BODY_POLICY_UNSPECIFIED",
                "query_mode": "QUERY_MODE_UNSPECIFIED",
                "websocket": false,
                "create_time": "2026-11-23T12:00:00Z",
                "create_revision": 18_446_744_073_709_551_615_u64,
                "update_revision": 0,
                "published_in": [],
                "api_group_name": "shop",
                "revision": 7
            })
        );
    }

    #[test]
    fn fields_keep_the_order_of_the_proto_and_the_revision_comes_last() {
        let reply = v1::GetEnvironmentResponse {
            environment: Some(v1::Environment { name: "RELEASE".into(), ..Default::default() }),
            revision: 3,
        };
        let text = serde_json::to_string(&super::reply(&reply).unwrap()).unwrap();
        assert_eq!(
            text,
            r#"{"id":"","name":"RELEASE","remark":"","create_revision":0,"update_revision":0,"revision":3}"#
        );
    }

    #[test]
    fn what_a_write_made_stands_beside_the_resource() {
        let created = v1::CreateSignatureKeyResponse {
            signature_key: Some(v1::SignatureKey { name: "orders".into(), ..Default::default() }),
            generated_secret: "s3cret".into(),
            revision: 9,
        };
        let created = reply(&created).unwrap();
        assert_eq!(created.get("name"), Some(&json!("orders")));
        assert_eq!(created.get("generated_secret"), Some(&json!("s3cret")));
        assert_eq!(created.get("revision"), Some(&json!(9)));
    }

    #[test]
    fn a_delete_gives_the_revision_alone() {
        let deleted = reply(&v1::DeleteApiResponse { revision: 11 }).unwrap();
        assert_eq!(Value::Object(deleted), json!({ "revision": 11 }));
    }

    #[test]
    fn bytes_are_base64_and_the_payload_keeps_its_name() {
        let event = v1::Event {
            revision: 2,
            request_digest: vec![0xff, 0x00],
            payload: Some(v1::event::Payload::KeyBound(v1::KeyBound {
                signature_key: "k".into(),
                api: "a".into(),
                environment: "e".into(),
            })),
            ..Default::default()
        };
        let event = object(&event).unwrap();
        assert_eq!(event.get("request_digest"), Some(&json!("/wA=")));
        assert_eq!(
            event.get("key_bound"),
            Some(&json!({ "signature_key": "k", "api": "a", "environment": "e" }))
        );
        assert!(!event.contains_key("key_unbound"));
    }
}
