//! What all jobs of a worker have in common.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::held::Held;
use super::routes::Routes;
use crate::error::SendErrorKind;
use crate::event::Event;
use crate::failure::Failure;
use crate::home::Home;
use crate::producer::Producer;

/// What all jobs of a worker have in common.
pub(super) struct Shop<T, R> {
    pub(super) routes: Routes<T, R>,
    pub(super) on_failure: Option<OnFailure<T>>,
    pub(super) home: Home<T, R>,
    aside: Mutex<Vec<Held<T, R>>>,
}

pub(super) type OnFailure<T> = Box<dyn Fn(&Event<T>, &Failure) + Send + Sync>;

impl<T, R> Shop<T, R> {
    pub(super) fn new(
        routes: Routes<T, R>,
        on_failure: Option<OnFailure<T>>,
        home: Home<T, R>,
    ) -> Self {
        Shop {
            routes,
            on_failure,
            home,
            aside: Mutex::default(),
        }
    }

    /// Keeps an event whose work cannot be done to its end here, since the driver is closed, until the worker has ended: then it comes
    /// back, for whoever has the queue next. Earlier, it would be handed to this worker again and again. They are no more than were queued
    /// when the driver was closed.
    pub(super) fn put_aside(&self, held: Held<T, R>) {
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        aside.push(held);
    }

    /// Sends what follows from an event, also where the queue is full: who works on what comes out of it must not wait for what goes in.
    pub(super) async fn send(&self, event: Event<T>) -> Result<(), SendErrorKind> {
        let producer = Producer::attached(self.home.clone());
        let refused = match producer.try_send(event).await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() != &SendErrorKind::Full => return Err(error.kind().clone()),
            Err(error) => error.into_event(),
        };
        // What falls due does not wait for room.
        let event = match refused.delay() {
            Some(_) => refused,
            None => refused.with_delay(SOON),
        };
        producer
            .send(event)
            .await
            .map_err(|error| error.kind().clone())
    }

    pub(super) fn tell(&self, event: &Event<T>, failure: &Failure) {
        if let Some(on_failure) = &self.on_failure {
            on_failure(event, failure);
        }
    }
}

/// The shortest delay that is one.
const SOON: Duration = Duration::from_nanos(1);
