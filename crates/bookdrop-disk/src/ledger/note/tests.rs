//! What is written is read, and nothing else.

use bookdrop_backend::DeadReason;

use super::*;

fn every_kind() -> Vec<Note> {
    let (number, group) = (7, 1 << 40);
    let grave = |reason| Grave {
        noted: 0,
        id: 3,
        at: 4,
        reason,
    };
    let rejected = grave(DeadReason::Rejected("page 7 is torn".into()));
    let standing = |state| Standing {
        group,
        order: 9,
        since: 6,
        deliveries: 2,
        failures: 1,
        state,
        is_queued: false,
    };
    let record = Record {
        id: "4711".into(),
        is_id_given: true,
        key: Some("S".into()),
        priority: 9,
        delay: Some(Duration::from_nanos(1)),
        time_to_live: Some(Duration::MAX),
        content: Bytes::from_static(b"{}"),
    };
    let one = |name: &str, is_joined| Group {
        number,
        is_joined,
        name: name.into(),
    };
    let at_most = Duration::from_nanos(u64::MAX);
    let event = |record, standings| Note::Event {
        number,
        sent: 5,
        record,
        standings,
    };
    let standings = vec![
        standing(State::Ready),
        standing(State::Until(77)),
        standing(State::Dead(Box::new(rejected.clone()))),
        standing(State::Dead(Box::new(grave(DeadReason::MaxAttempts)))),
        standing(State::Dead(Box::new(grave(DeadReason::MaxDeliveries)))),
    ];
    let kept = Record {
        time_to_live: Some(at_most),
        ..record
    };
    vec![
        event(kept, standings.into()),
        event(Record::default(), Vec::new().into()),
        Note::HandedOver {
            number,
            group,
            deliveries: 1,
        },
        Note::Returned {
            number,
            group,
            failures: 2,
            due: 3,
        },
        Note::Buried {
            number,
            group,
            grave: rejected,
        },
        Note::Buried {
            number,
            group,
            grave: grave(DeadReason::Undecodable("no".into())),
        },
        Note::Replayed {
            number,
            group,
            order: 11,
            since: 12,
        },
        Note::Gone { number, group },
        Note::Groups {
            last: 8,
            groups: vec![one("default", false), one("größe", true)],
        },
        Note::Ids(vec![(5, "4711".into())]),
    ]
}

#[test]
fn what_is_written_is_read() {
    for note in every_kind() {
        let mut bytes = Vec::new();
        let kind = note.encode(&mut bytes);
        assert_eq!(Note::decode(kind, &bytes), Some(note));
    }
}

#[test]
fn what_is_cut_short_is_nothing_or_an_event_with_less_in_it() {
    for note in every_kind() {
        let mut bytes = Vec::new();
        let kind = note.encode(&mut bytes);
        for length in 0..bytes.len() {
            let read = Note::decode(kind, &bytes[..length]);
            let is_event = matches!(read, Some(Note::Event { .. }));
            assert!(read.is_none() || is_event, "{read:?}");
        }
    }
}

#[test]
fn nothing_follows_a_note() {
    for note in every_kind() {
        let mut bytes = Vec::new();
        let kind = note.encode(&mut bytes);
        bytes.push(0);
        let read = Note::decode(kind, &bytes);
        assert!(read.is_none() || kind == kind::EVENT, "{read:?}");
    }
}
