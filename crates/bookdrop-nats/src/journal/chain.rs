//! The pages of one keeper, each behind the one before.

use bytes::Bytes;

use super::page::{Epoch, Kind, Page, Unreadable};
use super::placing::{Answer, Ask, Placed, Placing};

/// The end of the stream, as its keeper knows it.
///
/// Invariant: one page at a time is on its way, so what lies in the stream is known, but for that one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Chain {
    epoch: Epoch,
    /// The sequence of the last message that is known.
    last: u64,
    /// How many pages were written.
    pages: u64,
    placing: Option<Placing>,
    /// What that is, or the last one was.
    on_its_way: Kind,
}

/// What became of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It lies at this sequence.
    At(u64),
    /// Another driver is the keeper.
    Replaced,
    /// Somebody else published into the stream, or wrote what cannot be read: at this sequence.
    Broken(u64, Unreadable),
    /// The stream ends at this sequence, before what was confirmed.
    Cut(u64),
}

impl Chain {
    /// That of a keeper whose epoch has begun.
    pub(crate) fn new(epoch: Epoch) -> Self {
        Chain {
            epoch,
            last: epoch.sequence,
            pages: 0,
            placing: None,
            on_its_way: Kind::Epoch,
        }
    }

    /// Whether a page is on its way.
    pub(crate) fn is_busy(&self) -> bool {
        self.placing.is_some()
    }

    /// Whether what is on its way says nothing.
    pub(crate) fn is_reserve(&self) -> bool {
        matches!(self.on_its_way, Kind::Reserve { .. })
    }

    /// A page that says this is to be written, at this time. None may be on its way.
    pub(crate) fn write(&mut self, body: Bytes, at: u64) {
        let kind = Kind::Notes {
            epoch: self.epoch.sequence,
            number: self.pages + 1,
        };
        self.place(kind, body, at);
    }

    /// A page that says nothing is to be put there, at this time. None may be on its way.
    pub(crate) fn reserve(&mut self, body: Bytes, at: u64) {
        let epoch = self.epoch.sequence;
        self.place(Kind::Reserve { epoch }, body, at);
    }

    /// There is no room for the page that says nothing. An earlier copy of it may come yet, and is passed over.
    pub(crate) fn give_up_reserve(&mut self) {
        if self.is_reserve() {
            self.placing = None;
        }
    }

    fn place(&mut self, kind: Kind, body: Bytes, at: u64) {
        assert!(!self.is_busy(), "one page is on its way at a time");
        self.on_its_way = kind;
        let page = Page {
            kind,
            driver: self.epoch.driver,
            at,
            body,
        };
        self.placing = Some(Placing::new(page.encode(), self.last));
    }

    /// What the server is to be asked, for the page on its way.
    pub(crate) fn asks(&self) -> Option<(Ask, &Placing)> {
        let placing = self.placing.as_ref()?;
        Some((placing.asks(), placing))
    }

    /// What the server said. `None` while it is to be asked for more.
    pub(crate) fn told(&mut self, answer: Answer) -> Option<Written> {
        let placing = self.placing.as_mut()?;
        let placed = placing.told(answer)?;
        let place = placing.place();
        let message = placing.message().clone();
        self.placing = None;
        match placed {
            Placed::There => {
                self.last = place;
                self.pages += u64::from(matches!(self.on_its_way, Kind::Notes { .. }));
                Some(Written::At(place))
            }
            Placed::Taken(other) => match Page::decode(&other) {
                Ok(page) if page.kind == Kind::Epoch => Some(Written::Replaced),
                // A late page of an earlier epoch, where the server lost what was behind that, or one that says nothing and was
                // given up. Nobody reads it.
                Ok(_) => {
                    self.last = place;
                    self.placing = Some(Placing::new(message, place));
                    None
                }
                Err(why) => Some(Written::Broken(place, why)),
            },
            // Nobody purges what the keeper has not written but a later keeper.
            Placed::Purged => Some(Written::Replaced),
            Placed::Cut(last) => Some(Written::Cut(last)),
        }
    }
}
