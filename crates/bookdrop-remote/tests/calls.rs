//! What a guest asks is done by the keeper, whatever is lost, repeated or late on the way.

mod support;

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use bookdrop_backend::{
    Asking, Backend, DeadReason, ErrorKind, Fetched, Letters, NotFetched, NotPublished, Place,
    Progress, Reader, Record, Settled, Settlement, Wait, Why,
};
use bookdrop_queue::OnFull;
use bookdrop_queue::park::wait;
use bookdrop_remote::{GREATEST_PARCEL, Hosted, Remote, Terms};
use bytes::Bytes;
use support::kept::limits;
use support::{Hub, Keeper, Kept, Plan};

fn terms() -> Terms {
    let mut terms = Terms::default();
    terms.resend_after = Duration::from_millis(10);
    terms
}

fn link(capacity: usize) -> (Arc<Hub>, Arc<Kept>, Keeper) {
    let hub = Hub::new(Plan::BAD);
    let kept = Arc::new(Kept::new(limits(capacity), OnFull::Wait));
    let keeper = Keeper::start(&hub, kept.clone(), 1, terms());
    (hub, kept, keeper)
}

fn guest(hub: &Arc<Hub>) -> Remote {
    hub.guest(terms()).1
}

fn record(id: u64) -> Record {
    Record {
        id: id.to_string().into(),
        content: Bytes::from(id.to_string()),
        ..Record::default()
    }
}

fn publish(remote: &Remote, ids: std::ops::Range<u64>) {
    let records = ids.map(record).collect();
    wait(remote.publish(records, Progress::default(), true)).expect("there is room in time");
}

fn join(remote: &Remote) -> Reader {
    wait(remote.join(Place::In("default"))).expect("anybody can join")
}

fn fetch(remote: &Remote, reader: Reader) -> Vec<Fetched> {
    wait(remote.fetch(reader, 8, Wait::Yes)).expect("there will be some")
}

fn settle(remote: &Remote, fetched: &Fetched, how: Settlement) -> Settled {
    wait(remote.settle(fetched.receipt, how)).expect("the keeper lives")
}

#[test]
fn what_guests_send_is_received_once() {
    const COUNT: u64 = 2_000;
    let (hub, kept, _keeper) = link(64);
    let (from, to) = (guest(&hub), guest(&hub));
    let sending = thread::spawn(move || {
        for first in (0..COUNT).step_by(20) {
            publish(&from, first..first + 20);
        }
    });
    let reader = join(&to);
    let mut seen = Vec::new();
    while seen.len() < COUNT as usize {
        for fetched in fetch(&to, reader) {
            assert_eq!(fetched.attempt, 1);
            assert_eq!(fetched.record.content, fetched.record.id.as_bytes());
            seen.push(fetched.record.id.parse::<u64>().expect("it is a number"));
            assert_eq!(settle(&to, &fetched, Settlement::Done), Settled::Yes);
            assert_eq!(settle(&to, &fetched, Settlement::Done), Settled::TooLate);
        }
    }
    sending.join().expect("all of it is sent");
    assert!(seen.iter().copied().eq(0..COUNT), "they come in order");
    let stats = wait(kept.queue().stats(None)).expect("it is in memory");
    let stats = stats.expect("there is a queue");
    assert_eq!((stats.sent, stats.acked, stats.returned), (COUNT, COUNT, 0));
}

#[test]
fn contents_are_larger_than_packets() {
    let (hub, _kept, _keeper) = link(8);
    let remote = guest(&hub);
    let reader = join(&remote);
    let content: Bytes = (0..5_000_000_u32).map(|number| number as u8).collect();
    let large = Record {
        content: content.clone(),
        ..record(1)
    };
    wait(remote.publish(vec![large.clone()], Progress::default(), true)).expect("there is room");
    let fetched = fetch(&remote, reader).remove(0);
    assert_eq!(fetched.record, large);
    settle(&remote, &fetched, Settlement::Done);
    let too_large = Record {
        content: Bytes::from(vec![0; (8 << 20) + 1]),
        ..record(2)
    };
    let refused = wait(remote.publish(vec![too_large], Progress::default(), true));
    let Err(NotPublished::Backend(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn a_batch_may_be_larger_than_what_is_on_its_way_at_once() {
    const LENGTH: usize = 1 << 20;
    let (hub, kept, _keeper) = link(200);
    let (from, to) = (guest(&hub), guest(&hub));
    let count = 2 * GREATEST_PARCEL / LENGTH + 1;
    let records = (0..count as u64).map(|id| Record {
        content: Bytes::from(vec![0; LENGTH]),
        ..record(id)
    });
    let progress = Progress::default();
    wait(from.publish(records.collect(), progress.clone(), true)).expect("there is room");
    assert_eq!(progress.taken(), count);
    let reader = join(&to);
    let mut seen = Vec::new();
    while seen.len() < count {
        for fetched in fetch(&to, reader) {
            seen.push(fetched.record.id.parse::<u64>().expect("it is a number"));
            assert_eq!(settle(&to, &fetched, Settlement::Done), Settled::Yes);
        }
    }
    assert!(seen.into_iter().eq(0..count as u64), "they come in order");
    let stats = wait(kept.queue().stats(None)).expect("it is in memory");
    assert_eq!(stats.map(|stats| stats.sent), Some(count as u64));
}

#[test]
fn requests_are_answered_and_end_in_time() {
    let (hub, _kept, _keeper) = link(8);
    let (asks, works) = (guest(&hub), guest(&hub));
    let asking = Asking {
        timeout: Duration::from_secs(60),
        waits_for_consumer: false,
    };
    let nobody = wait(asks.request(record(1), asking)).expect_err("nobody is there");
    assert!(matches!(nobody.why, Why::NoConsumer) && !nobody.was_taken);
    let reader = join(&works);
    let working = thread::spawn(move || {
        let fetched = fetch(&works, reader).remove(0);
        assert!(fetched.deadline.is_some());
        let answer = Settlement::Answer("yes".into());
        assert_eq!(settle(&works, &fetched, answer), Settled::Yes);
        // The next one is taken, and not answered in time.
        let fetched = fetch(&works, reader).remove(0);
        wait(works.unwanted(fetched.receipt));
        let answer = Settlement::Answer("no".into());
        assert_eq!(settle(&works, &fetched, answer), Settled::NotWanted);
        works
    });
    let answer = wait(asks.request(record(2), asking));
    assert_eq!(answer.expect("it is answered"), "yes");
    let asking = Asking {
        timeout: Duration::from_millis(300),
        ..asking
    };
    let late = wait(asks.request(record(3), asking)).expect_err("nobody answers");
    assert!(matches!(late.why, Why::Deadline) && late.was_taken);
    let works = working.join().expect("the work is done");
    // The one that is never taken.
    let late = wait(asks.request(record(4), asking)).expect_err("nobody answers");
    assert!(
        matches!(late.why, Why::Deadline) && !late.was_taken,
        "{late:?}"
    );
    drop(works);
}

#[test]
fn requests_in_thousands_do_not_hold_up_their_answers() {
    const COUNT: u64 = 1_000;
    let (hub, _kept, _keeper) = link(10_000);
    let remote = Arc::new(guest(&hub));
    let reader = join(&remote);
    let asking = Asking {
        timeout: Duration::from_secs(60),
        waits_for_consumer: false,
    };
    let mut cx = Context::from_waker(Waker::noop());
    let mut asked = Vec::new();
    for id in 0..COUNT {
        let mut one = Box::pin(remote.request(record(id), asking));
        assert!(one.as_mut().poll(&mut cx).is_pending());
        asked.push(one);
    }
    let works = remote.clone();
    let working = thread::spawn(move || {
        let mut count = 0;
        while count < COUNT {
            for fetched in fetch(&works, reader) {
                let answer = Settlement::Answer(fetched.record.content.clone());
                assert_eq!(settle(&works, &fetched, answer), Settled::Yes);
                count += 1;
            }
        }
    });
    for (id, asked) in (0..).zip(asked) {
        let answer: Bytes = wait(asked).expect("it is answered");
        assert_eq!(answer, record(id).content);
    }
    working.join().expect("the work is done");
}

#[test]
fn whoever_gives_up_has_taken_nothing() {
    let (hub, _kept, _keeper) = link(8);
    let remote = guest(&hub);
    let reader = join(&remote);
    for id in 0..30 {
        {
            let mut fetching = pin!(remote.fetch(reader, 1, Wait::Yes));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(fetching.as_mut().poll(&mut cx).is_pending());
            publish(&remote, id..id + 1);
        }
        let fetched = fetch(&remote, reader).remove(0);
        assert_eq!(
            (&*fetched.record.id, fetched.attempt),
            (&*id.to_string(), 1)
        );
        settle(&remote, &fetched, Settlement::Done);
    }
    let empty = wait(remote.fetch(reader, 1, Wait::No));
    assert_eq!(empty.expect_err("there is nothing"), NotFetched::Empty);
}

#[test]
fn a_send_that_waits_says_what_was_taken_and_takes_no_more_when_it_is_dropped() {
    let (hub, kept, _keeper) = link(2);
    let remote = guest(&hub);
    let reader = join(&remote);
    let progress = Progress::default();
    {
        let records = (0..5).map(record).collect();
        let mut sending = pin!(remote.publish(records, progress.clone(), true));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(sending.as_mut().poll(&mut cx).is_pending());
        let waits = || {
            let stats = wait(remote.stats(None)).expect("the keeper lives");
            stats.is_some_and(|stats| stats.waiting_senders == 1)
        };
        while !waits() || progress.taken() != 2 {
            assert!(sending.as_mut().poll(&mut cx).is_pending());
            thread::yield_now();
        }
    }
    let mut ids = HashSet::new();
    for _ in 0..2 {
        let fetched = wait(remote.fetch(reader, 1, Wait::Yes)).expect("they are there");
        ids.extend(fetched.iter().map(|one| one.record.id.to_string()));
        settle(&remote, &fetched[0], Settlement::Done);
    }
    assert_eq!(ids, ["0", "1"].map(String::from).into());
    assert_eq!(progress.taken(), 2);
    let stats = wait(kept.queue().stats(None)).expect("it is in memory");
    assert_eq!(stats.map(|stats| (stats.sent, stats.queued)), Some((2, 0)));
    let full = wait(async {
        publish(&remote, 0..2);
        remote
            .publish(vec![record(9)], Progress::default(), false)
            .await
    });
    assert_eq!(full, Err(NotPublished::Full));
}

#[test]
fn everything_else_is_asked_of_the_keeper_too() {
    let (hub, kept, _keeper) = link(8);
    let remote = guest(&hub);
    let reader = join(&remote);
    publish(&remote, 0..3);
    for fetched in fetch(&remote, reader) {
        let why = DeadReason::Rejected("it is torn".into());
        assert_eq!(
            settle(&remote, &fetched, Settlement::Bury(why)),
            Settled::Yes
        );
    }
    assert_eq!(wait(remote.groups()), Ok(vec!["default".to_owned()]));
    let here = wait(remote.dead("default", Letters::All)).expect("the keeper lives");
    let there = wait(kept.queue().dead("default", Letters::All)).expect("it is in memory");
    assert_eq!(format!("{here:?}"), format!("{there:?}"));
    assert_eq!(here.len(), 3);
    let one = Letters::These(vec![here[1].id]);
    assert_eq!(wait(remote.replay("default", one.clone())), Ok(1));
    assert_eq!(wait(remote.discard("default", Letters::All)), Ok(2));
    assert_eq!(wait(remote.stats(None)), wait(kept.queue().stats(None)));
    assert_eq!(wait(remote.stats(Some("nobody"))), Ok(None));
    assert_eq!(wait(remote.purge()), Ok(1));
    assert_eq!(wait(remote.remove_group("default")), Ok(true));
    assert_eq!(wait(remote.remove_group("default")), Ok(false));
    let end = wait(remote.fetch(reader, 1, Wait::Yes)).expect_err("its group is gone");
    assert_eq!(end, NotFetched::Closed);
    let beside = wait(remote.join(Place::Beside(reader))).expect("it may sit there");
    let end = wait(remote.fetch(beside, 1, Wait::Yes)).expect_err("its group is gone");
    assert_eq!(end, NotFetched::Closed);
    assert_eq!(wait(remote.drain()), Ok(()));
    assert!(remote.is_closed());
    let closed = wait(remote.publish(vec![record(7)], Progress::default(), true));
    assert_eq!(closed, Err(NotPublished::Closed));
}

#[test]
fn nothing_is_waited_for_when_nobody_drives_the_link() {
    let (remote, driven) = bookdrop_remote::guest(
        bookdrop_remote::GuestId([1; 16]),
        terms(),
        std::time::Instant::now(),
    );
    let mut asking = pin!(remote.stats(None));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(asking.as_mut().poll(&mut cx).is_pending());
    drop(driven);
    let Poll::Ready(Err(error)) = asking.as_mut().poll(&mut cx) else {
        panic!("it waits for nobody");
    };
    assert_eq!(error.kind(), ErrorKind::Broken);
    assert!(wait(remote.groups()).is_err());
}
