//! What those do who work for a folder on a full disk.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use bookdrop_backend::{
    Backend, Error, ErrorKind, Fetched, NotFetched, NotPublished, Place, Progress, Reader, Receipt,
    Record, Settled, Settlement, Wait,
};
use bookdrop_queue::Limits;
use bookdrop_queue::park::wait;

use crate::barred::Barred;
use crate::journal::Need;
use crate::keeper::{Keep, Keeper};
use crate::kept::Kept;
use crate::lossy_disk::Disk;
use crate::options::Options;
use crate::records::Records;
use crate::storage::Folder;

const SEGMENT: u64 = 4096;
/// Those who work for a folder have so many turns for what one waits for.
const TURNS: usize = 10;
/// Nobody waits longer than this for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A queue for which no thread works yet, on a disk that is full of its events.
fn full() -> (Arc<Records>, Arc<Keeper<Disk>>, Reader) {
    let disk = Disk::new(7, 40 * SEGMENT, None);
    let (records, keeper, reader) = opened(disk.clone());
    while send(&records, &keeper).is_ok() {}
    disk.set_room(0);
    (records, keeper, reader)
}

/// A queue for which no thread works yet.
fn opened<F>(folder: F) -> (Arc<Records>, Arc<Keeper<F>>, Reader)
where
    F: Folder + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
{
    opened_with(folder, Options::default().limits)
}

fn opened_with<F>(folder: F, limits: Limits) -> (Arc<Records>, Arc<Keeper<F>>, Reader)
where
    F: Folder + Send + Sync + 'static,
    F::File: Send + Sync + 'static,
{
    let options = Options {
        segment_bytes: SEGMENT,
        limits,
        ..Options::default()
    };
    let (queue, keeper, _) = Kept::read(folder, &options, 7).expect("there is room");
    let records = Arc::new(Records::new(queue, Kept::alone(keeper.clone())));
    let reader = wait(records.join(Place::In("default"))).expect("anybody can join");
    (records, keeper, reader)
}

fn send<F>(records: &Records, keeper: &Keeper<F>) -> Result<(), NotPublished>
where
    F: Folder + Send + Sync,
    F::File: Send + Sync,
{
    end_of(publish(records), || work(keeper))
}

async fn publish(records: &Records) -> Result<(), NotPublished> {
    publish_of(records, 300).await
}

/// One with so many bytes of content.
async fn publish_of(records: &Records, content: usize) -> Result<(), NotPublished> {
    publish_all(records, [content]).await
}

/// Some at once, so that nothing lies between them, with so many bytes of content each.
async fn publish_all(
    records: &Records,
    contents: impl IntoIterator<Item = usize>,
) -> Result<(), NotPublished> {
    let all = contents.into_iter().map(|content| Record {
        content: vec![b'x'; content].into(),
        ..Record::default()
    });
    let sending = records.publish(all.collect(), Progress::default(), true);
    sending.await
}

/// How it ends. It does so soon: whatever it waits for is done, or told, when those who work for the folder had their turns.
fn end_of<O>(future: impl Future<Output = O>, work: impl Fn()) -> O {
    let mut future = pin!(future);
    for _ in 0..TURNS {
        let mut cx = Context::from_waker(Waker::noop());
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(end) => return end,
            Poll::Pending => work(),
        }
    }
    panic!("it waits without end");
}

/// Does what the threads do that work for the folder.
fn work<F>(keeper: &Keeper<F>)
where
    F: Folder + Send + Sync,
    F::File: Send + Sync,
{
    keeper.tidy_once(true);
    // Last, so that whoever is told that it is in vain hears of it before it is tried again.
    drop(keeper.commit_or_refuse(None));
}

/// How many files wait to become segments.
fn spares(disk: &Disk) -> usize {
    let names = disk.names().expect("there is power");
    let is_spare = |name: &&String| name.starts_with("spare-");
    names.iter().filter(is_spare).count()
}

fn fetch(records: &Records, reader: Reader) -> Fetched {
    let fetched = wait(records.fetch(reader, 1, Wait::No));
    fetched.expect("there are enough").remove(0)
}

type Settling = Pin<Box<dyn Future<Output = Result<Settled, Error>> + Send>>;

fn settle(records: &Arc<Records>, receipt: Receipt, how: Settlement) -> Settling {
    let records = records.clone();
    Box::pin(async move { records.settle(receipt, how).await })
}

/// A task that acks one more event when it is woken, waits for that, and says so.
struct AcksOneMore {
    records: Arc<Records>,
    more: Mutex<Option<(Receipt, Sender<()>)>>,
}

impl Wake for AcksOneMore {
    fn wake(self: Arc<Self>) {
        let more = self.more.lock().expect("nobody panics").take();
        if let Some((receipt, done)) = more {
            let _ = wait(self.records.settle(receipt, Settlement::Done));
            let _ = done.send(());
        }
    }
}

#[test]
fn no_waker_is_called_under_the_lock_of_the_one_who_gives_space_back() {
    let (records, keeper, reader) = full();
    // All are in hand before: what is handed over later may give space back.
    let receipts = (0..300).map(|_| fetch(&records, reader).receipt);
    let mut receipts = receipts.collect::<Vec<_>>().into_iter();
    let mut next = || receipts.next().expect("there are enough");
    // Acks are written, but not flushed, until there is no room for more of them.
    let (done, is_done) = mpsc::channel();
    let wakes = Arc::new(AcksOneMore {
        records: records.clone(),
        more: Mutex::default(),
    });
    let waker = Waker::from(wakes.clone());
    let mut acks = vec![settle(&records, next(), Settlement::Done)];
    let polled = acks[0].as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    while keeper.write(Need::GivesRoom).is_ok() {
        let mut ack = settle(&records, next(), Settlement::Done);
        let polled = ack.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        acks.push(ack);
    }
    *wakes.more.lock().expect("nobody panics") = Some((next(), done));

    // The threads that there always are: two that flush, and one that gives space back.
    let spawn = |work: fn(&Keeper<Disk>)| {
        let keeper = keeper.clone();
        thread::spawn(move || work(&keeper))
    };
    let threads = [
        spawn(Keeper::flush),
        spawn(Keeper::flush),
        spawn(Keeper::keep_tidy),
    ];
    let woken = is_done.recv_timeout(PATIENCE);
    woken.expect("whoever is woken can wait for another ack");
    keeper.ledger().survival.end();
    for thread in threads {
        thread.join().expect("none of them panics");
    }
}

fn told(sent: Result<(), NotPublished>) -> Option<Error> {
    match sent {
        Ok(()) => None,
        Err(NotPublished::Backend(error)) => Some(error),
        Err(other) => panic!("{other:?}"),
    }
}

/// There are files enough, and none of them can be used.
#[test]
fn who_sends_while_no_file_can_be_opened_is_told_so() {
    let disk = Disk::new(7, 5 * SEGMENT, None);
    let crowded = Barred::new(disk.clone(), io::ErrorKind::Other);
    let (records, keeper, reader) = opened(crowded.clone());
    while send(&records, &keeper).is_ok() {}
    crowded.bar(true);
    loop {
        match wait(records.fetch(reader, 1, Wait::No)) {
            Err(NotFetched::Empty) => break,
            fetched => {
                let receipt = fetched.expect("it is in memory").remove(0).receipt;
                let acked = end_of(settle(&records, receipt, Settlement::Done), || {
                    work(&keeper)
                });
                acked.expect("there is room for acks");
            }
        }
    }
    work(&keeper);
    assert_eq!(spares(&disk), 4, "all was freed");

    // They are taken in until there is no room for more, and cannot be written.
    while told(send(&records, &keeper)).is_none_or(|error| error.kind() == ErrorKind::Unknown) {}
    // Nobody waits for a flush any more.
    let tidies = || keeper.tidy_once(false);
    tidies();
    let told = told(end_of(publish(&records), tidies));
    let told = told.expect("there is no room").to_string();
    assert!(told.contains("could not open spare-"), "{told}");
    crowded.bar(false);
    work(&keeper);
    send(&records, &keeper).expect("they can be opened");
}

/// It came when there was no room in the queue, and the one before it was let in.
#[test]
fn the_same_id_in_line_is_the_same_event_on_a_full_disk_too() {
    let disk = Disk::new(7, 40 * SEGMENT, None);
    let limits = Limits {
        max_delayed: 1,
        ..Options::default().limits
    };
    let (records, keeper, _) = opened_with(disk.clone(), limits);
    let delayed = |id: &str| Record {
        id: id.into(),
        is_id_given: true,
        delay: Some(Duration::from_secs(3_600)),
        content: vec![b'x'; 300].into(),
        ..Record::default()
    };
    let send_it = |id| Box::pin(records.publish(vec![delayed(id)], Progress::default(), true));
    let works = || work(&keeper);
    end_of(send_it("before"), works).expect("there is room");
    let [mut first, mut second] = ["same", "same"].map(send_it);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    assert!(second.as_mut().poll(&mut cx).is_pending());
    // The first one is let in.
    end_of(records.purge(), works).expect("there is room");
    end_of(first, works).expect("there is room");
    disk.set_room(0);
    while send(&records, &keeper).is_ok() {}
    end_of(second, works).expect("it was sent before");
}

/// One that ends takes no file of the reserve to say in the journal that this is all.
#[test]
fn acks_are_confirmed_by_one_process_after_the_other() {
    const EVENTS: usize = 500;
    /// So many that there is no room for one more record when the process ends.
    const ACKS: usize = 36;
    let disk = Disk::new(7, 40 * SEGMENT, None);
    let (mut records, mut keeper, mut reader) = opened(disk.clone());
    for _ in 0..EVENTS {
        let sent = end_of(publish_of(&records, 3), || work(&keeper));
        sent.expect("there is room");
    }
    disk.set_room(0);
    for number in 0..EVENTS {
        if number > 0 && number % ACKS == 0 {
            keeper.seal();
            (records, keeper, reader) = opened(disk.clone());
        }
        let receipt = fetch(&records, reader).receipt;
        let commits = || drop(keeper.commit_or_refuse(None));
        let acked = end_of(settle(&records, receipt, Settlement::Done), commits);
        acked.unwrap_or_else(|error| panic!("ack {number}: {error}"));
        // Whatever is given back to the file system goes to others.
        disk.set_room(0);
    }
}

/// What is written again may begin a second file, as where events failed and have to wait. What is left of that file is not room that was
/// gained: a process that ends loses it, and the next one has to write the next segment again with what is there.
#[test]
fn failures_leave_two_files_for_what_is_written_again() {
    let limits = Limits {
        max_delayed: usize::MAX,
        ..Options::default().limits
    };
    let disk = Disk::new(7, 12 * SEGMENT, None);
    let (records, keeper, reader) = opened_with(disk.clone(), limits);
    let send_some = || publish_all(&records, [10; 20]);
    while end_of(send_some(), || work(&keeper)).is_ok() {}
    disk.set_room(0);
    for number in 0..200 {
        let receipt = fetch(&records, reader).receipt;
        let later = Settlement::RetryAfter(Duration::from_secs(3_600));
        let commits = || drop(keeper.commit_or_refuse(None));
        let failed = end_of(settle(&records, receipt, later), commits);
        failed.unwrap_or_else(|error| panic!("failure {number}: {error}"));
        let spares = spares(&disk);
        assert!(spares >= 2, "{spares} after failure {number}");
    }
}

/// So many failures or hand-overs never make a dead letter.
fn patient() -> Limits {
    Limits {
        max_attempts: u32::MAX,
        max_deliveries: u32::MAX,
        ..Options::default().limits
    }
}

/// Joins these groups, and fills the disk with events of so many bytes of content at most, each with a number of so many digits as its
/// id.
fn fill(
    (records, keeper): (&Records, &Keeper<Disk>),
    groups: &[&str],
    (is_id_given, digits): (bool, usize),
    mut content: impl FnMut() -> usize,
) {
    for group in groups {
        wait(records.join(Place::In(group))).expect("anybody can join");
    }
    for number in (0..).step_by(5) {
        let some = (number..number + 5).map(|number| Record {
            id: format!("{number:0digits$}").into(),
            is_id_given,
            content: vec![b'x'; content()].into(),
            ..Record::default()
        });
        let sending = records.publish(some.collect(), Progress::default(), true);
        if end_of(sending, || work(keeper)).is_err() {
            return;
        }
    }
}

/// Ids that are written again may fill more than one file. Each counts where it lies, so that none of these becomes too much to be
/// written again.
#[test]
fn settlements_are_confirmed_of_events_with_long_ids() {
    let groups = ["default", "b", "c", "d"];
    let mut random = fastrand::Rng::with_seed(7);
    let disk = Disk::new(7, 19 * SEGMENT, None);
    let (mut records, mut keeper, _) = opened_with(disk.clone(), patient());
    fill((&records, &keeper), &groups, (true, 200), || {
        random.usize(..100)
    });
    disk.set_room(0);
    let mut settled = 0;
    for process in 0..2 {
        for group in groups {
            let reader = wait(records.join(Place::In(group))).expect("anybody can join");
            for _ in 0..200 {
                let Ok(mut fetched) = wait(records.fetch(reader, 1, Wait::No)) else {
                    break;
                };
                let how = match random.u32(..2) {
                    0 => Settlement::Done,
                    _ => Settlement::RetryAfter(Duration::ZERO),
                };
                let commits = || drop(keeper.commit_or_refuse(None));
                let end = end_of(settle(&records, fetched.remove(0).receipt, how), commits);
                end.unwrap_or_else(|error| panic!("{settled} of process {process}: {error}"));
                settled += 1;
                disk.set_room(0);
                if settled % 7 == 0 {
                    // There is room for it, or not.
                    let one = Record {
                        id: format!("{settled:0200}").into(),
                        is_id_given: true,
                        ..Record::default()
                    };
                    let sending = records.publish(vec![one], Progress::default(), true);
                    let _ = end_of(sending, || work(&keeper));
                }
                if settled % 5 == 0 {
                    work(&keeper);
                }
            }
        }
        keeper.seal();
        (records, keeper, _) = opened_with(disk.clone(), patient());
        disk.set_room(0);
    }
}

/// Each process that ends in the middle of writing something again leaves a file that is not full. Where none is left, what lies before
/// the table of groups is freed all the same once it is acked.
#[test]
fn acks_free_it_when_the_power_went_again_and_again() {
    let groups = ["default", "b"];
    let mut random = fastrand::Rng::with_seed(16);
    let disk = Disk::new(16, 20 * SEGMENT, None);
    let (mut records, mut keeper, mut reader) = opened_with(disk.clone(), patient());
    fill((&records, &keeper), &groups, (false, 10), || 0);
    disk.set_room(0);
    for _ in 0..6 {
        disk.light_fuse(random.u32(1..400));
        while let Ok(mut fetched) = wait(records.fetch(reader, 1, Wait::No)) {
            let how = match random.u32(..4) {
                0 => Settlement::Done,
                _ => Settlement::RetryAfter(Duration::ZERO),
            };
            let commits = || drop(keeper.commit_or_refuse(None));
            if end_of(settle(&records, fetched.remove(0).receipt, how), commits).is_err() {
                break;
            }
        }
        disk.lose_power();
        disk.set_room(0);
        (records, keeper, reader) = opened_with(disk.clone(), patient());
    }
    for group in groups {
        let reader = wait(records.join(Place::In(group))).expect("anybody can join");
        while let Ok(mut fetched) = wait(records.fetch(reader, 1, Wait::No)) {
            let acked = settle(&records, fetched.remove(0).receipt, Settlement::Done);
            let _ = end_of(acked, || work(&keeper));
            disk.set_room(0);
        }
    }
    let purged = end_of(records.purge(), || work(&keeper));
    purged.expect("nothing is needed, and all is freed");
}
