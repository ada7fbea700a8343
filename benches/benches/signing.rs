//! Nanoseconds for a signature and for a verification, beside the bare hash work that cannot be
//! avoided and beside `aws-sigv4` signing the same request; then the ratios.
//!
//! ```text
//! cargo bench -p countersign-benches --bench signing
//! ```

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that tells a table")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings};
use aws_sigv4::sign::v4;
use countersign_shared::secret::Secret;
use countersign_shared::signing::{
    HmacSigner, Payload, QueryMode, Received, SdkDate, SignRequest, Target, VerifyOptions, verify,
};
use criterion::Criterion;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const HOST: &str = "backend.example.com:9001";
const TARGET: &str = "/v2/orders/4711/items";
const KEY: &str = "orders-2026";
const SECRET: &str = "a-secret-of-the-orders-of-2026";
const NOW: i64 = 1_795_435_200;

const OURS: &str = "countersign";
const BARE: &str = "bare hash work";
const AWS: &str = "aws-sigv4";
const VERIFIED: &str = "countersign verifies";

/// What is signed: a name, a method and the bytes of the body.
const REQUESTS: [(&str, &str, usize); 3] =
    [("GET", "GET", 0), ("POST 1 KiB", "POST", 1024), ("POST 64 KiB", "POST", 64 * 1024)];

fn main() {
    let mut criterion =
        Criterion::default().measurement_time(Duration::from_secs(3)).configure_from_args();
    for (name, method, body_bytes) in REQUESTS {
        measure(&mut criterion, name, method, &vec![b'x'; body_bytes]);
    }
    criterion.final_summary();
    tell_ratios();
}

fn measure(criterion: &mut Criterion, name: &str, method: &str, body: &[u8]) {
    let mut group = criterion.benchmark_group(name);
    let secret = Secret::new(SECRET.to_owned());
    let signer = HmacSigner::new(KEY, &secret);
    let target = Target::join("", TARGET, None, QueryMode::Normalize).unwrap();
    let date = SdkDate::from_unix_seconds(NOW);
    let mut value = Vec::new();
    let mut sign = |body: &[u8]| {
        let payload = Payload::of(body);
        let request = SignRequest { method, target: &target, host: HOST, date: &date, payload };
        value.clear();
        signer.sign(&request, &mut value);
        value.clone()
    };
    let authorization = sign(body);
    group.bench_function(OURS, |bencher| bencher.iter(|| sign(black_box(body))));

    // The same bytes, hashed and nothing else: the body, the canonical request, the string to sign.
    let canonical = canonical(method, body);
    let text = [b'.'; 97];
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    group.bench_function(BARE, |bencher| {
        bencher.iter(|| {
            let hash = (!body.is_empty()).then(|| Sha256::digest(black_box(body)));
            let request = Sha256::digest(black_box(&canonical));
            let signature = mac.clone().chain_update(black_box(text)).finalize();
            (hash, request, signature.into_bytes())
        });
    });

    let identity = Credentials::new(KEY, SECRET, None, None, "bench").into();
    let url = format!("https://{HOST}{TARGET}");
    group.bench_function(AWS, |bencher| {
        bencher.iter(|| {
            let parameters: SigningParams<'_> = v4::SigningParams::builder()
                .identity(&identity)
                .region("us-east-1")
                .name("execute-api")
                .time(UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs()))
                .settings(SigningSettings::default())
                .build()
                .unwrap()
                .into();
            let body = SignableBody::Bytes(black_box(body));
            let headers = [("host", HOST)].into_iter();
            let request = SignableRequest::new(method, &*url, headers, body).unwrap();
            aws_sigv4::http_request::sign(request, &parameters).unwrap()
        });
    });

    let headers: [(&str, &[u8]); 3] = [
        ("host", HOST.as_bytes()),
        ("x-sdk-date", date.as_bytes()),
        ("authorization", &authorization),
    ];
    let received = Received { method, target: TARGET, headers: &headers };
    let options = VerifyOptions::default();
    group.bench_function(VERIFIED, |bencher| {
        bencher
            .iter(|| verify(&received, black_box(body), NOW, &options, |_, _| [&secret]).unwrap());
    });
    group.finish();
}

/// As long as ours, which is all that counts.
fn canonical(method: &str, body: &[u8]) -> Vec<u8> {
    let payload = Payload::of(body);
    let target = Target::join("", TARGET, None, QueryMode::Normalize).unwrap();
    let date = SdkDate::from_unix_seconds(NOW);
    let mut text = Vec::new();
    SignRequest { method, target: &target, host: HOST, date: &date, payload }
        .write_canonical(&mut text);
    text
}

/// From what criterion has just written down.
fn tell_ratios() {
    let nanoseconds = |request: &str, what: &str| {
        let file = home().join(request).join(what).join("new/estimates.json");
        let text = std::fs::read_to_string(file).ok()?;
        let estimates: serde_json::Value = serde_json::from_str(&text).ok()?;
        estimates.pointer("/median/point_estimate")?.as_f64()
    };
    println!(
        "\n{:<12} {:>10} {:>10} {:>10} {:>10}   × bare   × aws-sigv4",
        "ns, medians", "signs", "bare", "aws-sigv4", "verifies"
    );
    for (request, _, _) in REQUESTS {
        let of = |what| nanoseconds(request, what);
        let (Some(ours), Some(bare), Some(aws), Some(verified)) =
            (of(OURS), of(BARE), of(AWS), of(VERIFIED))
        else {
            println!("{request:<12} was not measured in full");
            continue;
        };
        println!(
            "{request:<12} {ours:>10.0} {bare:>10.0} {aws:>10.0} {verified:>10.0}   {:>6.2}   {:>11.2}",
            ours / bare,
            ours / aws
        );
    }
}

fn home() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        PathBuf::from,
    );
    std::env::var_os("CRITERION_HOME").map_or_else(|| target.join("criterion"), PathBuf::from)
}
