//! The twin of [`Backend`] that can be a `dyn`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bookdrop_backend::{
    Asking, Backend, Capabilities, Dead, Error, Fetched, Letters, NotFetched, NotPublished,
    Outgoing, Place, Progress, Reader, Receipt, Record, Settled, Settlement, Stats, Unanswered,
    Wait,
};
use bytes::Bytes;

/// Every [`Backend`], whatever its type: its futures own what they need, and each is one box.
pub(crate) trait Twin: Send + Sync {
    fn capabilities(&self) -> Capabilities;
    fn capacity(&self) -> usize;
    fn is_closed(&self) -> bool;
    fn outgoing(&self, record: Record) -> Result<Outgoing, Error>;
    fn leave(&self, reader: Reader);
    fn in_hand(&self) -> usize;
    fn publish(
        self: Arc<Self>,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> Pending<Result<(), NotPublished>>;
    fn request(
        self: Arc<Self>,
        record: Record,
        asking: Asking,
    ) -> Pending<Result<Bytes, Unanswered>>;
    fn join(self: Arc<Self>, group: String) -> Pending<Result<Reader, Error>>;
    fn join_beside(self: Arc<Self>, reader: Reader) -> Pending<Result<Reader, Error>>;
    fn fetch(
        self: Arc<Self>,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> Pending<Result<Vec<Fetched>, NotFetched>>;
    fn settle(
        self: Arc<Self>,
        receipt: Receipt,
        settlement: Settlement,
    ) -> Pending<Result<Settled, Error>>;
    fn unwanted(self: Arc<Self>, receipt: Receipt) -> Pending<()>;
    fn stats(self: Arc<Self>, group: Option<String>) -> Pending<Result<Option<Stats>, Error>>;
    fn groups(self: Arc<Self>) -> Pending<Result<Vec<String>, Error>>;
    fn remove_group(self: Arc<Self>, group: String) -> Pending<Result<bool, Error>>;
    fn purge(self: Arc<Self>) -> Pending<Result<usize, Error>>;
    fn dead(self: Arc<Self>, group: String, which: Letters) -> Pending<Result<Vec<Dead>, Error>>;
    fn replay(self: Arc<Self>, group: String, which: Letters) -> Pending<Result<usize, Error>>;
    fn discard(self: Arc<Self>, group: String, which: Letters) -> Pending<Result<usize, Error>>;
    fn close(self: Arc<Self>) -> Pending<Result<(), Error>>;
    fn drain(self: Arc<Self>) -> Pending<Result<(), Error>>;
}

impl<B: Backend> Twin for B {
    fn in_hand(&self) -> usize {
        Backend::in_hand(self)
    }

    fn capabilities(&self) -> Capabilities {
        Backend::capabilities(self)
    }

    fn capacity(&self) -> usize {
        Backend::capacity(self)
    }

    fn is_closed(&self) -> bool {
        Backend::is_closed(self)
    }

    fn outgoing(&self, record: Record) -> Result<Outgoing, Error> {
        Backend::outgoing(self, record)
    }

    fn leave(&self, reader: Reader) {
        Backend::leave(self, reader);
    }

    fn publish(
        self: Arc<Self>,
        records: Vec<Record>,
        progress: Progress,
        waits: bool,
    ) -> Pending<Result<(), NotPublished>> {
        Pending::new(async move { Backend::publish(&*self, records, progress, waits).await })
    }

    fn request(
        self: Arc<Self>,
        record: Record,
        asking: Asking,
    ) -> Pending<Result<Bytes, Unanswered>> {
        Pending::new(async move { Backend::request(&*self, record, asking).await })
    }

    fn join(self: Arc<Self>, group: String) -> Pending<Result<Reader, Error>> {
        Pending::new(async move { Backend::join(&*self, Place::In(&group)).await })
    }

    fn join_beside(self: Arc<Self>, reader: Reader) -> Pending<Result<Reader, Error>> {
        Pending::new(async move { Backend::join(&*self, Place::Beside(reader)).await })
    }

    fn fetch(
        self: Arc<Self>,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> Pending<Result<Vec<Fetched>, NotFetched>> {
        Pending::new(async move { Backend::fetch(&*self, reader, max, wait).await })
    }

    fn settle(
        self: Arc<Self>,
        receipt: Receipt,
        settlement: Settlement,
    ) -> Pending<Result<Settled, Error>> {
        Pending::new(async move { Backend::settle(&*self, receipt, settlement).await })
    }

    fn unwanted(self: Arc<Self>, receipt: Receipt) -> Pending<()> {
        Pending::new(async move { Backend::unwanted(&*self, receipt).await })
    }

    fn stats(self: Arc<Self>, group: Option<String>) -> Pending<Result<Option<Stats>, Error>> {
        Pending::new(async move { Backend::stats(&*self, group.as_deref()).await })
    }

    fn groups(self: Arc<Self>) -> Pending<Result<Vec<String>, Error>> {
        Pending::new(async move { Backend::groups(&*self).await })
    }

    fn remove_group(self: Arc<Self>, group: String) -> Pending<Result<bool, Error>> {
        Pending::new(async move { Backend::remove_group(&*self, &group).await })
    }

    fn purge(self: Arc<Self>) -> Pending<Result<usize, Error>> {
        Pending::new(async move { Backend::purge(&*self).await })
    }

    fn dead(self: Arc<Self>, group: String, which: Letters) -> Pending<Result<Vec<Dead>, Error>> {
        Pending::new(async move { Backend::dead(&*self, &group, which).await })
    }

    fn replay(self: Arc<Self>, group: String, which: Letters) -> Pending<Result<usize, Error>> {
        Pending::new(async move { Backend::replay(&*self, &group, which).await })
    }

    fn discard(self: Arc<Self>, group: String, which: Letters) -> Pending<Result<usize, Error>> {
        Pending::new(async move { Backend::discard(&*self, &group, which).await })
    }

    fn close(self: Arc<Self>) -> Pending<Result<(), Error>> {
        Pending::new(async move { Backend::close(&*self).await })
    }

    fn drain(self: Arc<Self>) -> Pending<Result<(), Error>> {
        Pending::new(async move { Backend::drain(&*self).await })
    }
}

/// A future of a backend. It can be shared, since there is no way to it but to own it: who shares a mutex has nothing of what
/// is in it.
pub(crate) struct Pending<V>(Mutex<Pin<Box<dyn Future<Output = V> + Send>>>);

impl<V> Pending<V> {
    pub(crate) fn new(future: impl Future<Output = V> + Send + 'static) -> Self {
        Pending(Mutex::new(Box::pin(future)))
    }

    /// Begins what goes on when it is dropped. Nobody hears how it ends.
    pub(crate) fn begin(self) {
        let _ = self.now();
    }

    /// What it ends with at its first poll. Then it is dropped.
    pub(crate) fn now(mut self) -> Poll<V> {
        self.poll_once()
    }

    /// Polls it once. If it is pending, somebody has to poll it again.
    pub(crate) fn poll_once(&mut self) -> Poll<V> {
        Pin::new(self).poll(&mut Context::from_waker(Waker::noop()))
    }
}

impl<V> Future for Pending<V> {
    type Output = V;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<V> {
        let future = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        future.as_mut().poll(cx)
    }
}
