//! Compiles the part of etcd's interface with protox: no protoc is needed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors =
        protox::Compiler::new(["proto"])?.open_files(["etcd.proto"])?.file_descriptor_set();
    tonic_prost_build::configure()
        .build_server(false)
        .skip_debug([".etcdserverpb.AuthenticateRequest", ".etcdserverpb.AuthenticateResponse"])
        .compile_fds(descriptors)?;
    Ok(())
}
