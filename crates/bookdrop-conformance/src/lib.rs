//! The suite of behaviours that every bookdrop driver passes.
//!
//! A *behaviour* is something that a driver must do, written once against the public API of `bookdrop`: nothing is
//! lost, nothing is early, one request has one reply. The suite runs each of them on four kinds of [executor](Kind) and
//! then all of them many times in parallel. The README of this crate lists them.
//!
//! # For the author of a driver
//!
//! One macro makes all the tests; the whole test file is in the docs of [`suite!`]. The closure gets a [`Setup`] with
//! the options that a behaviour asks for and must honour each of them; drivers that have a name on a server take
//! `setup.name`. A constructor that is a future ends in `.wait()` there.
//!
//! What a driver declares in its `capabilities()` must work. What it declares absent must be refused where it can be
//! asked for, never ignored; that is checked too, and then the rest of the behaviour is skipped with a printed reason.
//!
//! # Drivers that survive a restart
//!
//! Where a driver declares that it survives a restart, `survives_restart` lets go of every handle and builds it again with the
//! same [`Setup`], several times and with events in every state. So the same [name](Setup::name) has to be the same queue, and
//! [`Setup::when_over`] is the place to remove it. Elsewhere the behaviour is skipped.
//!
//! There, processes that have the queue are killed, too: by `survives_restart` under load, by `dropped_unsettled_comes_back` with
//! everything in hand, twice each. The test executable runs itself again for that, with nothing but the test `other_process`, which
//! [`suite!`] makes beside the others. That process opens the queue by the setup's name, and works on it until it is killed; then
//! the queue is opened here. It ends with the one that started it, at the latest, and never does what was asked for in
//! [`Setup::when_over`]. `crates/bookdrop/tests/crash` goes further for the folder: it kills at any moment, hundreds of times.
//!
//! An engine has to survive its own death as well. Most behaviours cannot run while it is killed and started again beneath living
//! drivers: they count exactly, and an event in hand may come twice then. So there is no such mode of [`suite!`]. A test of the
//! driver's own can make a [`Context`] with the same builder, and use the [rig] as the behaviours do.
//!
//! # How long it runs
//!
//! | variable | effect |
//! |---|---|
//! | `BOOKDROP_LONG=1` | the long form: larger counts, 20 rounds of stress |
//! | `BOOKDROP_STRESS_ROUNDS=n` | so many rounds of the whole suite in parallel |
//!
//! # What a behaviour may assert
//!
//! Lower bounds, exact counts, and that something happens at all within the suite's patience, which is a minute.
//! Never speed. To wait for something is to wait for a state that can be seen, most often in the stats; nothing sleeps
//! in the hope that something has happened meanwhile.
//!
//! # The suite tests itself
//!
//! A suite that cannot fail proves nothing. For each behaviour there is at least one driver that is broken on purpose:
//! the real one with a [`Fault`] planted in the [rig], the thin layer that all behaviours go through. [`TABLE`] says which
//! behaviour must catch which fault, [`DURABLE_TABLE`] does where that needs a driver which survives a restart, and
//! [`self_test!`] makes a test of each entry: the behaviour must notice the fault by a check of its own, not by hanging, and
//! must hold without it.
//!
//! # How to add a behaviour
//!
//! 1. Write an `async fn(&Context) -> Outcome` in the file of its theme under `behaviour/`, with [`ensure!`] and
//!    [`ensure_eq!`]. Make drivers with [`Context::driver`] and tasks with [`Context::spawn`]; never block. What another process
//!    does in it is a `Part` (`process.rs`), listed in `behaviour.rs`.
//! 2. Add it to the list in `behaviour.rs`, with one sentence, and the same sentence to the README.
//! 3. Think of the bug that it exists for, add it to [`Fault`], and plant it: on the way in (`fault/sending.rs`), on the
//!    way out (`fault/handing.rs`), in an answer (`fault/answering.rs`), or in a method of the rig.
//!    What goes wrong when a driver is opened again is planted in `fault/restarting.rs`.
//!    What goes wrong only where a process is killed is planted in `fault/killing.rs`, and comes into effect in that process.
//! 4. Add the row to `table.rs`, to the second table if it needs a driver that survives a restart, and see it caught.
#![forbid(unsafe_code)]

mod behaviour;
mod body;
mod context;
mod executor;
mod fault;
mod flag;
mod process;
pub mod rig;
pub mod run;
mod setup;
mod suite;
mod table;
mod violation;

pub use behaviour::Behaviour;
pub use body::{Book, Census, Condition, Hook, book};
pub use context::{Build, Context, UnderTest, must_be_refused, needs};
pub use executor::{Executor, Kind, Spawner, Task};
pub use fault::{Fault, Plan};
pub use flag::Flag;
pub use setup::Setup;
pub use table::{DURABLE_TABLE, TABLE};
pub use violation::{Outcome, Violation};
