//! The gRPC server: all services, health and reflection on one listener.

use std::future::Future;

use countersign_feed::server::{MESSAGE_BYTES_MAX, Streams, transport};
use countersign_proto::v1::access_server::AccessServer;
use countersign_proto::v1::api_groups_server::ApiGroupsServer;
use countersign_proto::v1::apis_server::ApisServer;
use countersign_proto::v1::audit_server::AuditServer;
use countersign_proto::v1::backups_server::BackupsServer;
use countersign_proto::v1::bindings_server::BindingsServer;
use countersign_proto::v1::enrolment_server::EnrolmentServer;
use countersign_proto::v1::environments_server::EnvironmentsServer;
use countersign_proto::v1::events_server::EventsServer;
use countersign_proto::v1::master_keys_server::MasterKeysServer;
use countersign_proto::v1::nodes_server::NodesServer;
use countersign_proto::v1::signature_keys_server::SignatureKeysServer;
use countersign_proto::v1::sync_server::SyncServer;
use countersign_proto::v1::verification_server::VerificationServer;
use countersign_transport::Incoming;
use tonic::service::Routes;

use super::Api;
use super::forward::Forward;
use super::fresh::Fresh;
use super::guard::Guard;
use crate::source::LogSource;

/// Serves until `stop` is there, then lets calls that are under way finish.
pub async fn serve(
    api: Api,
    streams: Streams<LogSource>,
    incoming: Incoming,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<AccessServer<Api>>().await;
    health.set_serving::<EnvironmentsServer<Api>>().await;
    health.set_serving::<ApiGroupsServer<Api>>().await;
    health.set_serving::<ApisServer<Api>>().await;
    health.set_serving::<SignatureKeysServer<Api>>().await;
    health.set_serving::<BindingsServer<Api>>().await;
    health.set_serving::<EventsServer<Api>>().await;
    health.set_serving::<AuditServer<Api>>().await;
    health.set_serving::<BackupsServer<Api>>().await;
    health.set_serving::<NodesServer<Api>>().await;
    health.set_serving::<EnrolmentServer<Api>>().await;
    health.set_serving::<VerificationServer<Api>>().await;
    health.set_serving::<MasterKeysServer<Api>>().await;
    health.set_serving::<SyncServer<Streams<LogSource>>>().await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(countersign_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    transport()
        .layer(Forward(api.clone()))
        .layer(Guard(api.clone()))
        .layer(Fresh(api.clone()))
        .add_routes(management(api.clone()))
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .add_service(EnrolmentServer::new(api).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(streams.into_service())
        .serve_with_incoming_shutdown(incoming.connections(), stop)
        .await?;
    Ok(())
}

/// What operators and the console call.
pub(super) fn management(api: Api) -> Routes {
    Routes::new(EnvironmentsServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(ApiGroupsServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(ApisServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(
            SignatureKeysServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(BindingsServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(EventsServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(AuditServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(BackupsServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(AccessServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(NodesServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(
            VerificationServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(MasterKeysServer::new(api).max_decoding_message_size(MESSAGE_BYTES_MAX))
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the reflection service cannot be made: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    #[error("the gRPC server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}
