use axum::{Extension, Router, routing::get};
use countersign_verify::{KnownKeys, Secret, Verified, VerifyLayer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = KnownKeys::new().hmac("orders-2026", Secret::new(std::env::var("ORDERS_SECRET")?));
    let app = Router::new().route("/orders", get(orders)).layer(VerifyLayer::new(keys));
    let listener = tokio::net::TcpListener::bind(std::env::var("LISTEN")?).await?;
    Ok(axum::serve(listener, app).await?)
}

async fn orders(caller: Extension<Verified>) -> String {
    format!("hello {}\n", caller.key)
}
