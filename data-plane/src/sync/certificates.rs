//! The calls by which a node or relay gets its certificates: at the first address that answers.

use std::time::Duration;

use countersign_proto::v1;
use countersign_proto::v1::enrolment_client::EnrolmentClient;
use countersign_transport::{ClientFiles, client};
use http::Uri;
use tokio::time::timeout;
use tonic::Status;
use tonic::transport::Endpoint;

use super::{CONNECT_TIMEOUT, cause};

const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why no certificate came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCertificate {
    #[error("no control plane answers: {0}")]
    Unreachable(String),
    #[error("refused: {}", .0.message())]
    Refused(Status),
    #[error("the control plane's answer holds no certificate")]
    Empty,
}

impl NoCertificate {
    /// The name or the key is somebody's: with another key nothing is lost.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, Self::Refused(status) if status.code() == tonic::Code::AlreadyExists)
    }
}

/// What a certificate is asked for with.
#[derive(Debug)]
pub(crate) enum Ask {
    First(v1::EnrolNodeRequest),
    /// Shown is the one before.
    Next(v1::RenewCertificateRequest),
}

impl Ask {
    pub(crate) async fn anywhere(
        &self,
        addresses: &[Uri],
        files: &ClientFiles,
    ) -> Result<v1::NodeCertificate, NoCertificate> {
        let mut why = NoCertificate::Unreachable("none is named".to_owned());
        for address in addresses {
            match timeout(CALL_TIMEOUT, self.at(address, files)).await {
                Ok(Ok(certificate)) => return Ok(certificate),
                Ok(Err(error)) => why = error,
                Err(_) => why = NoCertificate::Unreachable(format!("{address}: no answer in time")),
            }
        }
        Err(why)
    }

    async fn at(
        &self,
        address: &Uri,
        files: &ClientFiles,
    ) -> Result<v1::NodeCertificate, NoCertificate> {
        let endpoint = Endpoint::from(address.clone()).connect_timeout(CONNECT_TIMEOUT);
        let channel = client::connect(&endpoint, files).await;
        let channel = channel
            .map_err(|error| NoCertificate::Unreachable(format!("{address}: {}", cause(&error))))?;
        let mut client = EnrolmentClient::new(channel);
        let certificate = match self {
            Self::First(request) => {
                client.enrol_node(request.clone()).await.map(|it| it.into_inner().certificate)
            }
            Self::Next(request) => client
                .renew_certificate(request.clone())
                .await
                .map(|it| it.into_inner().certificate),
        };
        certificate.map_err(NoCertificate::Refused)?.ok_or(NoCertificate::Empty)
    }
}
