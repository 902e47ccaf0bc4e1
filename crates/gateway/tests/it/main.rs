//! A real gateway on port 0, real sockets.

#[cfg(test)]
mod access;
#[cfg(test)]
mod pairing;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod surfaces;
