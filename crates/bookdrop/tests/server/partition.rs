//! The network between the drivers and the server fails.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bookdrop::{
    Consumer, Event, Producer, RequestErrorKind, SettleErrorKind, Stats, TryReceiveError,
};
use bookdrop_test_servers::{Direction, Proxy};

use super::load::Load;
use super::{Library, PATIENCE, log, open, wait_until};
use crate::engine;

/// How long a request waits whose deadline passes while the server cannot be reached.
const BRIEF: Duration = Duration::from_millis(300);

/// A network of one's own before the server of all.
pub(crate) fn network() -> (Proxy, String) {
    let server: &engine::Server = engine::shared();
    let proxy = Proxy::before(server.address());
    let url = proxy.url(&server.url());
    (proxy, url)
}

fn stats(library: &Library) -> Stats {
    library.stats().wait().expect("the server can be reached")
}

/// Under load the network does this and comes back.
fn keeps_promises(queue: &str, fail: impl Fn(&Proxy, &Load), reconnects: u64) {
    if engine::is_left_out() {
        return;
    }
    let (proxy, url) = network();
    let load = Load::begin(&url, queue);
    load.go_on(10);
    fail(&proxy, &load);
    load.go_on(10);
    for library in [&load.front, &load.back] {
        assert!(stats(library).reconnects >= reconnects);
    }
    println!("{queue}: {:?}", load.end());
}

/// Holds up a request until its deadline passes.
fn outlast_a_request(library: &Library) {
    let event = Event::new("held").with_body("held".to_owned());
    let ended = Producer::new(library)
        .request(event, BRIEF)
        .wait_for(PATIENCE)
        .expect("it does not hang");
    assert_eq!(ended.unwrap_err().kind(), &RequestErrorKind::Deadline);
}

#[test]
fn promises_are_kept_when_connections_are_cut() {
    let fail = |proxy: &Proxy, load: &Load| {
        for _ in 0..5 {
            proxy.cut();
            load.go_on(fastrand::usize(5..20));
        }
    };
    keeps_promises("cut", fail, 5);
}

#[test]
fn promises_are_kept_when_everything_is_late() {
    let fail = |proxy: &Proxy, load: &Load| {
        proxy.delay(Direction::Both, Duration::from_millis(50));
        load.go_on(5);
        proxy.cut();
        load.go_on(5);
        proxy.delay(Direction::Both, Duration::ZERO);
    };
    keeps_promises("late", fail, 1);
}

#[test]
fn promises_are_kept_when_nothing_reaches_the_server() {
    keeps_promises("to_server", hold(Direction::ToServer), 1);
}

#[test]
fn promises_are_kept_when_nothing_comes_from_the_server() {
    keeps_promises("to_client", hold(Direction::ToClient), 1);
}

#[test]
fn promises_are_kept_when_nothing_gets_through() {
    keeps_promises("both", hold(Direction::Both), 1);
}

/// Holds what goes this way: once it goes on where it stopped, and once it was lost.
fn hold(direction: Direction) -> impl Fn(&Proxy, &Load) {
    move |proxy, load| {
        proxy.hold(direction);
        outlast_a_request(&load.front);
        proxy.release();
        load.go_on(5);
        proxy.hold(direction);
        outlast_a_request(&load.back);
        proxy.cut();
        proxy.release();
    }
}

#[test]
fn promises_are_kept_when_nobody_is_let_in_for_a_while() {
    let fail = |proxy: &Proxy, load: &Load| {
        proxy.refuse();
        proxy.cut();
        outlast_a_request(&load.front);
        proxy.accept();
    };
    keeps_promises("refused", fail, 1);
}

/// A driver whose server cannot be reached, with a consumer that came before.
fn cut_off(queue: &str) -> (Proxy, Library, Consumer<String, String>) {
    let (proxy, url) = network();
    let library = open(&url, queue, "lease=20s&patience=1s");
    let mut consumer = Consumer::new(&library);
    let empty = consumer.try_receive().wait().map(drop);
    assert_eq!(empty, Err(TryReceiveError::Empty));
    lose(&proxy, &library);
    (proxy, library, consumer)
}

/// From now on the driver cannot reach the server, and knows.
pub(crate) fn lose(proxy: &Proxy, library: &Library) {
    proxy.refuse();
    proxy.cut();
    wait_until("the driver knows", || engine::is_away(library));
}

/// Whoever waits for events is told nothing.
#[test]
fn a_lost_connection_is_warned_of_once() {
    if engine::is_left_out() {
        return;
    }
    log::listen();
    let (proxy, url) = network();
    // It may be this one that has to be asked, and it is not cut off.
    let _other = open(&engine::shared().url(), "cut_off", "");
    let library = open(&url, "cut_off", "lease=20s&patience=1s");
    lose(&proxy, &library);
    let said = || log::said("queue=\"cut_off\"");
    let losses = || {
        let said = said().into_iter();
        said.filter(|line| line.contains("the connection to the server is lost"))
            .count()
    };
    wait_until("it is warned of", || losses() > 0);
    let error = library.stats().wait().unwrap_err().to_string();
    let address = proxy.address().to_string();
    assert!(error.contains(&address), "it is told which server: {error}");
    proxy.accept();
    wait_until("it is connected", || library.stats().wait().is_ok());
    assert_eq!(losses(), 1);
}

/// It ends by itself.
fn ends<V: Send + 'static>(what: &str, work: impl FnOnce() -> V + Send + 'static) -> V {
    let (told, word) = mpsc::channel();
    thread::spawn(move || told.send(work()));
    word.recv_timeout(PATIENCE)
        .unwrap_or_else(|_| panic!("it does not end: {what}"))
}

#[test]
fn a_deadline_passes_while_the_server_cannot_be_reached() {
    if engine::is_left_out() {
        return;
    }
    let (_proxy, library, _consumer) = cut_off("deadline");
    outlast_a_request(&library);
}

/// It is told when the server has said nothing for 2 s more.
#[test]
fn a_deadline_passes_while_the_server_gives_no_word() {
    if engine::is_left_out() {
        return;
    }
    let (proxy, url) = network();
    let library = open(&url, "no_word", "lease=20s");
    let elsewhere = open(&engine::shared().url(), "no_word", "lease=20s");
    let (producer, mut consumer) = (Producer::new(&library), Consumer::new(&elsewhere));
    let _ = consumer.try_receive().wait();
    let event = |name: &'static str| Event::new(name).with_body(String::new());
    let mut taken = producer.request(event("taken"), Duration::from_secs(1));
    assert!(taken.wait_for(Duration::ZERO).is_err(), "nobody answers");
    let _held = consumer.receive().wait().unwrap();
    proxy.hold(Direction::Both);
    let mut under_way = producer.request(event("under way"), BRIEF);
    for request in [&mut under_way, &mut taken] {
        let ended = request.wait_for(PATIENCE).expect("it does not hang");
        let error = ended.unwrap_err();
        assert_eq!(error.kind(), &RequestErrorKind::Deadline);
        let event = error.into_event();
        // Another process may have what is under way, where nobody here knows.
        if engine::ASKS_THE_SERVER {
            assert!(event.is_none(), "somebody may have it");
        }
    }
    // Whoever drops the driver need not wait for the server.
    proxy.release();
}

#[test]
fn try_receive_ends_while_the_server_cannot_be_reached() {
    if engine::is_left_out() {
        return;
    }
    let (_proxy, _library, mut consumer) = cut_off("try_receive");
    let received = ends("try_receive", move || {
        consumer.try_receive().wait().map(drop)
    });
    assert_eq!(received, Err(TryReceiveError::Empty));
}

#[test]
fn close_ends_while_the_server_cannot_be_reached() {
    if engine::is_left_out() {
        return;
    }
    let (_proxy, library, _consumer) = cut_off("close");
    ends("close", move || library.close().wait()).expect("nothing is needed for it");
}

#[test]
fn dropping_the_last_handle_ends_while_the_server_cannot_be_reached() {
    if engine::is_left_out() {
        return;
    }
    let (_proxy, library, consumer) = cut_off("drop");
    ends("the drop", move || drop((library, consumer)));
}

#[test]
fn dropping_the_last_handle_ends_while_the_server_does_not_answer() {
    if engine::is_left_out() {
        return;
    }
    let (proxy, url) = network();
    let library = open(&url, "silent", "lease=20s");
    proxy.hold(Direction::Both);
    ends("the drop", move || drop(library));
}

#[test]
fn whoever_was_cut_off_for_longer_than_the_lease_can_settle_nothing() {
    if engine::is_left_out() {
        return;
    }
    let (proxy, url) = network();
    let library = open(&url, "lost", "lease=1s");
    let mut consumer = Consumer::new(&library);
    let send = |name: &'static str| {
        let event = Event::new(name).with_body(String::new());
        Producer::new(&library).send(event).wait().unwrap();
    };
    send("S");
    let held = consumer.receive().wait().unwrap();
    proxy.hold(Direction::Both);
    let elsewhere = open(&engine::shared().url(), "lost", "lease=20s");
    let mut other = Consumer::new(&elsewhere);
    let again = other.receive().wait_for(PATIENCE);
    let again = again.expect("it comes to another consumer").unwrap();
    assert_eq!((again.name(), again.attempt()), ("S", 2));
    proxy.release();
    let error = held.ack().wait().unwrap_err();
    assert_eq!(error.kind(), &SettleErrorKind::LeaseEnded);
    drop(error);
    again.ack().wait().unwrap();
    // It goes on, as somebody new.
    drop(other);
    send("T");
    let next = consumer.receive().wait_for(PATIENCE);
    let next = next.expect("it goes on").unwrap();
    assert_eq!((next.name(), next.attempt()), ("T", 1));
    assert!(stats(&library).reconnects >= 1);
}

#[test]
fn connections_that_the_network_forgot_are_made_anew_before_the_lease_ends() {
    if engine::is_left_out() {
        return;
    }
    let (proxy, url) = network();
    let library = open(&url, "forgotten_connections", "lease=6s");
    let elsewhere = open(
        &engine::shared().url(),
        "forgotten_connections",
        "lease=20s",
    );
    let mut consumer = Consumer::new(&library);
    let event = Event::new("S").with_body(String::new());
    Producer::new(&library).send(event).wait().unwrap();
    let held = consumer.receive().wait().unwrap();
    proxy.forget();
    wait_until("connections are made anew", || {
        stats(&library).reconnects > 0
    });
    let back = Consumer::new(&elsewhere).try_receive().wait().map(drop);
    assert_eq!(back, Err(TryReceiveError::Empty));
    held.ack().wait().expect("it is in hand still");
}
