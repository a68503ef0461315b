//! A worker that runs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_core::Stream;

use super::job::{Ended, Job};
use super::pool::Pool;
use super::report::WorkReport;
use super::shop::Shop;
use super::stop::WorkerHandle;
use crate::consumer::Consumer;
use crate::deadline::Limit;
use crate::error::ReceiveError;

/// Takes events, and has them handled.
pub(super) struct Running<T, R, P> {
    pub(super) shop: Arc<Shop<T, R>>,
    /// `None` once nothing more is taken.
    pub(super) consumer: Option<Consumer<T, R>>,
    pub(super) pool: P,
    /// So many handlers run at a time.
    pub(super) limit: usize,
    pub(super) handle: WorkerHandle,
    pub(super) grace: Option<(Instant, Limit)>,
    pub(super) report: WorkReport,
    /// Why nothing can be taken any more.
    pub(super) failed: Option<ReceiveError>,
}

/// How much was taken: what
#[derive(PartialEq, Eq)]
enum UpTo {
    /// What there is room for.
    Limit,
    /// What there is now.
    Now,
    /// What there will be, but for what comes back.
    End,
}

// Nothing in it is pinned in place.
impl<T, R, P> Unpin for Running<T, R, P> {}

impl<T, R, P> Running<T, R, P>
where
    T: Send + 'static,
    R: Send + 'static,
    P: Pool<T, R>,
{
    /// Takes what can be handled now.
    fn take(&mut self, cx: &mut Context<'_>) -> UpTo {
        while let Some(consumer) = &mut self.consumer {
            if self.pool.len() >= self.limit {
                return UpTo::Limit;
            }
            if self.handle.is_stopped() {
                return UpTo::Now;
            }
            match Pin::new(consumer).poll_next(cx) {
                Poll::Pending => return UpTo::Now,
                Poll::Ready(Some(Ok(delivery))) => {
                    let job = Job::new(&self.shop, delivery);
                    if let Some(ended) = self.pool.begin(job, cx) {
                        self.count(ended);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.failed = Some(error);
                    self.consumer = None;
                }
                Poll::Ready(None) => return UpTo::End,
            }
        }
        UpTo::End
    }

    /// Notes what has ended. Whether anything has.
    fn note_ended(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Poll::Ready(ended) = self.pool.poll_ended(cx) {
            self.count(ended);
            any = true;
        }
        any
    }

    fn count(&mut self, ended: Ended) {
        let report = &mut self.report;
        match ended {
            Ended::Finished => report.finished += 1,
            Ended::Failed => report.failed += 1,
            Ended::Panicked => {
                report.failed += 1;
                report.panicked += 1;
            }
            Ended::Unsettled => report.unsettled += 1,
            Ended::PutBack => report.put_back += 1,
        }
    }

    /// Ready when handlers that have not ended are called off.
    fn poll_grace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Until it has not changed meanwhile, so that a change wakes.
        while let Poll::Ready(ends) = self.handle.poll_stop(self.grace_ends(), cx) {
            self.consumer = None;
            self.grace = Some((ends, Limit::new(ends)));
        }
        match &mut self.grace {
            Some((_, limit)) => limit.poll(cx),
            None => Poll::Pending,
        }
    }

    fn grace_ends(&self) -> Option<Instant> {
        self.grace.as_ref().map(|(ends, _)| *ends)
    }

    fn end(&mut self) -> Result<WorkReport, ReceiveError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(self.report),
        }
    }
}

impl<T, R, P> Future for Running<T, R, P>
where
    T: Send + 'static,
    R: Send + 'static,
    P: Pool<T, R>,
{
    type Output = Result<WorkReport, ReceiveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.poll_grace(cx).is_ready() {
            this.report.put_back += this.pool.call_off() as u64;
        }
        loop {
            let taken = this.take(cx);
            let any_ended = this.note_ended(cx);
            let is_idle = this.pool.len() == 0;
            let takes_no_more = this.consumer.is_none();
            if takes_no_more && is_idle {
                return Poll::Ready(this.end());
            }
            // Where there was no room, there is again; and where nothing was left, something may have come back.
            if any_ended && !takes_no_more && taken != UpTo::Now {
                continue;
            }
            if is_idle && taken == UpTo::End {
                return Poll::Ready(this.end());
            }
            return Poll::Pending;
        }
    }
}
