//! Reads the messages of a stream back, in their order.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::page::{Epoch, Kind, Page, Unreadable};

/// What was read so far.
#[derive(Default)]
pub(crate) struct Reading {
    /// Where it began.
    first: Option<u64>,
    /// What is not there, or cannot be read.
    unread: BTreeSet<u64>,
    /// What is not there, since the last page. It may have said nothing, and been let go of.
    missing: Vec<u64>,
    /// What is not there, and was a page.
    lost: Vec<u64>,
    /// The epoch that goes on, and the number of its last page.
    epoch: Option<(Epoch, u64)>,
}

/// What a message is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A page, which says this.
    Page(Bytes),
    /// One that says nothing: it begins an epoch, or came too late, or is not there.
    Nothing,
    /// One that says nothing, and takes room.
    Reserve,
}

impl Reading {
    /// The next message, if it is there.
    ///
    /// # Errors
    /// It is no message of this driver, or not the one that was written. Those behind it can be read.
    pub(crate) fn see(
        &mut self,
        sequence: u64,
        message: Option<&Bytes>,
    ) -> Result<Seen, Unreadable> {
        self.first.get_or_insert(sequence);
        let Some(message) = message else {
            self.unread.insert(sequence);
            self.missing.push(sequence);
            return Ok(Seen::Nothing);
        };
        let page = Page::decode(message).inspect_err(|_| {
            self.unread.insert(sequence);
        })?;
        let driver = page.driver;
        match page.kind {
            Kind::Epoch => {
                self.epoch = Some((Epoch { sequence, driver }, 0));
                // Behind the last page of an epoch nobody can tell.
                self.missing.clear();
                Ok(Seen::Nothing)
            }
            Kind::Reserve { .. } => Ok(Seen::Reserve),
            Kind::Notes { epoch, number } => {
                let epoch = Epoch {
                    sequence: epoch,
                    driver,
                };
                match self.last_page_of(epoch) {
                    Some(last) if number > last => {
                        let goes_on = self.epoch.is_some_and(|(known, _)| known == epoch);
                        match goes_on && number == last + 1 {
                            true => self.missing.clear(),
                            false => self.lost.append(&mut self.missing),
                        }
                        self.epoch = Some((epoch, number));
                        Ok(Seen::Page(page.body))
                    }
                    // The server lost the end of the stream, and then this one came that had expected it to be there.
                    _ => Ok(Seen::Nothing),
                }
            }
        }
    }

    /// The messages that are not there, and were pages.
    pub(crate) fn into_lost(self) -> Vec<u64> {
        self.lost
    }

    /// The number of the last page of this epoch, if that goes on: zero if it may have begun where nothing could be read.
    fn last_page_of(&self, epoch: Epoch) -> Option<u64> {
        let known = self.epoch.filter(|(known, _)| *known == epoch);
        let is_newer = self
            .epoch
            .is_none_or(|(known, _)| known.sequence < epoch.sequence);
        let is_before = self.first.is_some_and(|first| epoch.sequence < first);
        let may_have_begun = is_before || self.unread.contains(&epoch.sequence);
        let begun = (is_newer && may_have_begun).then_some(0);
        known.map(|(_, last)| last).or(begun)
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::DriverId;
    use super::*;

    fn message(kind: Kind, driver: u8) -> Bytes {
        let page = Page {
            kind,
            driver: DriverId([driver; 16]),
            at: 0,
            body: Bytes::from(vec![driver]),
        };
        page.encode()
    }

    fn notes(epoch: u64, number: u64, driver: u8) -> Bytes {
        message(Kind::Notes { epoch, number }, driver)
    }

    /// Which of these messages, the first of which has this sequence, are pages that count.
    fn read(first: u64, messages: &[Bytes]) -> Vec<u64> {
        let mut reading = Reading::default();
        let all = (first..).zip(messages);
        let pages = all.filter(|(sequence, message)| {
            let seen = reading.see(*sequence, Some(message));
            matches!(seen, Ok(Seen::Page(_)))
        });
        pages.map(|(sequence, _)| sequence).collect()
    }

    #[test]
    fn pages_of_all_epochs_are_read_in_their_order() {
        let messages = [
            message(Kind::Epoch, b'a'),
            notes(1, 1, b'a'),
            notes(1, 2, b'a'),
            message(Kind::Epoch, b'b'),
            notes(4, 1, b'b'),
        ];
        assert_eq!(read(1, &messages), [2, 3, 5]);
        // The same where the first ones were purged.
        assert_eq!(read(3, &messages[2..]), [3, 5]);
        assert_eq!(read(5, &messages[4..]), [5]);
    }

    #[test]
    fn a_late_page_of_an_earlier_epoch_is_passed_over() {
        let messages = [
            notes(1, 7, b'a'),
            message(Kind::Epoch, b'b'),
            notes(1, 8, b'a'),
            notes(9, 1, b'b'),
            // Of epochs that the server lost: of the same sequence, and of a later one.
            notes(9, 2, b'c'),
            notes(12, 1, b'c'),
            notes(9, 2, b'b'),
        ];
        assert_eq!(read(8, &messages), [8, 11, 14]);
    }

    #[test]
    fn what_lies_behind_damage_is_read() {
        let mut reading = Reading::default();
        let damaged = reading.see(1, Some(&Bytes::from_static(b"BDJ\x01")));
        assert_eq!(damaged, Err(Unreadable::Damaged));
        assert_eq!(reading.see(2, None), Ok(Seen::Nothing));
        let page = reading.see(3, Some(&notes(1, 3, b'a')));
        assert!(matches!(page, Ok(Seen::Page(_))));
        // What began this epoch is not there.
        assert_eq!(reading.see(4, None), Ok(Seen::Nothing));
        let page = reading.see(5, Some(&notes(4, 1, b'b')));
        assert!(matches!(page, Ok(Seen::Page(_))));
        assert_eq!(reading.into_lost(), [2, 4]);
    }

    #[test]
    fn what_said_nothing_is_not_missed() {
        let mut reading = Reading::default();
        let messages = [
            Some(message(Kind::Epoch, b'a')),
            None,
            Some(notes(1, 1, b'a')),
            Some(message(Kind::Reserve { epoch: 1 }, b'a')),
            None,
            None,
            Some(notes(1, 2, b'a')),
            None,
            Some(notes(1, 4, b'a')),
            None,
            Some(message(Kind::Epoch, b'b')),
            Some(notes(11, 1, b'b')),
        ];
        let seen = (1..).zip(&messages);
        let seen = seen.map(|(at, message)| reading.see(at, message.as_ref()));
        let seen = seen.filter(|seen| matches!(seen, Ok(Seen::Reserve | Seen::Page(_))));
        assert_eq!(seen.count(), 5);
        assert_eq!(reading.into_lost(), [8]);
    }
}
