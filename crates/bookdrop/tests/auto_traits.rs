//! Which types and futures may go to another thread, be shared between threads, be moved while they are polled, outlive
//! their caller, and be used after a panic was caught. All of it holds, or fails, when this file is compiled.

#![allow(dead_code, reason = "nothing in it is ever called")]

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use bookdrop::operations::{self, Receive, ReceiveBatch, Request, SendBatch, TryReceive, TrySend};
use bookdrop::{
    Answer, BackendError, BackendErrorKind, Builder, Capabilities, Codec, Consumer, Damage,
    DeadLetter, DeadLetterId, DeadLetters, DeadReason, Delivery, DrainReport, Driver, Error,
    ErrorKind, Event, Failure, InvalidDeadLetterId, InvalidEvent, InvalidGroup, Left, OnFull,
    OpenError, OpenErrorKind, Outgoing, Producer, ReceiveError, Reply, RequestError,
    RequestErrorKind, SendBatchError, SendError, SendErrorKind, SettleError, SettleErrorKind,
    Stats, TimedOut, TryReceiveError,
};
use futures_lite::StreamExt;

/// Can be sent to another thread, and not shared with it.
type Unshared = Cell<u32>;

/// These types have these traits.
macro_rules! types {
    ($($name:ty),+ $(,)?; $($bounds:tt)+) => {{
        fn has<X: $($bounds)+>() {}
        $(has::<$name>();)+
    }};
}

/// These values have these traits.
macro_rules! values {
    ($($value:expr),+ $(,)?; $($bounds:tt)+) => {{
        fn has<X: $($bounds)+>(_: X) {}
        $(has($value);)+
    }};
}

/// This value does not have this trait: if it had, there would be two ways to call `check`.
macro_rules! not {
    ($value:expr; $bound:path) => {{
        trait Ambiguous<A> {
            fn check(&self) {}
        }
        impl<X> Ambiguous<()> for X {}
        impl<X: $bound> Ambiguous<u8> for X {}
        Ambiguous::check(&$value);
    }};
}

/// Whatever can be sent to another thread will do as a body and as a reply; it need not be `Sync`.
fn handles_ask_for_nothing_but_send<T: Send + 'static, R: Send + 'static>() {
    types!(Driver<T, R>, Builder<T, R>, Producer<T, R>, Consumer<T, R>, DeadLetters<T, R>, Reply<R>;
        Send + Sync + Unpin + 'static);
    types!(Driver<T, R>, Producer<T, R>, Consumer<T, R>; UnwindSafe + RefUnwindSafe);
    types!(Delivery<T, R>; Send + 'static);
    types!(Event<T>, DrainReport<T>, Left<T>; Send + 'static);
    types!(SendError<T>, SendBatchError<T>, RequestError<T>, SettleError<T, R>;
        std::error::Error + Send + Sync + 'static);
}

fn what_holds_no_event_has_every_auto_trait() {
    types!(Error; std::error::Error + Send + Sync + Unpin + 'static);
    types!(InvalidDeadLetterId, InvalidEvent, InvalidGroup, OpenError, ReceiveError, TryReceiveError, TimedOut;
        std::error::Error + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static);
    types!(
        Answer, Capabilities, Damage, DeadLetter, DeadLetterId, DeadReason, ErrorKind, Failure, OnFull,
        BackendError, BackendErrorKind, Codec, OpenErrorKind, Outgoing, RequestErrorKind, SendErrorKind,
        SettleErrorKind, Stats;
        Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static
    );
}

fn what_holds_an_event_is_shared_like_it<T: Send + Sync + 'static, R: Send + 'static>() {
    types!(Event<T>, DrainReport<T>, Left<T>, Delivery<T, R>; Sync);
}

fn what_holds_an_event_is_unpin_like_it<T: Unpin, R>() {
    types!(Event<T>, Delivery<T, R>; Unpin);
}

/// A body with a reference may be taken for one with a shorter-lived one.
fn an_event_is_covariant<'a>(event: Event<&'static str>, _: &'a str) -> Event<&'a str> {
    event
}

fn what_holds_an_event_that_is_not_shared_is_not_shared(
    event: Event<Unshared>,
    delivery: Delivery<Unshared>,
) {
    not!(event; Sync);
    not!(delivery; Sync);
}

fn named_futures_can_be_sent_and_moved<'a, T: Send + 'a, R: Send + 'a>() {
    types!(operations::Send<'a, T, R>, TrySend<'a, T, R>, SendBatch<'a, T, R>, Request<'a, T, R>; Send + Unpin);
    types!(Receive<'a, T, R>, TryReceive<'a, T, R>, ReceiveBatch<'a, T, R>; Send + Sync + Unpin);
}

fn futures_of_producers<T: Send, R: Send>(a: &Producer<T, R>, event: fn() -> Event<T>) {
    values!(
        a.send(event()),
        a.try_send(event()),
        a.send_batch([event()]),
        a.request(event(), Duration::ZERO),
        a.request(event(), Duration::ZERO).wait_for_consumer();
        Send + Unpin
    );
}

fn futures_of_consumers<T: Send, R: Send>(b: &mut Consumer<T, R>) {
    values!(b.receive(), b.try_receive(), b.receive_batch(2), b.next(); Send + Sync + Unpin);
}

/// They keep the driver's queue themselves, so that they can outlive every handle.
fn futures_of_drivers<T: Send + 'static, R: Send + 'static>(driver: &Driver<T, R>, group: &str) {
    values!(
        driver.stats(),
        driver.group_stats(group),
        driver.groups(),
        driver.remove_group(group),
        driver.purge(),
        driver.close(),
        driver.drain(Duration::ZERO);
        Send + Sync + 'static
    );
}

fn futures_of_dead_letters<T: Send + 'static, R: Send + 'static>(
    letters: &DeadLetters<T, R>,
    id: DeadLetterId,
) {
    values!(
        letters.list(),
        letters.replay(id),
        letters.replay_all(),
        letters.discard(id),
        letters.discard_all(),
        letters.take(id);
        Send + Sync + 'static
    );
}

fn futures_of_deliveries<T: Send + 'static, R: Send + 'static>(
    book: fn() -> Delivery<T, R>,
    reply: R,
) {
    values!(
        book().extend(),
        book().ack(),
        book().nack(),
        book().retry_after(Duration::ZERO),
        book().reject("torn"),
        book().reject(String::new()),
        book().reply(reply),
        book().fail(Failure::new("torn")),
        book().fail(std::fmt::Error),
        book().into_event(),
        book().into_parts();
        Send + 'static
    );
    values!(book().cancelled(); Send + Sync + Unpin);
}

fn futures_of_deliveries_are_shared_like_the_event<T, R>(book: fn() -> Delivery<T, R>, reply: R)
where
    T: Send + Sync + 'static,
    R: Send + Sync + 'static,
{
    values!(
        book().extend(),
        book().ack(),
        book().nack(),
        book().retry_after(Duration::ZERO),
        book().reject("torn"),
        book().reply(reply),
        book().fail(Failure::new("torn")),
        book().into_event(),
        book().into_parts();
        Sync
    );
}

fn futures_of_replies<R: Send + 'static>(owed: fn() -> Reply<R>, reply: R) {
    values!(
        owed().send(reply),
        owed().fail(Failure::new("torn"));
        Send + 'static
    );
    values!(owed().cancelled(); Send + Sync + Unpin);
}

/// It holds `&Event<T>` while the work goes on.
fn reply_with_can_be_sent_when_the_body_can_be_shared<T, R>(book: Delivery<T, R>)
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    let work = async |_: &Event<T>| Err(Failure::new("torn"));
    values!(book.reply_with(work); Send + 'static);
}

fn reply_with_cannot_be_sent_when_the_body_cannot_be_shared(book: Delivery<Unshared, u32>) {
    not!(answering_with_the_number(book); Send);
}

fn answering_with_the_number(book: Delivery<Unshared, u32>) -> impl Future {
    book.reply_with(async |book| Ok(book.body().get()))
}

/// The way out: the work has the event itself.
fn into_parts_can_be_sent_whatever_the_body(book: Delivery<Unshared, Unshared>) {
    let work = async move {
        let (event, reply) = book.into_parts().await?;
        let work = async move { event.into_body() };
        reply.send(work.await).await?;
        Ok::<(), Error>(())
    };
    values!(work; Send + 'static);
}
