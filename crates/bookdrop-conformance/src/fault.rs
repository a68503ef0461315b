//! The ways in which the suite breaks a driver, to see that it would notice.
//!
//! A broken driver is the real one with a [`Fault`] planted in the layer between it and the behaviours
//! (the [`rig`](crate::rig)). Which behaviour must catch which fault stands in [`table`](crate::table).

mod answering;
mod handing;
mod killing;
mod plan;
mod remake;
mod restarting;
mod sending;
mod setup;

pub(crate) use plan::Lie;
pub use plan::Plan;
pub(crate) use remake::remade;
pub(crate) use setup::broken_setup;

/// One way to be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    // What is handed over is not what was sent.
    /// One byte of the body is changed.
    DamagesBody,
    /// The last header is missing.
    LosesHeader,
    /// The values are missing.
    LosesValues,
    /// The key is missing when the event is handed over.
    LosesKey,
    /// A redelivered event has a new id.
    ChangesIdOnRedelivery,
    /// A body above 64 KiB is cut off.
    CutsLargeBody,
    /// Text outside ASCII is replaced.
    ManglesText,
    /// An outbox is declared where there is none, and none where there is one.
    MisdeclaresOutbox,

    // Which events arrive, where, and in what order.
    /// Every thousandth event is confirmed and lost.
    LosesOneInThousand,
    /// Every hundredth event is sent twice.
    Duplicates,
    /// Every tenth event goes to the first driver that was made, whichever it was sent to.
    CrossesDrivers,
    /// What is sent while there is no consumer is lost.
    DropsWithoutConsumer,
    /// Every consumer is a group of its own.
    BroadcastsWithinGroup,
    /// All groups are one.
    SharesBetweenGroups,
    /// Every fiftieth event overtakes the one before.
    SwapsTwo,
    /// Keys do not order anything.
    ForgetsKeys,
    /// All events share one key, so one that fails holds up the rest.
    OneKeyForAll,
    /// Closing drops what is queued.
    CloseDropsQueued,
    /// The queue has no bound.
    SendNeverWaits,
    /// `try_send` into a full queue says that it sent, and drops the event.
    TrySendSwallows,
    /// A `send` or `request` that is dropped while it waits leaves its waiter behind.
    KeepsWaiter,
    /// Who waits is not woken.
    WakesNobody,
    /// The option for full queues is ignored.
    IgnoresOnFull,

    // Workers.
    /// A handler's failure counts as success.
    WorkerSwallowsFailure,
    /// What no further attempt can help is tried again.
    WorkerRetriesPermanent,
    /// What a handler returns is dropped.
    WorkerForgetsOutcome,
    /// A handler that is stopped has failed.
    WorkerFailsOnStop,
    /// A worker that stops waits for nobody.
    WorkerIgnoresGrace,
    /// More handlers run than are allowed.
    WorkerIgnoresLimit,

    // Settling.
    /// Every hand-over is the first.
    ForgetsAttempt,
    /// A nack settles for good.
    AcksOnNack,
    /// What is released failed.
    FailsOnRelease,
    /// A release settles for good.
    AcksOnRelease,
    /// Whatever fails comes back at once, for ever.
    ReturnsAtOnce,
    /// An acked event comes back.
    AckComesBack,
    /// Automatic ack is ignored.
    IgnoresAutoAck,
    /// A settlement that must be refused is accepted.
    AcceptsSecondSettlement,
    /// One ack is counted twice.
    CountsAckTwice,
    /// A delivery that is dropped is gone.
    LosesDropped,
    /// An ack settles everything handed over before it too.
    CumulativeAck,
    /// The reason of a dead letter is dropped.
    LosesDeadReason,
    /// Dead letters are not kept.
    LosesDeadLetters,
    /// The attempts of a dead letter are not known.
    ForgetsDeadCount,
    /// No number of failures is enough.
    RetriesForEver,
    /// No number of hand-overs is enough.
    IgnoresMaxDeliveries,
    /// A replayed dead letter vanishes.
    ReplayLoses,
    /// A discarded dead letter stays.
    DiscardKeeps,
    /// A dead letter's content is damaged.
    DamagesDeadContent,
    /// A delay is ignored.
    IgnoresDelay,
    /// A delay is cut by a half.
    DeliversEarly,
    /// `retry_after` comes back at once.
    RetriesEarly,
    /// Expired events are delivered.
    IgnoresTimeToLive,
    /// Expired events are not counted.
    ExpiresUncounted,
    /// Ids are not compared.
    ForgetsIds,
    /// The id of an event that was refused counts as used.
    RemembersRefusedIds,
    /// The window for duplicates never ends.
    RemembersIdsForEver,
    /// Priorities are ignored.
    IgnoresPriority,
    /// Abilities are declared absent, and accepted silently.
    AcceptsUndeclared,

    // Requests and replies.
    /// The answers of two requests are exchanged.
    CrossesReplies,
    /// Every hundredth answer is the one before it.
    RepeatsAnswer,
    /// A handler's error looks like a deadline.
    FailureAsDeadline,
    /// A handler's error has lost its code.
    LosesFailureCode,
    /// Having no consumer looks like a deadline.
    NoConsumerAsDeadline,
    /// A closed driver looks like a deadline.
    ClosedAsDeadline,
    /// A deadline looks like a handler's error.
    DeadlineAsFailure,
    /// The event of a request that was never taken is not given back.
    KeepsUntakenEvent,
    /// A request without a consumer waits until its deadline.
    WaitsOutNoConsumer,
    /// That the last consumer leaves is not noticed.
    MissesLastConsumerLeaving,
    /// A request that gives up leaves its event in the queue.
    LeavesEntry,
    /// A request that gives up leaves an entry in a table.
    LeavesRequest,
    /// A deadline passes at half its time.
    TimesOutEarly,
    /// A deadline does not pass.
    NeverTimesOut,
    /// A late reply goes to the next request.
    GivesLateReplyToNext,
    /// A refused reply is not counted.
    CountsNoRefusal,
    /// A replier is told that its late reply was sent.
    SaysLateReplySent,
    /// A nack answers the requester.
    NackAnswers,
    /// An answer is given twice: the second time to the next request.
    AnswersTwice,
    /// A request that gave up is handed over all the same.
    HandsOverGivenUp,
    /// The work of `reply_with` runs although nobody waits.
    RunsWorkRegardless,
    /// Running work does not see that nobody waits.
    HidesAbandonment,
    /// Running work is told that nobody waits while somebody does.
    CriesAbandonment,
    /// A reply to a one-way event is refused after the work was done.
    WorksBeforeRefusing,
    /// A reply to a one-way event is accepted.
    AcceptsReplyToOneWay,
    /// A refused reply settles the delivery.
    SettlesRefused,
    /// Replying to a requester that is gone never ends.
    BlocksOnDeadRequester,
    /// A requester that is gone stays counted.
    LeaksDeadRequester,

    // Lifetime.
    /// A waiting receiver is not told of the end.
    ReceiverMissesClose,
    /// A waiting sender is not told of the end.
    SenderMissesClose,
    /// A waiting requester is not told of the end.
    RequesterMissesClose,
    /// The second close never ends.
    SecondCloseHangs,
    /// A drain does not wait for what is in hand.
    DrainCutsShort,
    /// A drain goes on handing out.
    DrainHandsOut,
    /// A drain loses what is queued.
    DrainLosesQueued,
    /// A drain spends an attempt of what is queued.
    DrainSpendsAttempts,
    /// Nothing is handed over while anything is in hand.
    OneAtATime,
    /// A `receive` that is dropped while it waits takes the next event with it.
    LosesOnCancel,
    /// A `send` that is dropped while it waits sends all the same, twice.
    SendsTwiceOnCancel,
    /// A consumer takes several events and keeps them to itself.
    HoldsHostages,
    /// A delayed event stands in the line and holds up the ready ones.
    DelayBlocksLine,
    /// Delayed events have no bound.
    DelayUnbounded,
    /// Foreign code runs under a lock of the driver.
    RunsForeignCodeLocked,
    /// A panic of foreign code ends the driver.
    PanicPoisons,

    // Opening a durable driver again.
    /// One confirmed event is gone.
    ForgetsOnRestart,
    /// The last event that was acked is there again.
    AckedComesBackOnRestart,
    /// No event was ever handed over.
    ForgetsAttemptOnRestart,
    /// What was delayed is ready.
    ForgetsDelayOnRestart,
    /// The time to live is over for nobody.
    ForgetsTimeToLiveOnRestart,
    /// Dead letters are gone.
    LosesDeadLettersOnRestart,
    /// Ids are not known any more.
    ForgetsIdsOnRestart,
    /// Keys do not order what was there before.
    ForgetsKeysOnRestart,
    /// What was there before is not urgent any more.
    ForgetsPriorityOnRestart,
    /// Groups are gone, and what they were to get.
    ForgetsGroupsOnRestart,
    /// A request is handed over, and nobody waits for its answer.
    KeepsRequestsOnRestart,
    /// What was closed stays closed.
    StaysClosedOnRestart,

    // A process that is killed with a queue of a durable driver.
    /// Every tenth event that it confirmed was not sent.
    LosesOnKill,
    /// Every tenth event that it confirmed is there twice.
    DuplicatesOnKill,
    /// Every tenth event that it confirmed is damaged.
    DamagesOnKill,
    /// Every tenth ack that it confirmed was not done.
    AckedComesBackOnKill,
    /// What it had in hand is gone.
    LosesInHandOnKill,
    /// What it had in hand was never handed over.
    ForgetsAttemptOnKill,
}

impl Fault {
    /// The fault of this name.
    ///
    /// # Panics
    ///
    /// If no table has it.
    pub(crate) fn named(name: &str) -> Fault {
        let rows = crate::TABLE.iter().chain(crate::DURABLE_TABLE);
        let mut all = rows.flat_map(|(_, faults)| *faults).copied();
        all.find(|fault| format!("{fault:?}") == name)
            .unwrap_or_else(|| panic!("there is no fault {name}"))
    }
}
