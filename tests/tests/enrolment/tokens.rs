//! Tokens, and what is asked for with them, call by call.

use countersign_proto::v1;
use countersign_proto::v1::enrolment_client::EnrolmentClient;
use countersign_tests::Management;
use countersign_tests::Plane;
use countersign_tests::authority::{Authority, management};
use countersign_transport::{ClientFiles, request};
use tonic::{Response, Status};

/// For RELEASE and ten minutes, unless somebody changes it.
pub(crate) async fn token_with(
    operator: &Management,
    change: impl FnOnce(&mut v1::CreateNodeTokenRequest),
) -> v1::CreateNodeTokenResponse {
    let mut request = v1::CreateNodeTokenRequest {
        environments: vec!["RELEASE".to_owned()],
        ..Default::default()
    };
    change(&mut request);
    operator.nodes().create_node_token(request).await.unwrap().into_inner()
}

pub(crate) async fn token(operator: &Management) -> String {
    token_with(operator, |_| {}).await.token
}

pub(crate) async fn token_for(operator: &Management, node: &str) -> String {
    token_with(operator, |request| node.clone_into(&mut request.node)).await.token
}

/// A client without a certificate.
pub(crate) fn nobody(authority: &Authority, plane: &Plane) -> Management {
    management(plane, &ClientFiles { ca: Some(authority.certificate()), own: None })
}

/// A key in PEM and a request for it.
pub(crate) fn key_and_request() -> (String, Vec<u8>) {
    let key = request::new_key().unwrap().to_string();
    let csr = request::request_for(&key).unwrap();
    (key, csr)
}

pub(crate) async fn enrol(
    management: &Management,
    token: &str,
    csr: &[u8],
    node: &str,
) -> Result<v1::NodeCertificate, Status> {
    let (token, csr, node) = (token.to_owned(), csr.to_vec(), node.to_owned());
    let request = v1::EnrolNodeRequest { token, csr, node };
    let answer = EnrolmentClient::new(management.channel()).enrol_node(request).await;
    answer.map(Response::into_inner).map(|answer| answer.certificate.unwrap())
}

pub(crate) async fn renew(
    management: &Management,
    csr: &[u8],
) -> Result<v1::NodeCertificate, Status> {
    let request = v1::RenewCertificateRequest { csr: csr.to_vec() };
    let answer = EnrolmentClient::new(management.channel()).renew_certificate(request).await;
    answer.map(Response::into_inner).map(|answer| answer.certificate.unwrap())
}

/// A node that was enrolled by a token of its own: its files and its key.
pub(crate) async fn enrolled(
    authority: &Authority,
    plane: &Plane,
    node: &str,
) -> (ClientFiles, String) {
    let operator = management(plane, &authority.operator("ann"));
    let token = token_for(&operator, node).await;
    let (key, csr) = key_and_request();
    let given = enrol(&nobody(authority, plane), &token, &csr, node).await.unwrap();
    (authority.files(node, &given.chain_pem, &key), key)
}
