//! A disk that runs full, and has room again; and one that fails.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;

use bookdrop_backend::{
    Backend, DeadReason, Error, ErrorKind, Letters, NotFetched, NotPublished, Place, Progress,
    Reader, Record, Settled, Settlement, Wait,
};
use bookdrop_disk::journal::{self, Journal, Need, Settings};
use bookdrop_disk::storage::Folder;
use bookdrop_disk::{Options, Records};
use bookdrop_queue::park::wait;

use disk::Disk;

const SEGMENT: u64 = 4096;
const PLENTY: u64 = 1000 * SEGMENT;

fn opened(disk: &Disk, capacity: usize) -> Records {
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.limits.capacity = capacity;
    let (records, _) = bookdrop_disk::open_folder(disk.clone(), &options).expect("there is room");
    records
}

fn send(records: &Records, number: usize) -> Result<(), NotPublished> {
    let record = Record {
        id: number.to_string().into(),
        content: vec![b'x'; 400].into(),
        ..Record::default()
    };
    wait(records.publish(vec![record], Progress::default(), true))
}

fn full(sent: Result<(), NotPublished>) -> Option<Error> {
    match sent {
        Ok(()) => None,
        Err(NotPublished::Backend(error)) if error.kind() == ErrorKind::NoSpace => Some(error),
        Err(other) => panic!("{other:?}"),
    }
}

/// Receives and acks everything that is there.
fn empty(records: &Records, reader: Reader) -> usize {
    let mut count = 0;
    loop {
        match wait(records.fetch(reader, 1, Wait::No)) {
            Ok(fetched) => {
                for fetched in fetched {
                    wait(records.settle(fetched.receipt, Settlement::Done)).expect("acks go on");
                    count += 1;
                }
            }
            Err(NotFetched::Empty) => return count,
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn senders_are_told_and_consumers_go_on_and_then_all_goes_on() {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk, 100_000);
    let reader = wait(records.join(Place::In("default"))).unwrap();
    disk.set_room(0);
    let refused = (0..100_000).find(|number| full(send(&records, *number)).is_some());
    let sent = refused.expect("the disk is full");
    let error = full(send(&records, sent)).expect("it still is");
    assert!(error.to_string().contains("free some"), "{error}");
    assert!(error.is_retryable());

    assert_eq!(empty(&records, reader), sent);
    disk.set_room(PLENTY);
    // Somebody looks after it by itself.
    let mut number = sent;
    while full(send(&records, number)).is_some() {
        std::thread::yield_now();
        number += 1;
    }
    drop(records);

    let records = opened(&disk, 100_000);
    let reader = wait(records.join(Place::In("default"))).unwrap();
    assert_eq!(empty(&records, reader), 1);
}

#[test]
fn the_first_sender_is_told_where_the_disk_was_full_at_opening() {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk, 100);
    send(&records, 1).unwrap();
    drop(records);
    disk.set_room(0);
    let records = opened(&disk, 100);
    let refused = (2..1_000).find_map(|number| full(send(&records, number)));
    assert!(refused.is_some(), "there is no room");
}

#[test]
fn a_new_folder_is_not_opened_where_nothing_could_be_sent() {
    let room = 3 * SEGMENT;
    let disk = Disk::new(7, room, None);
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    let opened = bookdrop_disk::open_folder(disk.clone(), &options);
    let error = opened.err().expect("there is room for three files");
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    assert_eq!(disk.names().unwrap(), [] as [String; 0]);
    // Where it never has so much room, only this helps.
    assert!(error.to_string().contains("`segment_bytes`"), "{error}");
}

#[test]
fn an_opening_that_fails_leaves_the_files_that_were_there() {
    let disk = Disk::new(7, PLENTY, None);
    drop(opened(&disk, 100));
    let mut names = disk.names().unwrap();
    disk.remove(&names.remove(0)).unwrap();
    disk.set_room(0);
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    let opened = bookdrop_disk::open_folder(disk.clone(), &options);
    assert_eq!(opened.err().unwrap().kind(), ErrorKind::NoSpace);
    assert_eq!(disk.names().unwrap(), names);
}

#[test]
fn one_who_waits_for_room_is_told_that_the_disk_is_full() {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk, 3);
    disk.set_room(0);
    std::thread::scope(|scope| {
        // Three are taken in, and the others wait in line, each with a length that fills the disk.
        let senders: Vec<_> = (0..60)
            .map(|number| {
                let records = &records;
                scope.spawn(move || full(send(records, number)))
            })
            .collect();
        let reader = wait(records.join(Place::In("default"))).unwrap();
        while senders.iter().any(|sender| !sender.is_finished()) {
            // Nothing is acked: what is taken in stays on the disk.
            let _in_hand = wait(records.fetch(reader, 1, Wait::No));
        }
        let ended = senders.into_iter().map(|sender| sender.join().unwrap());
        assert!(ended.flatten().count() > 0, "nobody was told");
    });
}

/// The operating system may tell only one of those who flush that it failed, and here that is the one who begins a new file.
#[test]
fn a_flush_during_which_another_one_failed_is_no_success() {
    let disk = Disk::new(7, PLENTY, None);
    let settings = Settings::default().with_segment_bytes(SEGMENT);
    let (mut journal, _) = Journal::open(disk.clone(), settings, |_| ()).unwrap();
    let record = |payload| journal::Record { kind: 1, payload };
    let small = [0; 100];
    journal
        .append([record(&small)], Need::TakesRoom, |_| ())
        .unwrap();
    let flush = journal
        .begin_flush()
        .unwrap()
        .expect("there is something to flush");

    disk.set_failing_flushes(Some(1));
    let large = [0; 3900];
    journal
        .append([record(&large)], Need::TakesRoom, |_| ())
        .unwrap_err();
    disk.set_failing_flushes(None);
    let flushed = flush.run();
    journal.end_flush(flush, flushed).unwrap_err();
}

/// Two groups ack everything while nothing new can be written: there is much more to write than one file holds, and most of what
/// lies there is needed no more.
#[test]
fn on_a_full_disk_everything_can_be_acked() {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk, 100_000);
    let readers = ["one", "two"].map(|group| wait(records.join(Place::In(group))).unwrap());
    disk.set_room(0);
    // One write for many, so that they take less room than their acks will.
    let tiny = |number: usize| Record {
        id: number.to_string().into(),
        ..Record::default()
    };
    let refused = (0..).step_by(5).find(|number| {
        let batch = (*number..number + 5).map(tiny).collect();
        full(wait(records.publish(batch, Progress::default(), true))).is_some()
    });
    assert!(refused > Some(0));
    for reader in readers {
        loop {
            match wait(records.fetch(reader, 1, Wait::No)) {
                Err(NotFetched::Empty) => break,
                fetched => {
                    let receipt = fetched.unwrap().remove(0).receipt;
                    wait(records.settle(receipt, Settlement::Done)).unwrap();
                }
            }
        }
    }
    drop(records);

    let records = opened(&disk, 100_000);
    for group in ["one", "two"] {
        let reader = wait(records.join(Place::In(group))).unwrap();
        let left = wait(records.fetch(reader, 1, Wait::No));
        assert!(matches!(left, Err(NotFetched::Empty)), "{left:?}");
    }
}

/// Not one ack has to be tried again, whoever takes the rest of the disk, and though each restart begins a new file.
#[test]
fn on_a_full_disk_every_ack_is_confirmed_across_restarts() {
    for content in [0, 100, 1_500] {
        let disk = Disk::new(7, 40 * SEGMENT, None);
        let mut records = opened(&disk, 100_000);
        let mut reader = wait(records.join(Place::In("default"))).unwrap();
        let event = |number: usize| Record {
            id: number.to_string().into(),
            content: vec![b'x'; content].into(),
            ..Record::default()
        };
        let refused = (0..100_000).find(|number| {
            let sent = records.publish(vec![event(*number)], Progress::default(), true);
            full(wait(sent)).is_some()
        });
        let sent = refused.expect("the disk is full");
        for number in 0..sent {
            // Whatever is given back to the file system goes to others.
            disk.set_room(0);
            if number % 40 == 39 {
                drop(records);
                records = opened(&disk, 100_000);
                reader = wait(records.join(Place::In("default"))).unwrap();
            }
            let fetched = wait(records.fetch(reader, 1, Wait::No)).unwrap().remove(0);
            assert_eq!(*fetched.record.id, *number.to_string());
            let acked = wait(records.settle(fetched.receipt, Settlement::Done));
            acked.unwrap_or_else(|error| panic!("ack {number} of {sent}: {error}"));
        }
        assert_eq!(empty(&records, reader), 0);
    }
}

/// To try to make a file takes the last room on a real disk each time, and much work.
#[test]
fn on_a_full_disk_it_is_not_tried_again_and_again_to_make_a_file() {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk, 100_000);
    let reader = wait(records.join(Place::In("default"))).unwrap();
    disk.set_room(0);
    let refused = (0..100_000).find(|number| full(send(&records, *number)).is_some());
    for number in 0..2_000 {
        // What was given back may be enough for one.
        full(send(&records, number));
        let _ = wait(records.fetch(reader, 1, Wait::No)).map(|fetched| {
            let later = Settlement::RetryAfter(std::time::Duration::ZERO);
            wait(records.settle(fetched[0].receipt, later))
        });
    }
    // About once a second, and each time that some space was given back.
    assert!(disk.refused() < 200, "{} times", disk.refused());
    assert!(refused.is_some());
}

/// It is for a segment of which all has to be written again, and that is a lot.
#[test]
fn what_cannot_be_read_is_not_tried_to_be_written_again_for_each_settlement() {
    let disk = Disk::new(7, 40 * SEGMENT, None);
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.cache_bytes = 0;
    let (records, _) = bookdrop_disk::open_folder(disk.clone(), &options).expect("there is room");
    let reader = wait(records.join(Place::In("default"))).unwrap();
    let sent = (0..).find(|number| full(send(&records, *number)).is_some());
    disk.set_room(0);
    let in_hand = wait(records.fetch(reader, sent.unwrap(), Wait::No)).unwrap();
    disk.set_unreadable(true);
    let mut unknown = 0;
    for (number, fetched) in in_hand.into_iter().enumerate() {
        // In each segment something is needed, and something is not.
        let how = match number % 2 {
            0 => Settlement::Done,
            _ => Settlement::RetryAfter(std::time::Duration::from_secs(3600)),
        };
        unknown += usize::from(wait(records.settle(fetched.receipt, how)).is_err());
    }
    assert!(unknown > 100, "{unknown} of {sent:?} could not be written");
    // About once a second, and where there is more to be gained.
    assert!(disk.unread() < 50, "{} times", disk.unread());

    // It is tried again after some time.
    disk.set_unreadable(false);
    while wait(records.replay("default", Letters::These(Vec::new()))).is_err() {
        std::thread::yield_now();
    }
}

/// Dead letters give nothing back, so in the end there is no room to write one down.
#[test]
fn a_settlement_that_cannot_be_written_yet_was_done_in_this_process() {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk, 100_000);
    let readers =
        ["default", "b", "c", "d"].map(|group| wait(records.join(Place::In(group))).unwrap());
    disk.set_room(0);
    let is_refused = || {
        let record = vec![Record::default()];
        full(wait(records.publish(record, Progress::default(), true))).is_some()
    };
    while !is_refused() {}
    let mut settled = readers.into_iter().cycle().map(|reader| {
        let fetched = wait(records.fetch(reader, 1, Wait::No)).expect("there are enough");
        let reason = DeadReason::Rejected("x".repeat(900));
        let settlement = Settlement::Bury(reason);
        (
            fetched[0].receipt,
            wait(records.settle(fetched[0].receipt, settlement)),
        )
    });
    let (receipt, error) = settled
        .find_map(|(receipt, settled)| Some((receipt, settled.err()?)))
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Unknown);
    let said = error.to_string();
    assert!(said.contains("done in this process"), "{said}");
    let again = wait(records.settle(receipt, Settlement::Done));
    assert_eq!(again, Ok(Settled::TooLate));
    let dead = wait(records.dead("default", Letters::All)).unwrap();
    disk.set_room(PLENTY);
    // It is written when there is room: then there is nothing that would not survive.
    while wait(records.purge()).is_err() {
        std::thread::yield_now();
    }
    drop(records);
    let records = opened(&disk, 100_000);
    let there = wait(records.dead("default", Letters::All)).unwrap();
    assert_eq!(there.len(), dead.len());
}

#[test]
fn a_receive_that_cannot_read_says_why_and_the_event_stays() {
    let disk = Disk::new(7, PLENTY, None);
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.cache_bytes = 0;
    let opened = || {
        bookdrop_disk::open_folder(disk.clone(), &options)
            .unwrap()
            .0
    };
    let records = opened();
    let reader = wait(records.join(Place::In("default"))).unwrap();
    send(&records, 1).unwrap();
    disk.light_fuse(0);
    let Err(NotFetched::Backend(error)) = wait(records.fetch(reader, 1, Wait::Yes)) else {
        panic!("it cannot be read");
    };
    assert!(error.to_string().contains("no power"), "{error}");
    drop(records);
    disk.kill();
    let records = opened();
    let reader = wait(records.join(Place::In("default"))).unwrap();
    assert_eq!(empty(&records, reader), 1);
}

/// It is not tried again: what is on the disk is not known any more.
#[test]
fn a_write_that_fails_breaks_the_queue_until_it_is_opened_again() {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk, 100);
    send(&records, 1).unwrap();
    disk.light_fuse(0);
    // The first one may be on the disk; what comes later is not.
    for (number, kind) in [(2, ErrorKind::Unknown), (3, ErrorKind::Broken)] {
        let Err(NotPublished::Backend(error)) = send(&records, number) else {
            panic!("it was sent");
        };
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error.to_string().contains("open the driver again"),
            "{error}"
        );
    }
    drop(records);
    disk.kill();
    let records = opened(&disk, 100);
    let reader = wait(records.join(Place::In("default"))).unwrap();
    let fetched = wait(records.fetch(reader, 9, Wait::No)).unwrap();
    assert_eq!(&*fetched[0].record.id, "1");
}

/// It may have been done before by somebody who was told that it may be lost. So it is not sure, but nor was it done now.
#[test]
fn what_does_nothing_when_the_queue_is_broken_is_told_that_it_is() {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk, 100);
    wait(records.join(Place::In("default"))).unwrap();
    send(&records, 1).unwrap();
    disk.light_fuse(0);
    let purged = || wait(records.purge()).expect_err("it cannot be written");
    let done = purged();
    assert_eq!(done.kind(), ErrorKind::Unknown, "{done}");
    let removed = wait(records.remove_group("nobody's"));
    let replayed = wait(records.replay("default", Letters::All));
    for error in [purged(), removed.unwrap_err(), replayed.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
    }
    let discarded = wait(records.discard("default", Letters::All));
    assert_eq!(discarded, Ok(0));
}
