//! The driver on disk does what every driver must do.

#![cfg(unix)]

mod support;

use support::open;

bookdrop_conformance::suite!(always, |setup| open(setup, "sync=always"));
bookdrop_conformance::suite!(never, |setup| open(setup, "sync=never&codec=msgpack"));
