//! Pinning threads to cores, for `--pinned`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

static PINNED: AtomicBool = AtomicBool::new(false);
static CORES: OnceLock<Vec<usize>> = OnceLock::new();

/// Switches pinning on for the whole run; called once, before any other thread exists.
pub(crate) fn switch_on() {
    cores();
    PINNED.store(true, Relaxed);
    this_thread(0);
}

/// The cores this process may use.
pub(crate) fn cores() -> &'static [usize] {
    CORES.get_or_init(|| {
        let set =
            sched_getaffinity(Pid::from_raw(0)).expect("the kernel tells which cores we may use");
        (0..CpuSet::count())
            .filter(|&core| set.is_set(core).unwrap_or(false))
            .collect()
    })
}

/// Pins the calling thread, the `index`-th of its workload, to a core of its own (cores are shared in turn when there
/// are fewer of them than threads). Does nothing unless pinning was switched on.
pub(crate) fn this_thread(index: usize) {
    if !PINNED.load(Relaxed) {
        return;
    }
    let mut set = CpuSet::new();
    set.set(cores()[index % cores().len()])
        .expect("the core came from the kernel's own list");
    sched_setaffinity(Pid::from_raw(0), &set)
        .expect("the kernel lets a thread choose among its cores");
}
