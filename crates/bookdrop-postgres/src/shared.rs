//! What users' futures and the driver's thread share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bookdrop_backend::telling::Teller;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use crate::asks::{Ask, Asks};
use crate::commands::Command;
use crate::counters::Counters;
use crate::hands::Hands;
use crate::options::Options;

pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) counters: Counters,
    pub(crate) teller: Teller,
    /// Rung whenever nothing is in hand any more.
    pub(crate) empty_handed: Notify,
    /// Bounded by those who wait: each has one command under way.
    commands: UnboundedSender<Command>,
    is_closed: AtomicBool,
    is_draining: AtomicBool,
    waits: AtomicU64,
    /// How often the connection was made again.
    pub(crate) reconnects: AtomicU64,
    hands: Mutex<Hands>,
    asks: Mutex<Asks>,
}

impl Shared {
    pub(crate) fn new(options: Options, commands: UnboundedSender<Command>) -> Self {
        Shared {
            options: options.bounded(),
            counters: Counters::default(),
            teller: Teller::default(),
            empty_handed: Notify::new(),
            commands,
            is_closed: AtomicBool::new(false),
            is_draining: AtomicBool::new(false),
            waits: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            hands: Mutex::default(),
            asks: Mutex::default(),
        }
    }

    /// Has the driver's thread do this. Where that has ended nobody waits for it, or is told by that.
    pub(crate) fn send(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::SeqCst)
    }

    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::SeqCst);
    }

    /// A name for a wait.
    pub(crate) fn new_wait(&self) -> u64 {
        self.waits.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn asks(&self) -> MutexGuard<'_, Asks> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody waits no more for an answer. Whoever works on the request here sees it at once.
    pub(crate) fn give_up(&self, number: i64) -> Option<Ask> {
        let ask = self.asks().end(number)?;
        self.counters.given_up.add(1);
        let gone: Vec<_> = {
            let hands = self.hands();
            let askers = hands.askers().map(|(_, asker)| asker);
            let this = askers.filter(|asker| asker.ask == number && asker.is_here);
            this.map(|asker| asker.gone.clone()).collect()
        };
        gone.iter().for_each(|gone| gone.set());
        Some(ask)
    }

    /// Rings if nothing is in hand any more.
    pub(crate) fn look_at_hands(&self) {
        if self.hands().in_hand() == 0 {
            self.empty_handed.notify_waiters();
        }
    }
}
