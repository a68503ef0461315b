//! The benchmark, with the contenders that can be built in this workspace.

#![forbid(unsafe_code)]

fn main() {
    bookdrop_bench_nats::run(|_| Vec::new());
}
