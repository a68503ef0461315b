//! What those do who work for a folder on a full disk.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use bookdrop_backend::{
    Backend, Error, Fetched, Place, Progress, Reader, Receipt, Record, Settled, Settlement, Wait,
};
use bookdrop_queue::park::wait;

use crate::journal::Need;
use crate::keeper::{Keep, Keeper};
use crate::kept::Kept;
use crate::lossy_disk::Disk;
use crate::options::Options;
use crate::records::Records;

const SEGMENT: u64 = 4096;
/// Nobody waits longer than this for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A queue for which no thread works yet, on a disk that is full of its events.
fn full() -> (Arc<Records>, Arc<Keeper<Disk>>, Reader) {
    let disk = Disk::new(7, 40 * SEGMENT, None);
    let options = Options {
        segment_bytes: SEGMENT,
        ..Options::default()
    };
    let (queue, keeper, _) = Kept::read(disk.clone(), &options, 7).expect("there is room");
    let records = Arc::new(Records::new(queue, Some(Kept::alone(keeper.clone()))));
    let reader = wait(records.join(Place::In("default"))).expect("anybody can join");
    while is_sent(&records, &keeper) {}
    disk.set_room(0);
    (records, keeper, reader)
}

fn is_sent(records: &Records, keeper: &Keeper<Disk>) -> bool {
    let record = Record {
        content: vec![b'x'; 300].into(),
        ..Record::default()
    };
    let mut sending = pin!(records.publish(vec![record], Progress::default(), true));
    loop {
        match sending
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(sent) => return sent.is_ok(),
            Poll::Pending => work(keeper),
        }
    }
}

/// Does what the threads do that work for the folder.
fn work(keeper: &Keeper<Disk>) {
    drop(keeper.commit_or_refuse(None));
    keeper.tidy_once(true);
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
    let mut receipts = std::iter::repeat_with(|| fetch(&records, reader).receipt);
    let mut next = || receipts.next().expect("there is no end of them");
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
