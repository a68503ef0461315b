//! Which handler is called, with what, and what its answer does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use bookdrop::{
    Consumer, Delivery, Done, Driver, Event, Failure, Producer, RequestErrorKind, Value, Worker,
    blocking,
};
use futures_lite::future::{block_on, zip};

use crate::{FAR, library, run_out, send, stats, typed, why_dead, worker};

async fn accept(_: &Event) -> Result<(), Failure> {
    Ok(())
}

#[test]
fn what_is_done_is_acked() {
    let driver = library();
    send(&driver, &["S", "T"]);
    let report = run_out(&driver, worker(&driver).otherwise(accept));
    assert_eq!((report.finished, report.failed), (2, 0));
    let now = stats(&driver);
    assert_eq!((now.acked, now.queued, now.in_hand), (2, 0, 0));
}

#[test]
fn a_request_is_answered_with_what_the_handler_returns() {
    async fn pages(book: &Event<String>) -> Result<usize, Failure> {
        Ok(book.body().len())
    }
    let driver = typed::<String, usize>();
    let running = worker(&driver).on("S", pages);
    let handle = running.handle();
    let asking = async {
        let event = Event::new("S").with_body("hello world".to_owned());
        let answer = Producer::new(&driver).request(event, FAR).await;
        handle.stop(FAR);
        answer
    };
    let (report, answer) = block_on(zip(running.run(), asking));
    assert_eq!(answer.unwrap(), 11);
    assert_eq!(report.unwrap().finished, 1);
}

/// Which of several handlers had an event.
async fn had(driver: &Driver<(), String>, name: &'static str) -> String {
    let request = Producer::new(driver).request(Event::new(name), FAR).await;
    request.unwrap()
}

#[test]
fn a_whole_name_goes_before_a_prefix_and_a_longer_prefix_before_a_shorter_one() {
    macro_rules! says {
        ($what:literal) => {
            |_: &Event| async { Ok($what.to_owned()) }
        };
    }
    let driver = typed::<(), String>();
    let running = worker(&driver)
        .otherwise(says!("any other"))
        .on("book.*", says!("book.*"))
        .on("book.old.*", says!("book.old.*"))
        .on("book.old.S", says!("book.old.S"));
    let handle = running.handle();
    let asking = async {
        for (name, expected) in [
            ("book.old.S", "book.old.S"),
            ("book.old.T", "book.old.*"),
            ("book.old.", "book.old.*"),
            ("book.old", "book.*"),
            ("book", "any other"),
            ("books.S", "any other"),
        ] {
            assert_eq!(had(&driver, name).await, expected, "{name}");
        }
        handle.stop(FAR);
    };
    block_on(zip(running.run(), asking)).0.unwrap();
}

#[test]
fn an_event_without_a_handler_is_a_dead_letter() {
    let driver = library();
    send(&driver, &["T"]);
    let report = run_out(&driver, worker(&driver).on("S", accept));
    assert_eq!((report.finished, report.failed), (0, 1));
    let why = why_dead(&driver);
    assert!(why.contains("no handler for events named `T`"), "{why}");
}

#[test]
fn a_request_without_a_handler_fails_at_once() {
    let driver = typed::<(), Value>();
    let running = worker(&driver).on("S", accept);
    let handle = running.handle();
    let asking = async {
        let answer = Producer::new(&driver).request(Event::new("T"), FAR).await;
        handle.stop(FAR);
        answer
    };
    let answer = block_on(zip(running.run(), asking)).1;
    match answer.unwrap_err().kind() {
        RequestErrorKind::Failed(failure) => {
            assert_eq!(failure.code(), Some("bookdrop.no_handler"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
#[should_panic(expected = "`book.*` has a handler already")]
fn a_pattern_has_one_handler() {
    let _ = worker(&library()).on("book.*", accept).on("book.*", accept);
}

#[test]
#[should_panic(expected = "write a whole name, or `prefix.*`")]
fn a_pattern_ends_with_a_whole_word() {
    let _ = worker(&library()).on("book*", accept);
}

#[test]
fn handlers_share_the_state() {
    async fn count(shelf: &AtomicU32, _: &Event) -> Result<(), Failure> {
        shelf.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
    async fn look(shelf: &AtomicU32, _: &Event) -> Result<Value, Failure> {
        Ok(shelf.load(Ordering::Relaxed).into())
    }
    let driver = library();
    send(&driver, &["S", "S"]);
    let running = Worker::with_state(Consumer::new(&driver), AtomicU32::new(40))
        .on("S", count)
        .on("look", look)
        .on("T", accept)
        .concurrency(1);
    let handle = running.handle();
    let asking = async {
        let seen = Producer::new(&driver)
            .request(Event::new("look"), FAR)
            .await;
        handle.stop(FAR);
        seen
    };
    let seen = block_on(zip(running.run(), asking)).1;
    assert_eq!(seen.unwrap(), 42);
}

#[test]
fn a_handler_may_settle_by_itself() {
    async fn bury(book: Delivery) -> Result<(), Failure> {
        book.reject("it is torn").await?;
        Ok(())
    }
    let driver = library();
    send(&driver, &["S"]);
    let report = run_out(&driver, worker(&driver).on("S", bury));
    assert_eq!((report.finished, report.failed), (1, 0));
    assert_eq!(why_dead(&driver), "rejected: it is torn");
}

#[test]
fn a_handler_may_see_the_whole_delivery() {
    async fn third_time(book: &Delivery) -> Result<(), Failure> {
        assert!(!book.is_request() && book.deadline().is_none());
        match (book.attempt(), book.failures()) {
            (3, 2) => Ok(()),
            (1, 0) | (2, 1) => Err(Failure::new("again")),
            other => Err(Failure::new(format!("{other:?}")).permanent()),
        }
    }
    let driver = library();
    send(&driver, &["S"]);
    let report = run_out(&driver, worker(&driver).on("S", third_time));
    assert_eq!((report.finished, report.failed), (1, 2));
}

/// A body that other threads may have, but not look at meanwhile.
#[test]
fn a_handler_that_takes_the_delivery_asks_nothing_of_the_body() {
    type Job = Box<dyn FnOnce() -> u32 + Send>;
    async fn work(delivery: Delivery<Job, u32>) -> Result<(), Failure> {
        let (event, reply) = delivery.into_parts().await?;
        reply.send((event.into_body())()).await?;
        Ok(())
    }
    let driver = typed::<Job, u32>();
    let running = worker(&driver).on("sum", work);
    let handle = running.handle();
    let asking = async {
        let job: Job = Box::new(|| 6 * 7);
        let event = Event::new("sum").with_body(job);
        let answer = Producer::new(&driver).request(event, FAR).await;
        handle.stop(FAR);
        answer
    };
    assert_eq!(block_on(zip(running.run(), asking)).1.unwrap(), 42);
}

#[test]
fn a_blocking_handler_has_a_thread_of_its_own() {
    let driver = typed::<(), bool>();
    let here = thread::current().id();
    let running = worker(&driver).on(
        "S",
        blocking(move |_: &Event| Ok(thread::current().id() == here)),
    );
    let handle = running.handle();
    let asking = async {
        let answer = Producer::new(&driver).request(Event::new("S"), FAR).await;
        handle.stop(FAR);
        answer
    };
    assert!(!block_on(zip(running.run(), asking)).1.unwrap());
}

#[derive(serde::Deserialize)]
struct Book {
    pages: u32,
}

async fn lend(book: &Event<Book>) -> Result<Value, Failure> {
    Ok(book.body().pages.into())
}

#[test]
fn json_is_read_into_what_the_handler_takes() {
    let driver = typed::<Value, Value>();
    let running =
        worker(&driver)
            .on_json("book.*", lend)
            .on_json("tags", |tags: &Event<Vec<String>>| {
                let (first, title) = (
                    tags.body()[0].clone(),
                    tags.header("title").map(str::to_owned),
                );
                async move { Ok(Value::from(vec![Some(first), title])) }
            });
    let handle = running.handle();
    let asking = async {
        let a = Producer::new(&driver);
        let book = Event::new("book.S").with_body(serde_json::json!({ "pages": 120 }));
        assert_eq!(a.request(book, FAR).await.unwrap(), 120);
        let tags = Event::new("tags").with_header("title", "hello world");
        let tags = tags.with_body(serde_json::json!(["new", "lent"]));
        let answer = a.request(tags, FAR).await.unwrap();
        assert_eq!(answer, serde_json::json!(["new", "hello world"]));
        handle.stop(FAR);
    };
    block_on(zip(running.run(), asking)).0.unwrap();
}

#[test]
fn json_that_cannot_be_read_is_a_dead_letter_at_once() {
    let driver = typed::<Value, Value>();
    let event = Event::new("book.S").with_body(serde_json::json!({ "pages": "many" }));
    Producer::new(&driver).send(event).wait().unwrap();
    let report = run_out(&driver, worker(&driver).on_json("book.*", lend));
    assert_eq!((report.finished, report.failed), (0, 1));
    let why = why_dead(&driver);
    assert!(why.contains("the body of `book.S` cannot be read"), "{why}");
    assert!(why.contains("bookdrop.undecodable"), "{why}");
}

/// The queue has room for one, and each event makes two more, three times over.
#[test]
fn what_follows_is_sent_also_into_the_own_full_queue() {
    static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    async fn grow(event: &Event<u32>) -> Result<Done<u32>, Failure> {
        NAMES.lock().unwrap().push(event.name().to_owned());
        let left = *event.body();
        let further = |side| Event::new(format!("{}{side}", event.name())).with_body(left - 1);
        Ok(match left {
            0 => Done::new(),
            _ => Done::new().then(further("l")).then(further("r")),
        })
    }
    let driver = Driver::<u32>::memory(1);
    let running = worker(&driver).otherwise(grow).concurrency(1);
    let handle = running.handle();
    let sending = async {
        let root = Event::new("root").with_body(3);
        Producer::new(&driver).send(root).await.unwrap();
        while stats(&driver).acked < 15 {
            futures_lite::future::yield_now().await;
        }
        handle.stop(FAR);
    };
    let report = block_on(zip(running.run(), sending)).0.unwrap();
    assert_eq!((report.finished, report.failed), (15, 0));
    let mut names = NAMES.lock().unwrap().clone();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 15, "{names:?}");
}

#[test]
fn what_follows_is_sent_before_the_requester_is_told() {
    async fn lend(_: &Event) -> Result<Done, Failure> {
        Ok(Done::new().reply("lent").then(Event::new("remind")))
    }
    let driver = library();
    let running = worker(&driver).on("S", lend).on("remind", accept);
    let handle = running.handle();
    let asking = async {
        let answer = Producer::new(&driver).request(Event::new("S"), FAR).await;
        let sent = stats(&driver).sent;
        handle.stop(FAR);
        (answer, sent)
    };
    let (report, (answer, sent)) = block_on(zip(running.run(), asking));
    assert_eq!(answer.unwrap(), "lent");
    assert_eq!(sent, 2, "the request, and what follows");
    report.unwrap();
}

/// Where the driver is closed nothing can be sent any more, so the work is to be done anew by whoever has the queue next.
#[test]
fn an_event_whose_follow_up_cannot_be_sent_comes_back_in_the_end() {
    async fn lend(_: &Event) -> Result<Done, Failure> {
        Ok(Done::new().then(Event::new("remind")))
    }
    let driver = library();
    send(&driver, &["S", "T"]);
    let report = run_out(&driver, worker(&driver).on("S", lend).on("T", accept));
    assert_eq!((report.finished, report.failed, report.put_back), (1, 0, 1));
    let left = driver.drain(FAR).wait().unwrap().left;
    assert_eq!(
        (left.len(), left[0].event.name(), left[0].attempts),
        (1, "S", 1)
    );
}
