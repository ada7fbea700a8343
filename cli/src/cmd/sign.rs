//! `countersign sign`

use clap::Args;
use countersign_shared::signing::{
    BasicSigner, CONTENT_HEADER, CanonicalRequest, DATE_HEADER, EMPTY_BODY_SHA256, HmacSigner,
    SdkDate, UNSIGNED_PAYLOAD,
};
use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::key::KeyType;
use crate::args::Globals;
use crate::captured::RequestArgs;
use crate::failure::Failure;
use crate::moment;
use crate::secret_source::SecretArgs;

/// Sign a request by hand: print the headers that the gateway would add
///
/// What is signed is the request as it is given. A node cleans the path and the query before it
/// signs and sends them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign sign http://shop.internal/orders?id=7 --key orders-2026 --secret-file ./secret
  countersign sign /orders -H 'Host: shop.internal' -d '{\"n\":1}' --key orders-2026 \\
      --secret-file ./secret | curl -H @- -d '{\"n\":1}' http://shop.internal/orders")]
pub(crate) struct Sign {
    #[command(flatten)]
    request: RequestArgs,

    /// The key that is named in the signature
    #[arg(long)]
    key: String,

    #[command(flatten)]
    secret: SecretArgs,

    /// The type of the key
    #[arg(long = "type", value_enum, value_name = "hmac|basic")]
    #[arg(default_value_t = KeyType::Hmac, hide_possible_values = true)]
    key_type: KeyType,

    /// A header to be signed besides Host and X-Sdk-Date; again for each
    #[arg(long, value_name = "NAME")]
    signed_header: Vec<String>,

    /// Leave the body unsigned, marked UNSIGNED-PAYLOAD
    #[arg(long)]
    unsigned_payload: bool,

    /// The time of the signature: 2026-11-23T12:00:00Z, or `5m ago`; now unless given
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    date: Option<prost_types::Timestamp>,
}

pub(super) fn run(args: &Sign, globals: &Globals) -> Result<(), Failure> {
    let headers = match args.key_type {
        KeyType::Basic => {
            let signer = BasicSigner::new(&args.key, &args.secret.known()?);
            vec![("Authorization", signer.authorization().to_owned())]
        }
        KeyType::Hmac => signed(args)?,
    };
    let value = json!({ "headers": headers });
    globals.output().value(&value, || {
        let lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        lines.join("\n")
    })
}

fn signed(args: &Sign) -> Result<Vec<(&'static str, String)>, Failure> {
    let request = args.request.read(&args.secret)?;
    let secret = args.secret.known()?;
    let date = SdkDate::from_unix_seconds(moment::unix_seconds(args.date.as_ref()));
    let payload = match (args.unsigned_payload, request.body.as_slice()) {
        (true, _) => UNSIGNED_PAYLOAD.to_owned(),
        (false, []) => EMPTY_BODY_SHA256.to_owned(),
        (false, body) => HEXLOWER.encode(&Sha256::digest(body)),
    };
    let mut headers = vec![(DATE_HEADER.to_owned(), date.as_bytes().to_vec())];
    if args.unsigned_payload {
        headers.push((CONTENT_HEADER.to_owned(), UNSIGNED_PAYLOAD.into()));
    }
    for name in ["host"].into_iter().chain(args.signed_header.iter().map(String::as_str)) {
        let value = request.header(name).ok_or_else(|| {
            Failure::usage(format!("there is no {name} to sign: give it with -H '{name}: …'"))
        })?;
        headers.push((name.to_ascii_lowercase(), value.to_vec()));
    }
    headers.sort();
    headers.dedup();
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let canonical = CanonicalRequest {
        method: &request.method,
        path,
        query,
        headers: &headers,
        payload: payload.as_bytes(),
    };
    let authorization = HmacSigner::new(&args.key, &secret).authorization(&canonical, &date);
    let mut added = vec![("X-Sdk-Date", date.to_string())];
    if args.unsigned_payload {
        added.push(("X-Sdk-Content-Sha256", payload));
    }
    added.push(("Authorization", authorization));
    Ok(added)
}
