//! What things are called at the server.

use bookdrop_backend::{Error, ErrorKind};

use crate::journal::{DriverId, Epoch};

/// Bytes of a token at most. The server takes 255 of a stream's name, and longer ones are file names no more.
const LONGEST: usize = 200;

/// How a subject ends where room is taken and nothing is said.
const RESERVE: &str = ".r";

/// The names of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    queue: String,
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
            0 => "a queue needs a name".to_owned(),
            1..=LONGEST => {
                let queue = queue.to_owned();
                return Ok(Names { queue, token });
            }
            length => format!(
                "the name of the queue is too long: it takes {length} bytes at the server, and {LONGEST} at most; `a` to `z`, `0` to `9`, \
                 `-` and `_` take one, and each byte of anything else takes three"
            ),
        };
        Err(Error::new(ErrorKind::Invalid, refused))
    }

    /// What the queue is called.
    pub(crate) fn queue(&self) -> &str {
        &self.queue
    }

    /// The stream that is the journal.
    pub(crate) fn stream(&self) -> String {
        format!("BOOKDROP_{}", self.token)
    }

    /// Where JetStream is asked about the stream.
    pub(crate) fn info(&self) -> String {
        format!("$JS.API.STREAM.INFO.{}", self.stream())
    }

    /// Where the keeper of an epoch publishes pages.
    pub(crate) fn pages(&self, epoch: Epoch) -> String {
        format!("bookdrop.{}.j.{epoch}", self.token)
    }

    /// Where the keeper of an epoch puts what takes room and says nothing.
    pub(crate) fn reserve(&self, epoch: Epoch) -> String {
        format!("{}{RESERVE}", self.pages(epoch))
    }

    /// Where all of them did.
    pub(crate) fn reserves(&self) -> String {
        format!("bookdrop.{}.j.*.*{RESERVE}", self.token)
    }

    /// Where nobody ever publishes.
    pub(crate) fn of_none(&self) -> String {
        format!("bookdrop.{}.j.none", self.token)
    }

    /// Where this driver says that it is the keeper.
    pub(crate) fn beginning(&self, driver: DriverId) -> String {
        format!("bookdrop.{}.e.{driver}", self.token)
    }

    /// All that is published into the stream.
    pub(crate) fn of_stream(&self) -> [String; 2] {
        [
            format!("bookdrop.{}.j.>", self.token),
            format!("bookdrop.{}.e.*", self.token),
        ]
    }

    /// All of the queue.
    pub(crate) fn all(&self) -> String {
        format!("bookdrop.{}.>", self.token)
    }

    /// The epoch of a message of this sequence that was published there.
    pub(crate) fn epoch_of(&self, subject: &str, sequence: u64) -> Option<Epoch> {
        let inside = subject
            .strip_prefix("bookdrop.")?
            .strip_prefix(&*self.token)?;
        if let Some(driver) = inside.strip_prefix(".e.") {
            let driver = driver.parse().ok()?;
            return Some(Epoch { sequence, driver });
        }
        let epoch = inside.strip_prefix(".j.")?;
        let epoch = epoch.strip_suffix(RESERVE).unwrap_or(epoch);
        let (sequence, driver) = epoch.split_once('.')?;
        Some(Epoch {
            sequence: sequence.parse().ok()?,
            driver: driver.parse().ok()?,
        })
    }

    /// Where the keeper of an epoch hears its guests.
    pub(crate) fn keeper(&self, epoch: Epoch) -> String {
        format!("bookdrop.{}.k.{epoch}", self.token)
    }

    /// Where a guest hears the keeper.
    pub(crate) fn guest(&self, driver: DriverId) -> String {
        format!("bookdrop.{}.g.{driver}", self.token)
    }

    /// Whether a guest hears the keeper there.
    pub(crate) fn is_of_guest(&self, subject: &str) -> bool {
        let inside = subject.strip_prefix("bookdrop.");
        let inside = inside.and_then(|inside| inside.strip_prefix(&*self.token));
        let driver = inside.and_then(|inside| inside.strip_prefix(".g."));
        driver.is_some_and(|driver| driver.parse::<DriverId>().is_ok())
    }

    /// Where everybody hears that there is another keeper, or that it leaves.
    pub(crate) fn news(&self) -> String {
        format!("bookdrop.{}.n", self.token)
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
    fn a_message_says_of_which_epoch_it_is() {
        let names = Names::new("a.b").expect("it can be called so");
        let driver = DriverId([0xab; 16]);
        let epoch = Epoch {
            sequence: 7,
            driver,
        };
        let begins = names.beginning(driver);
        assert_eq!(begins, format!("bookdrop.a=2Eb.e.{}", "ab".repeat(16)));
        assert_eq!(names.epoch_of(&begins, 7), Some(epoch));
        assert_eq!(names.epoch_of(&names.pages(epoch), 9), Some(epoch));
        assert_eq!(names.epoch_of(&names.reserve(epoch), 9), Some(epoch));
        assert!(names.is_of_guest(&names.guest(driver)));
        assert!(!names.is_of_guest(&names.news()) && !names.is_of_guest("a.b"));
        for other in ["bookdrop.a=2Eb.j", "bookdrop.a=2Eb.e.x", "bookdrop.c.e.ab"] {
            assert_eq!(names.epoch_of(other, 7), None);
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_and_told_the_rule() {
        for (queue, said) in [
            ("", "a queue needs a name"),
            (
                &"x".repeat(201),
                "takes 201 bytes at the server, and 200 at most",
            ),
            (&"ü".repeat(40), "takes 240 bytes"),
        ] {
            let refused = Names::new(queue).expect_err("it cannot be called so");
            assert_eq!(refused.kind(), ErrorKind::Invalid);
            assert!(refused.to_string().contains(said), "{refused}");
        }
        assert!(Names::new(&"x".repeat(200)).is_ok());
    }
}
