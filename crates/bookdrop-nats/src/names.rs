//! What things are called at the server.

use bookdrop_backend::{Error, ErrorKind};

/// Bytes of a token at most. The server takes 255 of a stream's name, and longer ones are file names no more.
const LONGEST: usize = 200;

/// The names of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    token: String,
}

impl Names {
    /// Those of a queue of this name. What a subject or a stream's name may not hold is written as `=` and two digits: the server
    /// never answers who asks for a stream whose name has a dot.
    ///
    /// # Errors
    /// `Invalid`, for a name that is empty or too long.
    pub(crate) fn new(queue: &str) -> Result<Self, Error> {
        let mut token = String::new();
        for byte in queue.bytes() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => token.push(byte.into()),
                other => token.push_str(&format!("={other:02X}")),
            }
        }
        let refused = match token.len() {
            0 => "a queue needs a name",
            1..=LONGEST => return Ok(Names { token }),
            _ => "the name of the queue is too long; make it 60 bytes at most",
        };
        Err(Error::new(ErrorKind::Invalid, refused))
    }

    /// The stream that is the journal.
    pub(crate) fn stream(&self) -> String {
        format!("BOOKDROP_{}", self.token)
    }

    /// Where pages are published.
    pub(crate) fn pages(&self) -> String {
        format!("bookdrop.{}.j", self.token)
    }

    /// Where a driver says that it is the keeper.
    pub(crate) fn epochs(&self) -> String {
        format!("bookdrop.{}.e", self.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(queue: &str) -> String {
        Names::new(queue).expect("it can be called so").stream()
    }

    #[test]
    fn whatever_a_queue_is_called_its_stream_has_a_name_of_its_own() {
        assert_eq!(stream("library-2_b"), "BOOKDROP_library-2_b");
        assert_eq!(stream("Library"), "BOOKDROP_=4Cibrary");
        assert_eq!(stream("a.b *>/="), "BOOKDROP_a=2Eb=20=2A=3E=2F=3D");
        assert_eq!(stream("ü"), "BOOKDROP_=C3=BC");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for queue in ["", &"x".repeat(201), &"ü".repeat(40)] {
            let refused = Names::new(queue).expect_err("it cannot be called so");
            assert_eq!(refused.kind(), ErrorKind::Invalid);
        }
    }
}
