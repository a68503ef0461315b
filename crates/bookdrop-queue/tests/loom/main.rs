//! Every interleaving of the queue's protocols, on queues of one or two places with two or three threads.
//!
//! A wake-up that is lost shows as a deadlock, which loom reports. Time stands still in a model.

#![cfg(loom)]

mod calls;
mod consumer;
mod end;
mod express;
mod hold;
mod loans;
mod lock;
mod nosy;
mod note;
mod receive;
mod request;
mod returns;
mod send;
mod sender;
mod tools;
