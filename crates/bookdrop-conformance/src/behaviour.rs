//! The behaviours: what each driver must do.
//!
//! A behaviour is an `async fn(&Context) -> Outcome` that uses a driver through the [rig](crate::rig) and ends with a
//! [`Violation`](crate::Violation) as soon as it sees something that must not be.

mod abandonment;
mod bounds;
mod cancel;
mod content;
mod dead_letters;
mod deadline;
mod delivery;
mod executors;
mod fairness;
mod foreign;
mod groups;
mod keys;
mod lifetime;
mod order;
mod outcomes;
mod replies;
mod restart;
mod settling;
mod time;
mod worker;

use std::future::Future;
use std::pin::Pin;

use crate::process::Part;
use crate::{Context, Outcome};

/// What behaviours have another process do.
pub(crate) const PARTS: &[&Part] = &[
    &settling::killed::HOLDS_ALL,
    &restart::killed::FIRST_LIFE,
    &restart::killed::SECOND_LIFE,
];

/// A behaviour by name.
#[derive(Clone, Copy)]
pub struct Behaviour {
    /// The name, which is also the name of its test.
    pub name: &'static str,
    /// What a driver must do, in one sentence.
    pub sentence: &'static str,
    run: fn(Context) -> Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

impl Behaviour {
    /// All of them, in the order in which they are documented.
    pub const ALL: &'static [Behaviour] = BEHAVIOURS;

    /// The behaviour of this name.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn named(name: &str) -> Behaviour {
        let found = Self::ALL.iter().find(|behaviour| behaviour.name == name);
        *found.unwrap_or_else(|| panic!("there is no behaviour {name}"))
    }

    /// Runs it.
    pub fn run(&self, ctx: Context) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
        (self.run)(ctx)
    }
}

/// Hands the list of all behaviours to a macro. This is the one place where they are listed.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_behaviour {
    ($callback:ident $argument:tt) => {
        $crate::$callback! { $argument
            content::round_trip_intact "Id, name, headers, values, key and body arrive unchanged, also when they are delivered again: empty, large and non-ASCII ones too.";
            delivery::none_lost_concurrent "With many producers and many consumers every event arrives, and none twice while nobody fails.";
            delivery::queues_are_isolated "What goes into one driver never comes out of another, and neither its failures nor its end reach the other.";
            delivery::sent_before_consumer_is_kept "An event that was sent before any consumer exists is received by the first that comes.";
            groups::group_competes_once_each "Consumers of one group share the events: each event goes to one of them.";
            groups::groups_each_get_all "Each group gets every event, with its own order, attempts and dead letters.";
            order::order_one_to_one "With one producer and one consumer the first in is the first out.";
            keys::order_per_key "Events of one key come in order and one at a time, other keys run beside them, and a failing key holds up no other.";
            delivery::close_loses_nothing_accepted "Whatever a send confirmed before the driver was closed is delivered, and what it refused is not.";
            bounds::full_queue_waits "A full queue makes a send wait and gives a try_send its event back; a place that frees wakes who waits; a dropped waiter takes none.";
            settling::nack_redelivers "A nacked event comes back with its attempt counted, at first at once and then after growing pauses.";
            settling::ack_is_final "An acked event does not come back, not to a new consumer either.";
            settling::settled_exactly_once "A second settlement of a delivery does not compile, or is refused.";
            settling::dropped_unsettled_comes_back "A delivery that was dropped comes back: after a plain drop, a cancelled task and a panic, and after its process was killed where the driver survives that.";
            settling::released_has_not_failed "A released event comes back at once and in front and has not failed, however often; only the bound on hand-overs ends that.";
            settling::settle_out_of_order "Deliveries are settled in any order: acking a later one settles none of the former.";
            dead_letters::max_attempts_to_dead_letter "After its last failure an event is a dead letter with reason, count and content, to be listed, replayed, discarded or taken.";
            dead_letters::poison_is_isolated "An event that fails every time becomes a dead letter, and all the others get through meanwhile.";
            time::delay_is_a_floor "A delayed event, or one that is to come back later, is never early.";
            time::ttl_expires "An expired event is not delivered, and it is counted.";
            time::duplicates_detected "Within the window one id is one event; after it, it is another.";
            order::priority_first "The more urgent is handed over first, and among equals the first in.";
            replies::reply_is_correlated "Requests that are answered in reverse order, and thousands at once, each get their own reply.";
            outcomes::outcomes_are_distinct "The reply, the handler's error, the deadline, no consumer and the end are told apart, and the event comes back where it was never taken.";
            deadline::no_consumer_fails_fast "Without a consumer a request fails whatever its time limit is, also when the last one leaves before it is taken.";
            deadline::timeout_is_prompt_and_clean "A deadline passes also while the queue is full, never early, and leaves nothing behind.";
            replies::late_reply_is_discarded "A reply after the requester gave up is refused to the replier, counted, and never given to a later request.";
            replies::retry_gives_one_reply "A request that is nacked twice and then answered gets one reply.";
            abandonment::expired_request_not_started "Work is not started after the deadline, nor after the requester has gone.";
            abandonment::running_work_sees_abandonment "Running work can see that nobody waits for it any more, and not before.";
            replies::reply_to_one_way_event_is_refused "An answer to a one-way event is refused before any work, and the delivery is given back.";
            replies::requester_dies "Replying to a requester that is gone neither blocks nor leaves anything behind.";
            lifetime::close_is_idempotent_and_never_hangs "Closing from ten tasks at once ends, and whoever waits in send, receive or request is told.";
            lifetime::graceful_drain "A drain refuses what is new, lets what is in hand finish, hands out nothing more, and says what stays.";
            lifetime::close_delivers_what_is_queued "After a close consumers get what is queued before they are told of the end, and what is in hand may still be answered and returned.";
            fairness::slow_consumer_blocks_no_other "While one consumer works on an event, another gets all that follow.";
            executors::any_executor "Producers and consumers of one driver run on different executors, and on none.";
            cancel::cancel_anywhere "Every future can be dropped after any number of polls: nothing is lost, nothing is there twice, no waiter is left.";
            fairness::held_events_are_not_hostages "What a consumer holds ahead goes to whoever asks, also beside five slow handlers.";
            bounds::given_up_requests_free_their_place "Requests that give up while nobody receives free their places in the queue.";
            bounds::delay_blocks_nobody "As many events as may be delayed are delayed, and ready events flow past them.";
            foreign::foreign_code_runs_free "A waker, a Drop, a Clone and a handler of the user's use the same driver from inside it; a panic there poisons nothing.";
            worker::worker_settles_as_handlers_end "What a handler ends with decides: it acks or answers, tries again, or makes a dead letter that says why; a panic is a failure.";
            worker::worker_stop_spends_no_failure "A worker that stops lets handlers end within the grace time; what has not ended by then comes back and has not failed.";
            worker::worker_sends_what_follows "What a handler returns to be sent is sent, also into the full queue that its worker reads.";
            worker::worker_keeps_its_limit "No more handlers run at a time than are allowed; those of one key run one after the other, in order.";
            restart::survives_restart "What was confirmed is there after the driver was opened again, also after its process was killed under load, twice: nothing is lost, nothing that was acked comes back, and what was in hand comes back with its attempt counted.";
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __list_behaviours {
    (() $($theme:ident::$name:ident $sentence:literal;)*) => {
        const BEHAVIOURS: &[Behaviour] = &[$(Behaviour {
            name: stringify!($name),
            sentence: $sentence,
            run: |ctx| Box::pin(async move { $theme::$name(&ctx).await }),
        }),*];
    };
}

crate::__for_each_behaviour! { __list_behaviours () }
