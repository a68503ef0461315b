//! How settlements end.

use std::time::Instant;

use bookdrop_backend::{Error, ErrorKind, Settled, Why};

use super::Desk;
use super::requests::unanswered;
use crate::commands::{How, Settling};
use crate::error::{Trouble, unknown};
use crate::round::Settlement;

impl Desk {
    pub(super) fn land_settling(
        &mut self,
        mut settling: Settling,
        ended: Result<Settlement, Trouble>,
    ) {
        match ended {
            Ok(settlement) => self.settled(settling, settlement),
            // It is idempotent: whoever settles names the very hand-over.
            Err(trouble) if trouble.ends_connection() => {
                if matches!(trouble, Trouble::Lost(_)) {
                    settling.lost_at.get_or_insert_with(Instant::now);
                }
                self.settles.push(settling);
            }
            Err(_) if !settling.told.is_awaited() => self.refused.settles.push(settling),
            Err(trouble) => self.unsettle(settling, trouble.into_outcome()),
        }
    }

    /// What was lost while somebody began to settle it is not settled any more.
    pub(super) fn end_late_settles(&mut self) {
        let is_held = |settling: &Settling| self.shared.hands().get(settling.receipt).is_some();
        let (held, late): (Vec<_>, Vec<_>) = std::mem::take(&mut self.settles)
            .into_iter()
            .partition(is_held);
        self.settles = held;
        late.into_iter()
            .for_each(|settling| self.settled(settling, Settlement::TooLate));
    }

    fn settled(&mut self, settling: Settling, settlement: Settlement) {
        let (receipt, former) = (settling.receipt, settling.former());
        if settling.hand.has_key
            || !matches!(
                settlement,
                Settlement::Finished { .. } | Settlement::TooLate
            )
        {
            self.note_events();
        }
        let settled = match settlement {
            Settlement::TooLate if settling.lost_at.is_some() => {
                self.shared.hands().end(receipt, former);
                let message = "the connection was lost while it was settled";
                let error = unknown(Error::new(ErrorKind::Io, message));
                self.tell(settling.told, Err(error));
                return self.shared.look_at_hands();
            }
            // It was answered first.
            Settlement::TooLate if matches!(settling.how, How::Owe) => Settled::TooLate,
            Settlement::TooLate => {
                self.shared.hands().end(receipt, former);
                Settled::TooLate
            }
            Settlement::Owed => Settled::Yes,
            Settlement::Finished { was_told } => {
                self.shared.hands().end(receipt, former);
                self.finished(&settling, was_told)
            }
            other => {
                self.shared.hands().end(receipt, former);
                self.count(&other);
                Settled::Yes
            }
        };
        self.tell(settling.told, Ok(settled));
        self.shared.look_at_hands();
    }

    /// Something is done with; a requester here is told.
    fn finished(&mut self, settling: &Settling, was_told: bool) -> Settled {
        let counters = &self.shared.counters;
        let How::Answer(answer) = &settling.how else {
            counters.acked.add(1);
            if let Some(asker) = settling
                .hand
                .asker
                .as_ref()
                .filter(|asker| asker.is_here && was_told)
            {
                self.end_request(asker.ask, Err(unanswered(Why::Unanswered, true)));
            }
            return Settled::Yes;
        };
        let was_awaited = match &settling.hand.asker {
            Some(asker) if asker.is_here => self.end_request(asker.ask, Ok(answer.clone())),
            _ => was_told,
        };
        let counters = &self.shared.counters;
        match was_awaited {
            true => {
                counters.answered.add(1);
                Settled::Yes
            }
            false => {
                counters.replies_refused.add(1);
                Settled::NotWanted
            }
        }
    }

    fn count(&self, settlement: &Settlement) {
        let counters = &self.shared.counters;
        match settlement {
            Settlement::Returned => counters.returned.add(1),
            Settlement::Buried { dropped } => {
                counters.buried.add(1);
                counters.dead_dropped.add(*dropped);
            }
            Settlement::Ended { is_expired } => counters.expired.add((*is_expired).into()),
            _ => {}
        }
    }
}
