//! `std::sync::mpsc::sync_channel`, between threads only. One consumer only.

use std::sync::mpsc;
use std::time::Duration;

use super::{Catalogue, Role, blocking_queue, blocking_service, one_consumer};
use crate::kind::Kind;
use crate::queue::{
    BlockingClient, BlockingEnds, BlockingQueue, BlockingRx, BlockingServer, BlockingService,
    BlockingTx, Shape, answer_to,
};

/// Enters it where it fits.
pub(crate) fn enter(all: &mut Catalogue) {
    all.blocking_queues
        .push(blocking_queue::<Std>("std", Role::Peer, one_consumer));
    all.blocking_services.push(blocking_service::<Std>(
        "std + std(1)",
        Role::Peer,
        one_consumer,
    ));
}

struct Std;

struct Tx<K: Kind>(mpsc::SyncSender<K::Event>);
struct Rx<K: Kind>(mpsc::Receiver<K::Event>);
struct Client<K: Kind>(mpsc::SyncSender<K::Ask<mpsc::SyncSender<u64>>>);
struct Server<K: Kind>(mpsc::Receiver<K::Ask<mpsc::SyncSender<u64>>>);

impl<K: Kind> BlockingQueue<K> for Std {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(shape: Shape) -> BlockingEnds<Tx<K>, Rx<K>> {
        let (tx, rx) = mpsc::sync_channel(shape.capacity);
        let producers = vec![tx; shape.producers].into_iter().map(Tx).collect();
        BlockingEnds::of_threads(producers, vec![Rx(rx)])
    }
}

impl<K: Kind> BlockingTx for Tx<K> {
    #[inline]
    fn send(&mut self, number: u64) {
        assert!(self.0.send(K::event(number)).is_ok(), "open");
    }
}

impl<K: Kind> BlockingRx for Rx<K> {
    #[inline]
    fn receive(&mut self) -> Option<u64> {
        self.0.recv().ok().map(|event| K::read(&event))
    }
}

impl<K: Kind> BlockingService<K> for Std {
    type Client = Client<K>;
    type Server = Server<K>;

    fn open(shape: Shape) -> BlockingEnds<Client<K>, Server<K>> {
        let (tx, rx) = mpsc::sync_channel(shape.capacity);
        let clients = vec![tx; shape.producers].into_iter().map(Client).collect();
        BlockingEnds::of_threads(clients, vec![Server(rx)])
    }
}

impl<K: Kind> BlockingClient for Client<K> {
    #[inline]
    fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let (reply, answer) = mpsc::sync_channel(1);
        assert!(self.0.send(K::ask(number, reply)).is_ok(), "open");
        answer.recv_timeout(deadline).expect("in time")
    }
}

impl<K: Kind> BlockingServer for Server<K> {
    #[inline]
    fn serve(&mut self) -> bool {
        let Ok(ask) = self.0.recv() else { return false };
        let answer = answer_to(K::read_ask(&ask));
        K::reply_of(ask).send(answer).expect("awaited");
        true
    }
}
