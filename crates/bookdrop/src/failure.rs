//! Why a handler could not answer.

use std::error::Error;
use std::fmt;

use serde_json::Value;

/// What a requester is told when the work on its request failed: a message for people, and, where programs are to tell
/// failures apart, a code and details.
///
/// What implements [`Error`] turns into a failure by `?` or `From`; its message and those of its sources are kept. For
/// anything else (a text, a `Box<dyn Error>`, an `anyhow::Error`) there is `Failure::new(error.to_string())`. A `Failure`
/// is data that travels, not itself an [`Error`]: who receives one finds it in
/// [`RequestErrorKind::Failed`](crate::RequestErrorKind::Failed). An error that your program must match on exactly belongs
/// into the reply's type: `Driver<Book, Result<Condition, Torn>>`.
///
/// ```
/// use bookdrop::Failure;
///
/// let failure = Failure::new("page 7 is torn").with_code("torn").with_details(7);
/// assert_eq!(failure.code(), Some("torn"));
///
/// fn pages(text: &str) -> Result<u32, Failure> {
///     Ok(text.parse()?) // any error will do
/// }
/// assert_eq!(pages("many").unwrap_err().message(), "invalid digit found in string");
/// ```
#[doc(alias = "SetResultErr")]
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    message: String,
    code: Option<String>,
    details: Option<Value>,
    is_permanent: bool,
}

impl Failure {
    /// A failure with this message.
    ///
    /// ```
    /// # use bookdrop::Failure;
    /// assert_eq!(Failure::new("page 7 is torn").to_string(), "page 7 is torn");
    /// ```
    pub fn new(message: impl Into<String>) -> Self {
        Failure {
            message: message.into(),
            code: None,
            details: None,
            is_permanent: false,
        }
    }

    /// With a code, for programs to tell failures apart.
    ///
    /// ```
    /// # use bookdrop::Failure;
    /// let failure = Failure::new("page 7 is torn").with_code("torn");
    /// assert_eq!(failure.to_string(), "page 7 is torn (torn)");
    /// ```
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With details, for programs to look into.
    ///
    /// ```
    /// # use bookdrop::Failure;
    /// let failure = Failure::new("pages are torn").with_details(vec![7, 8]);
    /// assert_eq!(failure.details().unwrap()[1], 8);
    /// ```
    pub fn with_details(mut self, details: impl Into<Value>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// That no further attempt will help: a [`Worker`](crate::Worker) whose handler fails like this does not try again, and the event becomes
    /// a dead letter. This is for the worker, and does not travel to a requester in another process.
    ///
    /// ```
    /// # use bookdrop::Failure;
    /// assert!(Failure::new("page 7 is torn").permanent().is_permanent());
    /// ```
    pub fn permanent(mut self) -> Self {
        self.is_permanent = true;
        self
    }

    /// Whether no further attempt will help.
    ///
    /// ```
    /// # use bookdrop::Failure;
    /// assert!(!Failure::new("the shelf is being cleaned").is_permanent());
    /// ```
    pub fn is_permanent(&self) -> bool {
        self.is_permanent
    }

    /// What happened, for people.
    ///
    /// ```
    /// # use bookdrop::Failure;
    /// assert_eq!(Failure::new("page 7 is torn").message(), "page 7 is torn");
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The code, if there is one. Those of bookdrop itself begin with `bookdrop.`; see
    /// [`RequestErrorKind::Failed`](crate::RequestErrorKind::Failed).
    ///
    /// ```
    /// # use bookdrop::Failure;
    /// match Failure::new("page 7 is torn").with_code("torn").code() {
    ///     Some("torn") => println!("mend it"),
    ///     _ => println!("look at it"),
    /// }
    /// ```
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The details, if there are any.
    ///
    /// ```
    /// # use bookdrop::Failure;
    /// assert_eq!(Failure::new("page 7 is torn").details(), None);
    /// ```
    pub fn details(&self) -> Option<&Value> {
        self.details.as_ref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            None => f.write_str(&self.message),
            Some(code) => write!(f, "{} ({code})", self.message),
        }
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            message.push_str(": ");
            message.push_str(&error.to_string());
            source = error.source();
        }
        Failure::new(message)
    }
}
