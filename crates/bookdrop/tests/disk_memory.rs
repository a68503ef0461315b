//! What is settled takes no memory, though it lies on the disk until its segment is freed.
#![cfg(all(unix, feature = "disk"))]

#[path = "support/heap.rs"]
mod heap;

use bookdrop::{Consumer, Driver, Event, Producer};
use heap::CountedHeap;

#[global_allocator]
static HEAP: CountedHeap = CountedHeap;

const COUNT: isize = 5_000;

fn send(a: &Producer<u64>) {
    a.send(Event::new("S").with_body(7)).wait().unwrap();
}

fn settle(b: &mut Consumer<u64>) {
    b.receive().wait().unwrap().ack().wait().unwrap();
}

#[test]
fn what_is_settled_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing is freed: all of it lies in the first segment.
    let options = "sync=never&segment_bytes=16777216";
    let address = format!("disk:{}?{options}", folder.path().display());
    let driver: Driver<u64> = Driver::open(address).wait().unwrap();
    let (a, mut b) = (Producer::new(&driver), Consumer::new(&driver));
    // What is kept for its room is there afterwards.
    for _ in 0..2 {
        (0..COUNT).for_each(|_| send(&a));
        (0..COUNT).for_each(|_| settle(&mut b));
    }
    let (bytes, blocks) = heap::alive();
    for _ in 0..COUNT {
        send(&a);
        settle(&mut b);
    }
    (0..COUNT).for_each(|_| send(&a));
    (0..COUNT).for_each(|_| settle(&mut b));
    let (bytes_after, blocks_after) = heap::alive();
    let grown = (bytes_after - bytes, blocks_after - blocks);
    assert!(grown.0 < 20 * COUNT && grown.1 < COUNT / 10, "{grown:?}");
}
