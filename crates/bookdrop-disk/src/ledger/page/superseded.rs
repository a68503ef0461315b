//! Notes that say nothing any more, since others say all of it. On a full disk notes may have to wait for a long time, while events
//! are handed over and fail again and again, and groups come and go: what waits must not grow with that.

use std::collections::HashMap;

use super::Page;
use crate::ledger::note::{kind, subject_of};

/// So many notes are not worth it.
const FEW: usize = 256;

/// The later notes about an event in one group, by their place in the page.
#[derive(Default)]
struct Later {
    handed_over: Option<usize>,
    returned: Option<usize>,
    /// It is over there, or begins anew.
    ended: Option<usize>,
}

impl Page {
    /// Leaves out what is superseded, if there may be much of it.
    pub(in crate::ledger) fn thin_out(&mut self) {
        if self.notes.len() < 2 * self.thinned.max(FEW) {
            return;
        }
        let superseded_by = self.superseded_by();
        for (at, by) in superseded_by.iter().enumerate().rev() {
            if let Some(by) = *by {
                // It is as good as written when that one is.
                self.notes[by].stands_for =
                    self.notes[by].stands_for.min(self.notes[at].stands_for);
            }
        }
        let is_said = self.merge_tables();
        self.retain(|at, _| superseded_by[at].is_none() && !is_said[at]);
        self.thinned = self.notes.len();
    }

    /// Of the tables of groups between which nothing is put into a group, the first one says what the last one does. Returns for each
    /// note whether it is one of the others.
    ///
    /// Nothing stands in the groups that came meanwhile, and what stands in those that went is gone. So it makes no difference that
    /// notes follow which were noted before, about whatever stands in any group. They find it there, or in a group that was removed:
    /// that a removal is found which is not confirmed yet is as good as that it is not.
    ///
    /// What is put into a group follows the table that it followed before. So none is put into a group that is not known, and no number
    /// is lost that anything says: else a later group might get it, and with it what stood in a group that was removed.
    fn merge_tables(&mut self) -> Vec<bool> {
        let mut is_said = vec![false; self.notes.len()];
        let mut first: Option<usize> = None;
        for (at, is_said) in is_said.iter_mut().enumerate() {
            match (self.notes[at].kind, first) {
                (kind::GROUPS, Some(first)) => {
                    self.notes[first].range = self.notes[at].range.clone();
                    *is_said = true;
                }
                (kind::GROUPS, None) => first = Some(at),
                (kind::EVENT, _) => first = None,
                _ => {}
            }
        }
        is_said
    }

    /// For each note, the later one that is kept and says all that it says.
    fn superseded_by(&self) -> Vec<Option<usize>> {
        let mut found = vec![None; self.notes.len()];
        let mut in_groups: HashMap<(u64, u64), Later> = HashMap::new();
        for (at, noted) in self.notes.iter().enumerate().rev() {
            let payload = &self.bytes[noted.range.clone()];
            let Some(subject) = subject_of(noted.kind, payload) else {
                continue;
            };
            let later = in_groups.entry(subject).or_default();
            let ended = later.ended;
            found[at] = match noted.kind {
                kind::HANDED_OVER => ended.or_else(|| first_of(&mut later.handed_over, at)),
                kind::RETURNED => ended.or_else(|| first_of(&mut later.returned, at)),
                kind::BURIED | kind::HELD => ended,
                kind::REPLAYED => first_of(&mut later.ended, at),
                kind::GONE => {
                    later.ended = Some(at);
                    None
                }
                _ => None,
            };
        }
        found
    }
}

/// The place that was put there, or nothing, and from now on this one.
fn first_of(known: &mut Option<usize>, at: usize) -> Option<usize> {
    match *known {
        None => {
            *known = Some(at);
            None
        }
        known => known,
    }
}

#[cfg(test)]
mod tests {
    use bookdrop_backend::{DeadReason, Record};
    use fastrand::Rng;

    use super::*;
    use crate::image::Image;
    use crate::journal::{Position, Recovered};
    use crate::ledger::note::{Grave, Group, Note, Standing, State};
    use crate::ledger::survival::Reach;

    const EVENTS: u64 = 3;
    const GROUPS: u64 = 2;

    fn event(number: u64) -> Note {
        let standing = |group| Standing {
            group,
            order: number,
            since: 0,
            deliveries: 0,
            failures: 0,
            state: State::Ready,
            is_queued: false,
        };
        Note::Event {
            number,
            sent: 0,
            record: Record::default(),
            standings: (0..GROUPS).map(standing).collect(),
        }
    }

    fn change(rng: &mut Rng, at: u64) -> Note {
        let (number, group) = (rng.u64(1..=EVENTS), rng.u64(..GROUPS));
        match rng.u32(..40) {
            0 => Note::Gone { number, group },
            1 => Note::Replayed {
                number,
                group,
                order: EVENTS + at,
                since: at,
            },
            2 => Note::Buried {
                number,
                group,
                grave: Grave {
                    id: at,
                    at,
                    reason: DeadReason::MaxAttempts,
                    noted: 0,
                },
            },
            3..20 => Note::Returned {
                number,
                group,
                failures: at as u32,
                due: rng.u64(..3),
            },
            _ => Note::HandedOver {
                number,
                group,
                deliveries: at as u32,
            },
        }
    }

    /// How the events stand after all of a page.
    fn standings(page: &Page) -> Vec<(u64, Vec<Standing>)> {
        let mut image = Image::new(0);
        for (at, record) in (0..).zip(page.records()) {
            image.read(Recovered {
                position: Position {
                    generation: 1,
                    offset: at,
                },
                sequence: at,
                kind: record.kind,
                payload: record.payload,
            });
        }
        let seen = image.events();
        let mut all: Vec<_> = seen
            .map(|seen| (seen.number, seen.standings.to_vec()))
            .collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all
    }

    #[test]
    fn what_is_left_says_the_same_and_does_not_grow() {
        for seed in 0..200 {
            let mut rng = Rng::with_seed(seed);
            let mut page = Page::default();
            (1..=EVENTS).for_each(|number| page.put(number, &event(number)));
            for at in EVENTS + 1..1_000 {
                page.put(at, &change(&mut rng, at));
            }
            let before = standings(&page);
            page.thin_out();
            assert_eq!(standings(&page), before, "seed {seed}");
            // An event, and in each group: what began it anew, its last hand-over and its last failure.
            let most = (EVENTS * (1 + 3 * GROUPS)) as usize;
            let others = page.count() - said_once(&page);
            assert!(others <= most, "{others} notes");
        }
    }

    /// What is never said twice, but here.
    fn said_once(page: &Page) -> usize {
        let is_one = |kind| [kind::BURIED, kind::GONE].contains(&kind);
        page.records().filter(|record| is_one(record.kind)).count()
    }

    fn table(rng: &mut Rng) -> Note {
        let groups = (0..rng.u64(..4)).map(|_| Group {
            number: rng.u64(1..9),
            is_joined: true,
            name: "a".to_owned(),
        });
        Note::Groups {
            last: 9,
            groups: groups.collect(),
        }
    }

    /// For each note that puts an event into groups, and for the end, the table before it.
    fn tables(page: &Page) -> Vec<Vec<u8>> {
        let mut last = Vec::new();
        let mut tables = Vec::new();
        for record in page.records() {
            match record.kind {
                kind::GROUPS => last = record.payload.to_vec(),
                kind::EVENT => tables.push(last.clone()),
                _ => {}
            }
        }
        tables.push(last);
        tables
    }

    #[test]
    fn what_is_put_into_a_group_follows_the_same_table() {
        for seed in 0..100 {
            let mut rng = Rng::with_seed(seed);
            let mut page = Page::default();
            for at in 1..1_000 {
                let note = match rng.u32(..20) {
                    0 => event(at),
                    1..10 => change(&mut rng, at),
                    _ => table(&mut rng),
                };
                page.put(at, &note);
            }
            let before = tables(&page);
            page.thin_out();
            assert_eq!(tables(&page), before, "seed {seed}");
            let kept = page.records();
            let kept = kept.filter(|record| record.kind == kind::GROUPS).count();
            assert!(kept <= before.len(), "{kept} tables");
        }
    }

    #[test]
    fn what_is_superseded_is_written_when_that_is_which_says_it() {
        let mut page = Page::default();
        page.put(1, &event(1));
        for number in 2..1_000 {
            let handed_over = Note::HandedOver {
                number: 1,
                group: 0,
                deliveries: number as u32,
            };
            page.put(number, &handed_over);
        }
        page.put(1_000, &event(2));
        page.thin_out();
        assert_eq!(page.count(), 3);
        // The second note says what the one with number 2 said.
        let reach = |written, appended| Some(Reach { written, appended });
        assert_eq!(page.remove_appended(1), reach(1, 998));
        assert_eq!(page.remove_appended(1), reach(999, 999));
        assert_eq!(page.remove_appended(1), None);
    }
}
