//! A connection to a gateway: dial, handshake, request and reply, events, reconnect.
