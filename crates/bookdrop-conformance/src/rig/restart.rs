//! A driver under test that is opened again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::RigDriver;
use crate::{Context, Outcome, Setup, Violation};

/// A queue under test that this process does not have open.
pub struct RigQueue {
    ctx: Context,
    setup: Setup,
}

impl RigDriver {
    /// Lets go of the driver and makes it again with the same setup, as a process does that ended and was started again.
    ///
    /// All else that was made from it has to be dropped before: producers, consumers, deliveries, operations, and the tasks
    /// that have them.
    pub async fn restarted(self) -> Outcome<RigDriver> {
        Ok(self.into_queue().await?.opened())
    }

    /// Lets go of the driver, as [`restarted`](Self::restarted) does, until the queue is opened again.
    pub async fn into_queue(self) -> Outcome<RigQueue> {
        let (ctx, setup) = self.let_go();
        let setup = alone(&ctx, setup).await?;
        Ok(RigQueue { ctx, setup })
    }
}

impl RigQueue {
    /// Its [name](Setup::name), by which another process finds it.
    pub fn name(&self) -> &str {
        &self.setup.name
    }

    /// Makes the driver again, with the same setup.
    pub fn opened(self) -> RigDriver {
        let opened = RigDriver::new(&self.ctx, self.setup);
        opened.spoil_restart();
        opened
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
