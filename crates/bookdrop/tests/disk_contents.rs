//! What comes back from the disk otherwise than it was sent, as the documentation of `Codec` says.
#![cfg(all(unix, feature = "disk"))]

use std::thread;
use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, Producer, RequestErrorKind, TryReceiveError};

/// What is received of this, sent to a folder with this codec.
fn through<T>(codec: &str, body: T) -> Result<T, TryReceiveError>
where
    T: serde_core::Serialize + serde_core::de::DeserializeOwned + Clone + Send + 'static,
{
    let folder = tempfile::tempdir().unwrap();
    let address = format!(
        "disk:{}?segment_bytes=4096&codec={codec}",
        folder.path().display()
    );
    let driver: Driver<T> = Driver::open(address).wait().unwrap();
    let event = Event::new("S").with_body(body);
    Producer::new(&driver).send(event).wait().unwrap();
    let delivery = Consumer::new(&driver).try_receive().wait()?;
    Ok(delivery.into_event().wait().unwrap().into_body())
}

#[test]
fn json_has_no_numbers_that_are_not_finite() {
    for number in [f64::NAN, f64::INFINITY] {
        let received = through("json", number);
        assert_eq!(received.unwrap_err(), TryReceiveError::Empty, "it is dead");
        #[cfg(feature = "message-pack")]
        assert_eq!(
            through("msgpack", number).unwrap().to_bits(),
            number.to_bits()
        );
        assert_eq!(through("json", Some(number)), Ok(None));
        #[cfg(feature = "message-pack")]
        assert!(through("msgpack", Some(number)).unwrap().is_some());
    }
}

#[test]
fn options_in_options_are_flattened() {
    assert_eq!(through("json", Some(None::<u32>)), Ok(None));
    #[cfg(feature = "message-pack")]
    assert_eq!(through("msgpack", Some(None::<u32>)), Ok(None));
}

/// As when a program is started whose types are others, and then the former one again.
#[test]
fn what_cannot_be_decoded_is_kept_however_much_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!(
        "disk:{}?segment_bytes=4096&max_dead=2",
        folder.path().display()
    );
    let titles: Vec<String> = (0..10).map(|number| format!("book {number}")).collect();
    let driver: Driver<String> = Driver::open(&address).wait().unwrap();
    let books = titles.iter().cloned();
    let books = books.map(|title| Event::new("S").with_body(title));
    Producer::new(&driver).send_batch(books).wait().unwrap();
    drop(driver);

    let driver: Driver<u32> = Driver::open(&address).wait().unwrap();
    let received = Consumer::new(&driver).try_receive().wait();
    assert_eq!(received.unwrap_err(), TryReceiveError::Empty);
    drop(driver);

    let driver: Driver<String> = Driver::open(&address).wait().unwrap();
    let stats = driver.stats().wait().unwrap();
    assert_eq!((stats.dead, stats.dead_dropped), (10, 0));
    assert_eq!(driver.dead_letters().replay_all().wait().unwrap(), 10);
    let mut consumer = Consumer::new(&driver);
    let received = titles.iter().map(|_| {
        let delivery = consumer.receive().wait().unwrap();
        delivery.into_event().wait().unwrap().into_body()
    });
    assert_eq!(received.collect::<Vec<_>>(), titles);
}

/// Their requesters were told.
#[test]
fn requests_that_cannot_be_decoded_are_dropped_as_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!(
        "disk:{}?segment_bytes=4096&max_dead=2",
        folder.path().display()
    );
    let driver: Driver<f64> = Driver::open(address).wait().unwrap();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    let ask = || {
        let event = Event::new("S").with_body(f64::NAN);
        a.request(event, Duration::from_secs(60)).wait()
    };
    for _ in 0..3 {
        let told = thread::scope(|scope| {
            let asking = scope.spawn(ask);
            while !asking.is_finished() {
                assert!(b.try_receive().wait().is_err());
                thread::yield_now();
            }
            asking.join().unwrap()
        });
        let error = told.unwrap_err();
        assert!(
            matches!(error.kind(), RequestErrorKind::Failed(_)),
            "{error}"
        );
    }
    let stats = driver.stats().wait().unwrap();
    assert_eq!((stats.dead, stats.dead_dropped), (2, 1));
}
