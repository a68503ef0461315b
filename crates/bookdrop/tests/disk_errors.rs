//! What errors of the driver on disk say to do.
#![cfg(all(unix, feature = "disk"))]

use bookdrop::{BackendErrorKind, Consumer, Driver, Event, OpenErrorKind, Producer, SendErrorKind};
use tempfile::TempDir;

fn open(folder: &TempDir, options: &str) -> Driver<String> {
    let address = format!("disk:{}?{options}", folder.path().display());
    Driver::open(address).wait().unwrap()
}

fn book(length: usize) -> Event<String> {
    Event::new("S").with_body("a".repeat(length))
}

#[test]
fn an_event_that_is_too_large_is_told_all_that_has_to_be_larger() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "segment_bytes=65536&max_event_bytes=1000");
    let a = Producer::new(&driver);
    let said = |length| {
        let error = a.send(book(length)).wait().unwrap_err();
        let SendErrorKind::Backend(error) = error.kind() else {
            panic!("{error}");
        };
        assert_eq!(error.kind(), BackendErrorKind::TooLarge);
        error.to_string()
    };
    let of_events = said(2_000);
    assert!(of_events.contains("1000 at most"), "{of_events}");
    assert!(of_events.contains("`max_event_bytes`"), "{of_events}");
    assert!(!of_events.contains("`segment_bytes`"), "{of_events}");
    let of_both = said(40_000);
    assert!(of_both.contains("`max_event_bytes`"), "{of_both}");
    assert!(of_both.contains("`segment_bytes`"), "{of_both}");
}

#[cfg(feature = "message-pack")]
#[test]
fn another_codec_is_told_how_to_open_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder, "segment_bytes=4096&codec=msgpack"));
    let address = format!("disk:{}", folder.path().display());
    let error = Driver::<String>::open(address).wait().unwrap_err();
    let OpenErrorKind::Backend(error) = error.kind() else {
        panic!("{error}");
    };
    assert_eq!(error.kind(), BackendErrorKind::Invalid);
    let said = error.to_string();
    assert!(said.contains("open it with `codec=msgpack`"), "{said}");
}

#[test]
fn a_folder_that_dead_letters_fill_is_full_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let driver = open(&folder, "segment_bytes=4096&max_bytes=1500");
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    a.send(book(1_000)).wait().unwrap();
    b.receive().wait().unwrap().reject("torn").wait().unwrap();
    let error = a.try_send(book(1_000)).wait().unwrap_err();
    assert_eq!(error.kind(), &SendErrorKind::Full);
    let said = error.to_string();
    assert!(said.contains("`max_bytes`"), "{said}");
    assert!(said.contains("dead letters"), "{said}");
    driver.dead_letters().discard_all().wait().unwrap();
    a.try_send(error.into_event()).wait().unwrap();
}
