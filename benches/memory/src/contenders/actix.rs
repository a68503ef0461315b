//! `actix`: an actor with a bounded mailbox. It cannot live on the executor of the row: an actor needs actix's own
//! single-threaded system, which has a thread of its own here, beside the executor. `send` waits for the handler's result,
//! which is how a request is made; one way it is the only call that waits while the mailbox is full. `do_send` does not
//! know the bound and is shown as a control. One actor is one consumer.

use std::marker::PhantomData;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler, Message, MessageResult, ResponseFuture, System};
use tokio::sync::oneshot;

use super::{Catalogue, Role, answering, handling, one_consumer};
use crate::kind::Kind;
use crate::pin;
use crate::queue::{
    AsyncClient, AsyncHandled, AsyncHandler, AsyncHolding, AsyncTx, Shape, answer_to,
};
use crate::tally::Tally;

/// Enters it where it fits.
pub(crate) fn enter(all: &mut Catalogue) {
    const NAME: &str = "actix, own thread";
    all.async_handlings
        .push(handling::<Actix<Send>>(NAME, Role::Peer, one_consumer));
    all.async_handlings.push(handling::<Actix<DoSend>>(
        "actix, own thread, no bound",
        Role::Control,
        one_consumer,
    ));
    all.async_answerings
        .push(answering::<Actix<Ask>>(NAME, Role::Peer, one_consumer));
}

struct Actix<Does>(PhantomData<Does>);

/// One way, waiting until it is handled.
struct Send;
/// One way, not waiting for anything.
struct DoSend;
/// Requests.
struct Ask;

/// The actor.
struct Counter<K> {
    capacity: usize,
    tally: Tally,
    held: Vec<(u64, oneshot::Sender<u64>)>,
    kind: PhantomData<K>,
}

/// A one-way event.
struct Sent<K: Kind>(K::Event);
/// A request.
struct Asked<K: Kind>(K::Event);
/// A request whose answer is held back.
struct Kept<K: Kind>(K::Event);
/// What was handled?
struct Handled;
/// How many answers are held back?
struct Held;
/// Answers those.
struct Release;

impl<K: Kind> Message for Sent<K> {
    type Result = ();
}

impl<K: Kind> Message for Asked<K> {
    type Result = u64;
}

impl<K: Kind> Message for Kept<K> {
    type Result = u64;
}

impl Message for Held {
    type Result = usize;
}

impl Message for Release {
    type Result = ();
}

impl Message for Handled {
    type Result = Tally;
}

impl<K: Kind> Actor for Counter<K> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(self.capacity);
    }
}

impl<K: Kind> Handler<Sent<K>> for Counter<K> {
    type Result = ();

    #[inline]
    fn handle(&mut self, Sent(event): Sent<K>, _: &mut Context<Self>) {
        self.tally.add(K::read(&event));
    }
}

impl<K: Kind> Handler<Asked<K>> for Counter<K> {
    type Result = u64;

    #[inline]
    fn handle(&mut self, Asked(event): Asked<K>, _: &mut Context<Self>) -> u64 {
        let number = K::read(&event);
        self.tally.add(number);
        answer_to(number)
    }
}

impl<K: Kind> Handler<Kept<K>> for Counter<K> {
    type Result = ResponseFuture<u64>;

    fn handle(&mut self, Kept(event): Kept<K>, _: &mut Context<Self>) -> ResponseFuture<u64> {
        let (reply, answer) = oneshot::channel();
        self.held.push((K::read(&event), reply));
        Box::pin(async move { answer.await.expect("answered") })
    }
}

impl<K: Kind> Handler<Held> for Counter<K> {
    type Result = usize;

    fn handle(&mut self, _: Held, _: &mut Context<Self>) -> usize {
        self.held.len()
    }
}

impl<K: Kind> Handler<Release> for Counter<K> {
    type Result = ();

    fn handle(&mut self, _: Release, _: &mut Context<Self>) {
        for (number, reply) in self.held.drain(..) {
            reply.send(answer_to(number)).expect("awaited");
        }
    }
}

impl<K: Kind> Handler<Handled> for Counter<K> {
    type Result = MessageResult<Handled>;

    fn handle(&mut self, _: Handled, _: &mut Context<Self>) -> MessageResult<Handled> {
        MessageResult(std::mem::take(&mut self.tally))
    }
}

/// Sends to the actor.
struct Tx<K: Kind, Does>(Addr<Counter<K>>, PhantomData<Does>);

/// The actor and the system it lives in.
struct Home<K: Kind> {
    actor: Addr<Counter<K>>,
    system: System,
    thread: Option<JoinHandle<()>>,
}

impl<K: Kind> Home<K> {
    /// Starts the system on a thread of its own, and in it the actor.
    fn start(capacity: usize) -> Self {
        let (tx, rx) = mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || {
            pin::this_thread(1);
            let runner = System::new();
            let actor = runner.block_on(async move {
                let counter = Counter {
                    capacity,
                    tally: Tally::default(),
                    held: Vec::new(),
                    kind: PhantomData,
                };
                counter.start()
            });
            tx.send((actor, System::current())).expect("awaited");
            runner.run().expect("a system that ends well");
        });
        let (actor, system) = rx.recv().expect("a system that starts");
        Self {
            actor,
            system,
            thread: Some(thread),
        }
    }
}

impl<K: Kind> Drop for Home<K> {
    fn drop(&mut self) {
        self.system.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<K: Kind, Does: std::marker::Send + 'static> AsyncHandled<K> for Actix<Does> {
    type Tx = Tx<K, Does>;
    type Handler = Home<K>;

    async fn open(shape: Shape) -> (Vec<Tx<K, Does>>, Home<K>) {
        let home = Home::start(shape.capacity);
        let txs = (0..shape.producers).map(|_| Tx(home.actor.clone(), PhantomData));
        (txs.collect(), home)
    }
}

impl<K: Kind> AsyncTx for Tx<K, Send> {
    #[inline]
    async fn send(&mut self, number: u64) {
        self.0.send(Sent(K::event(number))).await.expect("open");
    }
}

impl<K: Kind> AsyncTx for Tx<K, DoSend> {
    #[inline]
    async fn send(&mut self, number: u64) {
        self.0.do_send(Sent(K::event(number)));
    }
}

impl<K: Kind> AsyncClient for Tx<K, Ask> {
    #[inline]
    async fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let ask = self.0.send(Asked(K::event(number))).timeout(deadline);
        ask.await.expect("answered in time")
    }
}

impl<K: Kind> AsyncHolding<K> for Actix<Ask> {
    async fn wait(tx: &mut Tx<K, Ask>, number: u64, deadline: Duration) -> u64 {
        let ask = tx.0.send(Kept(K::event(number))).timeout(deadline);
        ask.await.expect("answered in time")
    }

    async fn held(home: &mut Home<K>) -> usize {
        home.actor.send(Held).await.expect("open")
    }

    async fn release(home: &mut Home<K>) {
        home.actor.send(Release).await.expect("open");
    }
}

impl<K: Kind> AsyncHandler for Home<K> {
    async fn handled(&mut self) -> Tally {
        self.actor.send(Handled).await.expect("open")
    }
}
