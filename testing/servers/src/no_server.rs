//! Why a server cannot be had, and what to do about it.

use std::error::Error;
use std::fmt;

/// A kind of server.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What the command line calls it.
    pub(crate) name: &'static str,
    /// What has to be there for it, as a sentence.
    needs: &'static str,
}

pub(crate) const POSTGRES: Kind = Kind {
    name: "postgres",
    needs: "It needs PostgreSQL 13 or newer: `apt-get install postgresql` installs it, and BOOKDROP_POSTGRES_BIN names the \
            folder of its programs where they are found neither on the path nor where Debian puts them",
};

pub(crate) const NATS: Kind = Kind {
    name: "nats",
    needs: "On Linux with an x86_64 or aarch64 processor it needs python3 with pip, which `apt-get install python3-pip` \
            installs, and once the network; BOOKDROP_NATS_BIN names another program `nats-server`",
};

/// Why a server cannot be had. It is shown with what to install, and how to test without it.
pub struct NoServer {
    kind: &'static Kind,
    why: String,
}

impl NoServer {
    pub(crate) fn of(kind: &'static Kind, why: impl Into<String>) -> NoServer {
        let why = why.into();
        NoServer { kind, why }
    }
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NoServer { kind, why } = self;
        let Kind { name, needs } = kind;
        write!(
            f,
            "there is no server `{name}`: {why}\n{needs}. `cargo xtask test --without {name}` leaves out the tests that ask \
             for one"
        )
    }
}

/// The same: tests unwrap it, and whoever has no server has to read what to install.
impl fmt::Debug for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for NoServer {}
