//! The process that is killed: producers, consumers of two groups and requesters, on threads.

use std::io::Write;
use std::thread;
use std::time::{Duration, SystemTime};

use bookdrop::{Consumer, Driver, Event, Producer, RequestErrorKind};

/// The groups, the first of which gets requests as well.
pub(crate) const GROUPS: [&str; 2] = ["default", "audit"];
/// Segments are short, so that they change, are freed and are carried from all the time.
pub(crate) const SEGMENT: u64 = 1 << 16;

type Library = Driver<String, String>;

/// Works until it is killed.
pub(crate) fn run(folder: &str, sync: &str) {
    let address = format!(
        "disk:{folder}?sync={sync}&segment_bytes={SEGMENT}&capacity=500&max_attempts=1000000\
         &max_deliveries=1000000&max_dead=1000000&retry_backoff_first=1ms&retry_backoff_max=2ms"
    );
    let library: Library = Driver::open(address)
        .wait()
        .expect("the folder can be opened");
    // Both groups are there before anything is sent.
    let consumers = GROUPS.map(|group| Consumer::in_group(&library, group).expect("a good name"));
    thread::scope(|scope| {
        for number in 0..4 {
            let library = &library;
            scope.spawn(move || produce(library, number));
        }
        for consumer in &consumers {
            for _ in 0..2 {
                let consumer = consumer.clone();
                scope.spawn(move || consume(consumer));
            }
        }
        for number in 0..2 {
            let library = &library;
            scope.spawn(move || request(library, number));
        }
    });
}

/// Says something to the one who kills. What was written is there even if the process ends now.
fn say(line: std::fmt::Arguments<'_>) {
    let line = format!("> {line}\n");
    let written = std::io::stdout().lock().write_all(line.as_bytes());
    if written.is_err() {
        // Nobody is there any more.
        std::process::exit(0);
    }
}

fn millis() -> u128 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("it is after 1970").as_millis()
}

fn produce(library: &Library, number: usize) {
    let producer = Producer::new(library);
    let life = fastrand::u32(..);
    for count in 0u64.. {
        let mut names = Vec::new();
        let events = (0..fastrand::u64(1..4)).map(|part| {
            let name = format!("{life:x}-{number}-{count}-{part}");
            say(format_args!("send {name}"));
            names.push(name.clone());
            event(name)
        });
        let events: Vec<_> = events.collect();
        if producer.send_batch(events).wait().is_ok() {
            names
                .iter()
                .for_each(|name| say(format_args!("sent {name}")));
        }
    }
}

fn event(name: String) -> Event<String> {
    let body = "x".repeat(fastrand::usize(..600));
    let event = Event::new(name.clone()).with_body(body);
    match fastrand::u32(..10) {
        0 => {
            let delay = Duration::from_millis(fastrand::u64(1..20));
            let due = millis() + delay.as_millis();
            event.with_header("due", due.to_string()).with_delay(delay)
        }
        1 => event.with_key(format!("key {}", fastrand::u32(..5))),
        2 => event.with_id(name),
        3 => event.with_priority(fastrand::u8(..10)),
        _ => event,
    }
}

fn consume(mut consumer: Consumer<String, String>) {
    loop {
        let delivery = match consumer.receive().wait() {
            Ok(delivery) => delivery,
            Err(error) => {
                let why = bookdrop::Error::from(error);
                return say(format_args!("wrong end of a consumer: {why:?}"));
            }
        };
        if delivery.is_request() {
            let _ = delivery.reply("fine".to_owned()).wait();
            continue;
        }
        let (group, name) = (delivery.group().to_owned(), delivery.name().to_owned());
        let due = delivery.header("due").map(|due| due.parse::<u128>());
        if due.is_some_and(|due| due.expect("a number") > millis()) {
            say(format_args!("early {group} {name}"));
        }
        say(format_args!("got {group} {name} {}", delivery.attempt()));
        match fastrand::u32(..200) {
            how @ 0..30 => {
                say(format_args!("fail {group} {name}"));
                match how {
                    0..10 => drop(delivery),
                    10..20 => drop(delivery.nack().wait()),
                    _ => drop(delivery.retry_after(Duration::from_millis(1)).wait()),
                }
            }
            30 => {
                say(format_args!("reject {group} {name}"));
                if delivery.reject("torn").wait().is_ok() {
                    say(format_args!("rejected {group} {name}"));
                }
            }
            _ => {
                say(format_args!("ack {group} {name}"));
                if delivery.ack().wait().is_ok() {
                    say(format_args!("acked {group} {name}"));
                }
            }
        }
    }
}

fn request(library: &Library, number: usize) {
    let producer = Producer::new(library);
    for count in 0u64.. {
        let event = Event::new(format!("request-{number}-{count}")).with_body(String::new());
        match producer.request(event, Duration::from_secs(1)).wait() {
            Ok(reply) if reply == "fine" => say(format_args!("answered")),
            Ok(reply) => say(format_args!("wrong reply {reply}")),
            Err(error) if error.kind() == &RequestErrorKind::Deadline => {}
            Err(error) => say(format_args!("wrong end: {error}")),
        }
        thread::sleep(Duration::from_millis(1));
    }
}
