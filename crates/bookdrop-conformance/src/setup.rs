//! What a behaviour asks of the driver it runs on.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bookdrop::OnFull;

/// The options of the driver that a behaviour asks for: honour every one of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// What a durable driver names its folder or its queue after. The same name is the same queue, in every process, and no two
    /// queues have the same.
    ///
    /// A behaviour that [restarts](crate::rig::RigDriver::restarted) its driver builds it again with the same setup, once all
    /// handles on the former one are gone, or the process that had it is dead. What the former one had confirmed must then be
    /// there: whoever builds makes the queue if there is none of this name, and empties none. Where the former one takes a while
    /// to let go of it, whoever builds waits for that.
    pub name: String,
    /// Events that may stand in the queue of a group.
    pub capacity: usize,
    /// Failures after which an event becomes a dead letter.
    pub max_attempts: u32,
    /// Hand-overs after which an event becomes a dead letter.
    pub max_deliveries: u32,
    /// Delayed events.
    pub max_delayed: usize,
    /// Dead letters that are kept.
    pub max_dead: usize,
    /// The pause before the second return of an event.
    pub backoff_first: Duration,
    /// The longest pause before a return.
    pub backoff_max: Duration,
    /// For how long an id is remembered.
    pub duplicate_window: Duration,
    /// What a full queue does.
    pub on_full: OnFull,
    /// Bytes that one event may take, however it is written down; for drivers that have such a bound.
    pub max_event_bytes: usize,
    /// What is done when the queue is not needed any more.
    pub(crate) cleaning: Cleaning,
}

impl Setup {
    /// The defaults of the suite, with this capacity: those of the library, but for a short back-off.
    pub fn new(capacity: usize) -> Self {
        Self {
            name: unused_name(),
            capacity,
            max_attempts: 5,
            max_deliveries: 20,
            max_delayed: 10_000,
            max_dead: 1_000,
            backoff_first: Duration::from_millis(10),
            backoff_max: Duration::from_millis(80),
            duplicate_window: Duration::from_secs(120),
            on_full: OnFull::Wait,
            max_event_bytes: 1 << 16,
            cleaning: Cleaning::default(),
        }
    }

    /// All of these options but the name, as addresses take them.
    ///
    /// ```
    /// # use bookdrop_conformance::Setup;
    /// let mut setup = Setup::new(32);
    /// assert!(setup.options().starts_with("capacity=32&max_attempts=5&"));
    /// ```
    pub fn options(&self) -> String {
        let on_full = match self.on_full {
            OnFull::Reject => "reject",
            OnFull::DropOldest => "drop_oldest",
            OnFull::Wait => "wait",
            other => unreachable!("the suite asks for no `{other:?}`"),
        };
        format!(
            "capacity={}&max_attempts={}&max_deliveries={}&max_delayed={}&max_dead={}&retry_backoff_first={}ns&retry_backoff_max={}ns\
             &duplicate_window={}ns&on_full={on_full}&max_event_bytes={}",
            self.capacity,
            self.max_attempts,
            self.max_deliveries,
            self.max_delayed,
            self.max_dead,
            self.backoff_first.as_nanos(),
            self.backoff_max.as_nanos(),
            self.duplicate_window.as_nanos(),
            self.max_event_bytes,
        )
    }

    /// The same for another process than the one whose queue this is: it finds the queue by its name, and does not remove it.
    pub(crate) fn lent(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            cleaning: Cleaning::left_to_others(),
            ..self
        }
    }

    /// Does this when the behaviour has let go of the driver for the last time, restarts included: removes the folder, or the
    /// queue on the engine. Asked for again, as at a restart, only the last one is done. It runs on whichever thread drops the
    /// last handle, in the process that had made the setup first.
    pub fn when_over(&self, clean: impl FnOnce() + Send + 'static) {
        self.cleaning.set(Box::new(clean));
    }
}

/// A process may have the number of one that left its queues behind, so the time is part of the name too.
fn unused_name() -> String {
    static STARTED: LazyLock<u128> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default().as_millis()
    });
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("conformance-{:x}-{}-{number}", *STARTED, std::process::id())
}

/// What is done when the last clone is dropped, where it is ours to do.
#[derive(Clone)]
pub(crate) struct Cleaning(Option<Arc<Clean>>);

#[derive(Default)]
struct Clean(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Cleaning {
    fn left_to_others() -> Self {
        Self(None)
    }

    fn set(&self, clean: Box<dyn FnOnce() + Send>) {
        let Some(Clean(wanted)) = self.0.as_deref() else {
            return;
        };
        *wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(clean);
    }
}

impl Default for Cleaning {
    fn default() -> Self {
        Self(Some(Arc::default()))
    }
}

impl Drop for Clean {
    fn drop(&mut self) {
        let clean = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(clean) = clean.take() {
            clean();
        }
    }
}

impl fmt::Debug for Cleaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cleaning")
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new(100)
    }
}
