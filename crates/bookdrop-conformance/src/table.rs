//! Which behaviour must catch which broken driver.
//!
//! There are two tables: what needs a driver that survives a restart stands in one of its own, since the behaviours in it are
//! skipped on all others, in part or as a whole. Every behaviour has a row in at least one of them, and every fault is caught by at
//! least one behaviour; a test of this crate checks both.

/// Hands the table of what any driver does to a macro. This is the one place where it stands.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_fault {
    ($callback:ident $argument:tt) => {
        $crate::$callback! { $argument
            round_trip_intact: DamagesBody, LosesHeader, LosesValues, LosesKey, ChangesIdOnRedelivery, CutsLargeBody, ManglesText, MisdeclaresOutbox;
            none_lost_concurrent: LosesOneInThousand, Duplicates;
            queues_are_isolated: CrossesDrivers;
            sent_before_consumer_is_kept: DropsWithoutConsumer;
            group_competes_once_each: BroadcastsWithinGroup, OneAtATime;
            groups_each_get_all: SharesBetweenGroups, AcceptsUndeclared, ForgetsAttempt;
            order_one_to_one: SwapsTwo, LosesOneInThousand;
            order_per_key: ForgetsKeys, OneKeyForAll, AcceptsUndeclared;
            close_loses_nothing_accepted: CloseDropsQueued, SenderMissesClose;
            full_queue_waits: SendNeverWaits, TrySendSwallows, KeepsWaiter, WakesNobody, IgnoresOnFull;
            nack_redelivers: AcksOnNack, ForgetsAttempt, ReturnsAtOnce;
            ack_is_final: AckComesBack, CountsAckTwice;
            settled_exactly_once: IgnoresAutoAck, AcceptsSecondSettlement, CountsAckTwice;
            dropped_unsettled_comes_back: LosesDropped, ForgetsAttempt;
            released_has_not_failed: FailsOnRelease, AcksOnRelease, ForgetsAttempt, IgnoresMaxDeliveries;
            settle_out_of_order: CumulativeAck, AcksOnNack;
            max_attempts_to_dead_letter: LosesDeadReason, LosesDeadLetters, ForgetsDeadCount, RetriesForEver, IgnoresMaxDeliveries, ReplayLoses, DiscardKeeps, DamagesDeadContent;
            poison_is_isolated: RetriesForEver, OneKeyForAll;
            delay_is_a_floor: IgnoresDelay, DeliversEarly, RetriesEarly, AcceptsUndeclared;
            ttl_expires: IgnoresTimeToLive, ExpiresUncounted, AcceptsUndeclared;
            duplicates_detected: ForgetsIds, RemembersRefusedIds, RemembersIdsForEver;
            priority_first: IgnoresPriority, AcceptsUndeclared;
            reply_is_correlated: CrossesReplies, RepeatsAnswer;
            outcomes_are_distinct: FailureAsDeadline, LosesFailureCode, NoConsumerAsDeadline, ClosedAsDeadline, DeadlineAsFailure, KeepsUntakenEvent;
            no_consumer_fails_fast: WaitsOutNoConsumer, MissesLastConsumerLeaving;
            timeout_is_prompt_and_clean: LeavesEntry, LeavesRequest, TimesOutEarly, NeverTimesOut;
            late_reply_is_discarded: GivesLateReplyToNext, CountsNoRefusal, SaysLateReplySent;
            retry_gives_one_reply: NackAnswers, AnswersTwice, ForgetsAttempt;
            expired_request_not_started: HandsOverGivenUp, RunsWorkRegardless;
            running_work_sees_abandonment: HidesAbandonment, CriesAbandonment;
            reply_to_one_way_event_is_refused: WorksBeforeRefusing, AcceptsReplyToOneWay, SettlesRefused;
            requester_dies: BlocksOnDeadRequester, LeaksDeadRequester;
            close_is_idempotent_and_never_hangs: ReceiverMissesClose, SenderMissesClose, RequesterMissesClose, SecondCloseHangs;
            graceful_drain: DrainCutsShort, DrainHandsOut, DrainLosesQueued, DrainSpendsAttempts;
            close_delivers_what_is_queued: CloseDropsQueued, ReceiverMissesClose;
            slow_consumer_blocks_no_other: OneAtATime;
            any_executor: WakesNobody;
            cancel_anywhere: KeepsWaiter, LosesOnCancel, SendsTwiceOnCancel;
            held_events_are_not_hostages: HoldsHostages, OneAtATime;
            given_up_requests_free_their_place: LeavesEntry, LeavesRequest;
            delay_blocks_nobody: DelayBlocksLine, DelayUnbounded, AcceptsUndeclared;
            foreign_code_runs_free: RunsForeignCodeLocked, PanicPoisons;
            worker_settles_as_handlers_end: WorkerSwallowsFailure, WorkerRetriesPermanent, WorkerForgetsOutcome;
            worker_stop_spends_no_failure: WorkerFailsOnStop, WorkerIgnoresGrace;
            worker_sends_what_follows: WorkerForgetsOutcome;
            worker_keeps_its_limit: WorkerIgnoresLimit, ForgetsKeys;
        }
    };
}

/// Hands the table of what durable drivers do to a macro. This is the one place where it stands.
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_durable_fault {
    ($callback:ident $argument:tt) => {
        $crate::$callback! { $argument
            survives_restart: ForgetsOnRestart, AckedComesBackOnRestart, ForgetsAttemptOnRestart, ForgetsDelayOnRestart, ForgetsTimeToLiveOnRestart, LosesDeadLettersOnRestart, ForgetsIdsOnRestart, ForgetsKeysOnRestart, ForgetsPriorityOnRestart, ForgetsGroupsOnRestart, KeepsRequestsOnRestart, StaysClosedOnRestart, LosesOnKill, DuplicatesOnKill, DamagesOnKill, AckedComesBackOnKill, ForgetsAttemptOnKill;
            dropped_unsettled_comes_back: LosesInHandOnKill, ForgetsAttemptOnKill;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __list_faults {
    (() $($behaviour:ident: $($fault:ident),+;)*) => {
        &[$((stringify!($behaviour), &[$($crate::Fault::$fault),+])),*]
    };
}

/// Which behaviour must catch which faults, on any driver.
pub const TABLE: &[(&str, &[crate::Fault])] = crate::__for_each_fault! { __list_faults () };

/// Which behaviour must catch which faults, on drivers that survive a restart.
pub const DURABLE_TABLE: &[(&str, &[crate::Fault])] =
    crate::__for_each_durable_fault! { __list_faults () };
