//! Wakes the driver's thread.

use std::sync::Arc;
use std::task::{Wake, Waker};

use tokio::sync::Notify;

/// Rung by whoever has something for the driver's thread.
#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<Rung>);

#[derive(Default)]
struct Rung(Notify);

impl Bell {
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(self.0.clone())
    }

    /// Ends when it was rung since the last time.
    pub(crate) async fn rung(&self) {
        self.0.0.notified().await;
    }
}

impl Wake for Rung {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify_one();
    }
}
