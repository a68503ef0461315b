//! Every broken driver is caught by the behaviour that exists for it.

#[cfg(unix)]
mod support;

use bookdrop::Driver;

bookdrop_conformance::self_test!(memory, |setup| {
    Driver::builder(setup.capacity)
        .max_attempts(setup.max_attempts)
        .max_deliveries(setup.max_deliveries)
        .max_delayed(setup.max_delayed)
        .max_dead(setup.max_dead)
        .retry_backoff(setup.backoff_first, setup.backoff_max)
        .duplicate_window(setup.duplicate_window)
        .on_full(setup.on_full)
        .build()
});

#[cfg(unix)]
bookdrop_conformance::self_test!(durable disk, |setup| support::open(setup, "sync=never"));
