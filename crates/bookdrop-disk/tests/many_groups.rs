//! There are no more groups than can be written down.

use std::sync::Barrier;

use bookdrop_backend::{Backend, ErrorKind, Place, Progress, Record};
use bookdrop_disk::{Options, Sync};
use bookdrop_queue::park::wait;

const THREADS: usize = 32;

#[test]
fn not_even_where_many_join_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    options.segment_bytes = 4096;
    options.sync = Sync::Never;
    let (records, _) = bookdrop_disk::open(folder.path(), &options).unwrap();
    let most = {
        let join = |number| wait(records.join(Place::In(&name("before", number))));
        let most = (0..).find(|number| join(*number).is_err()).unwrap();
        for number in 0..most {
            assert!(wait(records.remove_group(&name("before", number))).unwrap());
        }
        most
    };
    assert!((2..THREADS).contains(&most));

    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (records, barrier, name) = (&records, &barrier, name("racing", number));
            scope.spawn(move || {
                barrier.wait();
                if let Err(error) = wait(records.join(Place::In(&name))) {
                    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                }
            });
        }
    });
    assert_eq!(wait(records.groups()).unwrap().len(), most);
    let record = Record {
        id: "a".into(),
        ..Record::default()
    };
    wait(records.publish(vec![record], Progress::default(), true)).expect("it is not broken");

    let another = name("another", 0);
    let error = wait(records.join(Place::In(&another))).unwrap_err();
    assert!(error.to_string().contains("`segment_bytes`"), "{error}");
    let one = wait(records.groups()).unwrap().remove(0);
    assert!(wait(records.remove_group(&one)).unwrap());
    wait(records.join(Place::In(&another))).expect("there is room for it now");
}

/// Long, and all of one length.
fn name(kind: &str, number: usize) -> String {
    format!("{kind}-{number:03}-{}", "x".repeat(230))
}
