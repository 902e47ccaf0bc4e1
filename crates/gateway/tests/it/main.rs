//! A real gateway on port 0, real sockets.

#[cfg(test)]
mod access;
#[cfg(test)]
mod dialects;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod hello;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod invoke;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod methods;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod p6_fixes;
#[cfg(test)]
mod pairing;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod surfaces;
#[cfg(test)]
mod traces;
