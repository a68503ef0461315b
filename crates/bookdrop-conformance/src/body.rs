//! What the suite sends and what it gets back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bookdrop::Event;
use serde::{Deserialize, Serialize};

/// The body of every event of the suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// Which book it is.
    pub number: u64,
    /// Some text.
    pub text: String,
    /// Some bytes.
    pub bytes: Vec<u8>,
    /// Code of the suite that runs inside the driver. Not part of the content: a driver that writes bodies down leaves it out.
    #[serde(skip)]
    pub hook: Hook,
}

impl Book {
    /// A small book whose text and bytes follow from its number, so that damage shows.
    pub fn numbered(number: u64) -> Self {
        let text = format!("book {number}");
        Self {
            number,
            text,
            bytes: number.to_le_bytes().to_vec(),
            hook: Hook::none(),
        }
    }

    /// Whether a book made by [`numbered`](Book::numbered) still is what it was.
    pub fn is_intact(&self) -> bool {
        *self == Book::numbered(self.number)
    }
}

/// The reply of every request of the suite: the state in which a book came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Which book it is about.
    pub number: u64,
    /// Some text.
    pub text: String,
    /// Code of the suite that runs inside the driver.
    #[serde(skip)]
    pub hook: Hook,
}

impl Condition {
    /// The condition of the book with this number.
    pub fn of(number: u64) -> Self {
        Self {
            number,
            text: format!("book {number} is fine"),
            hook: Hook::none(),
        }
    }
}

/// An event that carries a small numbered book.
pub fn book(number: u64) -> Event<Book> {
    Event::new("book")
        .with_header("shelf", "north")
        .with_body(Book::numbered(number))
}

/// Code that runs when a body is cloned or dropped, wherever that happens.
#[derive(Default)]
pub struct Hook(Option<Arc<Hooks>>);

#[derive(Default)]
struct Hooks {
    on_clone: Option<Box<dyn Fn() + Send + Sync>>,
    on_drop: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Hook {
    /// No code.
    pub fn none() -> Self {
        Self(None)
    }

    /// Runs when the body is cloned.
    pub fn on_clone(run: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Hooks {
            on_clone: Some(Box::new(run)),
            on_drop: None,
        })))
    }

    /// Runs when the body, or a clone of it, is dropped.
    pub fn on_drop(run: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Hooks {
            on_clone: None,
            on_drop: Some(Box::new(run)),
        })))
    }
}

impl Clone for Hook {
    fn clone(&self) -> Self {
        if let Some(run) = self.0.as_ref().and_then(|hooks| hooks.on_clone.as_ref()) {
            run();
        }
        Self(self.0.clone())
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if let Some(run) = self.0.as_ref().and_then(|hooks| hooks.on_drop.as_ref()) {
            run();
        }
    }
}

/// Hooks are not content.
impl PartialEq for Hook {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "hooked" } else { "-" })
    }
}

/// Counts the bodies that are alive.
#[derive(Clone, Default)]
pub struct Census(Arc<AtomicUsize>);

impl Census {
    /// An event whose body is counted until it is dropped.
    pub fn book(&self, number: u64) -> Event<Book> {
        let mut event = book(number);
        event.body_mut().hook = self.hook();
        event
    }

    fn hook(&self) -> Hook {
        self.0.fetch_add(1, Ordering::SeqCst);
        let (born, gone) = (self.0.clone(), self.0.clone());
        Hook(Some(Arc::new(Hooks {
            on_clone: Some(Box::new(move || {
                born.fetch_add(1, Ordering::SeqCst);
            })),
            on_drop: Some(Box::new(move || {
                gone.fetch_sub(1, Ordering::SeqCst);
            })),
        })))
    }

    /// How many are alive now.
    pub fn alive(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
