//! A driver that was not opened.

use std::fmt;

use bookdrop_backend::Error as BackendError;

use super::{Error, ErrorKind, untold_cause};

/// A driver was not opened. It shows nothing of the address that may be a secret.
///
/// ```
/// use bookdrop::Driver;
///
/// let error = Driver::<String>::open("memory:?capacity=many").wait().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the driver was not opened: the option `capacity` is `many`; make it a whole number, at least 1"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OpenError(Box<(OpenErrorKind, String)>);

/// Why a driver was not opened.
///
/// ```
/// use bookdrop::{Driver, OpenErrorKind};
///
/// let open = |address| Driver::<String>::open(address).wait().unwrap_err();
/// assert_eq!(open("what").kind(), &OpenErrorKind::Malformed);
/// assert_eq!(open("shelf:3").kind(), &OpenErrorKind::UnknownScheme);
/// assert_eq!(open("memory:?capacity=1&pages=3").kind(), &OpenErrorKind::UnknownOption);
/// assert_eq!(open("memory:?capacity=0").kind(), &OpenErrorKind::InvalidOption);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenErrorKind {
    /// The text is no address.
    Malformed,
    /// There is no driver of that name.
    UnknownScheme,
    /// There is such a driver, or such a codec, and it was left out when the program was built.
    NotCompiledIn,
    /// The driver has no such option.
    UnknownOption,
    /// The option cannot have this value, or is given twice, or the driver has no use for the place.
    InvalidOption,
    /// The backend could not do it.
    Backend(BackendError),
}

impl OpenError {
    pub(crate) fn new(kind: OpenErrorKind, message: String) -> Self {
        OpenError(Box::new((kind, message)))
    }

    /// Why it was not opened.
    ///
    /// ```
    /// # use bookdrop::{Driver, OpenErrorKind};
    /// let error = Driver::<String>::open("shelf:3").wait().unwrap_err();
    /// assert_eq!(error.kind(), &OpenErrorKind::UnknownScheme);
    /// ```
    pub fn kind(&self) -> &OpenErrorKind {
        &self.0.0
    }
}

impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, message) = &*self.0;
        let mut shown = f.debug_tuple("OpenError");
        shown.field(kind);
        // What a backend says is shown by its error.
        if !matches!(kind, OpenErrorKind::Backend(_)) {
            shown.field(message);
        }
        shown.finish()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the driver was not opened: {}", self.0.1)
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            OpenErrorKind::Backend(error) => untold_cause(error),
            _ => None,
        }
    }
}

impl From<BackendError> for OpenError {
    fn from(error: BackendError) -> Self {
        let message = error.to_string();
        OpenError::new(OpenErrorKind::Backend(error), message)
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        let message = error.to_string();
        match error.0.0 {
            OpenErrorKind::Backend(source) => {
                Error::new(ErrorKind::Backend, message).with_backend(source)
            }
            _ => Error::new(ErrorKind::Invalid, message),
        }
    }
}
