//! A requester gives up, and whoever works for it in another process sees that.

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use bookdrop_backend::{Backend, Fetched, Place, Settled, Settlement, Wait};
use bookdrop_remote::{Hosted, Remote, Terms};
use support::Kept;
use support::both::{Both, asking, cx, record};

/// How often the keeper may be asked before it is to have said what it knows.
const LOOKS: usize = 3;

fn is_pending<F: Future>(future: Pin<&mut F>) -> bool {
    future.poll(&mut cx()).is_pending()
}

/// How it ends, once each side has heard the other.
fn end<F: Future>(both: &mut Both, mut future: Pin<&mut F>) -> Option<F::Output> {
    let polled = future.as_mut().poll(&mut cx());
    both.say_all(Instant::now());
    match polled {
        Poll::Pending => match future.poll(&mut cx()) {
            Poll::Pending => None,
            Poll::Ready(end) => Some(end),
        },
        Poll::Ready(end) => Some(end),
    }
}

/// The one event that there is, in hand at the guest.
fn fetch(both: &mut Both, remote: &Remote) -> Fetched {
    let joined = end(both, pin!(remote.join(Place::In("default"))));
    let reader = joined.expect("it is heard").expect("anybody can join");
    let fetched = end(both, pin!(remote.fetch(reader, 1, Wait::Yes)));
    let fetched = fetched.expect("it is there").expect("nothing is closed");
    fetched.into_iter().next().expect("there is one")
}

/// The keeper's own user asks, and waits.
fn ask(kept: &Kept) -> Pin<Box<impl Future + '_>> {
    let asking = asking(Duration::from_secs(3600));
    let mut request = Box::pin(kept.queue().request(record(), asking));
    assert!(is_pending(request.as_mut()));
    request
}

#[test]
fn whoever_looks_and_never_waits_sees_that_the_requester_has_gone() {
    let (remote, mut both) = Both::new(&Terms::default());
    let kept = both.kept.clone();
    let request = ask(&kept);
    let fetched = fetch(&mut both, &remote);
    let is_wanted = || is_pending(pin!(remote.unwanted(fetched.receipt)));
    for _ in 0..LOOKS {
        assert!(is_wanted());
        both.say_all(Instant::now());
    }
    drop(request);
    for _ in 0..LOOKS {
        is_wanted();
        both.say_all(Instant::now());
    }
    assert!(!is_wanted());
    let answer = Settlement::Answer("late".into());
    let settled = end(&mut both, pin!(remote.settle(fetched.receipt, answer)));
    assert_eq!(settled, Some(Ok(Settled::NotWanted)));
}

#[test]
fn a_look_says_nothing_to_the_keeper() {
    let (remote, mut both) = Both::new(&Terms::default());
    let kept = both.kept.clone();
    let _request = ask(&kept);
    let fetched = fetch(&mut both, &remote);
    for _ in 0..LOOKS {
        assert!(is_pending(pin!(remote.unwanted(fetched.receipt))));
    }
    assert!(both.guest_says(Instant::now()).is_empty());
}

#[test]
fn those_who_wait_for_a_requester_to_go_hold_up_nothing_else() {
    let (remote, mut both) = Both::new(&Terms::default());
    let kept = both.kept.clone();
    let request = ask(&kept);
    let fetched = fetch(&mut both, &remote);
    let waiting = (0..2_000).map(|_| Box::pin(remote.unwanted(fetched.receipt)));
    let mut waiting: Vec<_> = waiting.collect();
    assert!(waiting.iter_mut().all(|one| is_pending(one.as_mut())));
    let stats = end(&mut both, pin!(remote.stats(None)));
    assert!(matches!(stats, Some(Ok(Some(_)))), "{stats:?}");
    let joined = end(&mut both, pin!(remote.join(Place::In("default"))));
    assert!(matches!(joined, Some(Ok(_))), "{joined:?}");
    assert_eq!(end(&mut both, pin!(remote.close())), Some(Ok(())));
    drop(request);
    both.say_all(Instant::now());
    assert!(!waiting.iter_mut().any(|one| is_pending(one.as_mut())));
}

#[test]
fn a_guest_that_comes_again_is_told_what_it_has_missed() {
    let (remote, mut both) = Both::new(&Terms::default());
    let kept = both.kept.clone();
    let request = ask(&kept);
    let fetched = fetch(&mut both, &remote);
    let mut waiting = pin!(remote.unwanted(fetched.receipt));
    assert!(is_pending(waiting.as_mut()));
    // What the keeper says of it is lost with the session.
    drop(request);
    assert!(!both.keeper_hears(Vec::new(), Instant::now()).is_empty());
    both.guest.new_keeper(1, Instant::now());
    assert_eq!(end(&mut both, waiting), Some(()));
}

#[test]
fn those_who_wait_are_told_when_what_they_have_is_lost() {
    let (remote, mut both) = Both::new(&Terms::default());
    let kept = both.kept.clone();
    let _request = ask(&kept);
    let fetched = fetch(&mut both, &remote);
    let mut waiting = pin!(remote.unwanted(fetched.receipt));
    assert!(is_pending(waiting.as_mut()));
    // A request ends with its keeper.
    both.guest.keeper_is_gone();
    both.guest_says(Instant::now());
    assert!(!is_pending(waiting.as_mut()));
}

#[test]
fn nobody_waits_for_a_guest_that_nobody_drives() {
    let (remote, mut both) = Both::new(&Terms::default());
    let kept = both.kept.clone();
    let _request = ask(&kept);
    let fetched = fetch(&mut both, &remote);
    let mut waiting = pin!(remote.unwanted(fetched.receipt));
    assert!(is_pending(waiting.as_mut()));
    drop(both);
    assert!(!is_pending(waiting.as_mut()));
    assert!(!is_pending(pin!(remote.unwanted(fetched.receipt))));
}
