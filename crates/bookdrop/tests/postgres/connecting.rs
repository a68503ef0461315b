//! Connections are made, and made again, where the other end does not go on.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use bookdrop::{
    Answer, BackendErrorKind, Consumer, Driver, Event, OpenErrorKind, Producer, SendErrorKind,
    TryReceiveError,
};
use bookdrop_test_servers::{Direction, Postgres, Proxy, is_left_out, postgres};

use crate::server::{Library, NEVER, PATIENCE, open, wait_until};
use crate::user::User;

/// The processes of the server that work for connections of this application.
fn backends(user: &User, application: &str) -> Vec<String> {
    user.texts(&format!(
        "SELECT pid::text FROM pg_stat_activity WHERE application_name = '{application}'"
    ))
}

fn event(name: &'static str) -> Event<String> {
    Event::new(name).with_body(String::new())
}

#[test]
fn opening_ends_where_the_other_end_says_nothing() {
    // Connections are made to it, and nobody takes them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = silent.local_addr().unwrap();
    let opened = Driver::<String>::open(format!("postgres://app@{address}/app?queue=silent"))
        .wait_for(PATIENCE);
    let error = opened.expect("it ends").expect_err("nobody is there");
    let OpenErrorKind::Backend(error) = error.kind() else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), BackendErrorKind::Io, "{error}");
    let known = format!("the connection to {address} was not ready");
    assert!(error.to_string().contains(&known), "{error}");
}

/// What opening this says, which fails.
fn why_not(url: &str) -> (BackendErrorKind, String) {
    let opened = Driver::<String>::open(format!("{url}?queue=library")).wait_for(PATIENCE);
    let error = opened.expect("it ends").expect_err("nobody is there");
    let OpenErrorKind::Backend(error) = error.kind() else {
        panic!("{error}");
    };
    (error.kind(), error.to_string())
}

#[test]
fn a_server_of_another_kind_is_named_with_what_to_look_at() {
    // As a server of NATS, and one that says numbers that no message begins with.
    for (greeting, farewell) in [
        ("INFO {}\r\n", "-ERR 'Unknown Protocol Operation'\r\n"),
        ("\u{7f}\u{7ff}\u{7ff}\u{7ff}", ""),
    ] {
        let other = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = other.local_addr().unwrap();
        let speaking = thread::spawn(move || {
            let (mut client, _) = other.accept().expect("somebody comes");
            client.write_all(greeting.as_bytes()).unwrap();
            // It says something first, too.
            assert!(client.read(&mut [0; 1_024]).unwrap() > 0);
            client.write_all(farewell.as_bytes()).unwrap();
        });
        let (kind, said) = why_not(&format!("postgres://app@{address}/app"));
        speaking.join().expect("it is heard");
        assert_eq!(kind, BackendErrorKind::Io, "{said}");
        let known = format!("could not connect to {address}: what answers there does not speak");
        assert!(said.starts_with(&known), "{said}");
        assert!(said.contains("look at host and port"), "{said}");
    }
}

#[test]
fn connecting_is_tried_again_where_the_other_end_says_nothing() {
    if is_left_out("postgres") {
        return;
    }
    let server: &Postgres = postgres();
    let proxy = Proxy::before(server.address());
    let application = "silent_again";
    let options = format!("lease=60s&patience=1s&application_name={application}");
    let library: Library = open(&proxy.url(&server.url()), application, &options);
    let user = User::at(&server.url());
    let former = backends(&user, application);
    assert_eq!(former.len(), 3);
    proxy.hold(Direction::ToClient);
    proxy.cut();
    wait_until("it connects again", || {
        let now = backends(&user, application);
        now.iter().any(|backend| !former.contains(backend))
    });
    // This one says nothing, whatever comes; the next one is as good as any.
    proxy.forget();
    proxy.release();
    let producer = Producer::new(&library);
    wait_until("it is connected", || {
        producer.send(event("S")).wait().is_ok()
    });
}

/// Those of them that wait for a lock.
fn waiting(user: &User, application: &str) -> Vec<String> {
    user.texts(&format!(
        "SELECT pid::text FROM pg_stat_activity WHERE application_name = '{application}' AND wait_event_type = 'Lock'"
    ))
}

#[test]
fn what_was_under_way_when_the_connection_was_lost_is_not_done_after_that() {
    if is_left_out("postgres") {
        return;
    }
    let server: &Postgres = postgres();
    let proxy = Proxy::before(server.address());
    let queue = "abandoned";
    let options = format!("lease=60s&application_name={queue}");
    let library: Library = open(&proxy.url(&server.url()), queue, &options);
    let mut consumer = Consumer::new(&library);
    let empty = consumer.try_receive().wait().map(drop);
    assert_eq!(empty, Err(TryReceiveError::Empty));
    Producer::new(&library).send(event("S")).wait().unwrap();
    let (locker, looker) = (User::at(&server.url()), User::at(&server.url()));
    locker.does(&format!(
        "BEGIN; SELECT FROM bookdrop.consumer_group g JOIN bookdrop.queue q ON q.id = g.queue WHERE q.name = '{queue}'
            FOR NO KEY UPDATE OF g"
    ));
    let mut receiving = consumer.receive();
    let begun = receiving.wait_for(Duration::ZERO);
    assert!(begun.is_err(), "it cannot be handed over");
    wait_until("it is about to be handed over", || {
        waiting(&looker, queue).len() == 1
    });
    let former = waiting(&looker, queue);
    // Whoever waits for a lock does not see that.
    proxy.cut();
    wait_until("that is tried again", || {
        let now = waiting(&looker, queue);
        now.iter().any(|backend| !former.contains(backend))
    });
    locker.does("ROLLBACK");
    let received = receiving.wait_for(PATIENCE);
    let delivery = received.expect("it is handed over").unwrap();
    assert_eq!((delivery.name(), delivery.attempt()), ("S", 1));
    delivery.ack().wait().unwrap();
}

/// A server that takes no writes any more, as where its disk is nearly full, and a driver with a consumer that waits.
#[test]
fn a_server_that_takes_no_writes_is_left_in_peace_until_it_does() {
    if is_left_out("postgres") {
        return;
    }
    let server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let queue = "read_only";
    let options = format!("lease=60s&application_name={queue}");
    let library: Library = open(&server.url(), queue, &options);
    let mut consumer = Consumer::new(&library);
    let empty = consumer.try_receive().wait().map(drop);
    assert_eq!(empty, Err(TryReceiveError::Empty));
    let user = User::at(&server.url());
    let refused = || {
        user.number("SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()")
    };
    let (former, before) = (backends(&user, queue), refused());
    let mut receiving = consumer.receive();
    let begun = receiving.wait_for(Duration::ZERO);
    assert!(begun.is_err(), "there is nothing yet");
    user.does("ALTER SYSTEM SET default_transaction_read_only = on");
    user.does("SELECT pg_reload_conf()");
    wait_until("the connections are given up", || {
        let now = backends(&user, queue);
        !former.iter().any(|backend| now.contains(backend))
    });
    let refused = refused() - before;
    assert!(refused < 100, "it was asked in vain {refused} times");
    user.does("SET default_transaction_read_only = off");
    user.does("ALTER SYSTEM RESET default_transaction_read_only");
    user.does("SELECT pg_reload_conf()");
    Producer::new(&library).send(event("S")).wait().unwrap();
    let received = receiving.wait_for(PATIENCE);
    received.expect("it goes on").unwrap().ack().wait().unwrap();
}

#[test]
fn of_what_is_sent_to_a_server_that_takes_no_writes_nothing_is_done() {
    if is_left_out("postgres") {
        return;
    }
    let server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let library: Library = open(&server.url(), "sent_read_only", "lease=60s&patience=1s");
    let producer = Producer::new(&library);
    let user = User::at(&server.url());
    user.does("ALTER SYSTEM SET default_transaction_read_only = on");
    user.does("SELECT pg_reload_conf()");
    let error = loop {
        if let Err(error) = producer.send(event("S")).wait() {
            break error;
        }
    };
    let SendErrorKind::Backend(error) = error.kind() else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), BackendErrorKind::Io, "{error}");
}

/// A database of its own, in which a function of the schema can fail.
#[test]
fn an_answer_that_could_not_be_fetched_is_fetched_later() {
    if is_left_out("postgres") {
        return;
    }
    User::at(&postgres().url()).does("CREATE DATABASE unread");
    let url = postgres().url();
    let url = format!("{}/unread", url.rsplit_once('/').unwrap().0);
    let (front, back) = (open(&url, "unread", ""), open(&url, "unread", ""));
    let (producer, mut consumer) = (Producer::new(&front), Consumer::new(&back));
    let empty = consumer.try_receive().wait().map(drop);
    assert_eq!(empty, Err(TryReceiveError::Empty));
    let mut request = producer.request(event("S"), NEVER);
    let begun = request.wait_for(Duration::ZERO);
    assert!(begun.is_err(), "nobody has answered yet");
    let delivery = consumer.receive().wait().unwrap();
    let user = User::at(&url);
    let told = user.texts("SELECT pg_get_functiondef('bookdrop.told'::regproc)");
    user.does("CREATE SEQUENCE public.tries");
    user.does(&told[0].replace(
        "BEGIN\n",
        "BEGIN\n PERFORM nextval('public.tries'); RAISE 'not now';\n",
    ));
    let answer = delivery.reply("fine".to_owned()).wait();
    assert_eq!(answer.ok(), Some(Answer::Sent));
    wait_until("it cannot be fetched", || {
        user.number(
            "SELECT last_value FROM public.tries WHERE is_called UNION ALL SELECT 0 LIMIT 1",
        ) > 0
    });
    user.does(&told[0]);
    let answer = request.wait_for(PATIENCE);
    assert_eq!(answer.expect("it is fetched").unwrap(), "fine");
}

#[test]
fn a_consumer_that_comes_to_a_driver_taken_for_dead_has_it_begin_anew_at_once() {
    if is_left_out("postgres") {
        return;
    }
    let server: &Postgres = postgres();
    let proxy = Proxy::before(server.address());
    let queue = "taken_for_dead";
    let library: Library = open(&proxy.url(&server.url()), queue, "lease=60s");
    Producer::new(&library).send(event("S")).wait().unwrap();
    let before = proxy.passed(Direction::ToServer);
    let of_queue = format!("SELECT id FROM bookdrop.queue WHERE name = '{queue}'");
    // As another driver does when the lease has ended.
    User::at(&server.url()).does(&format!(
        "UPDATE bookdrop.driver SET alive_until = '-infinity' WHERE queue = ({of_queue});
         SELECT bookdrop.look_after(({of_queue}), 20, 1000, 0)"
    ));
    let delivery = Consumer::new(&library).receive().wait_for(PATIENCE);
    delivery.unwrap().unwrap().ack().wait().unwrap();
    assert!(library.stats().wait().unwrap().reconnects > 0);
    let passed = proxy.passed(Direction::ToServer) - before;
    assert!(passed < 64 << 10, "{passed} bytes to hear that");
}

#[test]
fn what_a_dead_driver_had_comes_back_by_the_bounds_of_its_own_queue() {
    if is_left_out("postgres") {
        return;
    }
    let server: &Postgres = postgres();
    let (strict, mild) = ("strict_bounds", "mild_bounds");
    let _strict: Library = open(&server.url(), strict, "max_deliveries=1");
    let library: Library = open(&server.url(), mild, "lease=60s");
    Producer::new(&library).send(event("S")).wait().unwrap();
    let mut consumer = Consumer::new(&library);
    let lost = consumer.receive().wait().unwrap();
    let user = User::at(&server.url());
    let look_after = |queue: &str, most: u32| {
        let queue = format!("SELECT id FROM bookdrop.queue WHERE name = '{queue}'");
        user.does(&format!(
            "SELECT bookdrop.look_after(({queue}), {most}, 10, 0)"
        ));
    };
    // It is gone, and what it had in hand was not given back: it had just been fetched.
    user.does(&format!(
        "DELETE FROM bookdrop.driver d USING bookdrop.queue q WHERE d.queue = q.id AND q.name = '{mild}'"
    ));
    look_after(strict, 1);
    look_after(mild, 20);
    let again = consumer.receive().wait_for(PATIENCE).unwrap().unwrap();
    assert_eq!(again.attempt(), 2);
    assert!(lost.ack().wait().is_err(), "it is in hand once more");
    again.ack().wait().unwrap();
}
