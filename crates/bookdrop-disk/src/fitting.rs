//! How long segments have to be: a folder may be opened with shorter ones than those with which it was made, and what is needed
//! has to be written down again in these.

use bookdrop_backend::DeadReason;

use crate::event::Account;
use crate::image::Image;
use crate::journal::{LONGEST_SEGMENT, Settings};
use crate::ledger::Bounds;
use crate::ledger::note::{Standing, State, length_of_group, length_of_id, longest_standing};

/// Segments of so many bytes, or of the least multiple of it into which all fits that is there; or as long as they were where that is
/// shorter.
pub(crate) fn settings_for(image: &Image, segment_bytes: u64, so_far: Option<u64>) -> Settings {
    let asked = Settings::default().with_segment_bytes(segment_bytes);
    let longest = Longest::of(image, asked.segment_bytes);
    let mut settings = asked;
    while !longest.fits_into(settings.segment_bytes) && settings.segment_bytes < LONGEST_SEGMENT {
        settings = settings.with_segment_bytes(settings.segment_bytes + asked.segment_bytes);
    }
    let between = asked.segment_bytes..settings.segment_bytes;
    match so_far.filter(|length| between.contains(length) && longest.fits_into(*length)) {
        // There need not be room for longer ones.
        Some(length) => asked.with_segment_bytes(length),
        None => settings,
    }
}

/// What takes most.
struct Longest {
    /// Bytes of an event.
    event: usize,
    /// Bytes of the reasons of an event that are beyond what is written where segments are as long as was asked for.
    reasons: usize,
    /// Bytes of the table of groups.
    table: usize,
    groups: usize,
    /// Bytes of an id among others.
    id: usize,
}

impl Longest {
    fn of(image: &Image, segment_bytes: u64) -> Self {
        let reason = bounds(segment_bytes).reason;
        let events = image.events();
        let lengths = events.map(|seen| Account::length_of(&seen.record, seen.content));
        let reasons = image.events().map(|seen| {
            let standings = seen.standings.iter();
            standings
                .map(|standing| length_of_reason(standing).saturating_sub(reason))
                .sum()
        });
        let names = image.groups.iter().map(|group| &*group.name);
        let ids = image.ids.iter().map(|(_, id, _)| length_of_id(id));
        Longest {
            event: lengths.max().unwrap_or(0),
            reasons: reasons.max().unwrap_or(0),
            table: names.map(length_of_group).sum(),
            groups: image.groups.len(),
            id: ids.max().unwrap_or(0),
        }
    }

    /// Whether segments of so many bytes hold all of it: an event takes half of one at most, and so does what stands beside it.
    fn fits_into(&self, segment_bytes: u64) -> bool {
        let bounds = bounds(segment_bytes);
        let standings = self.groups * longest_standing(bounds.reason) + self.reasons;
        let note = self.table.max(standings).max(self.id);
        self.event as u64 <= segment_bytes / 2 && note <= bounds.note
    }
}

fn bounds(segment_bytes: u64) -> Bounds {
    Bounds::of_segments(segment_bytes, 0, 0)
}

fn length_of_reason(standing: &Standing) -> usize {
    match &standing.state {
        State::Dead(grave) => match &grave.reason {
            DeadReason::Rejected(why) | DeadReason::Undecodable(why) => why.len(),
            _ => 0,
        },
        State::Ready | State::Until(_) | State::Held(_) => 0,
    }
}
