//! The client against a scripted gateway, through real sockets.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod http;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod reconnect;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod waiting;
