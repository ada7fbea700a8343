//! Compiles the contract with protox: no protoc is needed.

use std::error::Error;
use std::path::PathBuf;

const FILES: [&str; 16] = [
    "countersign/v1/access.proto",
    "countersign/v1/environment.proto",
    "countersign/v1/api_group.proto",
    "countersign/v1/api.proto",
    "countersign/v1/signature_key.proto",
    "countersign/v1/binding.proto",
    "countersign/v1/event.proto",
    "countersign/v1/audit.proto",
    "countersign/v1/backup.proto",
    "countersign/v1/master_key.proto",
    "countersign/v1/node.proto",
    "countersign/v1/sync.proto",
    "countersign/v1/verification.proto",
    "countersign/v1/enrolment.proto",
    "countersign/store/v1/backup.proto",
    "countersign/store/v1/snapshot.proto",
];

/// Messages that hold a secret: `src/redact.rs` writes their `Debug`, without it.
const SECRET_BEARERS: [&str; 7] = [
    ".countersign.v1.CreateTokenResponse",
    ".countersign.v1.CreateSignatureKeyRequest",
    ".countersign.v1.CreateSignatureKeyResponse",
    ".countersign.v1.ReplaceSecretRequest",
    ".countersign.v1.ReplaceSecretResponse",
    ".countersign.v1.CreateNodeTokenResponse",
    ".countersign.v1.EnrolNodeRequest",
];

/// Bytes that are shared by streams.
const SHARED_BYTES: [&str; 2] =
    [".countersign.v1.EnvironmentChanges.change_set", ".countersign.v1.Change.resource"];
/// Messages whose bytes would fill a page: `src/redact.rs` tells how many there are.
const LARGE: [&str; 2] = [".countersign.v1.EnvironmentChanges", ".countersign.v1.Change"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=countersign");
    let descriptors = protox::Compiler::new(["."])?
        .include_imports(true)
        .include_source_info(true)
        .open_files(FILES)?
        .file_descriptor_set();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // Reflection and the command line's JSON read names from here; comments would only make it larger.
    let mut bare = descriptors.clone();
    bare.file.iter_mut().for_each(|file| file.source_code_info = None);
    std::fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&bare))?;
    let mut builder = tonic_prost_build::configure().skip_debug(SECRET_BEARERS).skip_debug(LARGE);
    for path in SHARED_BYTES {
        builder = builder.bytes(path);
    }
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    builder.compile_fds_with_config(descriptors, config)?;
    Ok(())
}
