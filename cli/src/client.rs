//! The way to the control plane: one channel, the caller's name on every call, and its refusals
//! in words. The only file of this crate that names tonic.

mod refusal;

use std::time::Duration;

use countersign_proto::v1;
use countersign_shared::secret::Secret;
use countersign_transport::{ClientFiles, client};
pub(crate) use tonic::Response;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::failure::Failure;
pub(crate) use refusal::Refusal;

/// How long to wait for a connection, and how long for the beginning of an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
/// A page of 1,000 resources with all their texts at the limit is larger than tonic's 4 MiB.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The control plane takes 1–128 visible ASCII characters as a caller's name.
const ACTOR_CHARACTERS_MAX: usize = 128;

pub(crate) type Wire = InterceptedService<Channel, Caller>;

/// A connection to a control plane, with a client for each of its services.
#[derive(Clone, Debug)]
pub(crate) struct ControlPlane {
    wire: Wire,
}

impl ControlPlane {
    /// Connects to an address such as `https://10.0.0.1:7400`.
    /// A token goes where a certificate would: over TLS, or to this machine. `is_fresh`: what is read
    /// has to be the newest.
    pub(crate) async fn connect(
        address: &str,
        files: &ClientFiles,
        token: Option<&Secret>,
        is_fresh: bool,
    ) -> Result<Self, Failure> {
        let bearer = token.map(bearer).transpose()?;
        let endpoint = endpoint(address)?;
        if endpoint.uri().scheme_str() == Some("https") {
            files.check().map_err(|error| Failure::usage(error.to_string()))?;
        }
        let channel = client::connect(&endpoint, files).await;
        let channel = channel.map_err(|error| unreachable(address, &error))?;
        let caller = Caller { actor: actor(), bearer, is_fresh };
        Ok(Self { wire: InterceptedService::new(channel, caller) })
    }
}

macro_rules! clients {
    ($($name:ident: $module:ident::$client:ident)*) => {
        impl ControlPlane {$(
            pub(crate) fn $name(&self) -> v1::$module::$client<Wire> {
                v1::$module::$client::new(self.wire.clone())
                    .max_decoding_message_size(MESSAGE_BYTES_MAX)
            }
        )*}
    };
}

clients! {
    access: access_client::AccessClient
    environments: environments_client::EnvironmentsClient
    api_groups: api_groups_client::ApiGroupsClient
    apis: apis_client::ApisClient
    signature_keys: signature_keys_client::SignatureKeysClient
    bindings: bindings_client::BindingsClient
    events: events_client::EventsClient
    audit: audit_client::AuditClient
    backups: backups_client::BackupsClient
    nodes: nodes_client::NodesClient
    master_keys: master_keys_client::MasterKeysClient
}

/// Names the caller on every call, and says how new the answer has to be.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    actor: MetadataValue<Ascii>,
    bearer: Option<MetadataValue<Ascii>>,
    is_fresh: bool,
}

impl Interceptor for Caller {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("countersign-actor", self.actor.clone());
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        if self.is_fresh {
            request.metadata_mut().insert("countersign-fresh", MetadataValue::from_static("1"));
        }
        Ok(request)
    }
}

fn bearer(token: &Secret) -> Result<MetadataValue<Ascii>, Failure> {
    let value = MetadataValue::try_from(format!("Bearer {}", token.expose()));
    let mut value =
        value.map_err(|_| Failure::usage("the token has characters that no token has"))?;
    // So that it is shown nowhere.
    value.set_sensitive(true);
    Ok(value)
}

fn endpoint(address: &str) -> Result<Endpoint, Failure> {
    let usage = |what: &str| {
        Failure::usage(format!(
            "`--control-plane {address}` {what}; it reads like https://10.0.0.1:7400, \
             or http://127.0.0.1:7400 on this machine"
        ))
    };
    let endpoint =
        Endpoint::from_shared(address.to_owned()).map_err(|_| usage("is not an address"))?;
    if !client::is_address(endpoint.uri()) {
        return Err(usage("has no scheme"));
    }
    Ok(endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(CALL_TIMEOUT))
}

fn unreachable(address: &str, error: &tonic::transport::Error) -> Failure {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Failure::failed(format!("no control plane answers at {address}: {cause}")).advise(
        "start one with `countersign dev` or `countersign control-plane`, \
         or name another with --control-plane or COUNTERSIGN_CONTROL_PLANE",
    )
}

/// `user@host`, as far as this machine tells.
fn actor() -> MetadataValue<Ascii> {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| format!("uid-{}", rustix::process::getuid().as_raw()));
    let system = rustix::system::uname();
    let name: String = format!("{user}@{}", system.nodename().to_string_lossy())
        .chars()
        .map(|character| if character.is_ascii_graphic() { character } else { '_' })
        .take(ACTOR_CHARACTERS_MAX)
        .collect();
    MetadataValue::try_from(name).unwrap_or_else(|_| MetadataValue::from_static("unnamed"))
}
