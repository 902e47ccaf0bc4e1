//! The real binary against real gateways and nodes, each in a home folder of its own.

mod approvals;
mod config;
mod devices;
mod errors;
mod gateway;
mod logs;
mod nodes;
mod pairing;
mod root;
mod up;
mod world;
