//! A reverse proxy by Pingora: HTTP/1.1 and cleartext HTTP/2 in, one backend, kept connections,
//! a static Authorization header, nothing logged.
//!
//! ```text
//! pingora-peer LISTEN BACKEND THREADS
//! ```

use std::error::Error;

use async_trait::async_trait;
use pingora::apps::HttpServerOptions;
use pingora::http::RequestHeader;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Idle connections to the backend: no fewer than there are clients.
const POOL: usize = 2048;

struct ToBackend(String);

#[async_trait]
impl ProxyHttp for ToBackend {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _context: &mut (),
    ) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0.as_str(), false, String::new())))
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        _context: &mut (),
    ) -> pingora::Result<()> {
        request.insert_header("Authorization", "Basic YXBpOnNlY3JldA==")
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, backend, threads] = arguments.as_slice() else {
        return Err("wanted: LISTEN BACKEND THREADS".into());
    };
    let configuration = ServerConf {
        threads: threads.parse()?,
        upstream_keepalive_pool_size: POOL,
        // Asked to end, it ends.
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(0),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, configuration);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, ToBackend(backend.clone()));
    if let Some(logic) = service.app_logic_mut() {
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        logic.server_options = Some(options);
    }
    service.add_tcp(listen);
    server.add_service(service);
    server.run_forever()
}
