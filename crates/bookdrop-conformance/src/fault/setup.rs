//! Faults that are options which are not honoured.

use std::time::Duration;

use bookdrop::OnFull;

use super::{Fault, Plan};
use crate::Setup;

/// The options as a broken driver understands them.
pub(crate) fn broken_setup(plan: &Plan, mut setup: Setup) -> Setup {
    if plan.fires(Fault::SendNeverWaits) {
        setup.capacity += 1_000;
    }
    if plan.fires(Fault::IgnoresOnFull) {
        setup.on_full = OnFull::Wait;
    }
    if plan.fires(Fault::ReturnsAtOnce) {
        (setup.backoff_first, setup.backoff_max) = (Duration::ZERO, Duration::ZERO);
    }
    if plan.fires(Fault::RetriesForEver) {
        (setup.max_attempts, setup.max_deliveries) = (u32::MAX, u32::MAX);
    }
    if plan.fires(Fault::IgnoresMaxDeliveries) {
        setup.max_deliveries = u32::MAX;
    }
    if plan.fires(Fault::RemembersIdsForEver) {
        setup.duplicate_window = Duration::from_secs(3_600);
    }
    if plan.fires(Fault::DelayUnbounded) {
        setup.max_delayed += 1_000;
    }
    setup
}
