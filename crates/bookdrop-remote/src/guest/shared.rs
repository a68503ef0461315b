//! What users' futures and the side that drives the link share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use super::commands::Command;
use super::hands::Hands;
use super::own::Own;
use crate::hosted::Ending;
use crate::terms::Terms;
use bookdrop_backend::telling::Teller;

pub(crate) struct Shared {
    pub(crate) terms: Terms,
    pub(crate) teller: Teller,
    commands: Mutex<Commands>,
    ending: Mutex<Ending>,
    numbers: AtomicU64,
    /// How often the connection was made again.
    reconnects: AtomicU64,
    hands: Mutex<Hands>,
    own: Mutex<Own>,
}

/// What was asked for and not seen yet. Bounded by those who wait: each has one command under way.
#[derive(Default)]
struct Commands {
    all: VecDeque<Command>,
    waker: Option<Waker>,
    has_ended: bool,
}

impl Shared {
    pub(crate) fn new(terms: Terms) -> Self {
        Shared {
            terms,
            teller: Teller::default(),
            commands: Mutex::default(),
            ending: Mutex::default(),
            numbers: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            hands: Mutex::default(),
            own: Mutex::default(),
        }
    }

    /// Has this done. Where nobody does anything any more, whoever waits for it is told by its loss.
    pub(crate) fn send(&self, command: Command) {
        let mut commands = self.commands();
        if commands.has_ended {
            drop(commands);
            return drop(command);
        }
        commands.all.push_back(command);
        let waker = commands.waker.take();
        drop(commands);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What was asked for since. Whoever takes it is woken when there is more.
    pub(crate) fn take(&self, cx: &Context<'_>) -> VecDeque<Command> {
        let waker = cx.waker().clone();
        let mut commands = self.commands();
        commands.waker = Some(waker);
        std::mem::take(&mut commands.all)
    }

    /// Nothing is done any more.
    pub(crate) fn end(&self) {
        let mut commands = self.commands();
        commands.has_ended = true;
        let all = std::mem::take(&mut commands.all);
        drop(commands);
        drop(all);
        // Where nobody can say it any more, nobody can answer either.
        let waiting = self.hands().set_all_unwanted();
        drop(waiting);
    }

    pub(crate) fn ending(&self) -> Ending {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.ending() >= Ending::Closed
    }

    /// It comes so far, if it has not yet.
    pub(crate) fn come_to(&self, how: Ending) {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        *ending = how.max(*ending);
    }

    pub(crate) fn count_reconnect(&self) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    /// A name for a call, or for a consumer.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its lock is taken alone.
    pub(crate) fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commands(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
