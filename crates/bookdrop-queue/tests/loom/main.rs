//! Every interleaving of the queue's and the reply slot's protocols, on queues of one or two places with two or three
//! threads.
//!
//! A wake-up that is lost shows as a deadlock, which loom reports. Time stands still in a model.

#![cfg(loom)]

mod end;
mod nosy;
mod receive;
mod request;
mod send;
mod slot;
mod tools;
