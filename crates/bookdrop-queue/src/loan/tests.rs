use super::*;

fn lender() -> (Lender<Arc<()>>, Arc<Tally>, std::sync::Weak<()>) {
    let (value, tally) = (Arc::new(()), Tally::new());
    let weak = Arc::downgrade(&value);
    (Lender::new(value, tally.clone()), tally, weak)
}

#[test]
fn the_value_goes_with_the_last_of_all() {
    for lender_goes_first in [true, false] {
        let (mut lender, tally, value) = lender();
        let loans = [lender.split().1.lend(), lender.split().1.lend()];
        let mut lender = Some(lender);
        if lender_goes_first {
            lender = None;
            assert_eq!(tally.returned(), 0);
        }
        for loan in loans {
            assert!(value.upgrade().is_some());
            assert!(loan.give_back().is_ok());
        }
        assert_eq!(value.upgrade().is_some(), lender.is_some());
        drop(lender);
        assert!(value.upgrade().is_none());
    }
}

#[test]
fn returns_are_counted() {
    let (mut lender, tally, _) = lender();
    let kept = lender.split().1.lend();
    assert!(lender.split().1.lend().give_back().is_ok());
    drop(lender.split().1.lend());
    assert_eq!(tally.returned(), 2);
    drop(lender);
    assert_eq!(tally.returned(), 2);
    drop(kept);
    assert_eq!(tally.returned(), 3);
}

#[test]
fn a_watched_loan_is_not_given_back_without_a_word() {
    let (mut lender, tally, value) = lender();
    let loan = lender.split().1.lend();
    tally.watch();
    let Err(loan) = loan.give_back() else {
        panic!("somebody wants to be told");
    };
    drop(lender);
    assert_eq!(tally.returned(), 0);
    drop(loan);
    assert!(value.upgrade().is_none());
}

#[test]
fn who_begins_to_watch_in_the_middle_knows_of_every_return() {
    let (mut lender, tally, value) = lender();
    let before = lender.split().1.lend();
    let after = lender.split().1.lend();
    let dropped = lender.split().1.lend();
    assert!(before.give_back().is_ok());
    tally.watch();
    assert_eq!(tally.returned(), 1, "what came back before is counted");
    let after = after.give_back().expect_err("it is watched");
    // Also what is lent from now on.
    let new = lender.split().1.lend().give_back().err();
    drop((new, dropped));
    assert_eq!(tally.returned(), 3);
    // Twice is as once.
    tally.watch();
    drop(lender);
    assert_eq!((tally.returned(), tally.is_settled()), (3, false));
    drop(after);
    assert_eq!((tally.returned(), tally.is_settled()), (4, true));
    assert!(value.upgrade().is_none());
}

#[test]
fn a_lender_that_never_lent_takes_the_value_with_it() {
    for is_watched in [false, true] {
        let (lender, tally, value) = lender();
        if is_watched {
            tally.watch();
        }
        assert!(!tally.is_settled());
        drop(lender);
        assert_eq!((tally.returned(), tally.is_settled()), (0, true));
        assert!(value.upgrade().is_none());
    }
}

/// Says when it goes, and that nobody can read it afterwards.
struct Value(Arc<AtomicI64>);

impl Drop for Value {
    fn drop(&mut self) {
        assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), 0, "it goes once");
    }
}

/// Some are given back, some dropped, on several threads, while the lender goes and somebody begins to watch.
#[test]
fn the_value_goes_once_whoever_is_the_last() {
    let (rounds, threads, each) = if cfg!(miri) { (5, 3, 4) } else { (100, 4, 50) };
    for round in 0..rounds {
        let (gone, tally) = (Arc::new(AtomicI64::new(0)), Tally::new());
        let mut lender = Lender::new(Value(gone.clone()), tally.clone());
        let loans: Vec<Vec<_>> = (0..threads)
            .map(|_| (0..each).map(|_| lender.split().1.lend()).collect())
            .collect();
        std::thread::scope(|scope| {
            for loans in loans {
                let gone = &gone;
                scope.spawn(move || {
                    for (n, loan) in loans.into_iter().enumerate() {
                        assert_eq!(gone.load(Ordering::Relaxed), 0);
                        assert!(std::ptr::eq(&*loan.0, &**gone));
                        if n % 3 > 0 {
                            drop(loan.give_back());
                        }
                    }
                });
            }
            if round % 2 == 0 {
                scope.spawn(|| tally.watch());
            }
            scope.spawn(|| {
                // More than all never come back, and none that came back is forgotten.
                let mut last = 0;
                while !tally.is_settled() {
                    let returned = tally.returned();
                    assert!(last <= returned && returned <= threads * each);
                    last = returned;
                    std::thread::yield_now();
                }
            });
            drop(lender);
        });
        assert_eq!(gone.load(Ordering::Relaxed), 1);
        assert_eq!(tally.returned(), threads * each);
    }
}
