//! A node's or relay's own certificate: the first one for a token, and the next one at two thirds of its
//! life. The key is made here and leaves this machine never. Whoever connects reads the files anew, so
//! that nothing has to be started again.

mod files;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use countersign_proto::v1;
use countersign_transport::{ClientFiles, Held, request};
use http::Uri;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::clock;
use crate::sync::certificates::{Ask, NoCertificate};
use files::IdentityDir;

/// Between two tries to be enrolled: twice as long each time.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// Between two tries to renew: an eighth of what is left, within these.
const RENEWAL_PAUSE_MIN: Duration = Duration::from_millis(200);
const RENEWAL_PAUSE_MAX: Duration = Duration::from_mins(10);

/// How a node or relay comes to its certificate by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Where key and certificate are kept, for the owner alone. Made if it is not there.
    pub dir: PathBuf,
    /// The token, for who has no certificate that is good; read with each try.
    pub token_file: Option<PathBuf>,
    /// Control planes that give certificates; none: those whose stream is followed. For who is behind a
    /// relay.
    pub at: Vec<String>,
}

/// What whoever connects knows of certificates that come by themselves.
/// None: they are there, and others look after them.
#[derive(Debug, Default)]
pub(crate) struct Certificates(Option<watch::Receiver<u64>>);

impl Certificates {
    /// Waits until there is one.
    pub(crate) async fn first(&mut self) {
        let Some(count) = &mut self.0 else { return };
        if count.wait_for(|count| *count > 0).await.is_err() {
            // Who sees to it has ended, and with it the process.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until there is another one.
    pub(crate) async fn next(&mut self) {
        let is_another = match &mut self.0 {
            Some(count) => count.changed().await.is_ok(),
            None => false,
        };
        if !is_another {
            std::future::pending::<()>().await;
        }
    }
}

/// Why there is no certificate, or no next one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEnrolled {
    #[error("{} cannot be {what}: {source}", path.display())]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("no key can be used: {0}")]
    Key(String),
    #[error("the certificate that is held cannot be used: {0}; move it away to be enrolled anew")]
    Held(String),
    #[error(
        "{why}: make a token with `countersign node token create --node {node}`, put it into a file and \
         name that with --enrol-token-file"
    )]
    NoToken { why: String, node: String },
    #[error(transparent)]
    Refused(#[from] NoCertificate),
}

/// Sees to it that there is a certificate.
#[derive(Debug)]
struct Enroller {
    node: String,
    dir: IdentityDir,
    token_file: Option<PathBuf>,
    addresses: Vec<Uri>,
    /// What the control plane is called with: without a certificate, and with ours.
    nobody: ClientFiles,
    ours: ClientFiles,
}

/// Begins to see to a node's certificate: what is to be spawned, the files that are shown from now on, and
/// what whoever connects has to know.
pub(crate) fn begin(
    settings: Option<&Enrolment>,
    node: &str,
    addresses: Vec<Uri>,
    tls: ClientFiles,
    say: impl Fn(String) + Send + Sync + 'static,
) -> (Option<impl Future<Output = ()> + Send + 'static>, ClientFiles, Certificates) {
    let Some(settings) = settings else { return (None, tls, Certificates(None)) };
    let (count, counted) = watch::channel(0);
    let enroller = Enroller::new(settings.clone(), node.to_owned(), addresses, &tls);
    let ours = enroller.ours.clone();
    (Some(enroller.run(count, say)), ours, Certificates(Some(counted)))
}

impl Enroller {
    /// `addresses` are those of the stream, for where no others are named.
    fn new(settings: Enrolment, node: String, addresses: Vec<Uri>, tls: &ClientFiles) -> Self {
        let dir = IdentityDir(settings.dir);
        let nobody = ClientFiles { ca: tls.ca.clone(), own: None };
        let ours = ClientFiles { own: Some(dir.files()), ..nobody.clone() };
        Self { node, dir, token_file: settings.token_file, addresses, nobody, ours }
    }

    /// Runs for ever; cancelled by being dropped. Counts the certificates that there were, so that who
    /// has a stream with the one before opens another; tells why there is none.
    async fn run(self, count: watch::Sender<u64>, say: impl Fn(String) + Send + Sync) {
        let mut pause = PAUSE_FIRST;
        loop {
            let held = match self.dir.held() {
                Ok(held) => held,
                Err(error) => {
                    tell(&error, &say);
                    tokio::time::sleep(clock::jitter(PAUSE_MAX)).await;
                    continue;
                }
            };
            if let Some(held) = held.as_ref().filter(|held| held.expires_ms > clock::unix_ms()) {
                if *count.borrow() == 0 {
                    count.send_replace(1);
                }
                self.renew_in_time(held, &count).await;
                pause = PAUSE_FIRST;
                continue;
            }
            match self.enrol(held.as_ref()).await {
                Ok(()) => count.send_modify(|count| *count += 1),
                Err(error) => {
                    tell(&error, &say);
                    tokio::time::sleep(clock::jitter(pause)).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn enrol(&self, held: Option<&Held>) -> Result<(), NotEnrolled> {
        let token = self.token(held)?;
        let key = self.dir.pending_key()?;
        let csr =
            request::request_for(&key).map_err(|error| NotEnrolled::Key(error.to_string()))?;
        let request =
            v1::EnrolNodeRequest { token: token.to_string(), csr, node: self.node.clone() };
        let enrolled = Ask::First(request).anywhere(&self.addresses, &self.nobody).await;
        let given = enrolled.inspect_err(|refused| {
            // It may have been enrolled by a token that is over, when the answer was lost.
            if refused.is_taken() {
                self.dir.drop_pending();
            }
        })?;
        self.dir.hold(&key, &given.chain_pem, &given.ca_pem)?;
        self.dir.drop_pending();
        info!(node = self.node, serial = given.serial, "enrolled");
        Ok(())
    }

    fn token(&self, held: Option<&Held>) -> Result<zeroize::Zeroizing<String>, NotEnrolled> {
        let why = match held {
            None => format!("there is no certificate in {}", self.dir.0.display()),
            Some(_) => format!("the certificate in {} has expired", self.dir.0.display()),
        };
        let no_token = |why| NotEnrolled::NoToken { why, node: self.node.clone() };
        let Some(path) = &self.token_file else { return Err(no_token(why)) };
        match std::fs::read_to_string(path).map(zeroize::Zeroizing::new) {
            Ok(text) => Ok(zeroize::Zeroizing::new(text.trim().to_owned())),
            Err(error) => {
                Err(no_token(format!("{why}, and no token in {}: {error}", path.display())))
            }
        }
    }

    /// Ends when there is another certificate, or when this one has ended.
    async fn renew_in_time(&self, held: &Held, count: &watch::Sender<u64>) {
        let life_ms = u64::try_from(held.expires_ms.saturating_sub(held.begins_ms)).unwrap_or(0);
        let later = clock::jitter(Duration::from_millis(life_ms / 12));
        let due_ms = held.begins_ms.saturating_add(i64::try_from(life_ms / 3 * 2).unwrap_or(0));
        tokio::time::sleep(until(due_ms) + later).await;
        while held.expires_ms > clock::unix_ms() {
            match self.renew().await {
                Ok(()) => {
                    count.send_modify(|count| *count += 1);
                    return;
                }
                Err(error) => {
                    let left = until(held.expires_ms);
                    warn!(node = self.node, %error, ?left, "the certificate was not renewed");
                    let pause = (left / 8).clamp(RENEWAL_PAUSE_MIN, RENEWAL_PAUSE_MAX);
                    tokio::time::sleep(pause / 2 + clock::jitter(pause / 2)).await;
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), NotEnrolled> {
        let key = self.dir.key()?;
        let csr =
            request::request_for(&key).map_err(|error| NotEnrolled::Key(error.to_string()))?;
        let given = Ask::Next(v1::RenewCertificateRequest { csr })
            .anywhere(&self.addresses, &self.ours)
            .await?;
        self.dir.hold(&key, &given.chain_pem, &given.ca_pem)?;
        info!(node = self.node, serial = given.serial, "the certificate was renewed");
        Ok(())
    }
}

fn tell(error: &NotEnrolled, say: &impl Fn(String)) {
    warn!(%error, "not enrolled");
    say(format!("not enrolled: {error}"));
}

fn until(at_ms: i64) -> Duration {
    let left = at_ms.saturating_sub(clock::unix_ms());
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}
