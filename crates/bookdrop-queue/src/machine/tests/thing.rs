//! What the tests put into the machine, and the log of what it lets go of.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::effects::Effects;
use crate::item::{Cause, Item, Standing};
use crate::machine::{Limits, Machine, Moment, Taken};

/// What the machine let go of, in order: the item's number, why, its hand-overs. A requester that was told counts as
/// hand-over `None`.
pub(super) type Log = Rc<RefCell<Vec<(u32, Cause, Option<u32>)>>>;

/// An item with a number.
pub(super) struct Thing {
    pub(super) number: u32,
    pub(super) key: Option<&'static str>,
    pub(super) priority: u8,
    pub(super) expires: Option<Instant>,
    pub(super) is_request: bool,
    /// Whether the machine watches the clock for it.
    pub(super) is_watched: bool,
    pub(super) wanted: Rc<Cell<bool>>,
    pub(super) standing: Rc<Cell<Standing>>,
    pub(super) log: Log,
}

impl Thing {
    pub(super) fn new(number: u32, log: &Log) -> Self {
        Thing {
            number,
            key: None,
            priority: 0,
            expires: None,
            is_request: false,
            is_watched: true,
            wanted: Rc::new(Cell::new(true)),
            standing: Rc::new(Cell::new(Standing::Elsewhere)),
            log: log.clone(),
        }
    }

    pub(super) fn with_key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    pub(super) fn with_priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    pub(super) fn expiring(mut self, at: Instant) -> Self {
        self.expires = Some(at);
        self
    }

    pub(super) fn asking(mut self) -> Self {
        self.is_request = true;
        self.is_watched = false;
        self
    }
}

impl Item for Thing {
    type Requester = (u32, Log);

    fn key(&self) -> Option<&str> {
        self.key
    }

    fn priority(&self) -> u8 {
        self.priority
    }

    fn expires_at(&self) -> Option<Instant> {
        self.expires
    }

    fn expires_by_itself(&self) -> bool {
        self.is_watched
    }

    fn identity(&self) -> Option<&str> {
        None
    }

    fn is_request(&self) -> bool {
        self.is_request
    }

    fn waits_for_consumer(&self) -> bool {
        false
    }

    fn is_wanted(&self) -> bool {
        self.wanted.get()
    }

    fn placed(&self, at: Standing) {
        self.standing.set(at);
    }

    fn sever(&mut self) -> Option<Self::Requester> {
        self.expires = self.expires.filter(|_| !self.is_request);
        std::mem::take(&mut self.is_request).then(|| (self.number, self.log.clone()))
    }

    fn revive(&mut self, _: Instant) {}

    fn discarded(self, cause: Cause, deliveries: u32) {
        self.log
            .borrow_mut()
            .push((self.number, cause, Some(deliveries)));
    }

    fn told((number, log): Self::Requester, cause: Cause) {
        log.borrow_mut().push((number, cause, None));
    }
}

pub(super) fn machine(limits: Limits) -> Machine<Thing> {
    Machine::new(limits, 42)
}

/// Makes one change and lets its effects happen.
pub(super) fn change<R>(change: impl FnOnce(&mut Effects<Thing>) -> R) -> R {
    let mut fx = Effects::none();
    let result = change(&mut fx);
    fx.run();
    result
}

pub(super) fn at(instant: Instant) -> Moment {
    Moment::at(instant)
}

pub(super) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The numbers of what was handed over.
pub(super) fn number(taken: &Option<Taken<Thing>>) -> Option<u32> {
    taken.as_ref().map(|taken| taken.item.number)
}
