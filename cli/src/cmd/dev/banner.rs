//! What `countersign dev` prints once all runs: addresses, and what to try.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use super::{Running, reachable};
use crate::args::DEFAULT_CONTROL_PLANE;
use crate::demo::{self, Standing, secret_file};
use crate::failure::Failure;

/// What runs where, and what to try.
pub(super) fn tell(running: &Running) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    // From a checkout the binary is not on the path; so it is called as it was called.
    let program = std::env::args().next().unwrap_or_else(|| "countersign".to_owned());
    let plane = url(running.plane.grpc_address());
    let node = url(running.node.proxy_address());
    writeln!(out, "Countersign is running.\n")?;
    if let Some(console) = running.plane.console_address() {
        place(&mut out, "console", &url(console))?;
    }
    place(&mut out, "control plane", &plane)?;
    if let Some(status) = running.plane.status_address() {
        place(&mut out, "", &format!("{}/metrics", url(status)))?;
    }
    place(&mut out, "node", &node)?;
    if let Some(status) = running.node.status_address() {
        place(&mut out, "", &format!("{}/metrics", url(status)))?;
    }
    if let Some((backend, _)) = &running.demo {
        place(&mut out, "sample backend", &url(backend.address()))?;
    }
    place(&mut out, "data", &running.data_dir.display().to_string())?;
    writeln!(out)?;
    if let Some((backend, demo)) = &running.demo {
        match demo.standing {
            Standing::Signs => tell_demo(&mut out, &node, &url(backend.address()))?,
            Standing::Unsigned => tell_unsigned(&mut out, &program)?,
            Standing::OtherSecret => tell_other_secret(&mut out, &program, &running.data_dir)?,
            Standing::Gone => writeln!(out, "The demo's API was deleted or renamed.\n")?,
        }
    }
    if plane != DEFAULT_CONTROL_PLANE {
        writeln!(out, "For the other commands:  export COUNTERSIGN_CONTROL_PLANE={plane}")?;
    }
    writeln!(out, "See what is there:       {program} binding list")?;
    writeln!(out, "Ctrl-C stops.")?;
    Ok(out.flush()?)
}

fn place(out: &mut impl Write, what: &str, address: &str) -> io::Result<()> {
    writeln!(out, "  {what:<15} {address}")
}

fn url(listener: SocketAddr) -> String {
    format!("http://{}", reachable(listener))
}

/// The two experiments: a request that arrives signed, and the same one changed on its way.
fn tell_demo(out: &mut impl Write, proxy: &str, backend: &str) -> io::Result<()> {
    let call = format!("'{proxy}{}/hello?name=world'", demo::PATH);
    writeln!(out, "See a signature arrive; the backend answers 200 with what it verified:\n")?;
    writeln!(out, "  curl -i {call}\n")?;
    writeln!(out, "Take the signed headers, and change the query on the way; it answers 401:\n")?;
    writeln!(out, "  curl -s {call} |")?;
    writeln!(
        out,
        r#"    sed -nE 's/.*\["(host|x-sdk-date|authorization)","(.*)"\].*/header = "\1: \2"/p' |"#
    )?;
    writeln!(out, "    curl -i -K - '{backend}{}/hello?name=mallory'\n", demo::PATH)
}

fn tell_unsigned(out: &mut impl Write, program: &str) -> io::Result<()> {
    writeln!(out, "The demo does not sign any more, since it was changed. To have it back:\n")?;
    writeln!(out, "  {program} api publish demo/demo --env RELEASE")?;
    writeln!(out, "  {program} bind demo --api demo/demo --env RELEASE --replace\n")
}

fn tell_other_secret(out: &mut impl Write, program: &str, data_dir: &Path) -> io::Result<()> {
    let file = data_dir.join(secret_file::NAME);
    writeln!(
        out,
        "The sample backend has another secret than the demo's key. To make them agree:\n"
    )?;
    writeln!(out, "  {program} key replace-secret demo --secret-file {}\n", file.display())
}
