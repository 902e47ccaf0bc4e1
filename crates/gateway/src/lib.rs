//! The server: connections, authentication, pairing, RPC, events, node registry.
