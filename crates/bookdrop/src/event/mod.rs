//! The event: what is sent and received.

mod headers;
mod id;
mod meta;
mod spare;
mod text;
mod validate;

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use bookdrop_queue::{Hand, Recycled};
pub(crate) use meta::Ask;
use meta::Meta;
pub use validate::InvalidEvent;

/// Something that happened, or that is to be done: a name, headers, values, and a body of any type `T`.
///
/// The body is moved from the producer to the consumer and, in process, never serialized: it may hold a file, a channel
/// or a closure. Where no body is needed, leave it out: `Event` is `Event<()>`.
///
/// A body is moved into the event once, and out of it at most once, whatever its size. One of more than a kilobyte costs an
/// allocation for each event.
///
/// Building never fails. What is wrong with an event (see [`limits`](crate::limits)) is said when it is sent, by an error
/// that gives the event back.
///
/// ```
/// use bookdrop::Event;
///
/// let event = Event::new("S").with_header("title", "hello world").with_value("pages", 120);
/// assert_eq!(event.name(), "S");
/// assert_eq!(event.header("title"), Some("hello world"));
/// assert_eq!(event.value("pages").and_then(|v| v.as_u64()), Some(120));
///
/// struct Book { pages: u32 }
/// let event = event.with_body(Book { pages: 120 });
/// assert_eq!(event.body().pages, 120);
/// ```
#[doc(alias = "NewEvent")]
pub struct Event<T = ()> {
    /// With the body in it.
    meta: Recycled<Meta, T>,
}

impl Event<()> {
    /// An event of this name, with nothing in it yet.
    ///
    /// A `&'static str` costs no allocation.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// assert_eq!(Event::new("S").name(), "S");
    /// assert_eq!(Event::new(format!("book.{}", 7)).name(), "book.7");
    /// ```
    #[doc(alias = "NewEvent")]
    #[inline]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        let mut meta = Recycled::new(spare::take(), ());
        meta.name = name.into();
        Event { meta }
    }
}

impl<T> Event<T> {
    /// The same event with this body in place of its own.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let work = Event::new("work").with_body(|| 6 * 7);
    /// assert_eq!((work.body())(), 42);
    /// ```
    #[doc(alias = "interface{}")]
    #[inline]
    pub fn with_body<U>(self, body: U) -> Event<U> {
        Event {
            meta: self.meta.with_body(body),
        }
    }

    /// A copy with another body.
    pub(crate) fn copy_with_body<U>(&self, body: U) -> Event<U> {
        let mut spare = spare::take();
        self.meta.copy_into(&mut spare.head);
        Event {
            meta: Recycled::new(spare, body),
        }
    }

    /// The name, by which consumers tell events apart.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// match Event::new("lend").name() {
    ///     "lend" => println!("somebody takes a book"),
    ///     other => println!("what is {other}?"),
    /// }
    /// ```
    #[doc(alias = "GetEventName")]
    pub fn name(&self) -> &str {
        &self.meta.name
    }

    /// Sets a header, in place of one of the same name.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let mut event = Event::new("S").with_header("title", "draft");
    /// event.set_header("title", "hello world");
    /// assert_eq!(event.headers().collect::<Vec<_>>(), [("title", "hello world")]);
    /// ```
    #[doc(alias = "SetMsg")]
    #[inline]
    pub fn set_header(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) {
        self.meta.set_header(name.into(), value.into());
    }

    /// With this header; see [`set_header`](Event::set_header).
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let event = Event::new("S").with_header("title", "hello world");
    /// assert_eq!(event.header("title"), Some("hello world"));
    /// ```
    #[doc(alias = "SetMsg")]
    #[inline]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.set_header(name, value);
        self
    }

    /// The header of this name.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let event = Event::new("S").with_header("title", "hello world");
    /// assert_eq!(event.header("author"), None);
    /// ```
    #[doc(alias = "GetMsg")]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.meta.headers()?.get(name)
    }

    /// All headers, in the order in which they were first set.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let event = Event::new("S").with_header("title", "hello world").with_header("author", "A");
    /// let names: Vec<_> = event.headers().map(|(name, _)| name).collect();
    /// assert_eq!(names, ["title", "author"]);
    /// ```
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.meta.headers().into_iter().flat_map(|all| all.iter())
    }

    /// Sets a JSON-like value, in place of one of the same name.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let mut event = Event::new("S");
    /// event.set_value("pages", 120);
    /// event.set_value("tags", vec!["new", "lent"]);
    /// assert_eq!(event.value("tags").unwrap()[1], "lent");
    /// ```
    #[doc(alias = "SetValue")]
    #[doc(alias = "SetCtxValue")]
    pub fn set_value(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        self.meta.set_value(name.into(), value.into());
    }

    /// With this value; see [`set_value`](Event::set_value).
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let event = Event::new("S").with_value("pages", 120).with_value("lent", true);
    /// assert_eq!(event.value("lent").and_then(|lent| lent.as_bool()), Some(true));
    /// ```
    #[doc(alias = "SetValue")]
    #[doc(alias = "SetCtxValue")]
    pub fn with_value(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Value>,
    ) -> Self {
        self.set_value(name, value);
        self
    }

    /// The value of this name.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let event = Event::new("S").with_value("pages", 120);
    /// assert_eq!(event.value("pages").and_then(|pages| pages.as_u64()), Some(120));
    /// assert_eq!(event.value("weight"), None);
    /// ```
    #[doc(alias = "GetValue")]
    pub fn value(&self, name: &str) -> Option<&Value> {
        let mut values = self.values();
        values.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// All values, in the order in which they were first set.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let event = Event::new("S").with_value("pages", 120).with_value("lent", true);
    /// assert_eq!(event.values().count(), 2);
    /// ```
    pub fn values(&self) -> impl Iterator<Item = (&str, &Value)> {
        let values = self.meta.values().iter();
        values.map(|(name, value)| (&**name, value))
    }

    /// With an id of your own, by which the driver knows an event that is sent again: within the driver's window (two
    /// minutes, see [`Builder::duplicate_window`](crate::Builder::duplicate_window)) it is one event. Requests are not
    /// compared.
    ///
    /// This holds for an event, too, that was taken out by [`Delivery::into_event`](crate::Delivery::into_event) or
    /// [`DeadLetters::take`](crate::DeadLetters::take) and is sent again with the same id: within the window it is dropped
    /// with `Ok`. Give it a new id before. [`DeadLetters::replay`](crate::DeadLetters::replay) does not compare ids.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer};
    /// let orders: Driver = Driver::memory(10);
    /// let shop = Producer::new(&orders);
    /// shop.send(Event::new("order").with_id("4711")).wait()?;
    /// shop.send(Event::new("order").with_id("4711")).wait()?; // a retry: fine, and nothing happens
    /// assert_eq!(orders.stats().wait()?.queued, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn with_id(mut self, id: impl Into<Cow<'static, str>>) -> Self {
        self.set_id(id.into(), true);
        self
    }

    fn set_id(&mut self, id: Cow<'static, str>, is_given: bool) {
        let details = self.meta.details_mut();
        details.id = Some(id);
        details.is_id_made = !is_given;
    }

    /// The id: the given one, or one (a version 7 uuid) that is made when it is first asked for and stays.
    ///
    /// A clone has the same id.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let event = Event::new("S");
    /// let copy = event.clone();
    /// assert_eq!(event.id(), copy.id());
    /// assert_ne!(event.id(), Event::new("S").id());
    /// ```
    pub fn id(&self) -> &str {
        self.meta.id()
    }

    /// A copy of the id, which costs less than to be asked for it and then to copy it.
    pub(crate) fn copy_id(&self) -> Box<str> {
        self.meta.copy_id()
    }

    /// The id given by [`with_id`](Event::with_id).
    pub(crate) fn given_id(&self) -> Option<&str> {
        self.meta.given_id()
    }

    /// The id that it had before it was written down, given or made.
    pub(crate) fn set_stored_id(&mut self, id: String, is_given: bool) {
        self.set_id(id.into(), is_given);
    }

    pub(crate) fn set_name(&mut self, name: String) {
        self.meta.name = name.into();
    }

    /// With a key: events of one key are handled one at a time, in the order in which they were sent; different keys
    /// run at once. A key is a `&'static str` or a `String` of its own: `with_key(format!("book {number}"))`.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("lend").with_key("S")).wait()?;
    /// a.send(Event::new("return").with_key("S")).wait()?;
    /// let lent = b.receive().wait()?;
    /// assert!(b.try_receive().wait().is_err(), "the other one waits until this one is settled");
    /// lent.ack().wait()?;
    /// assert_eq!(b.receive().wait()?.name(), "return");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn with_key(mut self, key: impl Into<Cow<'static, str>>) -> Self {
        self.meta.details_mut().key = Some(key.into());
        self
    }

    /// The key, if there is one.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// assert_eq!(Event::new("lend").with_key("S").key(), Some("S"));
    /// assert_eq!(Event::new("lend").key(), None);
    /// ```
    pub fn key(&self) -> Option<&str> {
        self.meta.details().key.as_deref()
    }

    /// With a priority, from 0 (the default) to [`MAX_PRIORITY`](crate::limits::MAX_PRIORITY), the most urgent: it is
    /// handed over before what is less urgent.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("shelve")).wait()?;
    /// a.send(Event::new("fire").with_priority(9)).wait()?;
    /// assert_eq!(b.receive().wait()?.name(), "fire");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn with_priority(mut self, priority: u8) -> Self {
        self.meta.details_mut().priority = priority;
        self
    }

    /// The priority.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// assert_eq!(Event::new("shelve").priority(), 0);
    /// ```
    pub fn priority(&self) -> u8 {
        self.meta.details().priority
    }

    /// With a delay: it is not handed over before so long after it was sent. Overlong delays mean about a hundred years.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let (sent, delay) = (Instant::now(), Duration::from_millis(5));
    /// a.send(Event::new("remind").with_delay(delay)).wait()?;
    /// assert_eq!(b.receive().wait()?.name(), "remind");
    /// assert!(sent.elapsed() >= delay);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.meta.details_mut().delay = Some(delay);
        self
    }

    /// The delay, if there is one.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::Event;
    /// let event = Event::new("remind").with_delay(Duration::from_secs(5));
    /// assert_eq!(event.delay(), Some(Duration::from_secs(5)));
    /// ```
    pub fn delay(&self) -> Option<Duration> {
        self.meta.details().delay
    }

    /// With a time to live: when nobody received it so long after it was sent, it is dropped and counted. A request ends
    /// then as if its deadline had passed.
    ///
    /// It may be dropped on bookdrop's timer thread. A `Drop` of its body that blocks there delays all deadlines of the
    /// process.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("weather").with_time_to_live(Duration::ZERO)).wait()?;
    /// assert!(b.try_receive().wait().is_err(), "it is too old");
    /// assert_eq!(library.stats().wait()?.expired, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn with_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.meta.details_mut().time_to_live = Some(time_to_live);
        self
    }

    /// The time to live, if there is one.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::Event;
    /// let event = Event::new("weather").with_time_to_live(Duration::from_secs(60));
    /// assert_eq!(event.time_to_live(), Some(Duration::from_secs(60)));
    /// ```
    pub fn time_to_live(&self) -> Option<Duration> {
        self.meta.details().time_to_live
    }

    /// Whether it has no id of its own, no key, no priority, no delay and no time to live.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.meta.is_plain()
    }

    /// It is about to be used, and was last used on another core.
    #[inline]
    pub(crate) fn prefetch(&self) {
        self.meta.prefetch(Meta::USED);
    }

    /// Where the queue writes down what it knows of it.
    #[inline]
    pub(crate) fn hand(&self) -> &Hand {
        &self.meta.hand
    }

    #[inline]
    pub(crate) fn hand_mut(&mut self) -> &mut Hand {
        &mut self.meta.hand
    }

    /// Who asks for an answer to it.
    #[inline]
    pub(crate) fn ask(&self) -> Option<Ask> {
        self.meta.ask()
    }

    #[inline]
    pub(crate) fn set_ask(&mut self, ask: Option<Ask>) {
        self.meta.set_ask(ask);
    }

    /// The end of its time to live.
    pub(crate) fn expires_at(&self) -> Option<Instant> {
        self.meta.details().expires_at
    }

    /// Its time to live ends then.
    pub(crate) fn set_expires_at(&mut self, at: Option<Instant>) {
        if at.is_some() || !self.is_plain() {
            self.meta.details_mut().expires_at = at;
        }
    }

    /// The body.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// assert_eq!(Event::new("S").with_body(120).body(), &120);
    /// ```
    #[inline]
    pub fn body(&self) -> &T {
        self.meta.body()
    }

    /// The body, to be changed in place.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let mut event = Event::new("S").with_body(vec![1]);
    /// event.body_mut().push(2);
    /// assert_eq!(event.body(), &[1, 2]);
    /// ```
    pub fn body_mut(&mut self) -> &mut T {
        self.meta.body_mut()
    }

    /// The body alone.
    ///
    /// ```
    /// # use bookdrop::Event;
    /// let event = Event::new("S").with_body(String::from("hello world"));
    /// let text: String = event.into_body();
    /// assert_eq!(text, "hello world");
    /// ```
    #[inline]
    pub fn into_body(self) -> T {
        self.meta.into_body()
    }
}

/// The copy has the same id, whoever of them is asked for it first.
impl<T: Clone> Clone for Event<T> {
    fn clone(&self) -> Self {
        self.copy_with_body(self.body().clone())
    }
}

/// Shows everything but the body, so that it asks nothing of `T`.
impl<T> fmt::Debug for Event<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name())
            .field("headers", &self.headers().collect::<Vec<_>>())
            .field("values", &self.values().collect::<Vec<_>>())
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}
