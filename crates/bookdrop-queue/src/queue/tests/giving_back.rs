//! What was taken and did not fail comes back.

use super::recording::Recorded;
use crate::item::DeadReason;
use crate::machine::Limits;
use crate::queue::{DEFAULT_GROUP, OnFull, Reader};

fn recorded(limits: Limits) -> (Recorded, Reader) {
    let recorded = Recorded::new(limits, OnFull::Wait);
    let reader = recorded.join(DEFAULT_GROUP);
    (recorded, reader)
}

#[test]
fn what_never_reached_its_consumer_was_not_handed_over() {
    let (recorded, reader) = recorded(Limits {
        max_attempts: 1,
        max_deliveries: 1,
        ..Limits::default()
    });
    for number in 1..=3 {
        recorded.put(number);
    }
    for _ in 0..3 {
        let [first, second] = [(); 2].map(|()| recorded.take(reader));
        recorded.forget();
        recorded.queue.put_back(reader, second);
        recorded.queue.put_back(reader, first);
        assert_eq!(
            recorded.told(),
            ["2 in 0: returned 0/0", "1 in 0: returned 0/0"]
        );
        let (counters, depths) = recorded.queue.counts();
        assert_eq!((counters.handed_over, counters.returned), (0, 0));
        assert_eq!((depths.queued, depths.in_hand), (3, 0));
    }
    assert_eq!([1, 2, 3], [(); 3].map(|()| recorded.finish(reader)));
}

#[test]
fn what_was_lost_was_handed_over_and_did_not_fail() {
    let (recorded, reader) = recorded(Limits {
        max_attempts: 1,
        max_deliveries: 2,
        ..Limits::default()
    });
    for number in 1..=2 {
        recorded.put(number);
    }
    recorded.forget();
    let first = recorded.take(reader);
    recorded.queue.lost(reader, first);
    let first = recorded.take(reader);
    assert_eq!(first.attempt(), 2);
    recorded.queue.lost(reader, first);
    assert_eq!(
        recorded.told(),
        [
            "1 in 0: handed over 0/1".to_owned(),
            "1 in 0: returned 0/1".to_owned(),
            "1 in 0: handed over 0/2".to_owned(),
            format!("1 in 0: buried as 1, {} 0/2", DeadReason::MaxDeliveries),
        ]
    );
    assert_eq!(recorded.finish(reader), 2);
    assert_eq!(recorded.queue.counts().1.in_hand, 0);
}
