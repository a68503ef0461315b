use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

/// A head that is kept in a list of this thread.
#[derive(Debug, Default, PartialEq)]
struct Head(u32);

thread_local! {
    static SPARE: RefCell<VecDeque<Box<Block<Head>>>> = const { RefCell::new(VecDeque::new()) };
}

impl Recycle for Head {
    fn recycle(spare: Box<Block<Self>>) {
        SPARE.with_borrow_mut(|all| all.push_back(spare));
    }
}

fn spare_blocks() -> usize {
    SPARE.with_borrow(VecDeque::len)
}

fn laden<B>(body: B) -> Recycled<Head, B> {
    let spare = SPARE.with_borrow_mut(VecDeque::pop_back);
    let mut laden = Recycled::new(spare.unwrap_or_default(), body);
    laden.0 = 7;
    laden
}

/// A body that counts how many there are of it.
#[derive(Clone, Debug, PartialEq)]
struct Counted<X>(X, Arc<()>);

#[repr(align(64))]
#[derive(Clone, Debug, PartialEq)]
struct Aligned(u8);

/// What must hold for a body of any type.
fn goes_through<X: Clone + PartialEq + std::fmt::Debug>(content: X) {
    let body = Counted(content, Arc::new(()));
    let copies = || Arc::strong_count(&body.1) - 1;

    let mut there = laden(body.clone());
    assert_eq!((there.body(), there.0), (&body, 7));
    assert!(std::ptr::from_ref(there.body()).is_aligned());
    *there.body_mut() = body.clone();
    assert_eq!(copies(), 1, "the one before was dropped");
    let moved = std::hint::black_box(there);
    assert_eq!((moved.body(), moved.0), (&body, 7));
    drop(moved);
    assert_eq!((copies(), spare_blocks()), (0, 1));

    assert_eq!(laden(body.clone()).into_body(), body);
    assert_eq!((copies(), spare_blocks()), (0, 1));

    let other = laden(body.clone()).with_body(String::from("other"));
    assert_eq!((other.body().as_str(), other.0), ("other", 7));
    assert_eq!((copies(), spare_blocks()), (0, 0));
    let back = other.with_body(body.clone());
    assert_eq!((back.body(), back.0), (&body, 7));
    drop(back);
    assert_eq!((copies(), spare_blocks()), (0, 1));
}

#[test]
fn a_body_of_any_size_goes_through() {
    goes_through(());
    goes_through(7_u8);
    goes_through(String::from("text"));
    // Up to the last word of the room and of a buffer that is kept, and beyond each; a word is the count's.
    goes_through([1_u64; ROOM - 1]);
    goes_through([2_u64; ROOM]);
    goes_through([3_u64; LONGEST - 1]);
    goes_through([4_u64; LONGEST]);
    goes_through(1_u128);
    goes_through(Aligned(5));
    goes_through([Aligned(6), Aligned(7)]);
}

#[test]
fn a_body_of_no_size_is_dropped_once() {
    thread_local! {
        static DROPPED: Cell<u32> = const { Cell::new(0) };
    }
    struct Empty;
    #[repr(align(64))]
    struct AlignedEmpty;
    impl Drop for Empty {
        fn drop(&mut self) {
            DROPPED.set(DROPPED.get() + 1);
        }
    }
    impl Drop for AlignedEmpty {
        fn drop(&mut self) {
            assert!(std::ptr::from_ref(self).is_aligned());
            DROPPED.set(DROPPED.get() + 1);
        }
    }

    drop(laden(Empty));
    drop(
        laden(())
            .with_body(Empty)
            .with_body(AlignedEmpty)
            .with_body(()),
    );
    assert_eq!(DROPPED.get(), 3);
    let _kept = laden(AlignedEmpty).into_body();
    assert_eq!((DROPPED.get(), spare_blocks()), (3, 1));
}

#[test]
fn a_body_may_hold_others() {
    let body = Counted(1_u64, Arc::new(()));
    let inner = laden(body.clone());
    let outer = laden((inner, laden(body.clone())));
    assert_eq!(outer.body().0.body(), &body);
    drop(outer);
    assert_eq!((Arc::strong_count(&body.1), spare_blocks()), (1, 3));
}

#[test]
fn a_body_may_change_while_it_is_shared() {
    #[repr(align(64))]
    struct AlignedCell(Cell<u8>);

    let in_the_room = laden(Cell::new(1));
    let in_a_buffer = laden([const { Cell::new(1_u64) }; ROOM + 1]);
    let aligned = laden(AlignedCell(Cell::new(1)));
    for _ in 0..2 {
        in_the_room.body().set(in_the_room.body().get() + 1);
        let last = &in_a_buffer.body()[ROOM];
        last.set(last.get() + 1);
        aligned.body().0.set(aligned.body().0.get() + 1);
    }
    assert_eq!(in_the_room.into_body().get(), 3);
    assert_eq!(in_a_buffer.into_body()[ROOM].get(), 3);
    assert_eq!(aligned.into_body().0.get(), 3);
}

#[test]
fn threads_may_share_a_body() {
    let in_the_room = laden(AtomicU64::new(0));
    let in_a_buffer = laden([const { AtomicU64::new(0) }; ROOM + 1]);
    let locked = laden(Mutex::new(String::new()));
    let change = || {
        in_the_room.body().fetch_add(1, Ordering::Relaxed);
        in_a_buffer.body()[ROOM].fetch_add(1, Ordering::Relaxed);
        locked.body().lock().unwrap().push('x');
        assert_eq!(in_the_room.0, 7);
    };
    thread::scope(|scope| {
        scope.spawn(change);
        change();
    });
    assert_eq!(in_the_room.into_body().into_inner(), 2);
    assert_eq!(in_a_buffer.body()[ROOM].load(Ordering::Relaxed), 2);
    assert_eq!(locked.into_body().into_inner().unwrap(), "xx");
}

#[test]
fn it_is_one_pointer_whatever_the_body() {
    assert_eq!(size_of::<Option<Recycled<Head, ()>>>(), size_of::<usize>());
    assert_eq!(
        size_of::<Option<Recycled<Head, [u64; 100]>>>(),
        size_of::<usize>()
    );
}

#[test]
fn a_buffer_is_kept_for_the_next_body() {
    let first = laden([1_u64; LONGEST]);
    let at = std::ptr::from_ref(first.body()).addr();
    drop(first);
    drop(laden("a small one").with_body(2_u8));
    assert_eq!(
        std::ptr::from_ref(laden([2_u32; 2 * ROOM + 1]).body()).addr(),
        at
    );
    drop(laden([3_u64; LONGEST + 1]));
    let spare = SPARE.with_borrow_mut(VecDeque::pop_back);
    assert_eq!(
        spare.map(|spare| spare.buffer.len()),
        Some(0),
        "too long to be kept"
    );
}

/// A body whose drop panics, and which takes that many words.
struct Bad<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Drop for Bad<WORDS> {
    fn drop(&mut self) {
        panic!("it is meant to, with {} words", self.0.len());
    }
}

#[test]
fn a_block_is_given_back_also_when_the_drop_of_its_body_panics() {
    let bad = laden(Bad([0; ROOM]));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(bad))).is_err());
    assert_eq!(spare_blocks(), 1);
    let bad = laden(Bad([0; ROOM]));
    let next = Arc::new(());
    let changed = catch_unwind(AssertUnwindSafe(|| bad.with_body(next.clone())));
    assert!(changed.is_err());
    assert_eq!((Arc::strong_count(&next), spare_blocks()), (1, 1));
}

#[test]
fn a_buffer_that_is_too_long_goes_also_when_the_drop_of_its_body_panics() {
    let bad = laden(Bad([0; LONGEST + 1]));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(bad))).is_err());
    let spare = SPARE.with_borrow_mut(VecDeque::pop_back);
    assert_eq!(spare.map(|spare| spare.buffer.len()), Some(0));
}
