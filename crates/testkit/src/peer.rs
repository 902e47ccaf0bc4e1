//! An established connection over a bare wire: requests, answers and events as JSON, in either dialect.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::Wire;

/// One end of a connection after hello-ok.
pub struct Peer {
    wire: Wire,
    /// The payload of hello-ok.
    pub hello: Value,
    /// Frames that nobody has asked for yet.
    waiting: VecDeque<Value>,
    sent: u64,
}

impl Peer {
    pub(crate) fn new(wire: Wire, hello: Value) -> Self {
        Self { wire, hello, waiting: VecDeque::new(), sent: 0 }
    }

    /// The token that this device was given.
    ///
    /// # Panics
    /// When it got none.
    pub fn device_token(&self) -> String {
        self.hello["auth"]["deviceToken"].as_str().expect("a device token").to_owned()
    }

    /// Sends a request and does not wait; gives its id.
    pub async fn send(&mut self, method: &str, params: Value) -> String {
        self.sent += 1;
        let id = format!("r{}", self.sent);
        self.wire.send(&id, method, params).await;
        id
    }

    /// Sends text as it is.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.wire.send_text(text).await;
    }

    /// The answer to that request: its payload.
    ///
    /// # Errors
    /// The error that it was answered with.
    pub async fn answer(&mut self, id: &str) -> Result<Value, Value> {
        let mut frame = self.frame(|frame| frame["type"] == "res" && frame["id"] == id).await;
        if frame["ok"] == true { Ok(frame["payload"].take()) } else { Err(frame["error"].take()) }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// The error that it was answered with.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send(method, params).await;
        self.answer(&id).await
    }

    /// The payload of the next event of that name.
    pub async fn event(&mut self, name: &str) -> Value {
        self.event_frame(name).await["payload"].take()
    }

    /// The next event of that name, as a frame.
    pub async fn event_frame(&mut self, name: &str) -> Value {
        self.frame(|frame| frame["type"] == "event" && frame["event"] == name).await
    }

    /// Waits for the answer to `health`, by which time everything that was sent before has arrived.
    ///
    /// # Panics
    /// When the connection is closed instead.
    pub async fn catch_up(&mut self) {
        self.call("health", json!({})).await.expect("health");
    }

    /// Events of that name that have arrived and that nobody has asked for.
    pub fn arrived(&self, name: &str) -> usize {
        self.waiting.iter().filter(|frame| frame["event"] == name).count()
    }

    /// All frames that have arrived and that nobody has asked for, in their order.
    pub fn take_arrived(&mut self) -> Vec<Value> {
        self.waiting.drain(..).collect()
    }

    /// As a node: the next request to run something.
    pub async fn invoked(&mut self) -> Value {
        self.event("node.invoke.request").await
    }

    /// As a node: answers such a request with these members besides `id` and `nodeId`.
    ///
    /// # Errors
    /// The gateway's error.
    pub async fn finish(&mut self, request: &Value, members: Value) -> Result<Value, Value> {
        let mut params = json!({"id": request["id"], "nodeId": request["nodeId"]});
        if let (Some(params), Value::Object(members)) = (params.as_object_mut(), members) {
            params.extend(members);
        }
        self.call("node.invoke.result", params).await
    }

    /// How the connection was closed; what arrives before that is skipped.
    pub async fn closed(&mut self) -> (u16, String) {
        self.wire.closed().await
    }

    /// How the connection was closed, and what arrived before that.
    pub async fn until_closed(&mut self) -> (Vec<Value>, (u16, String)) {
        let mut frames = self.take_arrived();
        loop {
            match self.wire.try_receive().await {
                Ok(frame) => frames.push(frame),
                Err(close) => return (frames, close),
            }
        }
    }

    /// Drops the connection without a word.
    pub fn vanish(self) {
        drop(self);
    }

    async fn frame(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(at).unwrap_or_default();
        }
        loop {
            let frame = self.wire.receive().await;
            if wanted(&frame) {
                return frame;
            }
            self.waiting.push_back(frame);
        }
    }
}
