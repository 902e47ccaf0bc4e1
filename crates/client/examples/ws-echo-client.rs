//! A bare echo client on the client's frame layer, for the Autobahn suite: `ws-echo-client ws://127.0.0.1:9001 agent`.
//!
//! It asks the suite's server how many cases there are, runs each of them by echoing what it gets, and asks for the
//! report.

use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_client::ws;
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, WebSocketStream};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let usage = "usage: ws-echo-client <ws address> <agent>";
    let (server, agent) = (words.next().ok_or(usage)?, words.next().ok_or(usage)?);
    let count = case_count(&server).await?;
    for case in 1..=count {
        // A case may end with any kind of failure; what it was is in the report of the server.
        drop(run_case(&server, &agent, case).await);
    }
    let mut socket = connect(&format!("{server}/updateReports?agent={agent}")).await?;
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}

async fn case_count(server: &str) -> Result<u32, Failure> {
    let mut socket = connect(&format!("{server}/getCaseCount")).await?;
    let message = socket.next().await.ok_or("the server did not say how many cases it has")??;
    Ok(message.as_text().ok_or("the number of cases came as binary data")?.parse()?)
}

async fn run_case(server: &str, agent: &str, case: u32) -> Result<(), Failure> {
    let mut socket = connect(&format!("{server}/runCase?case={case}&agent={agent}")).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn connect(address: &str) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Failure> {
    let builder = ClientBuilder::new().uri(address)?;
    let (socket, _) = builder.config(ws::config()).limits(ws::limits()).connect().await?;
    Ok(socket)
}
