//! How a control plane and a relay are spoken to: over TLS, or in clear text where it is asked for.

use std::path::PathBuf;

use clap::Args;
use countersign_transport::{CertificateFiles, ServerFiles, Transport};

use crate::failure::Failure;

// How the listener for gRPC is spoken to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Transport")]
pub(crate) struct TransportArgs {
    /// The certificate that is shown to whoever connects, in PEM, then those that lead to its authority. Read again,
    /// as its key and the client CA are, when the file changes
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TLS_CERT", hide_env_values = true)]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key in PEM
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_TLS_KEY", hide_env_values = true)]
    tls_key: Option<PathBuf>,

    /// Who vouches for nodes, relays and operators, in PEM
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CLIENT_CA", hide_env_values = true)]
    client_ca: Option<PathBuf>,

    /// Speak in clear text, and believe everybody who can connect: on loopback alone
    #[arg(long, env = "COUNTERSIGN_PLAINTEXT", hide_env_values = true)]
    plaintext: bool,
}

impl TransportArgs {
    pub(crate) fn transport(self) -> Result<Transport, Failure> {
        match (self.plaintext, self.tls_cert, self.tls_key, self.client_ca) {
            (true, None, None, None) => Ok(Transport::Plaintext),
            (false, Some(certificate), Some(key), Some(client_ca)) => {
                let own = CertificateFiles { certificate, key };
                Ok(Transport::Tls(ServerFiles { own, client_ca, node_ca: None }))
            }
            (true, ..) => Err(Failure::usage("--plaintext and TLS exclude one another")),
            _ => Err(Failure::usage(
                "give --tls-cert, --tls-key and --client-ca (`countersign ca init` makes a private CA), \
                 or --plaintext, which is for this machine alone",
            )),
        }
    }
}
