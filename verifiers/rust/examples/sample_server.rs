//! A backend that answers what it saw of each verified request; its flags are those of all sample
//! servers, see `verifiers/README.md`.

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::error::Error;
use std::path::PathBuf;

use axum::Router;
use axum::extract::Request;
use countersign_verify::{KnownKeys, Scheme, Secret, Verified, Verifier, VerifyLayer};
use data_encoding::HEXLOWER;
use http_body_util::{BodyExt as _, Collected};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::read(std::env::args().skip(1))?;
    let secret = std::fs::read_to_string(&flags.secret_file)?;
    let secret = secret.strip_suffix('\n').map_or(secret.as_str(), |s| s.trim_end_matches('\r'));
    let known = KnownKeys::new()
        .hmac(&flags.key, Secret::new(secret.to_owned()))
        .basic(&flags.key, Secret::new(secret.to_owned()));
    let mut verifier = Verifier::new(known);
    if flags.allow_unsigned_payload {
        verifier = verifier.allow_unsigned_payload();
    }
    let router = Router::new().fallback(what_was_seen).layer(VerifyLayer::from(verifier));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", flags.port)).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn what_was_seen(request: Request) -> ([(&'static str, &'static str); 1], String) {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let caller = head.extensions.get::<Verified>();
    let headers: Vec<Value> = head
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let answer = json!({
        "verified": caller.is_some(),
        "key": caller.map(|caller| caller.key.as_str()),
        "scheme": caller.map(|caller| match caller.scheme {
            Scheme::Hmac => "SDK-HMAC-SHA256",
            Scheme::Basic => "Basic",
        }),
        "payload_signed": caller.map(|caller| caller.payload_signed),
        "method": head.method.as_str(),
        "target": head.uri.path_and_query().map_or("/", |target| target.as_str()),
        "headers": headers,
        "body_bytes": body.len(),
        "body_sha256": HEXLOWER.encode(&Sha256::digest(&body)),
    });
    ([("content-type", "application/json")], format!("{answer}\n"))
}

struct Flags {
    port: u16,
    key: String,
    secret_file: PathBuf,
    allow_unsigned_payload: bool,
}

impl Flags {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut port, mut key, mut secret_file) = (0, None, None);
        let mut allow_unsigned_payload = false;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--port" => port = value()?.parse()?,
                "--key" => key = Some(value()?),
                "--secret-file" => secret_file = Some(PathBuf::from(value()?)),
                "--allow-unsigned-payload" => allow_unsigned_payload = true,
                _ => return Err(format!("{word} is not a flag of this server").into()),
            }
        }
        let key = key.ok_or("--key KEY is missing")?;
        let secret_file = secret_file.ok_or("--secret-file FILE is missing")?;
        Ok(Self { port, key, secret_file, allow_unsigned_payload })
    }
}
