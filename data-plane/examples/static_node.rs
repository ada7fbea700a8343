//! A proxy with a table made by hand and no control plane, for measuring the request path alone.
//!
//!     cargo run --release -p countersign-data-plane --example static_node -- \
//!         [--workers N] [--routes N] [--type hmac|basic|none] [--listen 127.0.0.1:9200] [--backend 127.0.0.1:9001]
//!
//! It prints `NAME=PID=URL`, as the measuring scripts take it, and serves until it is killed.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use countersign_data_plane::Config;
use countersign_data_plane::proxy::{Doors, Phase, Shared, bind, run_worker};
use countersign_data_plane::replica::{DeliveryKeys, Replica};
use countersign_data_plane::table::TableBuilder;
use countersign_data_plane::telemetry::Telemetry;
use countersign_delivery::{Bound, DeliveryKey, KEY_BYTES};
use countersign_proto::v1::{
    ApiDefinition, Backend, BindingResource, Change, ChangeSet, EnvironmentChanges, GroupResource,
    MatchMode, Method, ResourceKind, RouteResource, ServedEnvironment, SignatureKeyType,
    SignerResource, SnapshotChunk, SnapshotEnd, Welcome,
};
use countersign_shared::id::{EnvironmentId, KeyId, SecretId};
use countersign_shared::secret::Secret;
use mimalloc::MiMalloc;
use prost::Message;
use tokio::sync::watch;
use zeroizing_alloc::ZeroAlloc;

/// As in the binary: the request path allocates much and for a short time.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

const ENVIRONMENT: [u8; 16] = [1; 16];
const GROUP: u128 = 1;
const SIGNER: u128 = 2;
/// The API that every path without another one falls to.
const API: u128 = 3;
/// As many come in one message of a snapshot.
const CHUNK_CHANGES: usize = 5_000;

struct Arguments {
    workers: usize,
    routes: u128,
    key_type: Option<SignatureKeyType>,
    listen: SocketAddr,
    backend: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read()?;
    let shared = Arc::new(Shared::new(&Config::default()));
    let mut replica = replica(&arguments)?;
    let began = Instant::now();
    shared.table.store(Some(Arc::new(TableBuilder::default().build(&mut replica))));
    eprintln!("{} routes: table built in {:?}", arguments.routes, began.elapsed());

    let telemetry = Telemetry::new(arguments.workers);
    let (_phase, phases) = watch::channel(Phase::Serving);
    let mut workers = Vec::new();
    for meters in telemetry.workers() {
        let doors = Doors { clear: bind(arguments.listen)?, encrypted: None };
        let (shared, meters, phases) = (Arc::clone(&shared), Arc::clone(meters), phases.clone());
        workers.push(std::thread::spawn(move || run_worker(doors, shared, meters, phases)));
    }
    println!("countersign={}=http://{}", std::process::id(), arguments.listen);
    for worker in workers {
        worker.join().map_err(|_| "a worker panicked")??;
    }
    Ok(())
}

impl Arguments {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut read = Self {
            workers: 1,
            routes: 1,
            key_type: Some(SignatureKeyType::Hmac),
            listen: "127.0.0.1:9200".parse()?,
            backend: "127.0.0.1:9001".to_owned(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or("each argument has a value")?;
            match name.as_str() {
                "--workers" => read.workers = value.parse()?,
                "--routes" => read.routes = value.parse()?,
                "--listen" => read.listen = value.parse()?,
                "--backend" => read.backend = value,
                "--type" if value == "none" => read.key_type = None,
                "--type" if value == "basic" => read.key_type = Some(SignatureKeyType::Basic),
                "--type" if value == "hmac" => read.key_type = Some(SignatureKeyType::Hmac),
                _ => return Err(format!("{name} {value} is not known").into()),
            }
        }
        Ok(read)
    }
}

/// What a control plane would have sent.
fn replica(arguments: &Arguments) -> Result<Replica, Box<dyn Error>> {
    let mut replica = Replica::default();
    let environment = ServedEnvironment {
        id: ENVIRONMENT.to_vec(),
        name: "RELEASE".to_owned(),
        ..ServedEnvironment::default()
    };
    let welcome = Welcome {
        log_id: "by hand".to_owned(),
        protocol_version: 1,
        environments: vec![environment],
        ..Welcome::default()
    };
    let key = (EnvironmentId::from_bytes(ENVIRONMENT), Arc::new(delivery_key()));
    replica.welcome(&welcome, &DeliveryKeys::from([key]))?;
    let mut changes = vec![put(ResourceKind::Group, GROUP, &GroupResource::default())];
    if let Some(key_type) = arguments.key_type {
        let of = match key_type {
            SignatureKeyType::Basic => countersign_shared::key::SignatureKeyType::Basic,
            _ => countersign_shared::key::SignatureKeyType::Hmac,
        };
        let secret = Secret::new("MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc".to_owned());
        let bound = Bound {
            key_id: KeyId::from_bytes(SIGNER.to_be_bytes()),
            key_type: of,
            key: "signature_key1",
            secret_id: SecretId::from_bytes([1; 16]),
            secret_version: 1,
        };
        let signer = SignerResource {
            r#type: key_type.into(),
            key: bound.key.to_owned(),
            secret_version: bound.secret_version,
            secret_id: bound.secret_id.as_bytes().to_vec(),
            sealed_secret: delivery_key().seal(&bound, &secret)?,
        };
        changes.push(put(ResourceKind::Signer, SIGNER, &signer));
    }
    for number in 0..arguments.routes {
        let api = API + number;
        let path = if number == 0 {
            "/".to_owned()
        } else {
            format!("/service{:03}/v1/orders{number:06}/{{id}}", number % 1000)
        };
        changes.push(put(ResourceKind::Route, api, &route(path, &arguments.backend)));
        if arguments.key_type.is_some() {
            let signature_key_id = SIGNER.to_be_bytes().to_vec();
            changes.push(put(ResourceKind::Binding, api, &BindingResource { signature_key_id }));
        }
    }
    let began = Instant::now();
    for changes in changes.chunks(CHUNK_CHANGES) {
        let change_set = ChangeSet { changes: changes.to_vec() }.encode_to_vec().into();
        let environment = EnvironmentChanges { environment_id: ENVIRONMENT.to_vec(), change_set };
        replica.snapshot_chunk(&SnapshotChunk { environments: vec![environment] });
    }
    let outcome = replica.snapshot_end(&SnapshotEnd { revision: 1, ..SnapshotEnd::default() });
    eprintln!("{} routes: replica filled in {:?}", arguments.routes, began.elapsed());
    match outcome {
        countersign_data_plane::replica::Outcome::Ack { .. } => Ok(replica),
        countersign_data_plane::replica::Outcome::Nack { unusable, .. } => {
            Err(unusable.reason.into())
        }
    }
}

fn delivery_key() -> DeliveryKey {
    DeliveryKey::from_bytes([7; KEY_BYTES].into())
}

fn route(path: String, backend: &str) -> RouteResource {
    RouteResource {
        group_id: GROUP.to_be_bytes().to_vec(),
        definition: Some(ApiDefinition {
            method: Method::Any.into(),
            path,
            match_mode: MatchMode::Swa.into(),
            backend: Some(Backend {
                scheme: "http".to_owned(),
                targets: vec![backend.to_owned()],
                timeout_ms: 5_000,
                ..Backend::default()
            }),
            ..ApiDefinition::default()
        }),
    }
}

fn put(kind: ResourceKind, id: u128, resource: &impl Message) -> Change {
    Change {
        kind: kind.into(),
        id: id.to_be_bytes().to_vec(),
        resource: Some(resource.encode_to_vec().into()),
    }
}
