//! The macros that turn the suite into the tests of a driver.

/// Makes the tests of a driver: one for each behaviour and executor, the stress test, and `other_process`, which is no test of
/// its own: it is what behaviours start this executable again for.
///
/// The first argument names the module, the second makes the driver for a [`Setup`](crate::Setup). For a driver that survives
/// a restart it is called again with the same setup, and has to find the queue of that [name](crate::Setup::name) as it was
/// left; [`Setup::when_over`](crate::Setup::when_over) tells when nobody needs that queue any more. With `, unless` and a function
/// behind it, the tests do nothing where that returns true: for a driver that needs a server which is not to be used. A whole test file:
///
/// ```
/// use bookdrop::Driver;
///
/// bookdrop_conformance::suite!(memory, |setup| {
///     Driver::builder(setup.capacity)
///         .max_attempts(setup.max_attempts)
///         .max_deliveries(setup.max_deliveries)
///         .max_delayed(setup.max_delayed)
///         .max_dead(setup.max_dead)
///         .retry_backoff(setup.backoff_first, setup.backoff_max)
///         .duplicate_window(setup.duplicate_window)
///         .on_full(setup.on_full)
///         .build()
/// });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! suite {
    ($driver:ident, $build:expr) => {
        $crate::suite!($driver, $build, unless || false);
    };
    ($driver:ident, $build:expr, unless $left_out:expr) => {
        mod $driver {
            #[allow(unused_imports)]
            use super::*;

            $crate::__under_test!($build, $left_out);

            $crate::__on_executor!(tokio_multi_thread, TokioMultiThread);
            $crate::__on_executor!(tokio_current_thread, TokioCurrentThread);
            $crate::__on_executor!(smol, Smol);
            $crate::__on_executor!(threads, Threads);

            mod stress {
                #[test]
                fn whole_suite_in_parallel() {
                    $crate::run::check_under_stress(super::UNDER_TEST);
                }
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __under_test {
    ($build:expr, $left_out:expr) => {
        #[allow(dead_code)]
        const UNDER_TEST: $crate::UnderTest = $crate::UnderTest {
            build: $build,
            module: module_path!(),
            is_left_out: $left_out,
        };

        #[test]
        fn other_process() {
            $crate::run::other_process(UNDER_TEST);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __on_executor {
    ($module:ident, $kind:ident) => {
        mod $module {
            $crate::__for_each_behaviour! { __test_behaviours ($kind) }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test_behaviours {
    (($kind:ident) $($theme:ident::$name:ident $sentence:literal;)*) => {$(
        #[test]
        fn $name() {
            $crate::run::check(stringify!($name), $crate::Kind::$kind, super::UNDER_TEST);
        }
    )*};
}

/// Makes the tests of the suite itself: one for each behaviour and broken driver.
///
/// The arguments are those of [`suite!`](crate::suite!). Each test plants one [`Fault`](crate::Fault) in front of the
/// driver and expects the behaviour to notice; one more for each behaviour sees it hold without a fault.
///
/// With the word `durable` in front, the tests are those that need a driver that survives a restart, and no others.
#[macro_export]
macro_rules! self_test {
    (durable $driver:ident, $build:expr) => {
        $crate::__self_test! { __for_each_durable_fault $driver, $build }
    };
    ($driver:ident, $build:expr) => {
        $crate::__self_test! { __for_each_fault $driver, $build }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __self_test {
    ($table:ident $driver:ident, $build:expr) => {
        mod $driver {
            #[allow(unused_imports)]
            use super::*;

            $crate::__under_test!($build, || false);

            $crate::$table! { __test_faults () }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test_faults {
    (() $($behaviour:ident: $($fault:ident),+;)*) => {$(
        mod $behaviour {
            #[test]
            fn holds_without_a_fault() {
                $crate::run::check(stringify!($behaviour), $crate::Kind::TokioMultiThread, super::UNDER_TEST);
            }

            $(
                // The test is called what the fault is called.
                #[allow(non_snake_case)]
                #[test]
                fn $fault() {
                    $crate::run::check_catches(stringify!($behaviour), $crate::Fault::$fault, super::UNDER_TEST);
                }
            )+
        }
    )*};
}
