//! What is sent before there is any group is kept for the first one, whenever the process ends.

#[path = "power_loss/disk.rs"]
#[allow(dead_code)]
mod disk;
#[allow(dead_code)]
mod support;

use bookdrop_backend::{Backend, NotPublished, Place, Progress, Record};
use bookdrop_disk::{Options, Records, Sync};
use bookdrop_queue::OnFull;
use bookdrop_queue::park::wait;

use disk::Disk;
use support::{fetch, join};

const SEGMENT: u64 = 4096;
const ROOM: u64 = 40 * SEGMENT;
/// So many steps of the disk are enough for the first consumer to join.
const STEPS: u32 = 12;

fn options() -> Options {
    let mut options = Options::default();
    options.segment_bytes = SEGMENT;
    options.sync = Sync::Never;
    options
}

fn opened(disk: &Disk, options: &Options) -> Records {
    let opened = bookdrop_disk::open_folder(disk.clone(), options);
    opened.expect("there is room").0
}

fn publish(records: &Records, priority: u8, waits: bool) -> Result<(), NotPublished> {
    let record = Record {
        priority,
        ..Record::default()
    };
    wait(records.publish(vec![record], Progress::default(), waits))
}

/// How many events the first group finds, if the process in which it is joined is killed after so many steps of the disk.
fn found_by_the_first_group(disk: &Disk, options: &Options, records: Records, steps: u32) -> usize {
    disk.light_fuse(steps);
    // It may be told that the disk fails.
    let _ = wait(records.join(Place::In("first")));
    drop(records);
    disk.kill();
    disk.set_room(ROOM);
    let records = opened(disk, options);
    let reader = join(&records, "first");
    std::iter::from_fn(|| fetch(&records, reader)).count()
}

/// More than one segment is full of it.
#[test]
fn all_of_it_is_there_if_the_process_ends_while_the_first_consumer_joins() {
    const SENT: usize = 250;
    for steps in 0..STEPS {
        let disk = Disk::new(7, ROOM, None);
        let records = opened(&disk, &options());
        for _ in 0..SENT {
            publish(&records, 0, true).expect("there is room");
        }
        let found = found_by_the_first_group(&disk, &options(), records, steps);
        assert_eq!(found, SENT, "killed after {steps} steps");
    }
}

/// Then what is noted may have to wait, and events are written down again before it.
#[test]
fn all_of_it_is_there_if_that_happens_on_a_full_disk() {
    const URGENT: usize = 100;
    let mut options = options();
    options.on_full = OnFull::DropOldest;
    options.limits.capacity = 2 * URGENT;
    for steps in 0..STEPS {
        let disk = Disk::new(7, ROOM, None);
        let records = opened(&disk, &options);
        // Those that are not urgent are dropped, and are no longer needed where they lie between the others.
        for _ in 0..URGENT {
            for priority in [9, 0, 0, 0] {
                publish(&records, priority, true).expect("there is room");
            }
        }
        disk.set_room(0);
        // As many as there is room for.
        let _ = (0..URGENT).try_for_each(|_| publish(&records, 9, false));
        let stats = wait(records.stats(None)).expect("the disk works");
        let queued = stats.expect("they are counted").queued;
        let found = found_by_the_first_group(&disk, &options, records, steps);
        assert!(
            found >= queued,
            "killed after {steps} steps: {found} of {queued}"
        );
    }
}
