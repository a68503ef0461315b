//! What a lender lends lives as long as anybody has it, and is freed once.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Count;
use std::sync::atomic::Ordering::Relaxed;

use bookdrop_queue::{Lender, Loan, OnFull, Queue};
use loom::cell::UnsafeCell;
use loom::thread;

use crate::tools::{Note, TestQueue, limits, model};

/// Is looked at by everybody who has it, and written to by whoever frees it: loom says where nothing orders the two.
struct Value {
    cell: UnsafeCell<u32>,
    freed: Arc<Count>,
}

// SAFETY: it is only read while it is shared. That it is, is what the models are about: loom checks each access.
unsafe impl Sync for Value {}

impl Value {
    fn look(&self) {
        // SAFETY: nobody writes but the destructor.
        self.cell
            .with(|value| assert_eq!(unsafe { *value }, 7, "it was freed"));
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: this is the only reference.
        self.cell.with_mut(|value| unsafe { *value = 0 });
        self.freed.fetch_add(1, Relaxed);
    }
}

fn lender() -> (TestQueue, Lender<Value>, Arc<Count>) {
    let queue: TestQueue = Queue::new(limits(1), OnFull::Wait, 7);
    let freed = Arc::new(Count::new(0));
    let value = Value {
        cell: UnsafeCell::new(7),
        freed: freed.clone(),
    };
    let lender = queue.join_default().lender(value);
    (queue, lender, freed)
}

fn use_and_give_back(loan: Loan<Value>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        loan.look();
        if let Err(loan) = loan.give_back() {
            // Somebody watches.
            loan.look();
        }
    })
}

#[test]
fn the_lender_goes_while_its_loans_come_back() {
    model(|| {
        let (_queue, mut lender, freed) = lender();
        let loans = [lender.split().1.lend(), lender.split().1.lend()];
        let threads = loans.map(use_and_give_back);
        lender.look();
        drop(lender);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(freed.load(Relaxed), 1);
    });
}

#[test]
fn the_lender_goes_last() {
    model(|| {
        let (_queue, mut lender, freed) = lender();
        let loans = [lender.split().1.lend(), lender.split().1.lend()];
        let threads = loans.map(use_and_give_back);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(freed.load(Relaxed), 0);
        lender.look();
        drop(lender);
        assert_eq!(freed.load(Relaxed), 1);
    });
}

/// The lender lends once more, elsewhere, while another loan comes back.
#[test]
fn a_lender_that_moves_lends_on() {
    model(|| {
        let (_queue, mut lender, freed) = lender();
        let first = use_and_give_back(lender.split().1.lend());
        let other = thread::spawn(move || {
            lender.look();
            let loan = lender.split().1.lend();
            drop(lender);
            loan.look();
            drop(loan);
        });
        first.join().unwrap();
        other.join().unwrap();
        assert_eq!(freed.load(Relaxed), 1);
    });
}

/// From the close on no loan comes back without a word.
#[test]
fn a_close_against_a_loan_that_comes_back() {
    model(|| {
        let (queue, mut lender, freed) = lender();
        assert!(queue.try_send(Note::new(1), None).is_ok());
        let loan = lender.split().1.lend();
        let closer = thread::spawn({
            let queue = queue.clone();
            move || queue.close()
        });
        drop(loan.give_back());
        closer.join().unwrap();
        let again = lender.split().1.lend();
        assert!(again.give_back().is_err(), "it is closed");
        drop(lender);
        assert_eq!(freed.load(Relaxed), 1);
    });
}
