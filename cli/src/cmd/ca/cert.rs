//! `countersign ca cert`

use std::path::{Path, PathBuf};

use clap::Args;
use countersign_transport::ca::{self, Pair, Subject};
use countersign_transport::{Identity, Role};
use zeroize::Zeroizing;

use super::files;
use crate::clock;
use crate::failure::Failure;
use crate::moment::Lifetime;

/// Make a key, and the CA's certificate for it, for a control plane, a relay, a node or an operator
///
/// An identity is the SAN URI:countersign://ROLE/NAME, where ROLE is node, relay or operator. A server is known by the host of the address that it is called at.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign ca cert --dir ./ca --name control-plane --server --san 10.0.0.1 --san cp.example
  countersign ca cert --dir ./ca --name edge-1 --node --ttl 30d
  countersign ca cert --dir ./ca --name relay-eu-1 --relay --san relay-eu-1.example
  countersign ca cert --dir ./ca --name ann --operator --out ./for-ann")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag, and they exclude one another")]
pub(crate) struct Cert {
    /// The directory of the CA
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// Who it is for, and how its files are called: NAME.crt and NAME.key
    #[arg(long, value_name = "NAME")]
    name: String,

    /// For a node, whose name (`data-plane --node`) this is
    #[arg(long, conflicts_with_all = ["relay", "operator", "server", "san"])]
    node: bool,

    /// For a relay, whose name (`relay --name`) this is: it may speak for any node, and is a server too
    #[arg(long, conflicts_with_all = ["operator", "server"])]
    relay: bool,

    /// For an operator, who is written into the log under this name
    #[arg(long, conflicts_with_all = ["server", "san"])]
    operator: bool,

    /// For a control plane
    #[arg(long, required_unless_present_any = ["node", "relay", "operator"])]
    server: bool,

    /// A DNS name or an address that a server or relay is called by; repeat for several. Left out: NAME
    #[arg(long, value_name = "HOST")]
    san: Vec<String>,

    /// How long it is good for
    #[arg(long, value_name = "TIME", default_value = "90d")]
    ttl: Lifetime,

    /// The directory that it is written to; left out: that of the CA
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Cert) -> Result<(), Failure> {
    let ca = authority(&args.dir)?;
    let subject = subject(args)?;
    let pair = ca::issue(&ca, &subject, clock::now().as_millisecond(), args.ttl.0)
        .map_err(|error| Failure::failed(error.to_string()))?;
    let out = args.out.as_deref().unwrap_or(&args.dir);
    let paths = files::named(out, &args.name);
    files::write(&paths, &pair)?;
    let [certificate, key] = paths.each_ref().map(|path| path.display());
    let ca = args.dir.join("ca.crt");
    let ca = ca.display();
    println!("Made {certificate} and {key}.\n\nWhat comes next:");
    match &subject.client {
        None => println!(
            "  countersign control-plane --tls-cert {certificate} --tls-key {key} --client-ca {ca}"
        ),
        Some(identity) => {
            let what = match identity.role {
                Role::Node => format!("data-plane --node {}", identity.name),
                Role::Relay => format!(
                    "relay --name {} --tls-cert {certificate} --tls-key {key} --client-ca {ca} \\\n     ",
                    identity.name
                ),
                Role::Operator => "node list".to_owned(),
            };
            println!(
                "  countersign {what} --control-plane https://HOST:7400 --control-plane-ca {ca} \\\n      \
                 --control-plane-cert {certificate} --control-plane-key {key}"
            );
        }
    }
    Ok(())
}

fn subject(args: &Cert) -> Result<Subject, Failure> {
    let called = if args.san.is_empty() { vec![args.name.clone()] } else { args.san.clone() };
    let (role, server) = match (args.server, args.relay, args.node) {
        (true, ..) => return Ok(Subject { client: None, server: called }),
        (_, true, _) => (Role::Relay, called),
        (_, _, true) => (Role::Node, Vec::new()),
        _ => (Role::Operator, Vec::new()),
    };
    let identity = Identity::new(role, &args.name).ok_or_else(|| {
        Failure::usage(format!(
            "`{}` cannot stand in a certificate: a name has 1–128 letters, digits and . _ - : @ +",
            args.name
        ))
    })?;
    Ok(Subject { client: Some(identity), server })
}

fn authority(dir: &Path) -> Result<Pair, Failure> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read_to_string(&path).map_err(|error| {
            Failure::failed(format!("{} cannot be read: {error}", path.display()))
                .advise("make a CA with `countersign ca init`")
        })
    };
    Ok(Pair { certificate: read("ca.crt")?, key: Zeroizing::new(read("ca.key")?) })
}
