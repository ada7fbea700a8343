//! Where a control plane keeps its log: on its own disk, or in etcd, where several share it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use countersign_control_plane::log::{EtcdAccess, EtcdConfig, EtcdCredentials};
use countersign_transport::{CertificateFiles, ClientFiles};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::moment::Lifetime;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    Sled,
    Etcd,
}

// Where the log is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct SharingArgs {
    /// Where the log is: sled, in the data directory; or etcd, with a copy in the data directory
    #[arg(
        long,
        value_enum,
        default_value = "sled",
        env = "COUNTERSIGN_LOG",
        hide_env_values = true
    )]
    #[arg(hide_possible_values = true, value_name = "sled|etcd")]
    log: Log,

    /// The members of the etcd cluster; one that does not answer is passed over
    #[arg(long, value_name = "URL,…", env = "COUNTERSIGN_ETCD_ENDPOINT", hide_env_values = true)]
    #[arg(value_delimiter = ',', required_if_eq("log", "etcd"))]
    etcd_endpoint: Vec<String>,

    /// What all keys in etcd begin with: one prefix for each log
    #[arg(long, value_name = "PREFIX", env = "COUNTERSIGN_ETCD_PREFIX", hide_env_values = true)]
    #[arg(default_value = "countersign")]
    etcd_prefix: String,

    #[command(flatten)]
    access: EtcdArgs,

    /// Have etcd forget its own history when it is so old, such as 1h: what keys held before, in all of
    /// etcd, not of this log alone. Left out: etcd does as it is told otherwise
    #[arg(long, value_name = "TIME", env = "COUNTERSIGN_ETCD_COMPACT_AFTER")]
    #[arg(hide_env_values = true)]
    etcd_compact_after: Option<Lifetime>,

    /// Where the other replicas reach this one, to send on what it has to decide; left out: --listen
    #[arg(long, value_name = "URL", env = "COUNTERSIGN_ADVERTISE", hide_env_values = true)]
    advertise: Option<String>,

    /// Who vouches for the other replicas at https://, in PEM; left out: whom this system trusts
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_REPLICA_CA", hide_env_values = true)]
    replica_ca: Option<PathBuf>,
}

// What a cluster of etcd is shown and trusted by.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
#[expect(clippy::struct_field_names, reason = "the fields are called as their flags are")]
pub(crate) struct EtcdArgs {
    /// Who vouches for etcd at https://, in PEM; left out: whom this system trusts
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_ETCD_CA", hide_env_values = true)]
    etcd_ca: Option<PathBuf>,

    /// The certificate that etcd is shown, in PEM, then those that lead to its authority
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_ETCD_CERT", hide_env_values = true)]
    #[arg(requires = "etcd_key")]
    etcd_cert: Option<PathBuf>,

    /// The certificate's private key in PEM
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_ETCD_KEY", hide_env_values = true)]
    #[arg(requires = "etcd_cert")]
    etcd_key: Option<PathBuf>,

    /// The user of etcd, where it asks for one
    #[arg(long, value_name = "NAME", env = "COUNTERSIGN_ETCD_USER", hide_env_values = true)]
    #[arg(requires = "etcd_password_file")]
    etcd_user: Option<String>,

    /// A file with the user's password
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_ETCD_PASSWORD_FILE")]
    #[arg(hide_env_values = true, requires = "etcd_user")]
    etcd_password_file: Option<PathBuf>,
}

impl EtcdArgs {
    /// The way to the cluster of these members.
    pub(crate) fn to(self, endpoints: Vec<String>) -> Result<EtcdAccess, Failure> {
        let own = self.etcd_cert.zip(self.etcd_key);
        let own = own.map(|(certificate, key)| CertificateFiles { certificate, key });
        let files = ClientFiles { ca: self.etcd_ca, own };
        files.check().map_err(|error| Failure::usage(error.to_string()))?;
        let credentials = match self.etcd_user.zip(self.etcd_password_file) {
            None => None,
            Some((user, file)) => {
                let read = fs::read_to_string(&file).map(Zeroizing::new);
                let text = read.map_err(|error| {
                    Failure::usage(format!("{} cannot be read: {error}", file.display()))
                })?;
                let password = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
                Some(EtcdCredentials { user, password: Arc::new(password) })
            }
        };
        Ok(EtcdAccess { endpoints, files, credentials })
    }
}

impl SharingArgs {
    /// `listen` is where it is reached, if nothing else was said.
    pub(crate) fn etcd(self, listen: String) -> Result<Option<EtcdConfig>, Failure> {
        if self.log == Log::Sled {
            return Ok(None);
        }
        let prefix = self.etcd_prefix.trim_matches('/').to_owned();
        if prefix.is_empty() {
            return Err(Failure::usage(
                "--etcd-prefix is empty: give the log a name, such as countersign",
            ));
        }
        let access = self.access.to(self.etcd_endpoint)?;
        let (advertise, replica_ca) = (self.advertise.unwrap_or(listen), self.replica_ca);
        let replicas = ClientFiles { ca: replica_ca.clone(), own: None };
        replicas.check().map_err(|error| Failure::usage(error.to_string()))?;
        let compact_after = self.etcd_compact_after.map(|age| age.0);
        Ok(Some(EtcdConfig { access, prefix, advertise, replica_ca, compact_after }))
    }
}
