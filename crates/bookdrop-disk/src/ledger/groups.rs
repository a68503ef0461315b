//! The numbers under which groups are written down.

use bookdrop_queue::GroupId;

use super::note::{Group, Note, length_of_group};

/// All groups that something is written down of, the oldest first.
///
/// Invariant: one that nobody joined stands there alone. It is group "default", with what was sent before anybody came.
#[derive(Default)]
pub(super) struct Groups {
    known: Vec<Known>,
    /// The greatest number that there ever was.
    last: u64,
}

struct Known {
    id: GroupId,
    number: u64,
    name: String,
    /// Whether a consumer ever joined it.
    is_joined: bool,
}

impl Groups {
    pub(super) fn known(&self, id: GroupId) -> Option<u64> {
        let known = self.known.iter().find(|known| known.id == id)?;
        Some(known.number)
    }

    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// Whether a group has this number. One that was removed has it no more.
    pub(super) fn has(&self, number: u64) -> bool {
        self.known.iter().any(|known| known.number == number)
    }

    /// A group that gets something before anybody joined one. All others are known since they were joined.
    pub(super) fn begin_unjoined(&mut self, id: GroupId, name: &str) -> u64 {
        let number = self.last + 1;
        self.restore(id, number, name, false);
        number
    }

    pub(super) fn restore(&mut self, id: GroupId, number: u64, name: &str, is_joined: bool) {
        self.last = self.last.max(number);
        self.known.push(Known {
            id,
            number,
            name: name.to_owned(),
            is_joined,
        });
    }

    pub(super) fn go_on_behind(&mut self, last: u64) {
        self.last = self.last.max(last);
    }

    /// A consumer joined it. Returns whether that is news.
    pub(super) fn join(&mut self, id: GroupId, name: &str) -> bool {
        match self.known.iter_mut().find(|known| known.id == id) {
            Some(known) => !std::mem::replace(&mut known.is_joined, true),
            None => {
                // The first group that is joined goes on under the number of what was sent before: all of that is in it with its name.
                let before = self.known.pop_if(|known| !known.is_joined);
                let number = before.map_or(self.last + 1, |known| known.number);
                self.restore(id, number, name, true);
                true
            }
        }
    }

    pub(super) fn forget(&mut self, id: GroupId) -> bool {
        let before = self.known.len();
        self.known.retain(|known| known.id != id);
        self.known.len() < before
    }

    /// Whether nothing that is written down gets longer than so many bytes if this one is among them: neither the table of groups,
    /// nor how an event stands in all of them, in each of which it takes so many bytes at most. One that is there already has room.
    pub(super) fn have_room_for(&self, name: &str, longest: usize, standing: usize) -> bool {
        let known = self.known.iter().map(|known| &*known.name);
        if known.clone().any(|known| known == name) {
            return true;
        }
        let all = || known.clone().chain([name]);
        let table: usize = all().map(length_of_group).sum();
        table.max(all().count() * standing) <= longest
    }

    /// What is written down of them.
    pub(super) fn table(&self) -> Note {
        let group = |known: &Known| Group {
            number: known.number,
            is_joined: known.is_joined,
            name: known.name.clone(),
        };
        Note::Groups {
            last: self.last,
            groups: self.known.iter().map(group).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bookdrop_queue::{DEFAULT_GROUP, Limits, OnFull, Queue};

    use super::*;
    use crate::event::Entry;

    #[test]
    fn one_that_is_there_has_room() {
        let mut groups = Groups::default();
        groups.join(GroupId::default(), "there");
        assert!(groups.have_room_for("there", 0, 1));
        assert!(!groups.have_room_for("other", 0, 1));
    }

    /// The groups of a queue: the one that is there from the beginning, and another one.
    fn ids() -> [GroupId; 2] {
        let queue: std::sync::Arc<Queue<Entry>> =
            Queue::new(Limits::default(), OnFull::default(), 7);
        [queue.default_group(), queue.found("other", Entry::copy)]
    }

    fn table(groups: &Groups) -> Vec<(u64, bool, String)> {
        let Note::Groups { groups, .. } = groups.table() else {
            panic!("they are groups");
        };
        let groups = groups.into_iter();
        groups
            .map(|group| (group.number, group.is_joined, group.name))
            .collect()
    }

    #[test]
    fn the_first_that_is_joined_has_what_was_sent_before() {
        let [default, other] = ids();
        for (id, name) in [(default, DEFAULT_GROUP), (other, "other")] {
            let mut groups = Groups::default();
            assert_eq!(groups.begin_unjoined(default, DEFAULT_GROUP), 1);
            assert_eq!(table(&groups), [(1, false, DEFAULT_GROUP.to_owned())]);
            assert!(groups.join(id, name), "it is news");
            assert_eq!(table(&groups), [(1, true, name.to_owned())]);
        }
    }

    /// Nothing of what was in the one before is in it.
    #[test]
    fn what_is_sent_when_the_last_one_is_gone_has_a_number_of_its_own() {
        let [default, other] = ids();
        let mut groups = Groups::default();
        assert!(groups.join(other, "other"), "it is news");
        assert!(groups.forget(other), "it was there");
        groups.begin_unjoined(default, DEFAULT_GROUP);
        assert_eq!(table(&groups), [(2, false, DEFAULT_GROUP.to_owned())]);
    }
}
