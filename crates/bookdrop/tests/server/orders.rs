//! What the other process can be told to do, and how it says what came of it.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bookdrop::{Answer, Consumer, Delivery, Event, Producer, SettleError, SettleErrorKind};

use super::other::say;
use super::{Library, NEVER, PATIENCE, open_at};

/// One that waits for the end of something looks so often whether it shall go on.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// The other process, with what it has.
struct Servant {
    books: Library,
    consumer: Option<Consumer<String, String>>,
    in_hand: HashMap<String, Delivery<String, String>>,
    asked: HashMap<String, Sender<()>>,
}

/// Does what it is told until nobody is there any more.
pub(crate) fn obey(address: &str) {
    let mut servant = Servant {
        books: open_at(address),
        consumer: None,
        in_hand: HashMap::new(),
        asked: HashMap::new(),
    };
    say("ready");
    for order in io::stdin().lines().map_while(Result::ok) {
        let (verb, name) = order.split_once(' ').unwrap_or((&order, ""));
        servant.obey(verb, name);
    }
    // As if it were killed: whatever it has in hand is nobody's affair any more.
    std::process::exit(0);
}

impl Servant {
    fn obey(&mut self, verb: &str, name: &str) {
        match verb {
            "clock" => say(&clock().to_string()),
            "come" => self.come(),
            "leave" => self.leave(),
            "receive" => self.receive(),
            "crash" => self.crash(),
            "ack" => say(&of_ack(self.take(name).ack().wait())),
            "reply" => say(&of_reply(self.take(name).reply(name.to_owned()).wait())),
            "look" => say(match self.in_hand[name].is_cancelled() {
                true => "not wanted",
                false => "wanted",
            }),
            "see" => self.see(name),
            "ask" => self.ask(name),
            "forget" => self.forget(name),
            other => panic!("nobody knows how to `{other}`"),
        }
    }

    /// A consumer comes; it has come when it has looked.
    fn come(&mut self) {
        let mut consumer = Consumer::new(&self.books);
        let _ = consumer.try_receive().wait();
        self.consumer = Some(consumer);
        say("came");
    }

    fn leave(&mut self) {
        self.consumer = None;
        say("left");
    }

    /// Has something in hand from now on.
    fn receive(&mut self) {
        let consumer = self.consumer.as_mut().expect("it came before");
        match consumer.receive().wait_for(PATIENCE) {
            Ok(Ok(delivery)) => {
                say(&format!("{} {}", delivery.name(), delivery.attempt()));
                self.in_hand.insert(delivery.name().to_owned(), delivery);
            }
            Ok(Err(error)) => say(&format!("{error}")),
            Err(_) => say("nothing"),
        }
    }

    /// The next event ends the process as soon as it is there.
    fn crash(&mut self) {
        let received = Consumer::new(&self.books).receive().wait();
        assert!(received.is_ok(), "something comes");
        std::process::abort();
    }

    fn take(&mut self, name: &str) -> Delivery<String, String> {
        self.in_hand.remove(name).expect("it is in hand")
    }

    /// Waits until the requester is gone.
    fn see(&mut self, name: &str) {
        let delivery = self.take(name);
        let seen = delivery.cancelled().wait_for(PATIENCE).is_ok();
        let is_cancelled = delivery.is_cancelled();
        self.in_hand.insert(name.to_owned(), delivery);
        say(match (seen, is_cancelled) {
            (true, true) => "gone",
            (true, false) => "gone, and still there",
            (false, _) => "still there",
        });
    }

    /// Asks, on a thread of its own, for something that may take as long as everything may. What comes of it is said then.
    fn ask(&mut self, name: &str) {
        let (name, producer) = (name.to_owned(), Producer::new(&self.books));
        let (forget, forgotten) = mpsc::channel();
        self.asked.insert(name.clone(), forget);
        thread::spawn(move || {
            let event = Event::new(name.clone()).with_body(name);
            let mut request = producer.request(event, NEVER);
            loop {
                match request.wait_for(LOOKS_EVERY) {
                    Ok(Ok(reply)) => break say(&reply),
                    Ok(Err(error)) => break say(&format!("{:?}", error.kind())),
                    Err(_) if forgotten.try_recv().is_ok() => break drop(request),
                    Err(_) => {}
                }
            }
        });
    }

    /// Gives a request up. Nothing is said of that.
    fn forget(&mut self, name: &str) {
        let forget = self.asked.remove(name).expect("it was asked");
        forget.send(()).expect("it has no answer yet");
    }
}

/// The time of day here, in seconds.
pub(crate) fn clock() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.expect("it is after 1970").as_secs()
}

/// What came of an answer.
fn of_reply(settled: Result<Answer, SettleError<String, String>>) -> String {
    settled.map_or_else(said, |answer| format!("{answer:?}"))
}

fn of_ack(settled: Result<(), SettleError<String, String>>) -> String {
    settled.map_or_else(said, |()| "acked".to_owned())
}

fn said(error: SettleError<String, String>) -> String {
    match error.kind() {
        SettleErrorKind::Backend(why) => format!("{:?}", why.kind()),
        kind => format!("{kind:?}"),
    }
}
