//! Numbers and texts as bytes.

pub(super) fn put_u32(into: &mut Vec<u8>, number: u32) {
    into.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_u64(into: &mut Vec<u8>, number: u64) {
    into.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_u128(into: &mut Vec<u8>, number: u128) {
    into.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_two(into: &mut Vec<u8>, numbers: [u64; 2], kind: u32) -> u32 {
    numbers.into_iter().for_each(|number| put_u64(into, number));
    kind
}

pub(super) fn put_text(into: &mut Vec<u8>, text: &str) {
    put_u32(into, text.len() as u32);
    into.extend_from_slice(text.as_bytes());
}

/// The greatest number of anything: nobody counts so far.
const GREATEST: u64 = 1 << 62;

/// What is left of a record.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let bytes = self.bytes(4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let bytes = self.bytes(8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    pub(super) fn u128(&mut self) -> Option<u128> {
        let bytes = self.bytes(16)?.try_into().ok()?;
        Some(u128::from_le_bytes(bytes))
    }

    /// One that counts something. There is always a next one.
    pub(super) fn number(&mut self) -> Option<u64> {
        self.u64().filter(|number| *number <= GREATEST)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        let bytes = self.bytes(length)?;
        Some(std::str::from_utf8(bytes).ok()?.to_owned())
    }

    pub(super) fn list<V>(&mut self, one: impl Fn(&mut Self) -> Option<V>) -> Option<Vec<V>> {
        // What it says of its length is not believed before so many are there.
        (0..self.u32()?).map(|_| one(self)).collect()
    }
}
