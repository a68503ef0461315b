//! What a proxy was told to do, and which connections it is done to.

use super::Direction;
use super::connection::Connection;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// One of the two directions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

pub(super) const WAYS: [Way; 2] = [Way::ToServer, Way::ToClient];

/// What all threads of a proxy go by.
#[derive(Debug, Default)]
pub(super) struct Rules {
    told: Mutex<Told>,
    /// Something else was told, or a connection was cut.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Told {
    is_closed: bool,
    is_refusing: bool,
    /// Connections that were refused.
    refused: u64,
    to_server: Terms,
    to_client: Terms,
    /// The threads of each keep it; this does not keep it open.
    connections: Vec<Weak<Connection>>,
}

/// What goes for one way.
#[derive(Debug, Default)]
struct Terms {
    is_held: bool,
    delay: Duration,
    /// Bytes that pass in a second, if there is a bound.
    width: Option<u32>,
    /// When all that passed is through.
    is_free_at: Option<Instant>,
    /// Bytes that passed.
    passed: u64,
}

impl Rules {
    pub(super) fn is_closed(&self) -> bool {
        self.told().is_closed
    }

    /// Whether a new connection is refused, which counts.
    pub(super) fn refuses(&self) -> bool {
        let mut told = self.told();
        told.refused += u64::from(told.is_refusing);
        told.is_refusing
    }

    pub(super) fn refused(&self) -> u64 {
        self.told().refused
    }

    /// Takes in a new connection, unless the proxy is closed.
    pub(super) fn enter(&self, connection: &Arc<Connection>) -> bool {
        let mut told = self.told();
        if told.is_closed {
            return false;
        }
        told.connections.retain(|other| other.strong_count() > 0);
        told.connections.push(Arc::downgrade(connection));
        true
    }

    pub(super) fn close(&self) {
        self.tell(|told| {
            told.is_closed = true;
            told.cut();
        });
    }

    pub(super) fn cut(&self) {
        self.tell(Told::cut);
    }

    pub(super) fn forget(&self) {
        let told = self.told();
        for connection in told.connections.iter().filter_map(Weak::upgrade) {
            connection.forget();
        }
    }

    pub(super) fn refuse(&self, is_refusing: bool) {
        self.tell(|told| told.is_refusing = is_refusing);
    }

    pub(super) fn hold(&self, direction: Direction) {
        self.tell(|told| {
            for way in direction.ways() {
                told.terms(*way).is_held = true;
            }
        });
    }

    pub(super) fn release(&self) {
        self.tell(|told| {
            for way in WAYS {
                told.terms(way).is_held = false;
            }
        });
    }

    pub(super) fn delay(&self, direction: Direction, time: Duration) {
        self.tell(|told| {
            for way in direction.ways() {
                told.terms(*way).delay = time;
            }
        });
    }

    pub(super) fn narrow(&self, direction: Direction, width: Option<u32>) {
        self.tell(|told| {
            for way in direction.ways() {
                told.terms(*way).width = width;
            }
        });
    }

    pub(super) fn passed(&self, direction: Direction) -> u64 {
        let mut told = self.told();
        let ways = direction.ways().iter();
        ways.map(|way| told.terms(*way).passed).sum()
    }

    /// Waits until so many bytes that arrived then may go on their way. They never may once their connection was cut.
    pub(super) fn may_pass(
        &self,
        way: Way,
        (arrived, length): (Instant, usize),
        connection: &Connection,
    ) -> bool {
        let mut told = self.told();
        while !connection.is_cut() {
            let terms = told.terms(way);
            let left = terms
                .delay
                .saturating_sub(arrived.elapsed())
                .max(terms.takes());
            told = if terms.is_held || connection.is_forgotten() {
                let woken = self.changed.wait(told);
                woken.unwrap_or_else(PoisonError::into_inner)
            } else if left.is_zero() {
                terms.pass(length);
                return true;
            } else {
                let woken = self.changed.wait_timeout(told, left);
                woken.unwrap_or_else(PoisonError::into_inner).0
            };
        }
        false
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told());
        self.changed.notify_all();
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn cut(&mut self) {
        for connection in self.connections.drain(..) {
            if let Some(connection) = connection.upgrade() {
                connection.cut();
            }
        }
    }

    fn terms(&mut self, way: Way) -> &mut Terms {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }
}

impl Terms {
    /// How long what passed takes yet.
    fn takes(&self) -> Duration {
        let is_free_at = self.is_free_at.filter(|_| self.width.is_some());
        is_free_at.map_or(Duration::ZERO, |at| {
            at.saturating_duration_since(Instant::now())
        })
    }

    fn pass(&mut self, length: usize) {
        self.passed += length as u64;
        if let Some(width) = self.width {
            let takes = Duration::from_secs(1).mul_f64(length as f64 / f64::from(width));
            self.is_free_at = Some(Instant::now() + takes);
        }
    }
}

impl Direction {
    fn ways(self) -> &'static [Way] {
        match self {
            Direction::ToServer => &[Way::ToServer],
            Direction::ToClient => &[Way::ToClient],
            Direction::Both => &WAYS,
        }
    }
}
