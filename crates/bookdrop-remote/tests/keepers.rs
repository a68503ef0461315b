//! One keeper goes, and another one comes.

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use bookdrop_backend::{
    Asking, Backend, Error, ErrorKind, Fetched, NotFetched, NotPublished, Place, Progress, Reader,
    Record, Settled, Settlement, Wait,
};
use bookdrop_queue::OnFull;
use bookdrop_queue::park::wait;
use bookdrop_remote::{GREATEST_GUESTS, GuestId, Host, Hosted, Remote, Terms};
use bytes::Bytes;
use support::both::Both;
use support::kept::limits;
use support::{Hub, Keeper, Kept, Plan};

fn terms() -> Terms {
    let mut terms = Terms::default();
    terms.resend_after = Duration::from_millis(10);
    terms
}

/// A queue with room for so many, and a way to its keepers.
fn queue(capacity: usize) -> (Arc<Hub>, Arc<Kept>) {
    let kept = Kept::new(limits(capacity), OnFull::Wait);
    (Hub::new(Plan::BAD), Arc::new(kept))
}

fn start(hub: &Arc<Hub>, kept: &Arc<Kept>, epoch: u64) -> Keeper {
    Keeper::start(hub, kept.clone(), epoch, terms())
}

fn record(id: &str) -> Record {
    Record {
        id: id.into(),
        ..Record::default()
    }
}

fn publish(backend: &impl Backend, id: &str) -> Result<(), NotPublished> {
    wait(backend.publish(vec![record(id)], Progress::default(), true))
}

fn join(remote: &Remote, group: &str) -> Reader {
    wait(remote.join(Place::In(group))).expect("anybody can join")
}

fn fetch(remote: &Remote, reader: Reader) -> Result<Fetched, NotFetched> {
    let fetched = wait(remote.fetch(reader, 1, Wait::Yes));
    fetched.map(|mut fetched| fetched.remove(0))
}

fn told(fetched: &Fetched) -> (&str, u32) {
    (&fetched.record.id, fetched.attempt)
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Begins with it, and sees to it that the keeper is told, or that it would have been.
fn begin<F: Future>(future: Pin<&mut F>, is_begun: impl Fn() -> bool) {
    assert!(poll(future).is_pending());
    while !is_begun() {
        thread::yield_now();
    }
}

fn unknown(error: Error) {
    assert_eq!(error.kind(), ErrorKind::Unknown);
    let message = error.to_string();
    assert!(message.contains("may have been done or not"), "{message}");
}

fn stats(kept: &Kept) -> bookdrop_backend::Stats {
    let stats = wait(kept.queue().stats(None)).expect("it is in memory");
    stats.expect("there is a queue")
}

#[test]
fn what_no_keeper_was_told_is_told_to_the_next_one() {
    let (hub, kept) = queue(8);
    let (_, remote) = hub.guest(terms());
    let progress = Progress::default();
    let mut sending = pin!(remote.publish(vec![record("a")], progress.clone(), true));
    let mut asking = pin!(remote.stats(None));
    assert!(poll(sending.as_mut()).is_pending());
    assert!(poll(asking.as_mut()).is_pending());
    assert_eq!(progress.taken(), 0);
    let _keeper = start(&hub, &kept, 1);
    assert_eq!(wait(sending), Ok(()));
    assert!(wait(asking).is_ok());
    assert_eq!((progress.taken(), stats(&kept).sent), (1, 1));
}

#[test]
fn a_send_that_the_keeper_may_have_taken_in_ends_as_unknown() {
    let (hub, kept) = queue(1);
    let (_, remote) = hub.guest(terms());
    let keeper = start(&hub, &kept, 1);
    let progress = Progress::default();
    let records = vec![record("a"), record("b")];
    let mut sending = pin!(remote.publish(records, progress.clone(), true));
    begin(sending.as_mut(), || stats(&kept).waiting_senders == 1);
    keeper.kill();
    let Err(NotPublished::Backend(error)) = wait(sending) else {
        panic!("nobody knows");
    };
    unknown(error);
    assert_eq!(progress.taken(), 0);
}

#[test]
fn who_asks_only_is_answered_by_the_next_keeper() {
    let (hub, kept) = queue(8);
    let (_, remote) = hub.guest(terms());
    let reader = {
        let keeper = start(&hub, &kept, 1);
        let reader = join(&remote, "default");
        keeper.kill();
        reader
    };
    let mut fetching = pin!(remote.fetch(reader, 1, Wait::Yes));
    let mut asking = pin!(remote.groups());
    assert!(poll(fetching.as_mut()).is_pending());
    assert!(poll(asking.as_mut()).is_pending());
    let second = start(&hub, &kept, 2);
    assert_eq!(wait(asking), Ok(vec!["default".to_owned()]));
    // One that waits at a keeper waits at the next one.
    second.kill();
    let _third = start(&hub, &kept, 3);
    publish(kept.queue(), "a").expect("there is room");
    let fetched = wait(fetching).expect("it is there");
    assert_eq!(told(&fetched[0]), ("a", 1));
}

#[test]
fn what_is_in_hand_is_settled_at_the_next_keeper() {
    let (hub, kept) = queue(8);
    let (_, remote) = hub.guest(terms());
    let keeper = start(&hub, &kept, 1);
    let reader = join(&remote, "default");
    publish(&remote, "a").expect("there is room");
    publish(&remote, "b").expect("there is room");
    let (a, b) = (fetch(&remote, reader), fetch(&remote, reader));
    let (a, b) = (a.expect("it is there"), b.expect("it is there"));
    keeper.kill();
    assert_eq!(remote.in_hand(), 2);
    let mut settling = pin!(remote.settle(a.receipt, Settlement::Done));
    assert!(poll(settling.as_mut()).is_pending());
    let _keeper = start(&hub, &kept, 2);
    assert_eq!(wait(settling), Ok(Settled::Yes));
    let settled = wait(remote.settle(b.receipt, Settlement::Failed));
    assert_eq!(settled, Ok(Settled::Yes));
    let again = fetch(&remote, reader).expect("it failed");
    assert_eq!(told(&again), ("b", 2));
    assert_eq!(remote.in_hand(), 1);
}

#[test]
fn what_was_settled_at_a_keeper_that_went_is_settled_or_unknown() {
    let (hub, kept) = queue(8);
    let (id, remote) = hub.guest(terms());
    let keeper = start(&hub, &kept, 1);
    let reader = join(&remote, "default");
    publish(&remote, "a").expect("there is room");
    let a = fetch(&remote, reader).expect("it is there");
    // The keeper does it, and nobody hears of that.
    hub.cut_from_keeper(id, true);
    let mut settling = pin!(remote.settle(a.receipt, Settlement::Done));
    begin(settling.as_mut(), || stats(&kept).acked == 1);
    keeper.kill();
    hub.cut_from_keeper(id, false);
    let _keeper = start(&hub, &kept, 2);
    // The queue of these tests forgets nothing, so it is claimed, and found to be settled.
    let settled = wait(settling);
    assert!(matches!(settled, Ok(Settled::TooLate)), "{settled:?}");
    assert_eq!(remote.in_hand(), 0);
}

#[test]
fn what_was_handed_over_and_never_got_there_goes_back() {
    let (hub, kept) = queue(8);
    let (id, remote) = hub.guest(terms());
    let keeper = start(&hub, &kept, 1);
    let reader = join(&remote, "default");
    let mut fetching = pin!(remote.fetch(reader, 1, Wait::Yes));
    begin(fetching.as_mut(), || stats(&kept).waiting_consumers == 1);
    hub.cut_from_keeper(id, true);
    publish(kept.queue(), "a").expect("there is room");
    while kept.queue().in_hand() == 0 {
        thread::yield_now();
    }
    keeper.kill();
    hub.cut_from_keeper(id, false);
    let _keeper = start(&hub, &kept, 2);
    let fetched = wait(fetching).expect("it comes back");
    assert_eq!(told(&fetched[0]), ("a", 1));
}

#[test]
fn what_is_done_once_is_unknown_where_its_keeper_went() {
    let (hub, kept) = queue(8);
    let (id, remote) = hub.guest(terms());
    let keeper = start(&hub, &kept, 1);
    publish(&remote, "a").expect("there is room");
    hub.cut_from_keeper(id, true);
    let mut purging = pin!(remote.purge());
    begin(purging.as_mut(), || stats(&kept).purged == 1);
    keeper.kill();
    unknown(wait(purging).expect_err("nobody knows"));
    let mut removing = pin!(remote.remove_group("default"));
    assert!(poll(removing.as_mut()).is_pending());
    hub.cut_from_keeper(id, false);
    let _keeper = start(&hub, &kept, 2);
    assert_eq!(wait(removing), Ok(false), "no keeper had been told");
}

#[test]
fn consumers_sit_at_the_next_keeper_unless_their_group_is_gone() {
    let (hub, kept) = queue(8);
    let (_, remote) = hub.guest(terms());
    let keeper = start(&hub, &kept, 1);
    let (stays, goes) = (join(&remote, "stays"), join(&remote, "goes"));
    assert_eq!(wait(remote.remove_group("goes")), Ok(true));
    assert_eq!(fetch(&remote, goes).err(), Some(NotFetched::Closed));
    keeper.kill();
    let _keeper = start(&hub, &kept, 2);
    publish(&remote, "a").expect("there is room");
    assert_eq!(told(&fetch(&remote, stays).expect("it is there")), ("a", 1));
    let beside = wait(remote.join(Place::Beside(goes))).expect("it may sit there");
    for reader in [goes, beside] {
        assert_eq!(fetch(&remote, reader).err(), Some(NotFetched::Closed));
    }
    assert_eq!(wait(remote.groups()), Ok(vec!["stays".to_owned()]));
}

#[test]
fn requests_are_asked_again() {
    let (hub, kept) = queue(8);
    let ((_, asks), (_, works)) = (hub.guest(terms()), hub.guest(terms()));
    let keeper = start(&hub, &kept, 1);
    let reader = join(&works, "default");
    let asking = Asking {
        timeout: Duration::from_secs(60),
        waits_for_consumer: true,
    };
    let mut asked = pin!(asks.request(record("a"), asking));
    begin(asked.as_mut(), || stats(&kept).waiting_requests == 1);
    let first = fetch(&works, reader).expect("it is there");
    keeper.kill();
    while works.in_hand() > 0 {
        thread::yield_now();
    }
    let late = wait(works.settle(first.receipt, Settlement::Answer("late".into())));
    assert_eq!(late, Ok(Settled::TooLate));
    wait(works.unwanted(first.receipt));
    let _keeper = start(&hub, &kept, 2);
    let second = fetch(&works, reader).expect("it is asked again");
    let answered = wait(works.settle(second.receipt, Settlement::Answer("yes".into())));
    assert_eq!(answered, Ok(Settled::Yes));
    assert_eq!(wait(asked).expect("it is answered"), "yes");
}

#[test]
fn a_driver_that_was_closed_is_closed_at_the_next_keeper() {
    let (hub, kept) = queue(8);
    let (_, remote) = hub.guest(terms());
    let mut closing = pin!(remote.close());
    assert!(poll(closing.as_mut()).is_pending());
    assert!(remote.is_closed());
    let _keeper = start(&hub, &kept, 1);
    assert_eq!(wait(closing), Ok(()));
    assert!(kept.queue().is_closed());
}

#[test]
fn patience_ends_what_waits_for_a_keeper() {
    let mut impatient = terms();
    impatient.patience = Duration::from_secs(1);
    let (hub, kept) = queue(8);
    let (id, remote) = hub.guest(impatient);
    let Err(NotPublished::Backend(error)) = publish(&remote, "a") else {
        panic!("there is no keeper");
    };
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("nothing was done"));
    let keeper = start(&hub, &kept, 1);
    let reader = join(&remote, "default");
    hub.cut_from_keeper(id, true);
    let Err(NotPublished::Backend(error)) = publish(&remote, "b") else {
        panic!("nothing is heard of the keeper");
    };
    unknown(error);
    let empty = wait(remote.fetch(reader, 1, Wait::No));
    assert_eq!(empty.err(), Some(NotFetched::Empty));
    hub.cut_from_keeper(id, false);
    assert_eq!(publish(&remote, "c"), Ok(()));
    drop(keeper);
}

#[test]
fn a_guest_that_is_silent_for_a_lease_has_lost_what_it_had() {
    let mut short = terms();
    short.lease = Duration::from_millis(1_500);
    let (hub, kept) = queue(8);
    let keeper = Keeper::start(&hub, kept.clone(), 1, short.clone());
    let ((id, remote), (_, other)) = (hub.guest(short.clone()), hub.guest(short));
    let (reader, others) = (join(&remote, "default"), join(&other, "default"));
    publish(&remote, "a").expect("there is room");
    let a = fetch(&remote, reader).expect("it is there");
    let asking = Asking {
        timeout: Duration::from_secs(60),
        waits_for_consumer: true,
    };
    let mut asked = pin!(remote.request(record("asked"), asking));
    begin(asked.as_mut(), || stats(&kept).waiting_requests == 1);
    hub.cut(id, true);
    while stats(&kept).waiting_requests > 0 || stats(&kept).consumers > 1 {
        thread::yield_now();
    }
    assert_eq!(
        told(&fetch(&other, others).expect("it comes back")),
        ("a", 2)
    );
    hub.cut(id, false);
    let late = loop {
        let settled = wait(remote.settle(a.receipt, Settlement::Extend));
        if settled != Ok(Settled::Yes) {
            break settled;
        }
        thread::yield_now();
    };
    assert_eq!(late, Ok(Settled::TooLate));
    let late = wait(remote.settle(a.receipt, Settlement::Done));
    assert_eq!(late, Ok(Settled::TooLate));
    // It sits again, and asks again.
    let again = fetch(&remote, reader).expect("it is there");
    assert_eq!(told(&again).0, "asked");
    assert_eq!(keeper.guests(), 2);
}

#[test]
fn what_a_silent_guest_may_have_heard_of_was_handed_over() {
    let mut short = terms();
    short.lease = Duration::from_millis(1_500);
    let (hub, kept) = queue(8);
    let _keeper = Keeper::start(&hub, kept.clone(), 1, short.clone());
    let ((id, remote), (_, other)) = (hub.guest(short.clone()), hub.guest(short));
    let (reader, others) = (join(&remote, "default"), join(&other, "default"));
    let mut fetching = pin!(remote.fetch(reader, 1, Wait::Yes));
    begin(fetching.as_mut(), || stats(&kept).waiting_consumers == 1);
    hub.cut(id, true);
    publish(&other, "a").expect("there is room");
    assert_eq!(
        told(&fetch(&other, others).expect("it comes back")),
        ("a", 2)
    );
}

#[test]
fn whoever_says_goodbye_is_gone_at_once() {
    let (hub, kept) = queue(8);
    let keeper = start(&hub, &kept, 1);
    let ((_, remote), (_, other)) = (hub.guest(terms()), hub.guest(terms()));
    let (reader, others) = (join(&remote, "default"), join(&other, "default"));
    publish(&remote, "a").expect("there is room");
    fetch(&remote, reader).expect("it is there");
    drop(remote);
    assert_eq!(
        told(&fetch(&other, others).expect("it comes back")),
        ("a", 2)
    );
    assert_eq!((keeper.guests(), stats(&kept).consumers), (1, 1));
}

#[test]
fn packets_of_others_do_no_harm() {
    let (_, kept) = queue(8);
    let now = Instant::now();
    let cx = Context::from_waker(Waker::noop());
    let mut host = Host::new(kept, 2, terms());
    let (_remote, mut guest) = bookdrop_remote::guest(GuestId([9; 16]), terms(), now);
    // It speaks to the keeper of another epoch, and is told so.
    guest.new_keeper(1, now);
    let said = guest.turn(&cx, now).packets;
    host.receive(said[0].clone(), now).expect("it is a packet");
    let told = host.turn(&cx, now).packets;
    assert_eq!((told.len(), host.guests()), (1, 0));
    // A packet of a session that has ended begins none.
    guest.new_keeper(2, now);
    let first = guest.turn(&cx, now).packets.remove(0);
    host.receive(first.clone(), now).expect("it is a packet");
    assert_eq!(host.guests(), 1);
    let later = now + Duration::from_secs(31);
    host.turn(&cx, later);
    assert_eq!(host.guests(), 0);
    host.receive(first, later).expect("it is a packet");
    assert_eq!((host.turn(&cx, later).packets.len(), host.guests()), (1, 0));
    for garbage in [&b""[..], b"\x01", b"\x01abc", b"PING"] {
        assert!(host.receive(garbage.into(), later).is_err());
        assert!(guest.receive(garbage.into(), later).is_err());
    }
}

#[test]
fn guests_that_are_too_many_are_heard_when_others_are_gone() {
    let (now, kept) = (Instant::now(), queue(8).1);
    let mut terms = terms();
    // Nothing else is due before they are gone.
    terms.resend_after = terms.lease;
    let later = now + terms.lease;
    let cx = Context::from_waker(Waker::noop());
    let mut host = Host::new(kept, 1, terms.clone());
    let comes = |number: u128| {
        let id = GuestId(number.to_le_bytes());
        let (_remote, mut guest) = bookdrop_remote::guest(id, terms.clone(), now);
        guest.new_keeper(1, now);
        guest.turn(&cx, now).packets.remove(0)
    };
    for number in 0..GREATEST_GUESTS as u128 {
        host.receive(comes(number), now).expect("it is a packet");
    }
    host.turn(&cx, now);
    let one_more = comes(u128::MAX);
    host.receive(one_more.clone(), now).expect("it is a packet");
    assert_eq!(host.guests(), GREATEST_GUESTS);
    // Whoever is among them may begin anew.
    host.receive(comes(0), now).expect("it is a packet");
    let told = host.turn(&cx, now).packets;
    assert!(told.iter().all(|(guest, _)| *guest != GuestId([255; 16])));
    host.turn(&cx, later);
    host.receive(one_more, later).expect("it is a packet");
    assert_eq!(host.guests(), 1);
}

#[test]
fn who_meets_a_keeper_of_another_version_is_told_what_to_do() {
    let terms = impatient();
    let now = Instant::now();
    let cx = Context::from_waker(Waker::noop());
    let (remote, mut guest) = bookdrop_remote::guest(GuestId([9; 16]), terms.clone(), now);
    guest.trust([Waker::noop().clone()]);
    guest.new_keeper(1, now);
    let mut asking = pin!(remote.stats(None));
    assert!(poll(asking.as_mut()).is_pending());
    guest.turn(&cx, now);
    // What a later version says of itself to those it does not understand.
    let [format] = bookdrop_remote::greeting()[..] else {
        panic!("it is the format alone");
    };
    let unread = guest.receive(vec![format + 1].into(), now);
    let unread = unread.expect_err("it is not understood");
    assert_eq!(unread.kind(), ErrorKind::NewerVersion);
    guest.turn(&cx, now + terms.patience);
    let Poll::Ready(Err(error)) = poll(asking) else {
        panic!("it has waited for long enough");
    };
    assert_eq!(error.kind(), ErrorKind::Io);
    let what_to_do = "use one version of the library for all drivers of a queue";
    assert!(error.to_string().contains(what_to_do), "{error}");
}

fn impatient() -> Terms {
    let mut terms = terms();
    terms.patience = Duration::from_millis(50);
    terms
}

/// What somebody is told who asked until patience was over.
fn asked_in_vain(remote: &Remote, both: &mut Both) -> Error {
    let mut asking = pin!(remote.stats(None));
    assert!(poll(asking.as_mut()).is_pending());
    both.guest_says(Instant::now());
    both.guest_says(Instant::now() + impatient().patience);
    let Poll::Ready(Err(error)) = poll(asking) else {
        panic!("it has waited for long enough");
    };
    error
}

/// Whoever is told of the keeper alone looks for the fault there.
#[test]
fn why_there_is_no_keeper_stands_before_all_else() {
    let (remote, mut both) = Both::new(&impatient());
    let mut sending = pin!(remote.publish(vec![record("S")], Progress::default(), true));
    assert!(poll(sending.as_mut()).is_pending());
    both.guest_says(Instant::now());
    let why = Error::new(ErrorKind::Io, "the server is away");
    both.guest.there_is_none(why);
    both.guest.keeper_is_gone();
    both.guest_says(Instant::now());
    let Poll::Ready(Err(NotPublished::Backend(error))) = poll(sending) else {
        panic!("the keeper was told");
    };
    assert!(error.to_string().starts_with("the server is away: "));
    unknown(error);
    let said = asked_in_vain(&remote, &mut both).to_string();
    assert!(said.starts_with("the server is away: no keeper"), "{said}");
}

#[test]
fn a_keeper_that_does_not_answer_yet_may_be_reading_the_queue() {
    let (remote, mut both) = Both::new(&impatient());
    both.guest.new_keeper(2, Instant::now());
    let said = asked_in_vain(&remote, &mut both).to_string();
    assert!(said.contains("it may be reading the queue"), "{said}");
}

#[test]
fn what_somebody_else_says_is_not_why_a_keeper_that_was_heard_is_silent() {
    let (remote, mut both) = Both::new(&impatient());
    let unread = both.guest.receive(vec![9].into(), Instant::now());
    unread.expect_err("it is not understood");
    let error = asked_in_vain(&remote, &mut both);
    assert!(!error.to_string().contains("version"), "{error}");
}

/// The second packet of a guest, which asks for several things, with the first one.
fn two_packets(host: &mut Host<Kept>, now: Instant) -> (Bytes, Bytes) {
    let cx = Context::from_waker(Waker::noop());
    let (remote, mut guest) = bookdrop_remote::guest(GuestId([9; 16]), terms(), now);
    guest.new_keeper(1, now);
    let first = guest.turn(&cx, now).packets.remove(0);
    host.receive(first.clone(), now).expect("it is a packet");
    for (_, packet) in host.turn(&cx, now).packets {
        guest.receive(packet, now).expect("it is a packet");
    }
    let asking = Asking {
        timeout: Duration::from_secs(9),
        waits_for_consumer: true,
    };
    let mut sending = pin!(remote.publish(vec![record("a")], Progress::default(), true));
    let mut asked = pin!(remote.request(record("b"), asking));
    let mut joining = pin!(remote.join(Place::In("default")));
    assert!(poll(sending.as_mut()).is_pending());
    assert!(poll(asked.as_mut()).is_pending());
    assert!(poll(joining.as_mut()).is_pending());
    (first, guest.turn(&cx, now).packets.remove(0))
}

#[test]
fn whatever_is_changed_in_a_packet_does_no_harm() {
    let now = Instant::now();
    let cx = Context::from_waker(Waker::noop());
    let host = || Host::new(queue(8).1, 1, terms());
    let (first, second) = two_packets(&mut host(), now);
    for at in 0..second.len() {
        for bit in 0..8 {
            let mut changed = second.to_vec();
            changed[at] ^= 1 << bit;
            let mut host = host();
            host.receive(first.clone(), now).expect("it is a packet");
            host.turn(&cx, now);
            let _ = host.receive(changed.into(), now);
            host.turn(&cx, now);
        }
    }
}
