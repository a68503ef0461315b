//! The end of a process, and what the next one finds.

use std::sync::Arc;
use std::time::Duration;

use bookdrop_backend::{Backend, ErrorKind, Letters, Reader};
use bookdrop_queue::Backoff;

use super::super::model::{Found, NOBODY};
use super::{Done, GROUPS, Open, Player, SEGMENT, USUAL_ROOM, number_of};
use crate::keeper::Keeper;
use crate::kept::{Contents, Kept};
use crate::lossy_disk::Disk;
use crate::options::Options;
use crate::records::Records;

impl Player {
    /// The process is killed, or the power goes.
    pub(super) fn crash(&mut self) -> Result<(), String> {
        let is_killed = self.rng.bool();
        self.open = None;
        match is_killed {
            true => self.disk.kill(),
            false => self.disk.lose_power(),
        }
        self.reopen(is_killed && !self.is_troubled)
    }

    /// Opens the folder, which may be cut short by further losses of power, and looks at what is found.
    pub(super) fn reopen(&mut self, mut counts_are_sure: bool) -> Result<(), String> {
        loop {
            if self.rng.u32(..4) == 0 {
                self.disk.light_fuse(self.rng.u32(..40));
            }
            match Kept::read(self.disk.clone(), &self.options(), 7) {
                Ok((queue, keeper, Contents { report, .. })) => {
                    if !report.damage.is_empty() {
                        return Err(format!("damage is told: {report:?}"));
                    }
                    // The fuse burns on, or not.
                    let burns = self.rng.bool();
                    if !burns {
                        self.disk.kill();
                    }
                    let folder = Kept::alone(keeper.clone());
                    let records = Records::new(queue, folder);
                    if self.look(records, keeper, counts_are_sure)? {
                        self.is_troubled |= burns;
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Io => {}
                // There is nothing yet, and no room for anything.
                Err(error) if error.kind() == ErrorKind::NoSpace && self.model.is_empty() => {
                    self.disk.set_room(USUAL_ROOM);
                }
                Err(error) => return Err(format!("cannot be opened: {error}")),
            }
            counts_are_sure = false;
            self.open = None;
            self.disk.set_failing_flushes(None);
            match self.rng.bool() {
                true => self.disk.lose_power(),
                false => self.disk.kill(),
            }
        }
    }

    fn options(&mut self) -> Options {
        let mut options = Options {
            segment_bytes: SEGMENT,
            cache_bytes: if self.rng.bool() { 0 } else { 1 << 20 },
            ..Options::default()
        };
        options.limits.max_attempts = u32::MAX;
        options.limits.max_deliveries = u32::MAX;
        // What cannot be read back while the power is gone is ready at once.
        options.limits.backoff = Backoff {
            first: Duration::ZERO,
            max: Duration::ZERO,
        };
        options
    }

    /// Whether it could be looked at: the disk may fail meanwhile.
    fn look(
        &mut self,
        records: Records,
        keeper: Arc<Keeper<Disk>>,
        counts_are_sure: bool,
    ) -> Result<bool, String> {
        self.in_hand.clear();
        self.left_over.clear();
        self.open = Some(Open {
            records,
            keeper,
            readers: Vec::new(),
        });
        let Done::Well(there) = self.run(async |queue| queue.groups().await) else {
            return Ok(false);
        };
        for group in self.groups_to_join(&there, counts_are_sure)? {
            let Done::Well(reader) = self.join(group) else {
                return Ok(false);
            };
            let Some(found) = self.find(group, reader) else {
                return Ok(false);
            };
            self.model.compare(group, &found, counts_are_sure)?;
        }
        self.is_troubled = self.is_bad;
        Ok(true)
    }

    /// Those that are to be joined. What was for the first one is in the oldest that is there, or is for the first to come.
    fn groups_to_join(
        &mut self,
        there: &[String],
        joins_are_sure: bool,
    ) -> Result<Vec<&'static str>, String> {
        let mut groups = GROUPS.to_vec();
        match there.first() {
            Some(oldest) => self.model.hand_on(NOBODY, oldest),
            None if joins_are_sure && !self.joined_first.is_empty() => {
                return Err(format!("{:?} is not there", self.joined_first));
            }
            None => {
                for group in &self.joined_first {
                    self.model.hand_on(group, NOBODY);
                }
                self.rng.shuffle(&mut groups);
                // Mostly nobody comes for now.
                groups.truncate(self.rng.usize(..9).saturating_sub(6));
            }
        }
        self.joined_first.clear();
        Ok(groups)
    }

    /// Takes everything in hand that is ready, and looks at the rest.
    fn find(&mut self, group: &'static str, reader: Reader) -> Option<Found> {
        let mut found = Found::default();
        loop {
            let Done::Well(fetched) = self.fetch_from(reader, 100) else {
                return None;
            };
            if fetched.is_empty() {
                break;
            }
            for fetched in fetched {
                let event = number_of(&fetched.record);
                found.ready.push((event, fetched.attempt));
                self.in_hand.push((group, event, fetched.receipt));
            }
        }
        let looked = self.run(async |queue| {
            let dead = queue.dead(group, Letters::All).await?;
            Ok((dead, queue.stats(Some(group)).await?))
        });
        let Done::Well((dead, Some(stats))) = looked else {
            return None;
        };
        found.dead = dead.iter().map(|dead| number_of(&dead.record)).collect();
        found.delayed = stats.delayed;
        Some(found)
    }
}
