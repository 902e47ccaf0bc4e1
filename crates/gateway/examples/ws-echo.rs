//! A bare echo server on the gateway's frame layer, for the Autobahn suite: `ws-echo 127.0.0.1:0`.
//!
//! It prints the address that it is bound to as its first line and then serves until it is ended.

use std::{io::Write as _, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tokio_websockets::{Limits, ServerBuilder};

/// Case 9 sends messages of 16 MiB; the product allows 25 MiB after the handshake.
const MAX_MESSAGE_BYTES: usize = 25 << 20;
/// A peer that does not upgrade in this time is no WebSocket client.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("usage: ws-echo <address>:<port>")?;
    let listener = TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let connections = TaskTracker::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn(async move {
            // What ends a connection is the suite's business: it reads the close frame and the socket.
            drop(echo(stream).await);
        });
    }
}

async fn echo(stream: TcpStream) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let server = ServerBuilder::new()
        .config(openclaw_gateway::websocket_config())
        .limits(Limits::default().max_payload_len(Some(MAX_MESSAGE_BYTES)));
    let (_, mut socket) = tokio::time::timeout(UPGRADE_TIMEOUT, server.accept(stream)).await??;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}
