//! The queue's own lock. In all other models its place is taken by one that loom knows.

use std::sync::Arc;

use bookdrop_queue::LockForModel as Lock;
use loom::cell::UnsafeCell;
use loom::thread;

use crate::tools::model;

/// Loom sees every access to it, and says where nothing orders two of them.
struct Value(UnsafeCell<[u32; 2]>);

impl Value {
    fn new() -> Arc<Lock<Self>> {
        Arc::new(Lock::new(Value(UnsafeCell::new([0; 2]))))
    }

    fn count(&mut self) {
        self.0.with_mut(|value| {
            // SAFETY: whoever has the lock is alone. That is what loom checks.
            let value = unsafe { &mut *value };
            assert_eq!(value[0], value[1], "a half-done change was seen");
            value[0] += 1;
            value[1] += 1;
        });
    }

    fn get(&self) -> u32 {
        // SAFETY: as in `count`.
        self.0.with(|value| unsafe { (*value)[0] })
    }
}

/// Each sees what the others did, and nobody comes in between.
#[test]
fn one_thread_at_a_time_has_the_value() {
    model(|| {
        let lock = Value::new();
        let other = thread::spawn({
            let lock = lock.clone();
            move || lock.change(Value::count)
        });
        lock.change(Value::count);
        other.join().unwrap();
        assert_eq!(lock.change(|value| value.get()), 2);
    });
}

/// Not three threads: two that wait may look at the lock for ever, where a model need not let the third go on.
#[test]
fn two_threads_take_turns() {
    model(|| {
        let lock = Value::new();
        let twice = |lock: &Lock<Value>| (0..2).for_each(|_| lock.change(Value::count));
        let other = thread::spawn({
            let lock = lock.clone();
            move || twice(&lock)
        });
        twice(&lock);
        other.join().unwrap();
        assert_eq!(lock.change(|value| value.get()), 4);
    });
}

/// Whoever looks in between sees all of a change or nothing of it.
#[test]
fn a_look_between_two_changes() {
    model(|| {
        let lock = Value::new();
        let other = thread::spawn({
            let lock = lock.clone();
            move || {
                lock.change(Value::count);
                lock.change(Value::count);
            }
        });
        assert!(lock.change(|value| value.get()) <= 2);
        other.join().unwrap();
        assert_eq!(lock.change(|value| value.get()), 2);
    });
}
