//! How calls end for which no keeper was there.

use bookdrop_backend::{Error, NotFetched, NotPublished};

use super::commands::Call;
use super::{Asked, Guest};
use crate::error::{unknown, unreachable};

impl Guest {
    pub(super) fn end_out_of_patience(&mut self, asked: Asked) {
        let why = self.why_there_is_none();
        let unreachable = unreachable(self.shared.terms.patience, why.as_ref());
        let error = match asked.was_put {
            true => unknown(why.as_ref()),
            false => unreachable.clone(),
        };
        match asked.call {
            Call::Publish(mut parcel) => {
                parcel.count.set(0);
                self.tell(parcel.told, Err(NotPublished::Backend(error)));
            }
            Call::Join { told, .. } => self.tell(told, Err(error)),
            Call::Fetch { told, .. } => self.tell(told, Err(NotFetched::Empty)),
            Call::Settle {
                receipt,
                stage,
                how,
                told,
            } => self.settled((receipt, stage), &how, Err(error), told),
            Call::Plain { plain, told, .. } => {
                // It did no harm, whether it was done or not.
                let error: Error = match plain.is_repeatable() {
                    true => unreachable,
                    false => error,
                };
                self.tell(told, Err(error));
            }
            Call::Request(_) => {}
        }
    }
}
