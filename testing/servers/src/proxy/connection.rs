//! One client, and the server as this client sees it.

use super::rules::{Rules, Way};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::Instant;

/// How many bytes are read at once.
const SIZE: usize = 16 * 1024;

/// How many parcels may wait: a megabyte, before whoever sends is made to wait.
const WAITING: usize = 64;

#[derive(Debug)]
pub(super) struct Connection {
    client: TcpStream,
    server: TcpStream,
    is_cut: AtomicBool,
    is_forgotten: AtomicBool,
}

/// What was read at once. It is empty when the one who sends has hung up: that goes the same way.
pub(super) struct Parcel {
    arrived: Instant,
    bytes: Vec<u8>,
}

/// From the thread that reads to the one that writes.
pub(super) fn line() -> (SyncSender<Parcel>, Receiver<Parcel>) {
    mpsc::sync_channel(WAITING)
}

impl Connection {
    pub(super) fn between(client: TcpStream, server: TcpStream) -> Connection {
        Connection {
            client,
            server,
            is_cut: AtomicBool::new(false),
            is_forgotten: AtomicBool::new(false),
        }
    }

    /// Ends it for both sides, and for the threads that read and write. Those that wait have to be woken.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
        for side in [&self.client, &self.server] {
            // A side that is gone is as good as cut.
            let _ = side.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    /// Nothing passes any more, for as long as it is open.
    pub(super) fn forget(&self) {
        self.is_forgotten.store(true, Ordering::Release);
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.is_forgotten.load(Ordering::Acquire)
    }

    /// Reads until the one who sends has hung up, or nobody writes any more.
    pub(super) fn read(&self, way: Way, line: &SyncSender<Parcel>) {
        let mut from = match way {
            Way::ToServer => &self.client,
            Way::ToClient => &self.server,
        };
        let mut buffer = vec![0; SIZE];
        loop {
            // Who was killed has hung up, too.
            let length = from.read(&mut buffer).unwrap_or(0);
            let parcel = Parcel {
                arrived: Instant::now(),
                bytes: buffer[..length].to_vec(),
            };
            if line.send(parcel).is_err() || length == 0 {
                return;
            }
        }
    }

    /// Writes what was read when it may pass. Where it cannot be written, the other side is gone: that is read there, and goes
    /// the other way, which may be held.
    pub(super) fn write(&self, way: Way, line: &Receiver<Parcel>, rules: &Rules) {
        let mut to = match way {
            Way::ToServer => &self.server,
            Way::ToClient => &self.client,
        };
        for Parcel { arrived, bytes } in line {
            if !rules.may_pass(way, (arrived, bytes.len()), self) {
                return;
            }
            let written = if bytes.is_empty() {
                to.shutdown(Shutdown::Write)
            } else {
                to.write_all(&bytes)
            };
            if written.is_err() {
                return;
            }
        }
    }
}
