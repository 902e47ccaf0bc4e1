//! What travels between a gateway, its operators and its nodes: frames, methods, events, scopes, error codes. No I/O.
