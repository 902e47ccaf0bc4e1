//! Who may come in, and as what. Order of a `connect`: [`arrival`] (where from), [`origin`] (which page), [`credentials`]
//! (which secret), [`device`] (which key), [`decide`] (what follows). Every refusal is one of [`refusal::Refusal`].

pub(crate) mod admission;
pub(crate) mod arrival;
pub(crate) mod credentials;
pub(crate) mod decide;
pub(crate) mod device;
pub(crate) mod deviceless;
pub(crate) mod origin;
pub(crate) mod rate_limit;
pub(crate) mod refusal;
