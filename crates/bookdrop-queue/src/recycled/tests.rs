use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

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
    goes_through(Aligned(5));
    goes_through([Aligned(6), Aligned(7)]);
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

#[test]
fn a_block_is_given_back_also_when_the_drop_of_its_body_panics() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("it is meant to");
        }
    }
    let laden_with_a_bad_one = laden(Bad);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(laden_with_a_bad_one))).is_err());
    assert_eq!(spare_blocks(), 1);
    let laden_with_a_bad_one = laden(Bad);
    let changed = catch_unwind(AssertUnwindSafe(|| laden_with_a_bad_one.with_body(1)));
    assert!(changed.is_err());
    assert_eq!(spare_blocks(), 1);
}
