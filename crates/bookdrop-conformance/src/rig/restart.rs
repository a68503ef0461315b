//! A driver under test that is opened again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::RigDriver;
use crate::{Context, Outcome, Setup, Violation};

impl RigDriver {
    /// Lets go of the driver and makes it again with the same setup, as a process does that ended and was started again.
    ///
    /// All else that was made from it has to be dropped before: producers, consumers, deliveries, operations, and the tasks
    /// that have them.
    pub async fn restarted(self) -> Outcome<RigDriver> {
        let (ctx, setup) = self.let_go();
        let setup = alone(&ctx, setup).await?;
        let restarted = Self::new(&ctx, setup);
        restarted.spoil_restart();
        Ok(restarted)
    }
}

/// Waits until nothing else that was made from the driver is left.
async fn alone(ctx: &Context, mut setup: Arc<Setup>) -> Outcome<Setup> {
    let started = Instant::now();
    loop {
        setup = match Arc::try_unwrap(setup) {
            Ok(setup) => return Ok(setup),
            Err(shared) => shared,
        };
        if started.elapsed() > ctx.patience() {
            return Err(Violation::broken(
                "a handle on a driver that is to be restarted was not dropped",
            ));
        }
        ctx.pause(Duration::from_millis(1)).await;
    }
}
