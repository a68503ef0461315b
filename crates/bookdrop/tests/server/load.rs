//! Two that send, two that ask and two that work, over two drivers of one queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bookdrop::{
    Answer, Consumer, Delivery, Event, Producer, ReceiveError, RequestErrorKind, SendErrorKind,
    SettleErrorKind,
};

use super::ledger::{Ledger, Progress};
use super::{Library, PATIENCE, open, wait_until};
use crate::engine;

/// Those that ask wait so long for a reply.
const DEADLINE: Duration = Duration::from_secs(5);
/// How the queue is opened; the engine says how many it has room for: few, so that senders meet a full queue.
const OPTIONS: &str = "max_deliveries=1000000&lease=20s";

/// A queue at work.
pub(crate) struct Load {
    /// Whose users send and ask.
    pub(crate) front: Library,
    /// Whose users work; one of them asks, too.
    pub(crate) back: Library,
    ledger: Arc<Ledger>,
    stops: Arc<AtomicBool>,
    sources: Vec<JoinHandle<()>>,
    consumers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Begins, with a queue of the server behind this URL.
    pub(crate) fn begin(url: &str, queue: &str) -> Self {
        Load::begin_with(url, queue, engine::OPTIONS)
    }

    /// Begins with these options in place of the engine's.
    pub(crate) fn begin_with(url: &str, queue: &str, options: &str) -> Self {
        let options = format!("{OPTIONS}&{options}");
        let mut load = Load {
            front: open(url, queue, &options),
            back: open(url, queue, &options),
            ledger: Arc::default(),
            stops: Arc::default(),
            sources: Vec::new(),
            consumers: Vec::new(),
        };
        for _ in 0..2 {
            let (mut consumer, ledger) = (Consumer::new(&load.back), load.ledger.clone());
            // It is there before anybody asks.
            let _ = consumer.try_receive().wait();
            load.consumers
                .push(thread::spawn(move || consume(consumer, &ledger)));
        }
        for number in 0..2 {
            load.add_source(load.front.clone(), move |library, ledger, stops| {
                produce(&library, number, ledger, stops);
            });
        }
        for (number, library) in [load.front.clone(), load.back.clone()]
            .into_iter()
            .enumerate()
        {
            load.add_source(library, move |library, ledger, stops| {
                ask(&library, number, ledger, stops);
            });
        }
        load
    }

    fn add_source(
        &mut self,
        library: Library,
        work: impl FnOnce(Library, &Ledger, &AtomicBool) + Send + 'static,
    ) {
        let (ledger, stops) = (self.ledger.clone(), self.stops.clone());
        self.sources
            .push(thread::spawn(move || work(library, &ledger, &stops)));
    }

    pub(crate) fn progress(&self) -> Progress {
        self.ledger.check();
        self.ledger.progress()
    }

    /// Waits until everybody got so much further.
    pub(crate) fn go_on(&self, by: usize) {
        let then = self.progress();
        let mut now = then;
        let begun = std::time::Instant::now();
        while !now.is_beyond(&then, by) {
            assert!(
                begun.elapsed() < PATIENCE,
                "somebody does not go on: {then:?}, and later {now:?}; {:?}",
                self.back.stats().wait_for(DEADLINE)
            );
            thread::sleep(Duration::from_millis(5));
            now = self.progress();
        }
    }

    /// Ends it, and looks whether all that was promised was kept.
    pub(crate) fn end(self) -> Progress {
        self.stops.store(true, Ordering::SeqCst);
        join_all("those that send and ask end", self.sources);
        wait_until("nothing is left in the queue", || {
            let stats = self.back.stats().wait().expect("the server is there");
            stats.queued + stats.delayed + stats.in_hand == 0
        });
        let closed = self.back.close().wait();
        closed.expect("the server is there");
        join_all("those that work end", self.consumers);
        self.ledger.check_all();
        self.ledger.progress()
    }
}

fn join_all(what: &str, threads: Vec<JoinHandle<()>>) {
    wait_until(what, || threads.iter().all(JoinHandle::is_finished));
    for thread in threads {
        thread.join().expect("it did not panic");
    }
}

fn produce(library: &Library, number: usize, ledger: &Ledger, stops: &AtomicBool) {
    let producer = Producer::new(library);
    let mut count = 0;
    while !stops.load(Ordering::SeqCst) {
        count += 1;
        let name = format!("event-{number}-{count}");
        let mut event = Event::new(name.clone())
            .with_id(name.clone())
            .with_body(name.clone());
        loop {
            match producer.send(event).wait() {
                Ok(_) => break ledger.confirm(&name),
                Err(error) => {
                    match error.kind() {
                        SendErrorKind::Backend(why) if why.is_retryable() => ledger.fail(),
                        _ => return ledger.wrong(format_args!("{name}: {error}")),
                    }
                    event = error.into_event();
                }
            }
        }
    }
}

fn ask(library: &Library, number: usize, ledger: &Ledger, stops: &AtomicBool) {
    let producer = Producer::new(library);
    let mut count = 0;
    while !stops.load(Ordering::SeqCst) {
        count += 1;
        let name = format!("request-{number}-{count}");
        let event = Event::new(name.clone()).with_body(name.clone());
        let mut request = producer.request(event, DEADLINE);
        match request.wait_for(PATIENCE) {
            Ok(Ok(reply)) if reply == name => ledger.reply(),
            Ok(Ok(reply)) => ledger.wrong(format_args!("{name} got {reply}")),
            Ok(Err(error)) => match error.kind() {
                RequestErrorKind::Deadline => ledger.fail(),
                RequestErrorKind::Backend(why) if why.is_retryable() => ledger.fail(),
                _ => ledger.wrong(format_args!("{name}: {error}")),
            },
            Err(_) => return ledger.wrong(format_args!("{name} hangs")),
        }
    }
}

fn consume(mut consumer: Consumer<String, String>, ledger: &Ledger) {
    loop {
        match consumer.receive().wait() {
            Ok(delivery) => work(delivery, ledger),
            Err(ReceiveError::Closed) => return,
            Err(error) => return ledger.wrong(format_args!("a consumer ended: {error}")),
        }
    }
}

fn work(delivery: Delivery<String, String>, ledger: &Ledger) {
    let name = delivery.name().to_owned();
    if fastrand::u8(..8) == 0 {
        // Work takes time, in which anything may happen.
        thread::sleep(Duration::from_millis(fastrand::u64(..20)));
    }
    let error = if delivery.is_request() {
        let body = delivery.body().clone();
        match delivery.reply(body).wait() {
            Ok(Answer::Sent) => return ledger.answer(&name),
            Ok(Answer::NotWanted) => return,
            Err(error) => error,
        }
    } else {
        ledger.receive(&name, delivery.attempt());
        match delivery.ack().wait() {
            Ok(()) => return ledger.ack(&name),
            Err(error) => error,
        }
    };
    match error.kind() {
        SettleErrorKind::LeaseEnded | SettleErrorKind::AlreadySettled => {}
        SettleErrorKind::Backend(why) if why.is_retryable() => {}
        _ => ledger.wrong(format_args!("{name}: {error}")),
    }
}
