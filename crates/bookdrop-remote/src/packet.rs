//! A packet: who says it to whom, how far the other side was heard, and parts of words.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use bookdrop_backend::Error;

use crate::error::{garbled, other_format};
use crate::names::GuestId;

/// How packets are written down.
const FORMAT: u8 = 1;
/// What stands before the parts takes so many bytes, at most: the format, the guest, and numbers of at most ten bytes.
pub(crate) const HEAD_MOST: usize = 1 + 16 + 7 * 10 + 2;
/// What stands before the bytes of a part takes so many, at most.
pub(crate) const PART_HEAD_MOST: usize = 1 + 5;

/// Names a session: one guest at one keeper, for once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Between {
    pub(crate) guest: GuestId,
    pub(crate) epoch: u64,
    pub(crate) session: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) between: Between,
    pub(crate) kind: Kind,
    /// The first one that its sender still has, as far as it knows.
    pub(crate) first: u64,
    /// The number of the packet; none is 0, and says no words.
    pub(crate) number: u64,
    /// Up to here all packets of the other side were heard.
    pub(crate) heard: u64,
    /// Up to here there is room for packets of the other side.
    pub(crate) room_to: u64,
    /// How long before this one was sent its words were said, in nanoseconds.
    pub(crate) age: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// It says words, or how far the other side was heard.
    Plain,
    /// It says nothing, and wants to be told how far it was heard.
    Asks,
    /// There is no such session any more.
    Over,
}

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) is_last: bool,
    pub(crate) bytes: Bytes,
}

#[derive(Serialize, Deserialize)]
struct PartHead {
    is_last: bool,
    length: u32,
}

/// A packet with this body.
pub(crate) fn packet(head: &Head, body: &[u8]) -> Bytes {
    let mut packet = BytesMut::with_capacity(HEAD_MOST + body.len());
    packet.put_u8(FORMAT);
    put(&mut packet, head);
    packet.put_slice(body);
    packet.freeze()
}

/// What is said to whoever speaks another format. By its first byte they see which one is spoken here; it is no packet for anybody else.
pub fn greeting() -> Bytes {
    Bytes::from_static(&[FORMAT])
}

/// Begins a part at the end of a body.
pub(crate) fn put_part_head(body: &mut BytesMut, is_last: bool, length: usize) {
    let length = u32::try_from(length).expect("a part is smaller than a packet");
    put(body, &PartHead { is_last, length });
}

fn put(into: &mut BytesMut, what: &impl Serialize) {
    let written = postcard::to_extend(what, std::mem::take(into));
    *into = written.expect("it is made of numbers");
}

/// What stands before the parts, and the parts.
pub(crate) fn read(packet: Bytes) -> Result<(Head, Bytes), Error> {
    let Some((&format, rest)) = packet.split_first() else {
        return Err(garbled("it is empty"));
    };
    if format != FORMAT {
        return Err(other_format(format, FORMAT));
    }
    let read = postcard::take_from_bytes(rest);
    let (head, body) = read.map_err(|_| garbled("its head is cut off"))?;
    let body = packet.slice_ref(body);
    Ok((head, body))
}

/// The parts of a body, which are not copied.
pub(crate) fn parts(mut body: Bytes) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    while !body.is_empty() {
        let read = postcard::take_from_bytes::<PartHead>(&body);
        let (head, rest) = read.map_err(|_| garbled("a part has no head"))?;
        let mut rest = body.slice_ref(rest);
        let length = head.length as usize;
        if length > rest.len() {
            return Err(garbled("a part is cut off"));
        }
        let bytes = rest.split_to(length);
        parts.push(Part {
            is_last: head.is_last,
            bytes,
        });
        body = rest;
    }
    Ok(parts)
}
