//! A full disk on which much happens at once, or again and again: what is confirmed is written, and what is needed no more gives room
//! back, however much waits to be written.

#[path = "support/barred.rs"]
mod barred;
#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;
#[allow(dead_code)]
mod support;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use bookdrop_backend::{
    Backend, DeadReason, Error, ErrorKind, Fetched, Letters, NotPublished, Progress, Record,
    Settled, Settlement, Wait,
};
use bookdrop_disk::storage::{File, Folder};
use bookdrop_disk::{Options, Records};
use bookdrop_queue::park::wait;

use barred::Barred;
use disk::Disk;
use support::{fetch, join};

const SEGMENT: u64 = 4096;
const ROOM: u64 = 40 * SEGMENT;
const GROUPS: [&str; 6] = ["default", "b", "c", "d", "e", "f"];

fn opened<F>(folder: F) -> Records
where
    F: Folder + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
{
    opened_with(SEGMENT, folder)
}

fn opened_with<F>(segment_bytes: u64, folder: F) -> Records
where
    F: Folder + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
{
    let mut options = Options::default();
    options.segment_bytes = segment_bytes;
    options.limits.capacity = 100_000;
    options.limits.max_dead = usize::MAX;
    options.limits.max_attempts = u32::MAX;
    options.limits.max_deliveries = u32::MAX;
    let (records, _) = bookdrop_disk::open_folder(folder, &options).expect("there is room");
    records
}

fn event(number: usize, content: usize) -> Record {
    Record {
        id: number.to_string().into(),
        content: vec![b'x'; content].into(),
        ..Record::default()
    }
}

fn send(records: &Records, record: Record) -> Result<(), Error> {
    send_all(records, vec![record])
}

fn send_all(records: &Records, all: Vec<Record>) -> Result<(), Error> {
    match wait(records.publish(all, Progress::default(), true)) {
        Ok(()) => Ok(()),
        Err(NotPublished::Backend(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

/// Sends events of so many bytes of content until there is no room. Returns how many there are.
fn fill(records: &Records, content: usize) -> usize {
    let mut numbers = 0..;
    let refused = numbers.find(|number| send(records, event(*number, content)).is_err());
    refused.expect("the disk is full")
}

fn settle(records: &Records, fetched: &Fetched, how: Settlement) -> Result<Settled, Error> {
    wait(records.settle(fetched.receipt, how))
}

/// It is done with, or fails and comes back at once. Whether that survives is another matter.
fn ack(records: &Records, fetched: &Fetched) {
    let _ = settle(records, fetched, Settlement::Done);
}

fn fail(records: &Records, fetched: &Fetched) {
    let _ = settle(records, fetched, Settlement::RetryAfter(Duration::ZERO));
}

/// Everything that happened is written, without more room on the disk.
fn all_is_written(records: &Records) {
    while wait(records.purge()).is_err() {
        thread::yield_now();
    }
}

/// Sends go on, without more room on the disk.
fn goes_on(records: &Records) {
    while send(records, event(0, 10)).is_err() {
        thread::yield_now();
    }
}

/// What is found when it is opened again: events that are handed over, and dead letters of each group.
fn found(disk: &Disk) -> (usize, [usize; GROUPS.len()]) {
    let records = opened(disk.clone());
    let events = GROUPS.map(|group| {
        let reader = join(&records, group);
        std::iter::from_fn(|| fetch(&records, reader)).count()
    });
    let dead = GROUPS.map(|group| {
        wait(records.dead(group, Letters::All))
            .expect("they can be read")
            .len()
    });
    (events.iter().sum(), dead)
}

#[test]
fn acks_of_one_of_two_groups_are_confirmed_while_somebody_tries_to_send() {
    for tries_to_send in [false, true] {
        let disk = Disk::new(7, ROOM, None);
        let records = opened(disk.clone());
        let [reader, _] = ["default", "b"].map(|group| join(&records, group));
        fill(&records, 100);
        let mut acked = 0;
        while let Some(fetched) = fetch(&records, reader) {
            disk.set_room(0);
            if tries_to_send && acked % 5 == 0 {
                let _ = send(&records, event(1_000_000 + acked, 100));
            }
            let confirmed = settle(&records, &fetched, Settlement::Done);
            confirmed.unwrap_or_else(|error| panic!("ack {acked}: {error}"));
            acked += 1;
        }
    }
}

/// Sends so many events at once, again and again, until there is no room: nothing lies between them.
fn fill_at_once(records: &Records, contents: impl Fn(usize) -> usize) {
    let all = || {
        (0..20)
            .map(|number| event(number, contents(number)))
            .collect()
    };
    while send_all(records, all()).is_ok() {}
}

/// Hardly anything in the journal can be given back, and each process begins a new segment.
#[test]
fn settlements_are_confirmed_across_restarts_when_events_were_sent_at_once() {
    /// In each group, by each process.
    const SETTLED: usize = 12;
    let disk = Disk::new(7, ROOM / 2, None);
    let mut records = opened(disk.clone());
    let groups = ["default", "b", "c"];
    let _ = groups.map(|group| join(&records, group));
    fill_at_once(&records, |number| 9 * number);
    for process in 0..40 {
        disk.set_room(0);
        for group in groups {
            let reader = join(&records, group);
            for number in 0..SETTLED {
                let fetched = fetch(&records, reader).expect("there are enough");
                let how = match number % 3 {
                    0 if group == groups[0] => Settlement::Done,
                    _ => Settlement::RetryAfter(Duration::ZERO),
                };
                let confirmed = settle(&records, &fetched, how);
                confirmed.unwrap_or_else(|error| panic!("{number} of {process}: {error}"));
            }
        }
        drop(records);
        records = opened(disk.clone());
    }
}

/// An id lies in its event and moves with it. Everything is needed by another group.
#[test]
fn acks_are_confirmed_of_events_whose_ids_were_given() {
    for each_process in [20, usize::MAX] {
        let disk = Disk::new(7, ROOM, None);
        let mut records = opened(disk.clone());
        let _ = ["default", "b"].map(|group| join(&records, group));
        let mut numbers = 0..;
        let mut some = || {
            let given = |number| Record {
                id: format!("order {number:014}").into(),
                is_id_given: true,
                ..event(number, 100)
            };
            numbers.by_ref().take(10).map(given).collect()
        };
        while send_all(&records, some()).is_ok() {}
        disk.set_room(0);
        let mut acked = 0;
        loop {
            let reader = join(&records, "default");
            let next = || fetch(&records, reader);
            for fetched in std::iter::from_fn(next).take(each_process) {
                let confirmed = settle(&records, &fetched, Settlement::Done);
                confirmed.unwrap_or_else(|error| panic!("ack {acked}: {error}"));
                acked += 1;
            }
            if fetch(&records, reader).is_none() {
                break;
            }
            drop(records);
            records = opened(disk.clone());
            disk.set_room(0);
        }
        assert!(acked > 300, "{acked} were sent");
    }
}

/// What they send has an id, which is written again when all else of it is needed no more. A segment is carried in several writes.
#[test]
fn acks_are_confirmed_while_others_try_to_send_again_and_again() {
    const LONG: u64 = 128 << 10;
    let disk = Disk::new(7, 30 * LONG, None);
    let records = opened_with(LONG, disk.clone());
    let reader = join(&records, "default");
    let numbers = AtomicUsize::new(0);
    let event_with_id = || Record {
        is_id_given: true,
        ..event(numbers.fetch_add(1, Ordering::Relaxed), 1_500)
    };
    while send(&records, event_with_id()).is_ok() {}
    disk.set_room(0);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = send(&records, event_with_id());
                    thread::yield_now();
                }
            });
        }
        let acks = (0..2_000).filter_map(|_| {
            let fetched = fetch(&records, reader).expect("they send more than is received");
            while send(&records, event_with_id()).is_ok() {}
            settle(&records, &fetched, Settlement::Done).err()
        });
        let refused = acks.count();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(refused, 0);
    });
}

/// What is written of a failure is needed no more when the event is written down again.
#[test]
fn failures_are_confirmed_however_many_there_are() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(disk.clone());
    let reader = join(&records, "default");
    fill(&records, 100);
    disk.set_room(0);
    for number in 0..1_000 {
        let fetched = fetch(&records, reader).expect("all are there");
        let later = Settlement::RetryAfter(Duration::ZERO);
        let confirmed = settle(&records, &fetched, later);
        confirmed.unwrap_or_else(|error| panic!("failure {number}: {error}"));
    }
}

/// Together their notes take more than there is in reserve, and give back nearly everything.
#[test]
fn many_acks_at_once_are_confirmed() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(disk.clone());
    let reader = join(&records, "default");
    let sent = fill(&records, 100);
    disk.set_room(0);
    let fetched = wait(records.fetch(reader, sent, Wait::No)).expect("all are there");
    let mut acks: Vec<_> = fetched
        .iter()
        .map(|one| Box::pin(records.settle(one.receipt, Settlement::Done)))
        .collect();
    let mut cx = Context::from_waker(Waker::noop());
    while !acks.is_empty() {
        acks.retain_mut(|ack| match ack.as_mut().poll(&mut cx) {
            Poll::Ready(confirmed) => confirmed.map(|_| false).expect("it is confirmed"),
            Poll::Pending => true,
        });
        thread::yield_now();
    }
}

#[test]
fn acks_free_it_however_often_the_events_failed_before() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(disk.clone());
    let reader = join(&records, "default");
    let sent = fill(&records, 400);
    disk.set_room(0);
    for _ in 0..20_000 {
        fail(&records, &fetch(&records, reader).expect("all are there"));
    }
    for _ in 0..sent {
        ack(&records, &fetch(&records, reader).expect("all are there"));
    }
    goes_on(&records);
    drop(records);
    assert_eq!(found(&disk), (1, [0; 6]), "what was acked came back");
}

#[test]
fn discarding_frees_it_when_all_became_dead_letters() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(disk.clone());
    let reader = join(&records, "default");
    let sent = fill(&records, 10);
    disk.set_room(0);
    for _ in 0..3 * sent {
        fail(&records, &fetch(&records, reader).expect("all are there"));
    }
    while let Some(fetched) = fetch(&records, reader) {
        let reason = DeadReason::Rejected("no".to_owned());
        let _ = settle(&records, &fetched, Settlement::Bury(reason));
    }
    let dead = wait(records.dead("default", Letters::All)).expect("they can be read");
    assert_eq!(dead.len(), sent);
    let _ = wait(records.discard("default", Letters::All));
    goes_on(&records);
    drop(records);
    assert_eq!(found(&disk), (1, [0; 6]), "what was discarded came back");
}

/// With their reasons they take more when they are written down again than they took before.
#[test]
fn a_few_dead_letters_do_not_keep_the_rest_from_being_freed() {
    let count = 4;
    let disk = Disk::new(7, ROOM, None);
    let records = opened(disk.clone());
    let readers = GROUPS.map(|group| join(&records, group));
    fill(&records, 0);
    disk.set_room(0);
    for reader in readers {
        for number in 0.. {
            let Some(fetched) = fetch(&records, reader) else {
                break;
            };
            if number < count {
                let reason = DeadReason::Rejected("x".repeat(900));
                let _ = settle(&records, &fetched, Settlement::Bury(reason));
            } else {
                ack(&records, &fetched);
            }
        }
    }
    all_is_written(&records);
    drop(records);
    assert_eq!(found(&disk), (0, [count; 6]));
}

/// How it stands in each group is written with it.
#[test]
fn events_leave_the_reserve_to_others_however_many_groups_there_are() {
    for content in (0..200).step_by(10) {
        let disk = Disk::new(7, ROOM / 5, None);
        let records = opened(disk.clone());
        let _ = GROUPS.map(|group| join(&records, group));
        fill(&records, content);
        let names = disk.names().expect("there is power");
        let spares = names.iter().filter(|name| name.starts_with("spare-"));
        assert_eq!(spares.count(), 3, "with {content} bytes of content");
    }
}

/// It takes no room: that is how a send is tried again of which nobody knows whether it was done.
#[test]
fn the_same_id_is_the_same_event_on_a_full_disk_too() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(disk.clone());
    let given = || Record {
        is_id_given: true,
        ..event(77, 1_000)
    };
    send(&records, given()).expect("there is room");
    disk.set_room(0);
    fill(&records, 1_000);
    send(&records, given()).expect("it was sent before");
}

/// Counts how often it is woken, and wakes a thread.
struct Counts(AtomicUsize, Thread);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.unpark();
    }
}

#[test]
fn who_waits_on_a_full_disk_is_not_woken_all_the_time() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(disk.clone());
    let reader = join(&records, "default");
    disk.set_room(0);
    let mut number = fill(&records, 1_000);
    for _ in 0..10 {
        // One segment is given back, and is taken by those who send until they are refused.
        for _ in 0..5 {
            fetch(&records, reader).inspect(|fetched| ack(&records, fetched));
        }
        loop {
            number += 1;
            let counts = Arc::new(Counts(AtomicUsize::new(0), thread::current()));
            let waker = Waker::from(counts.clone());
            let mut cx = Context::from_waker(&waker);
            let record = vec![event(number, 1_000)];
            let mut sending = pin!(records.publish(record, Progress::default(), true));
            let sent = loop {
                match sending.as_mut().poll(&mut cx) {
                    Poll::Ready(sent) => break sent,
                    Poll::Pending => thread::park(),
                }
            };
            let times = counts.0.load(Ordering::Relaxed);
            assert!(times < 50, "{times} times");
            if sent.is_err() {
                break;
            }
        }
    }
}

/// It is not true that it was not settled. And what was freed meanwhile was kept: nothing else can be made on a full disk.
#[test]
fn what_is_settled_while_no_file_can_be_opened_is_written_later() {
    let disk = Disk::new(7, ROOM, None);
    let crowded = Barred::new(disk.clone(), io::ErrorKind::Other);
    let records = opened(crowded.clone());
    let reader = join(&records, "default");
    fill(&records, 100);
    disk.set_room(0);
    crowded.bar(true);
    while let Some(fetched) = fetch(&records, reader) {
        if let Err(error) = settle(&records, &fetched, Settlement::Done) {
            assert_eq!(error.kind(), ErrorKind::Unknown, "{error}");
        }
    }
    crowded.bar(false);
    disk.set_room(0);
    all_is_written(&records);
    drop(records);
    assert_eq!(found(&disk), (0, [0; 6]), "what was acked came back");
}

/// The lengths of the files that wait to become segments.
fn lengths_of_spares(disk: &Disk) -> Vec<u64> {
    let names = disk.names().expect("there is power");
    let spares = names.iter().filter(|name| name.starts_with("spare-"));
    let lengths = spares.map(|name| disk.open(name).and_then(|file| file.length()));
    lengths
        .map(|length| length.expect("there is power"))
        .collect()
}

fn is_refused_with_longer_segments(disk: &Disk) {
    let before = lengths_of_spares(disk);
    let mut longer = Options::default();
    longer.segment_bytes = 8 * SEGMENT;
    let refused = bookdrop_disk::open_folder(disk.clone(), &longer).map(drop);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(lengths_of_spares(disk), before);
}

/// Longer ones do not fit, and without those that are there nothing could be settled any more.
#[test]
fn the_reserve_stays_when_it_is_opened_with_longer_segments() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(disk.clone());
    join(&records, "default");
    let sent = fill(&records, 100);
    disk.set_room(0);
    drop(records);
    is_refused_with_longer_segments(&disk);
    let records = opened(disk.clone());
    let reader = join(&records, "default");
    for acked in 0..sent {
        let fetched = fetch(&records, reader).expect("it is there");
        let done = settle(&records, &fetched, Settlement::Done);
        done.unwrap_or_else(|error| panic!("after {acked}: {error}"));
    }
}

/// So the newest segment need not be as long as the files in reserve are.
#[test]
fn the_reserve_stays_also_where_nothing_was_written_since_its_length_changed() {
    for lengths in [&[1, 4][..], &[1, 8, 1]] {
        let disk = Disk::new(7, 2 * ROOM, None);
        for length in lengths {
            let records = opened_with(length * SEGMENT, disk.clone());
            if *length != 4 {
                send(&records, event(0, 100)).expect("there is room");
            }
        }
        disk.set_room(0);
        is_refused_with_longer_segments(&disk);
    }
}

/// One that takes almost half of them is there, so that a multiple of what is asked for is longer than they were.
#[test]
fn a_full_disk_is_opened_with_shorter_segments_whatever_is_there() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened_with(2 * SEGMENT, disk.clone());
    join(&records, "default");
    send(&records, event(0, 3_800)).expect("there is room");
    fill(&records, 100);
    drop(records);
    disk.set_room(0);
    let records = opened_with(6_000, disk.clone());
    let reader = join(&records, "default");
    while let Some(fetched) = fetch(&records, reader) {
        settle(&records, &fetched, Settlement::Done).expect("there is room for acks");
    }
}

#[test]
fn files_of_the_former_length_are_removed_where_there_is_room_for_others() {
    for lengths in [[2, 1], [1, 2], [1, 8]] {
        let disk = Disk::new(7, 2 * ROOM, None);
        for length in lengths {
            let records = opened_with(length * SEGMENT, disk.clone());
            send(&records, event(0, 100)).expect("there is room");
        }
        let mut spares = lengths_of_spares(&disk).into_iter();
        assert!(
            spares.all(|length| length == lengths[1] * SEGMENT),
            "{lengths:?}"
        );
    }
}

/// Two of them at once, when the power went: they are no files of a former length.
#[test]
fn a_full_disk_is_opened_whatever_was_being_filled() {
    let disk = Disk::new(7, ROOM, None);
    let records = opened(disk.clone());
    join(&records, "default");
    fill(&records, 100);
    disk.set_room(0);
    drop(records);
    let names = disk.names().expect("there is power");
    let spares = names.iter().filter(|name| name.starts_with("spare-"));
    for name in spares.take(2) {
        disk.remove(name).expect("it is there");
        disk.create(name, 0).expect("it takes no room");
    }
    disk.set_room(0);
    let records = opened(disk.clone());
    let reader = join(&records, "default");
    assert!(fetch(&records, reader).is_some());
}
