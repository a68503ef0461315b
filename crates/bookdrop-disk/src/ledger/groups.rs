//! The numbers under which groups are written down.

use bookdrop_queue::{DEFAULT_GROUP, GroupId};

/// All groups that something is written down of, the oldest first.
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
    /// Whether a consumer ever joined it. Group "default" can hold what was sent before anybody came.
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

    /// A group that gets something for the first time.
    pub(super) fn add(&mut self, id: GroupId, name: &str) -> u64 {
        // Every other group is there since somebody joined it.
        self.begin(id, name, name != DEFAULT_GROUP)
    }

    fn begin(&mut self, id: GroupId, name: &str, is_joined: bool) -> u64 {
        // Group "default" is there again before anybody says that the one before was removed.
        self.known.retain(|known| known.name != name);
        self.last += 1;
        self.restore(id, self.last, name, is_joined);
        self.last
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
                self.begin(id, name, true);
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
        let table: usize = all().map(super::note::length_of_group).sum();
        table.max(all().count() * standing) <= longest
    }

    /// What is written down of them.
    pub(super) fn table(&self) -> Vec<super::note::Group> {
        let group = |known: &Known| super::note::Group {
            number: known.number,
            is_joined: known.is_joined,
            name: known.name.clone(),
        };
        self.known.iter().map(group).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_there_has_room() {
        let mut groups = Groups::default();
        groups.add(GroupId::default(), "there");
        assert!(groups.have_room_for("there", 0, 1));
        assert!(!groups.have_room_for("other", 0, 1));
    }
}
