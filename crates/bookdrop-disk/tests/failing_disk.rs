//! A disk that runs full, and has room again; and one that fails.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;

use bookdrop_backend::{
    Backend, Error, ErrorKind, NotFetched, NotPublished, Place, Progress, Reader, Record,
    Settlement, Wait,
};
use bookdrop_disk::{Options, Records};
use bookdrop_queue::park::wait;

use disk::Disk;

const SEGMENT: u64 = 4096;
const PLENTY: u64 = 1000 * SEGMENT;

fn opened(disk: &Disk, capacity: usize) -> Records {
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.limits.capacity = capacity;
    let (records, _) = Records::open_folder(disk.clone(), &options).expect("there is room");
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
    let disk = Disk::new(7, SEGMENT, None);
    let records = opened(&disk, 100);
    assert!(full(send(&records, 1)).is_some());
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

/// It is not tried again: what is on the disk is not known any more.
#[test]
fn a_write_that_fails_breaks_the_queue_until_it_is_opened_again() {
    let disk = Disk::new(7, PLENTY, None);
    let records = opened(&disk, 100);
    send(&records, 1).unwrap();
    disk.light_fuse(0);
    for number in 2..4 {
        let Err(NotPublished::Backend(error)) = send(&records, number) else {
            panic!("it was sent");
        };
        assert_eq!(error.kind(), ErrorKind::Broken, "{error}");
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
