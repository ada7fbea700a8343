//! New connections to a target: the address behind its name, TCP, and TLS where the backend is
//! spoken to that way. It decides nothing about when one is made.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::debug;

use super::Call;
use super::target::Target;
use crate::proxy::stream::{BackendStream, Socket};
use crate::proxy::upstream::{Upstream, alpn};
use crate::table::{Place, TlsTerms};

/// A connection, and the address that it leads to; none where none could be had in time.
pub(super) async fn connect(call: Call<'_>) -> Option<(BackendStream, SocketAddr)> {
    let Call { pool, target, place, terms, .. } = call;
    let opening = open(&pool.upstream, target, place);
    let opened = Box::pin(timeout(terms.patience.min(place.connect_timeout), opening)).await;
    match opened.unwrap_or_else(|elapsed| Err(elapsed.into())) {
        Ok(opened) => Some(opened),
        Err(error) => {
            debug!(address = %place.address, %error, "no connection to the backend");
            None
        }
    }
}

async fn open(
    upstream: &Arc<Upstream>,
    target: &Target,
    place: &Place,
) -> io::Result<(BackendStream, SocketAddr)> {
    let (stream, address) = if let Some(address) = place.literal {
        (TcpStream::connect(address).await?, address)
    } else {
        let addresses = upstream.names.addresses(&place.address).await?;
        first_that_answers(target.in_turn(&addresses)).await?
    };
    stream.set_nodelay(true)?;
    let Some(terms) = &place.tls else { return Ok((Socket::Plain(stream), address)) };
    let connector = TlsConnector::from(config(upstream, terms).await?);
    let server_name = ServerName::try_from(terms.server_name.to_string());
    let stream = connector.connect(server_name.map_err(io::Error::other)?, stream).await?;
    let agreed = stream.get_ref().1.alpn_protocol();
    // A backend that has never heard of ALPN speaks HTTP/1.1.
    if agreed.unwrap_or(b"http/1.1") != alpn(terms.protocol) {
        return Err(io::Error::other("the backend does not agree on the protocol of the API"));
    }
    Ok((Socket::Tls(Box::new(stream)), address))
}

async fn first_that_answers(
    addresses: impl Iterator<Item = SocketAddr>,
) -> io::Result<(TcpStream, SocketAddr)> {
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Built beside the worker where it is not there yet, since that reads files.
async fn config(upstream: &Arc<Upstream>, terms: &Arc<TlsTerms>) -> io::Result<Arc<ClientConfig>> {
    if let Some(built) = upstream.tls.built(terms) {
        return Ok(built);
    }
    let (upstream, terms) = (Arc::clone(upstream), Arc::clone(terms));
    let building = tokio::task::spawn_blocking(move || upstream.tls.build(&terms));
    Ok(building.await.map_err(io::Error::other)??)
}
