//! What is in a folder when it is opened again.

mod support;

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use bookdrop_backend::{
    Asking, Backend, DeadReason, ErrorKind, Letters, NotPublished, Progress, Reader, Record,
    Settlement, Wait,
};
use bookdrop_disk::{Options, Records, Sync};
use bookdrop_queue::park::wait;

use support::{fetch, join, settle};

fn options() -> Options {
    let mut options = Options::default();
    options.segment_bytes = 1 << 16;
    options.sync = Sync::Never;
    options
}

fn open(path: &Path) -> Records {
    open_with(path, &options())
}

fn open_with(path: &Path, options: &Options) -> Records {
    let (records, report) = bookdrop_disk::open(path, options).expect("it can be opened");
    assert!(report.damage.is_empty() && report.cut == 0, "{report:?}");
    records
}

/// The folder as a process finds it that comes after this one was killed.
fn copy_of(path: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        // A spare file may have become a segment meanwhile.
        let _ = std::fs::copy(entry.path(), copy.path().join(entry.file_name()));
    }
    copy
}

fn record(id: &str) -> Record {
    Record {
        id: id.into(),
        content: format!("the content of {id}").into(),
        ..Record::default()
    }
}

fn publish(records: &Records, record: Record) {
    wait(records.publish(vec![record], Progress::default(), true)).expect("there is room");
}

/// Everything that is ready for this group, acked.
fn drain(records: &Records, reader: Reader) -> Vec<(String, u32)> {
    let mut all = Vec::new();
    while let Some(fetched) = fetch(records, reader) {
        assert_eq!(
            fetched.record.content,
            format!("the content of {}", fetched.record.id)
        );
        all.push((fetched.record.id.to_string(), fetched.attempt));
        settle(records, fetched, Settlement::Done);
    }
    all
}

fn ids(drained: Vec<(String, u32)>) -> Vec<String> {
    drained.into_iter().map(|(id, _)| id).collect()
}

#[test]
fn what_was_acked_is_gone_and_all_else_is_there_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path());
    let reader = join(&records, "default");
    for id in ["a", "b", "c", "d"] {
        publish(&records, record(id));
    }
    let a = fetch(&records, reader).unwrap();
    let b = fetch(&records, reader).unwrap();
    settle(&records, b, Settlement::Done);
    assert_eq!(a.attempt, 1);
    drop(records);

    let records = open(folder.path());
    let reader = join(&records, "default");
    let expected = [("a", 2), ("c", 1), ("d", 1)].map(|(id, n)| (id.to_owned(), n));
    assert_eq!(drain(&records, reader), expected);
}

#[test]
fn everything_about_an_event_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let sent = Record {
        is_id_given: true,
        key: Some("S".into()),
        priority: 7,
        delay: Some(Duration::from_nanos(1)),
        time_to_live: Some(Duration::from_secs(60)),
        ..record("größe")
    };
    let records = open(folder.path());
    publish(&records, sent.clone());
    drop(records);
    let records = open(folder.path());
    let reader = join(&records, "default");
    let found = wait(records.fetch(reader, 1, Wait::Yes)).unwrap().remove(0);
    assert_eq!(found.record, sent);
}

#[test]
fn each_group_has_its_own_and_the_first_one_gets_what_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path());
    publish(&records, record("before"));
    drop(records);

    let records = open(folder.path());
    let first = join(&records, "first");
    publish(&records, record("one"));
    let second = join(&records, "second");
    publish(&records, record("both"));
    assert_eq!(ids(drain(&records, second)), ["both"]);
    drop(records);

    let records = open(folder.path());
    assert_eq!(wait(records.groups()).unwrap(), ["first", "second"]);
    let first_again = join(&records, "first");
    let second = join(&records, "second");
    assert_eq!(ids(drain(&records, first_again)), ["before", "one", "both"]);
    assert!(drain(&records, second).is_empty());
    assert!(wait(records.remove_group("second")).unwrap());
    publish(&records, record("last"));
    drop(records);

    let records = open(folder.path());
    assert_eq!(wait(records.groups()).unwrap(), ["first"]);
    let reader = join(&records, "first");
    assert_eq!(ids(drain(&records, reader)), ["last"]);
    let _ = first;
}

#[test]
fn what_waits_for_its_time_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path());
    let delay = Duration::from_millis(300);
    let begun = SystemTime::now();
    publish(
        &records,
        Record {
            delay: Some(delay),
            ..record("later")
        },
    );
    let reader = join(&records, "default");
    publish(&records, record("retried"));
    let fetched = fetch(&records, reader).unwrap();
    settle(&records, fetched, Settlement::RetryAfter(delay));
    drop(records);

    let records = open(folder.path());
    let reader = join(&records, "default");
    assert!(fetch(&records, reader).is_none());
    for _ in 0..2 {
        let fetched = wait(records.fetch(reader, 1, Wait::Yes)).unwrap().remove(0);
        assert!(begun.elapsed().unwrap() >= delay);
        let attempt = if &*fetched.record.id == "later" { 1 } else { 2 };
        assert_eq!(fetched.attempt, attempt);
        settle(&records, fetched, Settlement::Done);
    }
}

#[test]
fn dead_letters_keep_their_reason_and_can_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path());
    let reader = join(&records, "default");
    for (id, reason) in [
        ("torn", DeadReason::Rejected("page 7 is torn".into())),
        ("odd", DeadReason::Undecodable("no book".into())),
    ] {
        publish(&records, record(id));
        let fetched = fetch(&records, reader).unwrap();
        settle(&records, fetched, Settlement::Bury(reason));
    }
    drop(records);

    let records = open(folder.path());
    let dead = wait(records.dead("default", Letters::All)).unwrap();
    let told: Vec<_> = dead
        .iter()
        .map(|dead| (&*dead.record.id, dead.attempts, dead.reason.to_string()))
        .collect();
    let expected = [
        ("torn", 1, "rejected: page 7 is torn".to_owned()),
        ("odd", 1, "it cannot be decoded: no book".to_owned()),
    ];
    assert_eq!(told, expected);
    assert_eq!(
        wait(records.replay("default", Letters::These(vec![dead[1].id]))).unwrap(),
        1
    );
    let torn = Letters::These(vec![dead[0].id]);
    assert_eq!(wait(records.discard("default", torn)).unwrap(), 1);
    drop(records);

    let records = open(folder.path());
    assert!(
        wait(records.dead("default", Letters::All))
            .unwrap()
            .is_empty()
    );
    let reader = join(&records, "default");
    assert_eq!(drain(&records, reader), [("odd".to_owned(), 1)]);
}

/// Each time it is handed over, the process ends.
#[test]
fn an_event_that_ends_its_process_becomes_a_dead_letter() {
    let folder = tempfile::tempdir().unwrap();
    let mut few = options();
    few.limits.max_deliveries = 3;
    for attempt in 1..=3 {
        let records = open_with(folder.path(), &few);
        let reader = join(&records, "default");
        if attempt == 1 {
            publish(&records, record("poison"));
        }
        assert_eq!(fetch(&records, reader).unwrap().attempt, attempt);
    }
    for _ in 0..2 {
        let records = open_with(folder.path(), &few);
        let reader = join(&records, "default");
        assert!(fetch(&records, reader).is_none());
        let dead = wait(records.dead("default", Letters::All)).unwrap();
        assert_eq!(
            (dead[0].attempts, &dead[0].reason),
            (3, &DeadReason::MaxDeliveries)
        );
    }
}

#[test]
fn an_id_is_known_for_the_window_also_where_its_event_is_gone_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let given = |id| Record {
        is_id_given: true,
        ..record(id)
    };
    let records = open(folder.path());
    let reader = join(&records, "default");
    publish(&records, given("once"));
    assert_eq!(ids(drain(&records, reader)), ["once"]);
    fill_and_empty(&records, reader, 20);
    drop(records);

    let records = open(folder.path());
    let reader = join(&records, "default");
    publish(&records, given("once"));
    assert!(drain(&records, reader).is_empty());
    assert_eq!(wait(records.stats(None)).unwrap().unwrap().duplicates, 1);
}

/// They take more than a segment, and are written down again when theirs are freed.
#[test]
fn thousands_of_ids_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let given = |number: usize| Record {
        is_id_given: true,
        ..record(&format!(
            "an id that is not the shortest one, of number {number}"
        ))
    };
    let records = open(folder.path());
    let reader = join(&records, "default");
    let all: Vec<Record> = (0..3000).map(given).collect();
    for some in all.chunks(100) {
        wait(records.publish(some.to_vec(), Progress::default(), true)).unwrap();
        assert_eq!(drain(&records, reader).len(), some.len());
    }
    fill_and_empty(&records, reader, 20);
    drop(records);

    let records = open(folder.path());
    let reader = join(&records, "default");
    wait(records.publish(all, Progress::default(), true)).unwrap();
    assert!(drain(&records, reader).is_empty());
}

/// Sends and acks so many segments full of events.
fn fill_and_empty(records: &Records, reader: Reader, segments: usize) {
    for number in 0..segments * 64 {
        let mut big = record(&format!("{number}"));
        big.content = vec![b'x'; 1024].into();
        publish(records, big);
        let fetched = fetch(records, reader).unwrap();
        settle(records, fetched, Settlement::Done);
    }
}

fn bytes_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum()
}

/// What is freed is freed by another thread.
fn wait_until_it_takes_less_than(folder: &Path, bytes: u64) {
    let begun = std::time::Instant::now();
    while bytes_of(folder) >= bytes {
        let patience = Duration::from_secs(60);
        assert!(begun.elapsed() < patience, "{} bytes", bytes_of(folder));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_folder_does_not_grow_under_a_steady_load_nor_for_one_event_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path());
    let reader = join(&records, "default");
    publish(
        &records,
        Record {
            delay: Some(Duration::from_secs(3600)),
            ..record("delayed")
        },
    );
    let slow = join(&records, "slow");
    publish(&records, record("slow"));
    let _in_hand = fetch(&records, slow).unwrap();
    assert_eq!(ids(drain(&records, reader)), ["slow"]);
    for number in 0..3000 {
        let big = Record {
            content: vec![b'x'; 1024].into(),
            ..record(&format!("{number}"))
        };
        publish(&records, big);
        for reader in [reader, slow] {
            let fetched = fetch(&records, reader).unwrap();
            settle(&records, fetched, Settlement::Done);
        }
    }
    wait_until_it_takes_less_than(folder.path(), 9 << 16);
    drop(records);

    let records = open(folder.path());
    let slow = join(&records, "slow");
    assert_eq!(drain(&records, slow), [("slow".to_owned(), 2)]);
    let stats = wait(records.stats(None)).unwrap().unwrap();
    assert_eq!((stats.queued, stats.delayed), (0, 1));
}

#[test]
fn what_is_on_the_disk_alone_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut few = options();
    few.cache_bytes = 1000;
    let records = open_with(folder.path(), &few);
    let names: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    for name in &names {
        publish(&records, record(name));
    }
    let reader = join(&records, "default");
    for name in &names[..500] {
        let fetched = fetch(&records, reader).unwrap();
        assert_eq!(fetched.record, record(name));
        settle(&records, fetched, Settlement::Done);
    }
    drop(records);
    let (records, report) = bookdrop_disk::open(folder.path(), &few).unwrap();
    assert_eq!(report.events, 500);
    let reader = join(&records, "default");
    assert_eq!(ids(drain(&records, reader)), names[500..]);
}

#[test]
fn a_full_folder_makes_a_sender_wait_for_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = options();
    small.max_bytes = 4000;
    let (records, _) = bookdrop_disk::open(folder.path(), &small).unwrap();
    let reader = join(&records, "default");
    let big = |id: &str| Record {
        content: vec![0; 1500].into(),
        ..record(id)
    };
    let progress = Progress::default();
    let all = vec![big("a"), big("b"), big("c")];
    let refused = wait(records.publish(all, progress.clone(), false));
    assert_eq!(refused, Err(NotPublished::Full));
    assert_eq!(progress.taken(), 2);
    let fetched = fetch(&records, reader).unwrap();
    settle(&records, fetched, Settlement::Done);
    publish(&records, big("c"));

    let too_large = Record {
        content: vec![0; 1 << 15].into(),
        ..record("d")
    };
    let refused = wait(records.publish(vec![too_large], Progress::default(), true));
    let Err(NotPublished::Backend(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

/// Nobody waits for an ack that was begun and dropped, as at the end of a consumer that acks by itself.
#[test]
fn what_was_begun_and_dropped_is_written_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.sync = Sync::Always;
    let records = open_with(folder.path(), &options);
    let reader = join(&records, "default");
    publish(&records, record("a"));
    let fetched = fetch(&records, reader).unwrap();
    {
        let mut ack = std::pin::pin!(records.settle(fetched.receipt, Settlement::Done));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = std::future::Future::poll(ack.as_mut(), &mut cx);
    }
    let is_gone = || {
        let copy = copy_of(folder.path());
        let (records, _) = bookdrop_disk::open(copy.path(), &options).unwrap();
        let reader = join(&records, "default");
        fetch(&records, reader).is_none()
    };
    assert!((0..500).any(|_| is_gone()), "it is never written");
}

#[test]
fn a_group_that_was_joined_is_there_after_the_process_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path());
    join(&records, "late");
    let copy = copy_of(folder.path());
    let groups = wait(open(copy.path()).groups()).unwrap();
    assert_eq!(groups, ["late"]);
}

/// The time to live of one that is sent again begins anew.
#[test]
fn a_dead_letter_that_was_replayed_has_not_expired() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path());
    let reader = join(&records, "default");
    let time_to_live = Duration::from_secs(2);
    publish(
        &records,
        Record {
            time_to_live: Some(time_to_live),
            ..record("a")
        },
    );
    let fetched = fetch(&records, reader).unwrap();
    let torn = DeadReason::Rejected("torn".into());
    settle(&records, fetched, Settlement::Bury(torn));
    let dead = wait(records.dead("default", Letters::All)).unwrap()[0].id;
    std::thread::sleep(time_to_live);
    assert_eq!(
        wait(records.replay("default", Letters::These(vec![dead]))).unwrap(),
        1
    );
    drop(records);

    let records = open(folder.path());
    let reader = join(&records, "default");
    assert_eq!(ids(drain(&records, reader)), ["a"]);
}

/// The id of an event that lives on is sent again after its window. The event is written down once more later, with its own time.
#[test]
fn an_id_is_remembered_from_when_it_was_sent_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.segment_bytes = 4096;
    options.limits.duplicate_window = Duration::from_secs(3);
    let open = || open_with(folder.path(), &options);
    let given = Record {
        is_id_given: true,
        ..record("X")
    };
    let records = open();
    let reader = join(&records, "default");
    publish(&records, given.clone());
    let _in_hand = fetch(&records, reader).unwrap();
    std::thread::sleep(options.limits.duplicate_window);
    let file = |number| folder.path().join(format!("journal-{number:016x}"));
    let fill_until = |is_done: &dyn Fn() -> bool| {
        while !is_done() {
            publish(&records, record("filler"));
            drain(&records, reader);
        }
    };
    fill_until(&|| file(2).exists());
    publish(&records, given.clone());
    assert_eq!(wait(records.stats(None)).unwrap().unwrap().queued, 1);
    let second = fetch(&records, reader).unwrap();
    settle(&records, second, Settlement::Done);
    fill_until(&|| !file(1).exists());
    drop(records);

    let records = open();
    publish(&records, given);
    let reader = join(&records, "default");
    assert_eq!(drain(&records, reader), [("X".to_owned(), 2)]);
}

/// It is written down for the first time then.
#[test]
fn a_request_that_became_a_dead_letter_survives_however_it_did() {
    let torn = || Settlement::Bury(DeadReason::Rejected("torn".into()));
    for how in [
        torn(),
        Settlement::Failed,
        Settlement::RetryAfter(Duration::ZERO),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options();
        options.limits.max_attempts = 1;
        let records = open_with(folder.path(), &options);
        let reader = join(&records, "default");
        let asking = Asking {
            timeout: Duration::from_secs(1_000),
            waits_for_consumer: false,
        };
        let mut request = pin!(records.request(record("a"), asking));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(request.as_mut().poll(&mut cx).is_pending());
        let fetched = fetch(&records, reader).unwrap();
        settle(&records, fetched, how);
        let killed = copy_of(folder.path());
        let records = open_with(killed.path(), &options);
        assert_eq!(
            wait(records.dead("default", Letters::All)).unwrap().len(),
            1
        );
    }
}

/// Far longer than a file of the journal.
#[test]
fn a_long_reason_is_cut_and_breaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let records = open(folder.path());
    let reader = join(&records, "default");
    publish(&records, record("a"));
    let fetched = fetch(&records, reader).unwrap();
    let reason = DeadReason::Rejected("ä".repeat(1 << 17));
    settle(&records, fetched, Settlement::Bury(reason));
    publish(&records, record("b"));
    drop(records);

    let records = open(folder.path());
    let dead = wait(records.dead("default", Letters::All)).unwrap();
    let DeadReason::Rejected(reason) = &dead[0].reason else {
        panic!("{dead:?}");
    };
    assert_eq!(*reason, "ä".repeat(128));
}

/// What an event takes in the journal grows with its groups. Nothing is written down again while nothing happens.
#[test]
fn the_journal_comes_to_rest_however_many_groups_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.segment_bytes = 8192;
    let records = open_with(folder.path(), &options);
    for group in 0..20 {
        join(&records, &format!("group {group}"));
    }
    for number in 0..400 {
        publish(&records, record(&number.to_string()));
    }
    let newest = || {
        let names = std::fs::read_dir(folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("journal-")).max()
    };
    // It is tidied about once a second.
    let is_at_rest = || {
        let before = newest();
        std::thread::sleep(Duration::from_millis(2_500));
        newest() == before
    };
    assert!((0..4).any(|_| is_at_rest()), "it is written over and over");
}
