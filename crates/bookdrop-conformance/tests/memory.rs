//! The memory driver does what every driver must do.

use bookdrop::Driver;

bookdrop_conformance::suite!(memory, |setup| {
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
