//! A driver at a server, which works on a thread of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bookdrop_backend::{Backend, Error as BackendError};
use serde_core::Serialize;
use serde_core::de::DeserializeOwned;

use crate::address::{Options, invalid};
use crate::backed::{Codec, Pending};
use crate::driver::Driver;
use crate::error::{OpenError, OpenErrorKind};

/// A queue that is being opened on the driver's thread.
pub(super) struct Opening<B, T, R> {
    opening: Pending<Result<B, BackendError>>,
    codec: Codec,
    make: fn(B, Codec) -> Driver<T, R>,
}

impl<B, T, R> Opening<B, T, R>
where
    B: Backend,
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    pub(super) fn new(
        opening: impl Future<Output = Result<B, BackendError>> + Send + 'static,
        codec: Codec,
    ) -> Self {
        Opening {
            opening: Pending::new(opening),
            codec,
            make: Driver::with_codec,
        }
    }
}

impl<B, T, R> Opening<B, T, R> {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Driver<T, R>, OpenError>> {
        let opened = ready!(Pin::new(&mut self.opening).poll(cx))?;
        Poll::Ready(Ok((self.make)(opened, self.codec)))
    }
}

/// What of an address says where the server is cannot be used: nobody was asked yet.
pub(super) fn wrong_settings(error: BackendError) -> OpenError {
    OpenError::new(OpenErrorKind::InvalidOption, error.to_string())
}

/// Takes for how long a driver is left what it has in hand.
pub(super) fn lease(
    given: &mut Options,
    shortest: Duration,
) -> Result<Option<Duration>, OpenError> {
    let lease = given.duration("lease")?;
    match lease {
        Some(lease) if lease < shortest => {
            let expected = format!("at least {shortest:?}");
            Err(invalid("lease", &format!("{lease:?}"), expected))
        }
        lease => Ok(lease),
    }
}
