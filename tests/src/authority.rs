//! A CA of the test's, the files that it gives, and a control plane that trusts in it.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use countersign_control_plane::keystore::MasterKeySource;
use countersign_control_plane::log::{EtcdAccess, EtcdConfig};
use countersign_control_plane::{BOOTSTRAP_TOKEN_FILE, NodeCertificateConfig};
use countersign_proto::v1;
use countersign_proto::v1::access_client::AccessClient;
use countersign_transport::ca::{self, Pair, Subject};
use countersign_transport::{
    CertificateFiles, ClientFiles, Identity, Role, ServerFiles, Transport,
};

use tonic::Request;

use crate::{Etcd, Management, Plane};

const DAY: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub struct Authority {
    pair: Pair,
    dir: tempfile::TempDir,
}

impl Authority {
    pub fn make() -> Self {
        let pair = ca::create(now_ms(), DAY).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.crt"), &pair.certificate).unwrap();
        Self { pair, dir }
    }

    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    pub fn node(&self, name: &str) -> ClientFiles {
        self.client(Role::Node, name, now_ms())
    }

    pub fn relay(&self, name: &str) -> ClientFiles {
        self.client(Role::Relay, name, now_ms())
    }

    pub fn operator(&self, name: &str) -> ClientFiles {
        self.client(Role::Operator, name, now_ms())
    }

    /// A certificate of a day that was made at this time.
    pub fn client(&self, role: Role, name: &str, made_ms: i64) -> ClientFiles {
        let subject = Subject { client: Identity::new(role, name), server: Vec::new() };
        let pair = ca::issue(&self.pair, &subject, made_ms, DAY).unwrap();
        let own = written(self.dir.path(), &format!("{role}-{name}"), &pair);
        ClientFiles { ca: Some(self.certificate()), own: Some(own) }
    }

    /// For a control plane that is called by this host.
    pub fn server(&self, host: &str) -> CertificateFiles {
        let subject = Subject { client: None, server: vec![host.to_owned()] };
        let pair = ca::issue(&self.pair, &subject, now_ms(), DAY).unwrap();
        written(self.dir.path(), &format!("server-{host}"), &pair)
    }

    /// An etcd that shows a certificate and asks for one, both of this authority.
    pub fn etcd(&self) -> Etcd {
        Etcd::start_with("https", |host| {
            let own = self.server(&host.to_string());
            let file = |flag: &str, path: PathBuf| format!("--{flag}={}", path.display());
            vec![
                file("cert-file", own.certificate),
                file("key-file", own.key),
                file("trusted-ca-file", self.certificate()),
                "--client-cert-auth".to_owned(),
            ]
        })
    }

    /// Of who listens at this address.
    pub fn transport(&self, listen: SocketAddr) -> Transport {
        let own = self.server(&listen.ip().to_string());
        Transport::Tls(ServerFiles { own, client_ca: self.certificate(), node_ca: None })
    }

    /// A control plane that gives nodes their certificates, by this other CA.
    pub async fn enrolling_plane(&self, nodes: &Self, lifetime: Duration) -> Plane {
        let ca = Some(nodes.signing());
        let plane = Plane::start_with(|config| {
            config.transport = self.transport(config.listen);
            config.node_certificates = NodeCertificateConfig { ca, lifetime };
        })
        .await;
        self.make_admins(&plane, &["ann"]).await;
        plane
    }

    /// Its own certificate and key.
    pub fn signing(&self) -> CertificateFiles {
        let files = written(self.dir.path(), "signing", &self.pair);
        std::fs::set_permissions(&files.key, Permissions::from_mode(0o600)).unwrap();
        files
    }

    /// Files of a certificate and a key that came otherwise.
    pub fn files(&self, name: &str, certificate: &str, key: &str) -> ClientFiles {
        let [own, key_file] =
            ["crt", "key"].map(|kind| self.dir.path().join(format!("{name}.{kind}")));
        std::fs::write(&own, certificate).unwrap();
        std::fs::write(&key_file, key).unwrap();
        let own = CertificateFiles { certificate: own, key: key_file };
        ClientFiles { ca: Some(self.certificate()), own: Some(own) }
    }

    /// A control plane that shows its certificate and lets in whom it vouches for. The operator
    /// `ann` is its admin.
    pub async fn plane(&self) -> Plane {
        let plane = self.plane_without_admin().await;
        self.make_admins(&plane, &["ann"]).await;
        plane
    }

    /// The same as it is after its first start.
    pub async fn plane_without_admin(&self) -> Plane {
        Plane::start_with(|config| config.transport = self.transport(config.listen)).await
    }

    /// Makes these operators admins of a control plane that has none yet.
    pub async fn make_admins(&self, plane: &Plane, names: &[&str]) {
        let token = bootstrap_token(plane);
        let channel = management(plane, &self.nobody()).channel();
        for name in names {
            let grant = v1::Grant {
                operator: (*name).to_owned(),
                role: v1::OperatorRole::Admin.into(),
                ..v1::Grant::default()
            };
            let request = v1::GrantAccessRequest { grant: Some(grant), ..Default::default() };
            let mut access = AccessClient::new(channel.clone());
            access.grant_access(with_token(request, &token)).await.unwrap();
        }
    }

    /// One of several replicas of a log on etcd, over TLS. The first one leads, for as long as it runs.
    pub async fn replica(&self, etcd: &Etcd) -> Plane {
        let master = self.dir.path().join("master.key");
        std::fs::write(&master, "5a".repeat(32)).unwrap();
        std::fs::set_permissions(&master, Permissions::from_mode(0o600)).unwrap();
        Plane::start_with(|config| {
            config.transport = self.transport(config.listen);
            config.master_key = Some(MasterKeySource::File(master));
            config.etcd = Some(EtcdConfig {
                access: EtcdAccess {
                    endpoints: vec![etcd.endpoint()],
                    files: ClientFiles::default(),
                    credentials: None,
                },
                prefix: "countersign".to_owned(),
                advertise: format!("https://{}", config.listen),
                replica_ca: Some(self.certificate()),
                compact_after: None,
            });
        })
        .await
    }

    /// Who trusts in the CA and shows no certificate.
    pub fn nobody(&self) -> ClientFiles {
        ClientFiles { ca: Some(self.certificate()), own: None }
    }
}

/// The first token of a control plane that has no admin yet.
pub fn bootstrap_token(plane: &Plane) -> String {
    let path = plane.data_dir().join(BOOTSTRAP_TOKEN_FILE);
    std::fs::read_to_string(path).unwrap().trim().to_owned()
}

/// A request that shows a token.
pub fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Where it listens, over TLS.
pub fn uri(plane: &Plane) -> String {
    plane.uri().replace("http://", "https://")
}

/// A client of it, as whoever has these files.
pub fn management(plane: &Plane, files: &ClientFiles) -> Management {
    Management::over_tls(&uri(plane), files)
}

/// The files of a pair.
pub fn written(dir: &Path, name: &str, pair: &Pair) -> CertificateFiles {
    let [certificate, key] = ["crt", "key"].map(|kind| dir.join(format!("{name}.{kind}")));
    std::fs::write(&certificate, &pair.certificate).unwrap();
    std::fs::write(&key, pair.key.as_bytes()).unwrap();
    CertificateFiles { certificate, key }
}

#[expect(clippy::disallowed_methods, reason = "a test makes certificates of today")]
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}
