//! What an address of a folder means, and what is said where it means nothing.
#![cfg(all(unix, feature = "disk"))]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bookdrop::{Consumer, Driver, Event, OpenErrorKind, Producer, disk_address};

/// Why this is not opened, and what is said.
fn refused(address: &str) -> (OpenErrorKind, String) {
    let error = Driver::<String>::open(address).wait().unwrap_err();
    (error.kind().clone(), error.to_string())
}

#[test]
fn three_slashes_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("made/with/its/parents");
    let open = |slashes: &str| {
        let address = format!("disk:{slashes}{}?segment_bytes=4096", folder.display());
        Driver::<String>::open(address).wait().unwrap()
    };
    let book = Event::new("S").with_body("hello world".to_owned());
    Producer::new(&open("//")).send(book).wait().unwrap();
    assert!(folder.is_dir());
    let book = Consumer::new(&open("")).receive().wait().unwrap();
    assert_eq!(book.body(), "hello world");
}

/// Names of folders that mean something else in an address, or are easily lost.
const NAMES: &[&[u8]] = &[
    b"library",
    b"a%20b",
    b"100 %",
    b"?#&=:",
    b"x&capacity=1",
    b" blanks ",
    b"line\n",
    "\u{3000}书".as_bytes(),
    b"no text \xff",
    b"~",
];

#[test]
fn the_address_of_a_path_opens_this_folder_and_no_other() {
    let above = tempfile::tempdir().unwrap();
    for name in NAMES {
        let name = OsStr::from_bytes(name);
        let address = disk_address(above.path().join(name)) + "?segment_bytes=4096&capacity=7";
        let library = Driver::<String>::open(&address).wait().unwrap();
        assert_eq!(library.capacity(), 7, "{address}");
        let label = above.path().join(name).join("bookdrop.json");
        assert!(label.is_file(), "{address}");
    }
    let made = fs::read_dir(above.path()).unwrap().count();
    assert_eq!(made, NAMES.len());
}

#[test]
fn a_path_keeps_how_it_begins() {
    for (path, address) in [
        ("library", "disk:library"),
        ("/library", "disk:/library"),
        ("//library", "disk:////library"),
        ("///library", "disk://///library"),
        ("~", "disk:./~"),
        ("~/library", "disk:./~/library"),
        ("./~", "disk:./~"),
        ("", "disk:"),
    ] {
        assert_eq!(disk_address(path), address);
    }
    let folder = tempfile::tempdir().unwrap();
    let slashes = Path::new("//").join(folder.path().strip_prefix("/").unwrap());
    let address = disk_address(slashes) + "?segment_bytes=4096";
    drop(Driver::<String>::open(address).wait().unwrap());
    assert!(folder.path().join("bookdrop.json").is_file());
}

#[test]
fn what_is_no_folder_is_refused_and_not_shown() {
    for (address, said) in [
        ("disk:", "`disk:/var/lib/app/library`"),
        ("disk://", "`disk:/var/lib/app/library`"),
        ("disk://secret/x", "`disk:/var/lib/app/library`"),
        ("disk://u:secret@host/x", "`disk:/var/lib/app/library`"),
        ("disk:~", "`~` is not expanded"),
        ("disk:~/secret", "`~` is not expanded"),
    ] {
        let (kind, message) = refused(address);
        assert_eq!(kind, OpenErrorKind::InvalidOption, "{address}");
        assert!(message.contains(said), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused_with_the_rule() {
    for (options, said) in [
        (
            "segment_bytes=1MiB",
            "the option `segment_bytes` is `1MiB`; make it a whole number in bytes, without a unit, at least 4096",
        ),
        ("max_bytes=1e9", "in bytes, without a unit"),
        ("cache_bytes=64M", "in bytes, without a unit"),
        ("max_event_bytes=8KB", "in bytes, without a unit"),
        ("segment_bytes=4095", "at least 4096"),
        ("segment_bytes=1073741825", "at most 1073741824"),
        (
            "max_bytes=18446744073709551616",
            "at most 18446744073709551615",
        ),
        (
            "max_event_bytes=2049&segment_bytes=4096",
            "the option `max_event_bytes` is `2049`; make it 2048 at most, which is half of `segment_bytes`, or \
             `segment_bytes` larger",
        ),
        ("max_event_bytes=16777217", "make it 16777216 at most"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue");
        let (kind, message) = refused(&format!("{}?{options}", disk_address(&path)));
        assert_eq!(kind, OpenErrorKind::InvalidOption, "{options}");
        assert!(message.contains(said), "{message}");
        assert!(!path.exists(), "nothing was made");
    }
}

#[cfg(not(feature = "message-pack"))]
#[test]
fn a_codec_that_was_left_out_is_not_compiled_in() {
    let (kind, message) = refused("disk:library?codec=msgpack");
    assert_eq!(kind, OpenErrorKind::NotCompiledIn);
    assert!(message.contains("`message-pack`"), "{message}");
}

#[test]
fn a_codec_that_nobody_knows_is_refused() {
    let (kind, message) = refused("disk:library?codec=xml");
    assert_eq!(kind, OpenErrorKind::InvalidOption);
    assert!(message.contains("one of `json`, `msgpack`"), "{message}");
}

#[test]
fn a_driver_that_nobody_knows_is_told_all_there_are() {
    let (kind, said) = refused("http://x");
    assert_eq!(kind, OpenErrorKind::UnknownScheme);
    let all = "`memory:`, `disk:`, `postgres:`, `nats:` and `tls:`";
    assert!(said.contains(all), "{said}");
}

#[cfg(feature = "nats")]
#[test]
fn a_slash_too_many_is_told_by_what_it_may_be() {
    for (address, what) in [
        ("nats://host/a/b", "one `/` too many"),
        ("nats://host/library/", "one `/` too many"),
        ("nats://app:secret/1@host/library", "written as `%2F`"),
        ("nats://app:secret/1@host", "`%2F` for `/`"),
        ("nats://host", "a server and a queue are needed"),
    ] {
        let (_, said) = refused(address);
        assert!(said.contains(what), "{address}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[cfg(feature = "nats")]
#[test]
fn a_question_mark_or_two_at_signs_in_a_password_of_nats_are_told_how_to_be_written() {
    for (address, what) in [
        ("nats://app:1?secret@host/library", "written as `%3F`"),
        ("nats://app:1?secret=2@host/library", "written as `%3F`"),
        ("nats://1?secret@host/library?lease=5s", "written as `%3F`"),
        ("nats://app:1@secret@host/library", "written as `%40`"),
        ("nats://app:secret@one,app:secret@two/library", "stand once"),
    ] {
        let (_, said) = refused(address);
        assert!(said.contains(what), "{address}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[cfg(all(feature = "nats", feature = "postgres"))]
#[test]
fn how_a_folder_is_flushed_is_told_what_it_is_at_a_server() {
    for (address, what) in [
        ("nats://host/library?sync=always", "`sync_interval`"),
        (
            "postgres://host/app?queue=q&sync=always",
            "`synchronous_commit`",
        ),
    ] {
        let (kind, said) = refused(address);
        assert_eq!(kind, OpenErrorKind::UnknownOption, "{said}");
        assert!(said.contains("`sync` is an option of `disk`"), "{said}");
        assert!(said.contains(what), "{said}");
    }
}

#[cfg(feature = "nats")]
#[test]
fn a_queue_of_nats_as_an_option_is_told_where_it_stands() {
    let (_, said) = refused("nats://host/library?queue=library");
    assert!(said.contains("stands behind the server"), "{said}");
}

/// Otherwise a part of the password would be looked up as the name of a server.
#[cfg(feature = "postgres")]
#[test]
fn a_password_with_an_at_sign_goes_nowhere() {
    for place in [
        "app:se@cret@host/app",
        "app:se/cret@host/app",
        "app:se@cret.example/wd@host/app",
    ] {
        let (_, said) = refused(&format!("postgres://{place}?queue=library"));
        assert!(said.contains("written as `%40`"), "{said}");
        assert!(!said.contains("cret"), "{said}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn tls_by_an_address_of_postgres_is_refused_with_the_way_to_it() {
    for mode in ["require", "verify-ca", "verify-full"] {
        let address = format!("postgres://app@host/app?queue=library&sslmode={mode}");
        let (kind, said) = refused(&address);
        assert_eq!(kind, OpenErrorKind::InvalidOption, "{said}");
        let way = "`bookdrop_postgres::Server::with_tls`";
        assert!(said.contains(way), "{mode}: {said}");
    }
}

#[test]
fn a_capacity_that_is_misspelt_is_named() {
    let (kind, said) = refused("memory:?capacty=1");
    assert_eq!(kind, OpenErrorKind::UnknownOption);
    assert!(
        said.contains("no option `capacty`; perhaps `capacity` is meant; there are `capacity`"),
        "{said}"
    );
    let (_, said) = refused("memory:?capacity=1&pages=3");
    assert!(said.contains("no option `pages`; there are"), "{said}");
    let (kind, said) = refused("memory:");
    assert_eq!(kind, OpenErrorKind::InvalidOption);
    assert!(said.contains("`memory:?capacity=100`"), "{said}");
}
