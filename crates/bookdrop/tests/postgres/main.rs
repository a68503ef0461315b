//! The driver in PostgreSQL where the server dies, the network fails, other processes are killed and clocks go wrong; and what
//! it refuses, needs and hides.
//!
//! `BOOKDROP_LONG=1` kills the server 50 times. Other processes are this same program; see `server::other`.

#![cfg(unix)]

#[path = "../server/mod.rs"]
mod server;

mod batches;
mod connecting;
mod database;
mod engine;
mod forgotten;
mod locks;
mod oldest;
mod openings;
mod outbox;
mod patience;
mod refusals;
mod rights;
mod secrets;
mod tls;
mod user;
