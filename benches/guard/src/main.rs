//! Runs one hot path of bookdrop so many times, on one thread and without any chance in it.
//!
//! It prints what the allocator was asked for. Instructions are counted from outside, under callgrind; `cargo xtask guard`
//! does both and compares with what is recorded.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod alloc;
mod event;
mod paths;
mod poll;

use std::process::ExitCode;

const HELP: &str = "\
bookdrop-guard --list
    the names of the hot paths
bookdrop-guard PATH WARM_UP EVENTS
    runs a hot path for so many events uncounted, then for so many counted";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let known = match words[..] {
        ["--list"] => {
            paths::ALL.iter().for_each(|path| println!("{}", path.name));
            true
        }
        [name, warm_up, events] => count(name, warm_up, events).is_some(),
        _ => false,
    };
    if known {
        ExitCode::SUCCESS
    } else {
        eprintln!("{HELP}");
        ExitCode::FAILURE
    }
}

fn count(name: &str, warm_up: &str, events: &str) -> Option<()> {
    let path = paths::ALL.iter().find(|path| path.name == name)?;
    let bursts = |events: &str| Some(events.parse::<u64>().ok()?.div_ceil(paths::BURST));
    let (warm_up, counted) = (bursts(warm_up)?, bursts(events)?);

    let mut burst = (path.open)();
    (0..warm_up).for_each(|_| burst());
    alloc::start();
    (0..counted).for_each(|_| burst());
    let heap = alloc::stop();

    println!("events {}", counted * paths::BURST);
    println!("allocations {}", heap.calls);
    println!("bytes {}", heap.bytes);
    println!("growth {}", heap.grown);
    Some(())
}
