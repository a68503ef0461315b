//! `ractor`: `cast` for one-way events and `call` with a timeout for requests. One actor is one consumer. Its mailboxes
//! have no bound, so a producer never waits for room: the one-way rows are a control.

use std::marker::PhantomData;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::{Catalogue, Role, answering, handling, one_consumer};
use crate::kind::Kind;
use crate::queue::{
    AsyncClient, AsyncHandled, AsyncHandler, AsyncHolding, AsyncTx, Shape, answer_to,
};
use crate::tally::Tally;

/// Enters it where it fits.
pub(crate) fn enter(all: &mut Catalogue) {
    all.async_handlings.push(handling::<Ractor<Cast>>(
        "ractor, no bound",
        Role::Control,
        one_consumer,
    ));
    all.async_answerings.push(answering::<Ractor<Call>>(
        "ractor",
        Role::Peer,
        one_consumer,
    ));
}

struct Ractor<Does>(PhantomData<Does>);

/// One way.
struct Cast;
/// Requests.
struct Call;

/// The actor; what it counts is its state.
struct Counter<K>(PhantomData<K>);

/// What the actor is sent.
enum Message<K: Kind> {
    /// A one-way event.
    Event(K::Event),
    /// A request.
    Ask(K::Event, RpcReplyPort<u64>),
    /// A request whose answer is held back.
    Keep(K::Event, RpcReplyPort<u64>),
    /// What was handled?
    Handled(RpcReplyPort<Tally>),
    /// How many answers are held back?
    Held(RpcReplyPort<usize>),
    /// Answers those.
    Release,
}

/// What the actor keeps in mind.
#[derive(Default)]
struct State {
    tally: Tally,
    held: Vec<(u64, RpcReplyPort<u64>)>,
}

/// Sends to the actor.
struct Tx<K: Kind, Does>(ActorRef<Message<K>>, PhantomData<Does>);

/// Stops the actor.
struct Handler<K: Kind>(ActorRef<Message<K>>);

impl<K: Kind> Actor for Counter<K> {
    type Msg = Message<K>;
    type State = State;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message<K>>, _: ()) -> Result<State, ActorProcessingErr> {
        Ok(State::default())
    }

    async fn handle(
        &self,
        _: ActorRef<Message<K>>,
        message: Message<K>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Event(event) => state.tally.add(K::read(&event)),
            Message::Ask(event, reply) => {
                let number = K::read(&event);
                state.tally.add(number);
                assert!(reply.send(answer_to(number)).is_ok(), "awaited");
            }
            Message::Handled(reply) => {
                let tally = std::mem::take(&mut state.tally);
                assert!(reply.send(tally).is_ok(), "awaited");
            }
            Message::Keep(event, reply) => state.held.push((K::read(&event), reply)),
            Message::Held(reply) => {
                assert!(reply.send(state.held.len()).is_ok(), "awaited");
            }
            Message::Release => {
                for (number, reply) in state.held.drain(..) {
                    assert!(reply.send(answer_to(number)).is_ok(), "awaited");
                }
            }
        }
        Ok(())
    }
}

impl<K: Kind, Does: Send + 'static> AsyncHandled<K> for Ractor<Does> {
    type Tx = Tx<K, Does>;
    type Handler = Handler<K>;

    async fn open(shape: Shape) -> (Vec<Tx<K, Does>>, Handler<K>) {
        let started = Actor::spawn(None, Counter::<K>(PhantomData), ()).await;
        let (actor, _) = started.expect("an actor that starts");
        let txs = (0..shape.producers).map(|_| Tx(actor.clone(), PhantomData));
        (txs.collect(), Handler(actor))
    }
}

impl<K: Kind> AsyncTx for Tx<K, Cast> {
    #[inline]
    async fn send(&mut self, number: u64) {
        let cast = self.0.cast(Message::Event(K::event(number)));
        assert!(cast.is_ok(), "open");
    }
}

impl<K: Kind> AsyncClient for Tx<K, Call> {
    #[inline]
    async fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let ask = |reply| Message::Ask(K::event(number), reply);
        let answer = self.0.call(ask, Some(deadline)).await;
        answer.expect("open").expect("in time")
    }
}

impl<K: Kind> AsyncHolding<K> for Ractor<Call> {
    async fn wait(tx: &mut Tx<K, Call>, number: u64, deadline: Duration) -> u64 {
        let keep = |reply| Message::Keep(K::event(number), reply);
        let answer = tx.0.call(keep, Some(deadline)).await;
        answer.expect("open").expect("in time")
    }

    async fn held(handler: &mut Handler<K>) -> usize {
        let held = handler.0.call(Message::Held, None).await;
        held.expect("open").expect("answered")
    }

    async fn release(handler: &mut Handler<K>) {
        assert!(handler.0.cast(Message::Release).is_ok(), "open");
    }
}

impl<K: Kind> AsyncHandler for Handler<K> {
    async fn handled(&mut self) -> Tally {
        let tally = self.0.call(Message::Handled, None).await;
        tally.expect("open").expect("answered")
    }
}

impl<K: Kind> Drop for Handler<K> {
    fn drop(&mut self) {
        self.0.stop(None);
    }
}
