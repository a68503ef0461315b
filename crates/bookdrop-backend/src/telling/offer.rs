//! What is told to one who may not take it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is offered to one who may not look for a while is taken back after so long.
const OFFERED_FOR: Duration = Duration::from_millis(50);

/// Has again what nobody took.
pub trait TakesBack<V>: Send + Sync {
    /// Nobody took this.
    fn take_back(&self, value: V);
}

/// What is told to one who may lose interest meanwhile. Dropped, and not taken, it goes back.
pub struct Offered<V, S: TakesBack<V>> {
    offer: Offer<V>,
    from: Arc<S>,
}

/// What was offered and not taken yet, shared with whoever may take it back.
type Offer<V> = Arc<Mutex<Option<V>>>;

impl<V, S: TakesBack<V>> Offered<V, S> {
    /// Offers this.
    pub fn new(from: &Arc<S>, value: V) -> Self {
        Offered {
            offer: Arc::new(Mutex::new(Some(value))),
            from: from.clone(),
        }
    }

    /// What was offered, unless it was taken back meanwhile.
    pub fn take(self) -> Option<V> {
        taken(&self.offer)
    }
}

impl<V, S: TakesBack<V>> Drop for Offered<V, S> {
    fn drop(&mut self) {
        if let Some(value) = taken(&self.offer) {
            self.from.take_back(value);
        }
    }
}

/// What was offered to those who may not look for a while, in order.
pub struct Offers<V>(VecDeque<(Instant, Offer<V>)>);

impl<V> Default for Offers<V> {
    fn default() -> Self {
        Offers(VecDeque::new())
    }
}

impl<V> Offers<V> {
    /// Whoever is offered this may not look for a while.
    pub fn note<S: TakesBack<V>>(&mut self, offered: &Offered<V, S>, now: Instant) {
        self.0.push_back((now + OFFERED_FOR, offered.offer.clone()));
    }

    /// Takes back what was offered for long enough.
    pub fn take_back(&mut self, now: Instant) -> Vec<V> {
        // What is held here alone is taken, or has gone back.
        let is_over =
            |(until, offer): &&(Instant, Offer<V>)| *until <= now || Arc::strong_count(offer) == 1;
        let over = self.0.iter().take_while(is_over).count();
        let over = self.0.drain(..over);
        over.filter_map(|(_, offer)| taken(&offer)).collect()
    }

    /// When there may be something to take back.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.0.front().map(|(until, _)| *until)
    }
}

fn taken<V>(offer: &Offer<V>) -> Option<V> {
    offer.lock().unwrap_or_else(PoisonError::into_inner).take()
}
