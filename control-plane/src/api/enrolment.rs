//! The service of enrolment: a node's first certificate for a token, and the next one for the one
//! before. Everybody may call it, so it checks by itself who is there.

use std::sync::Arc;

use countersign_proto::convert::{InvalidField, timestamp};
use countersign_proto::v1;
use countersign_proto::v1::enrolment_server::Enrolment;
use countersign_shared::event::Origin;
use countersign_shared::node::{NodeRole, PublicKeyDigest};
use countersign_shared::text::{ActedAs, Actor, NodeName, Reason};
use countersign_transport::node_ca::{Issued, NodeCa};
use countersign_transport::request::{BadRequest, SigningRequest};
use countersign_transport::{Identity, Peer, Role};
use tonic::{Code, Request, Response, Status};

use super::{Api, nodes, status};
use crate::clock;
use crate::command::{Authority, Command, Request as ToEngine};
use crate::rejection::Rejection;

/// So much of a name that somebody gives itself is kept with a refusal.
const NAME_CHARACTERS_MAX: usize = 100;

#[tonic::async_trait]
impl Enrolment for Api {
    async fn enrol_node(
        &self,
        request: Request<v1::EnrolNodeRequest>,
    ) -> Result<Response<v1::EnrolNodeResponse>, Status> {
        let source = source(&request);
        self.node_certificates.hears(&source).map_err(|wait| {
            let message = "too many enrolments from this address, or in all, were refused within a minute: \
                           wait for the next";
            status::retry_after("TOO_MANY_ENROLMENTS", message, wait)
        })?;
        let asked = request.into_inner();
        match enrol(self, &asked, &source).await {
            Ok(certificate) => {
                Ok(Response::new(v1::EnrolNodeResponse { certificate: Some(certificate) }))
            }
            Err(status) => Err(self.not_certified("EnrolNode", &asked.node, source, status)),
        }
    }

    async fn renew_certificate(
        &self,
        request: Request<v1::RenewCertificateRequest>,
    ) -> Result<Response<v1::RenewCertificateResponse>, Status> {
        let (source, peer) = (source(&request), Peer::of(request.extensions()).cloned());
        let name = peer.as_ref().and_then(|peer| peer.identity.clone());
        match renew(self, peer.as_ref(), &request.get_ref().csr) {
            Ok(certificate) => {
                Ok(Response::new(v1::RenewCertificateResponse { certificate: Some(certificate) }))
            }
            Err(status) => {
                let name = name.map(|identity| identity.name.clone()).unwrap_or_default();
                Err(self.not_certified("RenewCertificate", &name, source, status))
            }
        }
    }
}

async fn enrol(
    api: &Api,
    asked: &v1::EnrolNodeRequest,
    source: &str,
) -> Result<v1::NodeCertificate, Status> {
    let ca = node_ca(api)?;
    let node = NodeName::parse(&asked.node)
        .map_err(|error| status::invalid(vec![InvalidField::new("node", error)]))?;
    let request = SigningRequest::parse(&asked.csr).map_err(|bad| bad_request(&bad))?;
    // Who comes first under a name that somebody has whom another CA vouches for does not get it.
    let is_seen = api.nodes.get(node.as_str()).is_some();
    let command = Command::EnrolNode {
        hash: nodes::token_hash(&asked.token),
        node: node.clone(),
        key: PublicKeyDigest(request.public_key_digest()),
        is_seen,
        now_ms: clock::now_ms(),
    };
    let actor = Actor::parse(&format!("node:{node}")).or_else(|_| Actor::parse("node"));
    let actor = actor.map_err(|error| Status::internal(error.to_string()))?;
    let source = source.to_owned();
    let (role, reason) = (ActedAs::default(), Reason::default());
    let origin = Arc::new(Origin { actor, source, request: None, reason, role });
    let to_engine = ToEngine {
        command,
        origin,
        // The token is what it takes.
        authority: Authority::Unlimited,
        expected_revision: None,
        data_key: None,
    };
    api.engine.execute(clock::now_ms(), to_engine).await.map_err(status::of_execute)?;
    // As it stands now, and not as it stood: it may have been revoked meanwhile.
    let role = admitted(api, node.as_str(), request.public_key_digest())?;
    certify(api, ca, &request, role, node.as_str(), true)
}

fn renew(api: &Api, peer: Option<&Peer>, csr: &[u8]) -> Result<v1::NodeCertificate, Status> {
    let shown = peer.and_then(|peer| Some((peer.identity.as_ref()?, peer.certificate.as_ref()?)));
    let Some((identity, certificate)) =
        shown.filter(|(identity, _)| identity.role != Role::Operator)
    else {
        let message = "a certificate is renewed for whoever shows it: connect with the node's";
        return Err(status::status(Code::Unauthenticated, "NO_CREDENTIALS", message, []));
    };
    let ca = node_ca(api)?;
    if certificate.expires_ms < clock::now_ms() {
        let message = "the certificate has expired: the node needs another token, from \
                       `countersign node token create`";
        return Err(status::status(Code::Unauthenticated, "CERTIFICATE_EXPIRED", message, []));
    }
    let role = admitted(api, &identity.name, certificate.public_key_digest)?;
    let request = SigningRequest::parse(csr).map_err(|bad| bad_request(&bad))?;
    if role != identity.role || request.public_key_digest() != certificate.public_key_digest {
        return Err(another_key(&identity.name));
    }
    certify(api, ca, &request, role, &identity.name, false)
}

/// What the holder of this key is, if it is the one whom the name was given to last.
fn admitted(api: &Api, name: &str, key: [u8; 32]) -> Result<Role, Status> {
    let view = api.engine.view();
    let known = view.state.nodes().get(name);
    let Some((known, enrolment)) = known.and_then(|known| Some((known, known.enrolment.as_ref()?)))
    else {
        let message =
            format!("{name} was not enrolled here: its certificate is renewed by who gave it");
        return Err(status::status(Code::FailedPrecondition, "NODE_NOT_ENROLLED", message, []));
    };
    if known.revoked.is_some() {
        return Err(status::of_rejection(Rejection::NodeRevoked { node: name.to_owned() }));
    }
    if enrolment.key.0 != key {
        return Err(another_key(name));
    }
    Ok(match enrolment.role {
        NodeRole::Node => Role::Node,
        NodeRole::Relay => Role::Relay,
    })
}

fn certify(
    api: &Api,
    ca: &NodeCa,
    request: &SigningRequest,
    role: Role,
    name: &str,
    is_first: bool,
) -> Result<v1::NodeCertificate, Status> {
    let identity = Identity::new(role, name)
        .ok_or_else(|| Status::internal("the name cannot stand in a certificate"))?;
    let certificates = &api.node_certificates;
    let issued = certificates.certify(ca, request, &identity).map_err(|error| {
        tracing::error!(%error, "no certificate can be made");
        Status::internal("no certificate can be made; see the control plane's log")
    })?;
    certificates.gave(is_first);
    let Issued { chain_pem, ca_pem, serial, expires_ms } = issued;
    tracing::info!(%identity, serial, expires_ms, is_first, "a certificate was given");
    Ok(v1::NodeCertificate { chain_pem, ca_pem, expire_time: Some(timestamp(expires_ms)), serial })
}

impl Api {
    /// Counts and keeps that somebody got no certificate.
    fn not_certified(&self, call: &str, name: &str, source: String, status: Status) -> Status {
        self.node_certificates.refused(&source);
        let plain = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let name: String = name.chars().take(NAME_CHARACTERS_MAX).map(plain).collect();
        tracing::warn!(node = name, source, reason = status.message(), "no certificate was given");
        let (actor, call) = (format!("node:{name}"), call.to_owned());
        self.auditing.refused(v1::Attempt { actor, source, call, ..Default::default() }, &status);
        status
    }
}

fn node_ca(api: &Api) -> Result<&NodeCa, Status> {
    api.node_certificates.ca().ok_or_else(|| {
        let message = "this control plane gives nodes no certificates: start it with --node-ca-cert and \
                       --node-ca-key (`countersign ca init` makes a CA)";
        status::status(Code::FailedPrecondition, "NO_NODE_CA", message, [])
    })
}

fn bad_request(bad: &BadRequest) -> Status {
    let reason = if *bad == BadRequest::Key { "CSR_KEY" } else { "CSR_INVALID" };
    let message = format!("the certificate signing request cannot be used: {bad}");
    status::status(Code::InvalidArgument, reason, message, [])
}

fn another_key(name: &str) -> Status {
    let message = format!(
        "{name} was enrolled with another key or in another role: a renewal keeps both, and a new key needs \
         another token"
    );
    status::status(Code::PermissionDenied, "NODE_KEY", message, [("node", name.to_owned())])
}

fn source<T>(request: &Request<T>) -> String {
    Peer::of(request.extensions()).map(|peer| peer.address.to_string()).unwrap_or_default()
}
