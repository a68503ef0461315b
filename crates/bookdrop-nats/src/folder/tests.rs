//! The folder over pages in memory: against plain files, and under a queue.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::Range;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bookdrop_backend::{Backend, Place, Progress, Record, Settled, Settlement, Wait};
use bookdrop_disk::storage::{File, Folder};
use bookdrop_disk::{Options, Records, Report};
use bookdrop_queue::park::wait;
use bookdrop_records::{HandOver, Holder};
use bytes::Bytes;

use super::{Known, PagedFile, PagedFolder, Pages, lock};

/// Pages in memory, which is what there is of a folder when a process has ended.
#[derive(Clone, Default)]
struct InMemory(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    last: u64,
    pages: BTreeMap<u64, Bytes>,
    /// How many pages are known to be missing.
    missing: usize,
    is_full: bool,
    /// Whether the next page takes until it is asked for once more.
    is_slow: bool,
}

/// Far shorter than a segment, and long enough for the names of all files.
const LONGEST: usize = 1_500;

impl Pages for InMemory {
    fn longest(&self) -> usize {
        LONGEST
    }

    async fn append(&self, page: Bytes) -> io::Result<u64> {
        poll_fn(|_| match std::mem::take(&mut lock(&self.0).is_slow) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
        let mut written = lock(&self.0);
        if written.is_full {
            return Err(io::ErrorKind::TimedOut.into());
        }
        assert!(page.len() <= LONGEST);
        written.last += 1;
        let last = written.last;
        written.pages.insert(last, page);
        Ok(last)
    }

    fn read(&self, sequences: Vec<u64>) -> io::Result<Vec<Option<Bytes>>> {
        let written = lock(&self.0);
        let pages = sequences.iter().map(|at| written.pages.get(at).cloned());
        Ok(pages.collect())
    }

    fn let_go_before(&self, sequence: u64) {
        let mut written = lock(&self.0);
        written.pages = written.pages.split_off(&sequence);
    }
}

impl InMemory {
    /// The folder as the next process finds it.
    fn open(&self) -> PagedFolder<InMemory> {
        let mut known = Known::default();
        let written = lock(&self.0);
        for (sequence, page) in &written.pages {
            known.read(*sequence, page);
        }
        known.miss(written.missing);
        PagedFolder::new(self.clone(), known)
    }

    /// The same pages but for this one, which cannot be read.
    fn without(&self, damaged: u64) -> Self {
        let written = lock(&self.0);
        let mut pages = written.pages.clone();
        pages.remove(&damaged);
        let last = written.last;
        InMemory(Arc::new(Mutex::new(Written {
            last,
            pages,
            missing: 1,
            is_full: false,
            is_slow: false,
        })))
    }

    fn sequences(&self) -> Vec<u64> {
        lock(&self.0).pages.keys().copied().collect()
    }
}

fn found_names(folder: &PagedFolder<InMemory>) -> usize {
    folder.names().expect("they are known").len()
}

fn contents(file: &PagedFile<InMemory>) -> Vec<u8> {
    let mut bytes = vec![1; file.length().expect("it has one") as usize];
    file.read_at(&mut bytes, 0).expect("it can be read");
    bytes
}

/// The files of a folder, with what lies in them.
fn found(folder: &PagedFolder<InMemory>) -> BTreeMap<String, Vec<u8>> {
    let names = folder.names().expect("they are known").into_iter();
    names
        .map(|name| {
            let file = folder.open(&name).expect("it is there");
            let bytes = contents(&file);
            (name, bytes)
        })
        .collect()
}

/// One thing is done, to the folder and to plain files.
fn act(
    random: &mut fastrand::Rng,
    folder: &PagedFolder<InMemory>,
    plain: &mut BTreeMap<String, Vec<u8>>,
    number: usize,
) {
    let new = format!("file-{number}");
    let Some(name) = random.choice(plain.keys()).cloned() else {
        folder.create(&new, 300).expect("there is none");
        plain.insert(new, vec![0; 300]);
        return;
    };
    match random.u8(..20) {
        0..2 => {
            folder.create(&new, 500).expect("there is none");
            plain.insert(new, vec![0; 500]);
        }
        2 => {
            folder.rename(&name, &new).expect("it is there");
            let bytes = plain.remove(&name).expect("it is there");
            plain.insert(new, bytes);
        }
        3 => {
            folder.recycle(&name, &new).expect("it is there");
            let bytes = plain.remove(&name).expect("it is there");
            plain.insert(new, vec![0; bytes.len()]);
        }
        4 => {
            folder.remove(&name).expect("it is there");
            plain.remove(&name);
        }
        _ => {
            let file = folder.open(&name).expect("it is there");
            let there = plain.get_mut(&name).expect("it is there");
            let from = random.usize(..there.len());
            let to = random.usize(from..there.len());
            there[from..to].fill(random.u8(1..));
            file.write_at(&there[from..to], from as u64)
                .expect("it waits");
        }
    }
}

#[test]
fn a_folder_in_pages_is_like_plain_files() {
    for seed in 0..100 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (pages, mut plain) = (InMemory::default(), BTreeMap::new());
        let mut folder = pages.open();
        for number in 0..100 {
            act(&mut random, &folder, &mut plain, number);
            if random.u8(..4) == 0 {
                assert_eq!(found(&folder), plain, "seed {seed}, deed {number}");
            }
            if random.u8(..8) == 0 {
                folder.flush().expect("there is room");
                folder = pages.open();
                assert_eq!(found(&folder), plain, "seed {seed}, deed {number}");
            }
        }
    }
}

#[test]
fn what_was_not_flushed_is_gone_with_the_process() {
    let pages = InMemory::default();
    let folder = pages.open();
    let file = folder.create("one", 4).expect("there is none");
    file.flush().expect("there is room");
    file.write_at(&[1], 0).expect("it waits");
    folder.create("two", 4).expect("there is none");
    let next = pages.open();
    assert_eq!(found(&next), BTreeMap::from([("one".into(), vec![0; 4])]));
}

#[test]
fn a_file_that_is_open_is_found_under_its_new_name() {
    let folder = InMemory::default().open();
    let file = folder.create("spare", 4).expect("there is none");
    file.write_at(&[1; 2], 0).expect("it waits");
    folder.rename("spare", "used").expect("it is there");
    file.write_at(&[2; 2], 2).expect("it waits");
    assert_eq!(contents(&file), [1, 1, 2, 2]);
    let taken = folder.create("used", 4).err().expect("it is there");
    assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
    assert!(folder.open("spare").is_err());
}

#[test]
fn there_are_no_more_files_than_can_be_said_on_a_page() {
    let pages = InMemory::default();
    let folder = pages.open();
    let mut count = 0;
    let refused = loop {
        match folder.create(&format!("segment-{count:016x}"), u64::MAX) {
            Ok(_) => count += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    folder.flush().expect("there is room");
    assert_eq!(found_names(&pages.open()), count);
    let last = lock(&pages.0).pages.pop_last();
    assert!(last.is_some_and(|(_, page)| page.len() > LONGEST / 3));
    folder
        .remove("segment-0000000000000000")
        .expect("it is there");
    folder.create("another", 1).expect("there is room again");
}

#[test]
fn nothing_is_written_behind_a_page_that_could_not_be() {
    let pages = InMemory::default();
    let folder = pages.open();
    let file = folder.create("one", 4).expect("there is none");
    lock(&pages.0).is_full = true;
    file.flush().expect_err("there is no room");
    lock(&pages.0).is_full = false;
    file.write_at(&[1], 0).expect("it waits");
    file.flush().expect_err("nobody knows what lies before");
    assert!(found(&pages.open()).is_empty());
}

/// A queue with short segments, and pages that are far shorter than these.
fn queue(pages: &InMemory) -> Records {
    let (records, report) = found_queue(pages);
    assert_eq!(report.damage, []);
    records
}

fn found_queue(pages: &InMemory) -> (Records, Report) {
    let mut options = Options::default();
    options.segment_bytes = 4096;
    options.cache_bytes = 0;
    bookdrop_disk::open_folder(pages.open(), &options).expect("it can be read")
}

/// How many pages of it cannot be read.
fn damaged(records: &Records) -> u64 {
    let stats = wait(records.stats(None)).expect("it is open");
    stats.expect("of all groups").damaged
}

fn send(records: &Records, number: u32) {
    let record = Record {
        id: number.to_string().into(),
        content: vec![number as u8; 200].into(),
        ..Record::default()
    };
    let sent = wait(records.publish(vec![record], Progress::default(), true));
    sent.expect("there is room");
}

fn receive(records: &Records, reader: bookdrop_backend::Reader) -> u32 {
    let fetched = wait(records.fetch(reader, 1, Wait::Yes)).expect("there is one");
    let settled = wait(records.settle(fetched[0].receipt, Settlement::Done));
    assert_eq!(settled, Ok(Settled::Yes));
    let record = &fetched[0].record;
    let number: u32 = record.id.parse().expect("it is a number");
    assert_eq!(record.content, vec![number as u8; 200]);
    number
}

#[test]
fn a_queue_in_pages_survives_its_process_and_lets_go_of_what_is_done() {
    let pages = InMemory::default();
    for first in (0..500).step_by(50) {
        let records = queue(&pages);
        let reader = wait(records.join(Place::In("default"))).expect("anybody can join");
        // Those of the former process come first.
        let sent = first + if first > 0 { 10 } else { 0 };
        (sent..first + 60).for_each(|number| send(&records, number));
        (first..first + 50).for_each(|number| assert_eq!(receive(&records, reader), number));
    }
    let written = lock(&pages.0);
    let kept = written.pages.len() as u64;
    assert!(kept < written.last / 2, "{kept} of {} pages", written.last);
}

/// The process ends, and no word of that is written.
fn kill(pages: &InMemory, records: Records) {
    lock(&pages.0).is_full = true;
    drop(records);
    lock(&pages.0).is_full = false;
}

/// What was handed over twice, to this holder the last time: the process ended then.
fn handed_over(pages: &InMemory, holder: Holder) -> HandOver {
    let records = queue(pages);
    let reader = wait(records.join(Place::In("default"))).expect("anybody can join");
    (0..2).for_each(|number| send(&records, number));
    let fetch = |holder| records.fetch_for(holder, reader, 1, Wait::Yes);
    let first = wait(fetch(Holder(1))).expect("there is one");
    wait(records.settle(first[0].receipt, Settlement::Failed)).expect("it is in hand");
    let again = wait(fetch(holder)).expect("there is one");
    assert_eq!(again[0].attempt, 2);
    let name = records.name_of(again[0].receipt);
    kill(pages, records);
    name.expect("it is no request")
}

/// What can be received now, with how often it was handed over and whether it failed.
fn received(records: &Records) -> Vec<(u32, u32)> {
    let reader = wait(records.join(Place::In("default"))).expect("anybody can join");
    let fetched = wait(records.fetch(reader, 9, Wait::No)).unwrap_or_default();
    let fetched = fetched.into_iter();
    fetched
        .map(|one| (one.record.id.parse().expect("a number"), one.attempt))
        .collect()
}

#[test]
fn what_is_in_hand_stays_there_when_the_next_process_keeps_the_queue() {
    let pages = InMemory::default();
    let name = handed_over(&pages, Holder(7));
    let records = queue(&pages);
    assert_eq!(records.in_hand(), 1);
    assert_eq!(received(&records), [(1, 1)]);
    let queue = &records;
    assert_eq!(queue.claim(Holder(8), name), None);
    let receipt = queue.claim(Holder(7), name).expect("it has it");
    assert_eq!(queue.claim(Holder(7), name), None, "once");
    assert_eq!(queue.name_of(receipt), Some(name));
    let settled = wait(records.settle(receipt, Settlement::Done));
    assert_eq!(settled, Ok(Settled::Yes));
    assert_eq!(queue.lose_unclaimed(), []);
    assert_eq!(records.in_hand(), 1);
    assert_eq!(received(&records), []);
}

#[test]
fn what_never_reached_its_holder_was_not_handed_over() {
    let pages = InMemory::default();
    handed_over(&pages, Holder(7));
    let records = queue(&pages);
    records.put_back_unclaimed(Holder(8));
    assert_eq!(records.in_hand(), 1);
    records.put_back_unclaimed(Holder(7));
    assert_eq!(records.in_hand(), 0);
    drop(records);
    // So it is for the process after that.
    assert_eq!(received(&queue(&pages)), [(0, 2), (1, 1)]);
}

#[test]
fn what_a_holder_has_that_is_gone_was_handed_over() {
    let pages = InMemory::default();
    let name = handed_over(&pages, Holder(7));
    let records = queue(&pages);
    assert_eq!(records.lose_unclaimed(), [(Holder(7), name)]);
    assert_eq!(received(&records), [(0, 3), (1, 1)]);
}

/// What a process sends and receives. Zeros are no content.
type Process = (Range<u32>, Range<u32>);

const PROCESSES: [Process; 4] = [
    (1..20, 1..1),
    (20..60, 1..20),
    (60..100, 20..50),
    (100..110, 50..55),
];
/// One that comes behind these, and is killed when it has sent.
const KILLED: Process = (110..120, 55..55);

fn work(pages: &InMemory, (sent, received): Process) -> Records {
    let records = queue(pages);
    let reader = wait(records.join(Place::In("default"))).expect("anybody can join");
    sent.for_each(|number| send(&records, number));
    received.for_each(|number| assert_eq!(receive(&records, reader), number));
    records
}

/// Where the content of this event lies, and all that may belong to it, as file and pages.
fn pages_of(folder: &PagedFolder<InMemory>, number: u32) -> Vec<u64> {
    const BESIDE: u64 = 100;
    let content = [number as u8; 200];
    let state = lock(&folder.shared.state);
    let files: Vec<_> = state
        .open
        .iter()
        .map(|one| folder.file(one.clone()))
        .collect();
    drop(state);
    let mut pages = Vec::new();
    for file in files {
        let bytes = contents(&file);
        let Some(at) = bytes.windows(200).position(|bytes| bytes == content) else {
            continue;
        };
        let (from, to) = ((at as u64).saturating_sub(BESIDE), at as u64 + 200 + BESIDE);
        let of_file = folder.shared.pages_of(&file.opened, from, to);
        pages.extend(of_file.expect("it is there"));
    }
    pages
}

/// What can be received, in whatever group.
fn all_of(records: &Records) -> Vec<u32> {
    let mut all = Vec::new();
    for group in wait(records.groups()).expect("it is open") {
        let reader = wait(records.join(Place::In(&group))).expect("anybody can join");
        let fetched = wait(records.fetch(reader, 999, Wait::No)).unwrap_or_default();
        let numbers = fetched.iter().map(|one| one.record.id.parse::<u32>());
        all.extend(numbers.map(|number| number.expect("it is a number")));
    }
    all
}

#[test]
fn a_page_that_cannot_be_parsed_is_counted() {
    let pages = InMemory::default();
    wait(pages.append(Bytes::from_static(&[255]))).expect("there is room");
    let (records, report) = found_queue(&pages);
    assert_eq!((damaged(&records), report.damage), (1, vec![]));
}

#[test]
fn a_page_that_is_damaged_costs_what_lies_on_it_and_nothing_else() {
    let (pages, mut lost, mut unseen) = (InMemory::default(), 0, 0);
    let sealed = PROCESSES.map(|process| (process, true));
    for (process, is_sealed) in sealed.into_iter().chain([(KILLED, false)]) {
        let queued = process.1.end..process.0.end;
        let records = work(&pages, process);
        match is_sealed {
            true => drop(records),
            false => kill(&pages, records),
        }
        let whole = pages.open();
        let lies_on: BTreeMap<_, _> = queued.map(|one| (one, pages_of(&whole, one))).collect();
        assert!(lies_on.values().all(|pages| !pages.is_empty()));
        for damaged in pages.sequences() {
            let (records, report) = found_queue(&pages.without(damaged));
            let found = all_of(&records);
            for (one, _) in lies_on.iter().filter(|(one, _)| !found.contains(one)) {
                lost += 1;
                let is_told = self::damaged(&records) > 0;
                assert!(is_told, "{one} was lost with {damaged}");
                // Where nothing says that it was written to its end, the files alone cannot tell.
                let is_seen = !report.damage.is_empty();
                assert!(is_seen || !is_sealed, "{one} was lost with {damaged}");
                unseen += u32::from(!is_seen);
                let pages = &lies_on[one];
                assert!(
                    pages.contains(&damaged),
                    "{one} on {pages:?}, with {damaged}"
                );
            }
        }
    }
    assert!(lost > 0, "what lies on a page is lost with it");
    assert!(unseen > 0, "the last pages of the one that was killed");
}

/// Nor is that let go of sooner.
#[test]
fn what_is_freed_while_a_page_is_on_its_way_is_let_go_of_with_the_next_one() {
    let pages = InMemory::default();
    let folder = pages.open();
    let [old, new] = ["old", "new"].map(|name| folder.create(name, 64).expect("it is new"));
    folder.flush().expect("there is room");
    for file in [&old, &new] {
        file.write_at(&[1; 8], 0).expect("it waits");
        file.flush().expect("there is room");
    }
    lock(&pages.0).is_slow = true;
    new.write_at(&[2; 8], 8).expect("it waits");
    let mut flushing = pin!(new.flush_without_waiting());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(flushing.as_mut().poll(&mut cx).is_pending());
    folder.recycle("old", "spare").expect("it is there");
    assert!(matches!(flushing.poll(&mut cx), Poll::Ready(Ok(()))));
    folder.flush().expect("there is room");
    let needed = lock(&folder.shared.state).sure.first_needed();
    assert_eq!(pages.sequences().first().copied(), needed);
    assert_eq!(contents(&new)[..16], [[1; 8], [2; 8]].concat());
}

/// A process that ends between the two leaves one to which it wrote, and that is no segment.
#[test]
fn what_was_written_to_a_file_that_waits_to_be_used_is_not_kept_for_ever() {
    let pages = InMemory::default();
    drop(work(&pages, (0..1, 0..1)));
    let folder = pages.open();
    let names = folder.names().expect("they are known");
    let spares = names.iter().filter(|name| name.starts_with("spare"));
    for spare in spares {
        let file = folder.open(spare).expect("it is there");
        file.write_at(&[1; 64], 0).expect("it waits");
        file.flush().expect("there is room");
    }
    let before = lock(&pages.0).last;
    let records = queue(&pages);
    let reader = wait(records.join(Place::In("default"))).expect("anybody can join");
    for number in 0..100 {
        send(&records, number);
        assert_eq!(receive(&records, reader), number);
    }
    drop(records);
    let first = pages.sequences()[0];
    assert!(first > before, "{first} of {before} is kept");
}
