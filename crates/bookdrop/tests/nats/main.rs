//! The driver in NATS where the server dies, the network fails, other processes are killed and clocks go wrong.
//!
//! `BOOKDROP_LONG=1` kills the server 50 times, and those of a cluster 11 times. Other processes are this same program; see `server::other`.

#![cfg(unix)]

#[path = "../server/mod.rs"]
mod server;

mod cluster;
mod credentials;
mod damage;
mod disguise;
mod engine;
mod full;
mod keepers;
mod keeping;
mod reading;
mod rights;
mod streams;
mod tls;
mod user;
mod versions;
mod warnings;
