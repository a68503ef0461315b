//! Room in a folder: as long as the disk is not full, files that are still being made make nobody lose or refuse an event.
#![cfg(all(unix, feature = "disk"))]

use bookdrop::{Consumer, Driver, Event, Producer};
use tempfile::TempDir;

/// Segments so short that one is full after three events or so.
fn open(folder: &TempDir, options: &str) -> Driver<String> {
    let address = format!(
        "disk:{}?segment_bytes=4096&sync=never{options}",
        folder.path().display()
    );
    Driver::open(address).wait().unwrap()
}

fn book(length: usize) -> Event<String> {
    Event::new("S").with_body("a".repeat(length))
}

fn count(driver: &Driver<String>) -> usize {
    let mut b = Consumer::new(driver);
    let mut count = 0;
    while let Ok(delivery) = b.try_receive().wait() {
        delivery.ack().wait().unwrap();
        count += 1;
    }
    count
}

#[test]
fn the_oldest_are_not_dropped_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "&on_full=drop_oldest");
    let a = Producer::new(&driver);
    for _ in 0..300 {
        a.send(book(1_000)).wait().unwrap();
    }
    assert_eq!(count(&driver), 300);
}

#[test]
fn it_makes_the_queue_full_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "&on_full=reject");
    let a = Producer::new(&driver);
    for _ in 0..150 {
        a.try_send(book(1_000)).wait().unwrap();
        a.send(book(1_000)).wait().unwrap();
    }
    assert_eq!(count(&driver), 300);
}

#[test]
fn many_who_do_not_wait_for_a_full_queue_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let a = Producer::new(&driver);
            scope.spawn(move || {
                for _ in 0..50 {
                    a.try_send(book(1_000)).wait().unwrap();
                }
            });
        }
    });
    assert_eq!(count(&driver), 400);
}

/// The one that is begun with a small event has no room for a large one, and nothing else asks for the next.
#[test]
fn the_largest_event_fits_behind_a_small_one() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "");
    let a = Producer::new(&driver);
    for length in [1, 1_800, 1, 1_800] {
        a.send(book(length)).wait().unwrap();
    }
    assert_eq!(count(&driver), 4);
}
