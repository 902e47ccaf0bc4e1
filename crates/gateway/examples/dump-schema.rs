//! Prints what the gateway serves as JSON: `cargo run -p openclaw-gateway --example dump-schema`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let text = serde_json::to_string_pretty(&openclaw_gateway::schema::document())?;
    writeln!(io::stdout().lock(), "{text}")
}
