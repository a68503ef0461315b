//! Damage in a folder is told to whoever opens it.
#![cfg(all(unix, feature = "disk"))]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use bookdrop::{Consumer, Damage, Driver, Event, Operation, Producer, disk_address, operations};
use futures_lite::future::{block_on, poll_once};

/// Nothing takes that long.
const A_MINUTE: Duration = Duration::from_secs(60);

type Opening = Operation<operations::Open<String, ()>>;

fn opening(folder: &Path) -> Opening {
    Driver::open(disk_address(folder) + "?segment_bytes=4096")
}

/// Opens a folder, and says what was told of it, call by call.
fn opened(folder: &Path) -> (Driver<String, ()>, Vec<Vec<Damage>>) {
    let (tell, told) = mpsc::channel();
    let opening = opening(folder).on_damage(move |damage| tell.send(damage).unwrap());
    (opening.wait().unwrap(), told.try_iter().collect())
}

/// A folder with these books.
fn folder_with(books: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let a = Producer::new(&opened(folder.path()).0);
    for book in books {
        let book = Event::new("S").with_body(book.repeat(200));
        a.send(book).wait().unwrap();
    }
    folder
}

fn segment(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("journal-{generation:016x}"))
}

/// Changes a byte of the first book of this name. Says in which file, and where.
fn damage(folder: &Path, book: &str) -> (PathBuf, u64) {
    damage_text(folder, &book.repeat(200))
}

/// Changes the first byte of what stands there first of this text. Says in which file, and where.
fn damage_text(folder: &Path, text: &str) -> (PathBuf, u64) {
    for generation in 1.. {
        let file = segment(folder, generation);
        let mut bytes = fs::read(&file).expect("the book is in one of the files");
        let at = bytes
            .windows(text.len())
            .position(|found| found == text.as_bytes());
        if let Some(at) = at {
            bytes[at] = !bytes[at];
            fs::write(&file, bytes).unwrap();
            return (file, at as u64);
        }
    }
    unreachable!("there is no last number");
}

/// The first letters of the books that are there.
fn books(driver: &Driver<String, ()>) -> Vec<String> {
    let mut b = Consumer::new(driver).auto_ack();
    let mut receive = || b.try_receive().wait().ok();
    let books = std::iter::from_fn(|| receive().map(|book| book.body()[..1].to_owned()));
    books.collect()
}

#[test]
fn what_is_whole_is_not_told() {
    let folder = folder_with(&["a", "b"]);
    let (driver, told) = opened(folder.path());
    assert_eq!(told, Vec::<Vec<Damage>>::new());
    assert_eq!(books(&driver), ["a", "b"]);
}

#[test]
fn a_damaged_record_is_told_with_its_place_and_its_copy() {
    let folder = folder_with(&["a", "b", "c"]);
    let (file, at) = damage(folder.path(), "b");
    let (driver, told) = opened(folder.path());
    let [[place]] = told.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] else {
        panic!("one place was damaged, and told once: {told:?}");
    };
    assert_eq!(place.file, file);
    let range = place.bytes.clone().expect("these bytes");
    assert!(range.contains(&at), "{place:?}");
    let copy = place.copy.as_ref().expect("they were copied");
    let bytes = fs::read(copy).unwrap();
    assert_eq!(bytes.len() as u64, range.end - range.start);
    assert_eq!(bytes[(at - range.start) as usize], !b'b');
    let said = place.to_string();
    for part in [
        file.to_str().unwrap(),
        copy.to_str().unwrap(),
        &range.start.to_string(),
        &range.end.to_string(),
        "lost",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(driver.stats().wait().unwrap().damaged, 1);
    assert_eq!(books(&driver), ["a", "c"]);
}

#[test]
fn where_there_is_no_copy_none_is_told() {
    let folder = folder_with(&["a", "b", "c"]);
    for number in 0..64 {
        fs::write(folder.path().join(format!("damaged-{number}")), "").unwrap();
    }
    damage(folder.path(), "b");
    let (_, told) = opened(folder.path());
    assert_eq!(told[0][0].copy, None);
    let said = told[0][0].to_string();
    assert!(said.contains("no copy"), "{said}");
}

#[test]
fn a_missing_file_and_a_damaged_header_are_told() {
    let folder = folder_with(&["a"; 60]);
    let [second, last] = [2, 4].map(|generation| segment(folder.path(), generation));
    fs::remove_file(&second).unwrap();
    let mut bytes = fs::read(&last).unwrap();
    bytes[0] = !bytes[0];
    fs::write(&last, bytes).unwrap();
    let (_, told) = opened(folder.path());
    assert_eq!(told.len(), 1, "once for all");
    for (file, words) in [(second, ["missing", "copy"]), (last, ["header", "found"])] {
        let of_file = told[0].iter().find(|place| place.file == file);
        let place = of_file.expect("it is told");
        assert_eq!((&place.bytes, &place.copy), (&None, &None));
        let said = place.to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}

/// Other than one whose header alone is damaged.
#[test]
fn a_file_of_which_nothing_is_left_is_told() {
    let folder = folder_with(&["a", "b"]);
    let file = segment(folder.path(), 1);
    let length = fs::metadata(&file).unwrap().len() as usize;
    fs::write(&file, vec![0; length]).unwrap();
    let (driver, told) = opened(folder.path());
    let [[bytes, whole]] = told.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] else {
        panic!("its bytes and the file: {told:?}");
    };
    assert_eq!((&whole.file, &bytes.file), (&file, &file));
    let said = whole.to_string();
    assert!(said.contains("all that stood in it is lost"), "{said}");
    assert!(bytes.copy.is_some(), "{bytes:?}");
    assert_eq!(books(&driver), [""; 0]);
}

/// With what is to be done about it.
#[test]
fn the_new_name_of_a_group_whose_own_is_lost_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (driver, _) = opened(folder.path());
    drop(Consumer::in_group(&driver, "shelf").unwrap());
    let a = Producer::new(&driver);
    a.send(Event::new("S").with_body("a".to_owned()))
        .wait()
        .unwrap();
    drop((driver, a));
    damage_text(folder.path(), "shelf");
    let (driver, told) = opened(folder.path());
    let [[place, group]] = told.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] else {
        panic!("a place and a group: {told:?}");
    };
    assert!(place.bytes.is_some(), "{place:?}");
    assert_eq!((&*group.file, &group.bytes), (folder.path(), &None));
    let said = group.to_string();
    for part in ["`recovered-1`", "consume", "remove"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(driver.stats().wait().unwrap().damaged, 1, "one place");
    assert_eq!(driver.groups().wait().unwrap(), ["recovered-1"]);
    let mut b = Consumer::in_group(&driver, "recovered-1")
        .unwrap()
        .auto_ack();
    assert_eq!(b.receive().wait().unwrap().body(), "a");
}

#[test]
fn damage_is_told_although_the_opening_was_dropped() {
    let folder = folder_with(&["a", "b", "c"]);
    damage(folder.path(), "b");
    let (tell, told) = mpsc::channel();
    let mut opening = opening(folder.path()).on_damage(move |damage| tell.send(damage).unwrap());
    drop(block_on(poll_once(&mut opening)));
    drop(opening);
    assert_eq!(told.recv_timeout(A_MINUTE).unwrap().len(), 1);
}

#[test]
fn a_panic_of_what_is_told_ends_the_opening_and_gives_the_folder_up() {
    let folder = folder_with(&["a", "b", "c"]);
    damage(folder.path(), "b");
    let opening = opening(folder.path()).on_damage(|_| panic!("the shelf fell"));
    let waited = catch_unwind(AssertUnwindSafe(|| opening.wait_for(A_MINUTE)));
    waited.expect_err("it goes on here");
    assert_eq!(books(&opened(folder.path()).0), ["a", "c"]);
}
