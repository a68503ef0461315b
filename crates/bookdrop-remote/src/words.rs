//! What guests and keeper say to each other.

use std::collections::VecDeque;
use std::time::Instant;

use bookdrop_backend::Error;
use bytes::{BufMut, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::garbled;
use crate::hosted::Ending;
use crate::session::Heard;
use crate::wire::{
    Answered, Contents, How, Left, Rest, Trouble, Which, WhyNotFetched, WhyNotPublished,
    WrittenDead, WrittenFetched, WrittenRecord, WrittenSettled, WrittenStats,
};

/// What a guest says.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Ask {
    /// The first word of a session.
    Come(Coming),
    /// One more record of a call that publishes, which is said behind all of them.
    Carry { call: u64, record: WrittenRecord },
    /// Do this, and say how it ended.
    Call { call: u64, what: What },
    /// Nobody waits for that any more.
    Cancel(u64),
    /// These never got to their consumer.
    PutBack(Vec<u64>),
    /// A consumer goes.
    Leave(u64),
    /// It lives.
    Beat,
    /// It goes.
    Bye,
}

/// What a guest brings along.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Coming {
    /// Its consumers, and their groups.
    pub(crate) readers: Vec<(u64, String)>,
    /// What it has in hand, by its own number, and as every keeper calls it.
    pub(crate) held: Vec<(u64, [u64; 3])>,
    /// Whether it was closed, or drained.
    pub(crate) ending: Ending,
}

/// What is asked of the keeper.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum What {
    /// Publishes what was carried before.
    Publish {
        waits: bool,
    },
    Request {
        record: WrittenRecord,
        left: Left,
        waits_for_consumer: bool,
    },
    /// A consumer comes, under this number.
    Join {
        reader: u64,
        place: Seat,
    },
    Fetch {
        reader: u64,
        max: u64,
        waits: bool,
    },
    Settle {
        hand: u64,
        how: How,
    },
    Plain(Plain),
}

/// Where a consumer wants to sit.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) enum Seat {
    In(String),
    Beside(u64),
}

/// What is asked with few words.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) enum Plain {
    Stats(Option<String>),
    Groups,
    Dead(String, Which),
    RemoveGroup(String),
    Purge,
    Replay(String, Which),
    Discard(String, Which),
    End(Ending),
}

impl Plain {
    /// Whether it may be done twice.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Plain::Stats(_) | Plain::Groups | Plain::Dead(..) | Plain::End(_) => true,
            Plain::RemoveGroup(_) | Plain::Purge | Plain::Replay(..) | Plain::Discard(..) => false,
        }
    }
}

/// What the keeper says.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Tell {
    /// A guest came.
    Welcome {
        /// What it has in hand still, by both numbers.
        hands: Vec<(u64, u64)>,
        /// What it had in hand, unsettled, when its lease ended, by its own.
        lost: Vec<u64>,
        /// In milliseconds: how long the keeper waits for a word of it.
        lease: u64,
    },
    /// So many records of a call were taken in, and the next one waits.
    Taken { call: u64, count: u64 },
    /// One of the records that a call hands over; how it ended is said behind all of them.
    Handed {
        call: u64,
        fetched: WrittenFetched,
        name: [u64; 3],
    },
    /// Nobody wants the answer to this request in hand any more.
    Unwanted { hand: u64 },
    /// One of the dead letters that a call asked for.
    Letter { call: u64, dead: WrittenDead },
    /// How a call ended.
    Ended { call: u64, end: End },
}

/// How a call ended.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum End {
    Published(u64, Result<(), WhyNotPublished>),
    Answered(Answered),
    Joined(Result<(), Trouble>),
    Fetched(Result<(), WhyNotFetched>),
    Settled(Result<WrittenSettled, Trouble>),
    Plain(Result<Said, Trouble>),
}

/// What was answered with few words.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Said {
    Stats(Option<WrittenStats>),
    Groups(Vec<String>),
    /// It was said before.
    Dead,
    Is(bool),
    Count(u64),
    Done,
}

/// A word on its way.
pub(crate) struct Word {
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl Word {
    /// What is said, and the contents that stand behind it.
    pub(crate) fn new(what: &impl Serialize, contents: Contents) -> Self {
        let head = postcard::to_extend(what, BytesMut::new());
        let head = head.expect("nothing in it cannot be written down");
        let mut pieces = VecDeque::with_capacity(1 + contents.0.len());
        pieces.push_back(head.freeze());
        pieces.extend(contents.0);
        let length = pieces.iter().map(Bytes::len).sum();
        Word { pieces, length }
    }

    /// What is said, without contents.
    pub(crate) fn plain(what: &impl Serialize) -> Self {
        Word::new(what, Contents::default())
    }

    /// How much of it is left.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Moves so much of it to the end of this.
    pub(crate) fn move_into(&mut self, into: &mut BytesMut, mut length: usize) {
        self.length -= length;
        while let Some(piece) = self.pieces.front_mut() {
            let moved = piece.split_to(length.min(piece.len()));
            into.put_slice(&moved);
            length -= moved.len();
            if !piece.is_empty() {
                break;
            }
            self.pieces.pop_front();
        }
    }
}

/// A word that was heard, what stands behind it, and when it was said.
pub(crate) fn read<W: DeserializeOwned>(heard: Heard) -> Result<(W, Rest, Instant), Error> {
    let read = postcard::take_from_bytes(&heard.bytes);
    let (word, rest) = read.map_err(|_| garbled("a word in it is none"))?;
    let rest = heard.bytes.slice_ref(rest);
    Ok((word, Rest(rest), heard.said))
}
