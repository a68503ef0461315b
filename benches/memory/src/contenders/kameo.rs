//! `kameo`: an actor with a bounded mailbox, `tell` for one-way events and `ask` with a reply timeout for requests. One
//! actor is one consumer. `send()` is what awaiting either does, less a box.

use std::marker::PhantomData;
use std::time::Duration;

use kameo::actor::{ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::mailbox;
use kameo::message::{Context, Message};
use kameo::reply::{DelegatedReply, ReplySender};

use super::{Catalogue, Role, answering, handling, one_consumer};
use crate::kind::Kind;
use crate::queue::{
    AsyncClient, AsyncHandled, AsyncHandler, AsyncHolding, AsyncTx, Shape, answer_to,
};
use crate::tally::Tally;

/// Enters it where it fits.
pub(crate) fn enter(all: &mut Catalogue) {
    all.async_handlings
        .push(handling::<Kameo<Tell>>("kameo", Role::Peer, one_consumer));
    all.async_answerings
        .push(answering::<Kameo<Ask>>("kameo", Role::Peer, one_consumer));
}

struct Kameo<Does>(PhantomData<Does>);

/// One way.
struct Tell;
/// Requests.
struct Ask;

/// The actor.
struct Actor<K> {
    tally: Tally,
    held: Vec<(u64, ReplySender<u64>)>,
    kind: PhantomData<K>,
}

/// A one-way event.
struct Told<K: Kind>(K::Event);
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

/// Sends to the actor.
struct Tx<K: Kind, Does>(ActorRef<Actor<K>>, PhantomData<Does>);

impl<K: Kind> kameo::Actor for Actor<K> {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(actor: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(actor)
    }
}

impl<K: Kind> Message<Told<K>> for Actor<K> {
    type Reply = ();

    async fn handle(&mut self, Told(event): Told<K>, _: &mut Context<Self, ()>) {
        self.tally.add(K::read(&event));
    }
}

impl<K: Kind> Message<Asked<K>> for Actor<K> {
    type Reply = u64;

    async fn handle(&mut self, Asked(event): Asked<K>, _: &mut Context<Self, u64>) -> u64 {
        let number = K::read(&event);
        self.tally.add(number);
        answer_to(number)
    }
}

impl<K: Kind> Message<Kept<K>> for Actor<K> {
    type Reply = DelegatedReply<u64>;

    async fn handle(
        &mut self,
        Kept(event): Kept<K>,
        context: &mut Context<Self, Self::Reply>,
    ) -> Self::Reply {
        let (delegated, reply) = context.reply_sender();
        let reply = reply.expect("a request");
        self.held.push((K::read(&event), reply));
        delegated
    }
}

impl<K: Kind> Message<Held> for Actor<K> {
    type Reply = usize;

    async fn handle(&mut self, _: Held, _: &mut Context<Self, usize>) -> usize {
        self.held.len()
    }
}

impl<K: Kind> Message<Release> for Actor<K> {
    type Reply = ();

    async fn handle(&mut self, _: Release, _: &mut Context<Self, ()>) {
        for (number, reply) in self.held.drain(..) {
            reply.send(answer_to(number));
        }
    }
}

impl<K: Kind> Message<Handled> for Actor<K> {
    type Reply = Result<Tally, Infallible>;

    async fn handle(&mut self, _: Handled, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        Ok(std::mem::take(&mut self.tally))
    }
}

impl<K: Kind, Does: Send + 'static> AsyncHandled<K> for Kameo<Does> {
    type Tx = Tx<K, Does>;
    type Handler = ActorRef<Actor<K>>;

    async fn open(shape: Shape) -> (Vec<Tx<K, Does>>, ActorRef<Actor<K>>) {
        let actor = Actor {
            tally: Tally::default(),
            held: Vec::new(),
            kind: PhantomData,
        };
        let actor = Actor::spawn_with_mailbox(actor, mailbox::bounded(shape.capacity));
        let txs = (0..shape.producers).map(|_| Tx(actor.clone(), PhantomData));
        (txs.collect(), actor)
    }
}

impl<K: Kind> AsyncTx for Tx<K, Tell> {
    #[inline]
    async fn send(&mut self, number: u64) {
        let told = self.0.tell(Told(K::event(number))).send().await;
        assert!(told.is_ok(), "open");
    }
}

impl<K: Kind> AsyncClient for Tx<K, Ask> {
    #[inline]
    async fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let ask = self.0.ask(Asked(K::event(number))).reply_timeout(deadline);
        ask.send().await.expect("answered in time")
    }
}

impl<K: Kind> AsyncHolding<K> for Kameo<Ask> {
    async fn wait(tx: &mut Tx<K, Ask>, number: u64, deadline: Duration) -> u64 {
        let ask = tx.0.ask(Kept(K::event(number))).reply_timeout(deadline);
        ask.send().await.expect("answered in time")
    }

    async fn held(actor: &mut ActorRef<Actor<K>>) -> usize {
        actor.ask(Held).send().await.expect("open")
    }

    async fn release(actor: &mut ActorRef<Actor<K>>) {
        actor.ask(Release).send().await.expect("open");
    }
}

/// The actor ends with the last reference to it.
impl<K: Kind> AsyncHandler for ActorRef<Actor<K>> {
    async fn handled(&mut self) -> Tally {
        self.ask(Handled).send().await.expect("open")
    }
}
