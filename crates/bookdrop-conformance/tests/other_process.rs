//! How a process that plays a part for a behaviour may end, other than by being killed.

#![cfg(unix)]

mod support;

use std::io::{BufRead, BufReader};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, process};

use bookdrop::Driver;
use bookdrop_conformance::{
    Behaviour, Book, Build, Condition, Context, Executor, Kind, Plan, Setup, UnderTest, run,
};

/// Says in a process what it is to do.
const ORDER: &str = "BOOKDROP_OTHER_PROCESS";

fn is_other_process() -> bool {
    env::var_os(ORDER).is_some()
}

fn sound(setup: &Setup) -> Driver<Book, Condition> {
    support::open(setup, "sync=never")
}

/// Why the first behaviour that kills a process does not hold.
fn violation(build: Build, module: &'static str) -> String {
    let under_test = UnderTest {
        build,
        module,
        is_left_out: || false,
    };
    let executor = Executor::new(Kind::TokioMultiThread);
    let patience = Duration::from_secs(5);
    let ctx = Context::new(under_test, executor.spawner(), Plan::sound(), patience);
    let held = executor.block_on(Behaviour::named("dropped_unsettled_comes_back").run(ctx));
    held.expect_err("the other process does not play its part")
        .to_string()
}

mod dies {
    use super::*;

    fn build(setup: &Setup) -> Driver<Book, Condition> {
        if is_other_process() {
            eprintln!("out of ink");
            process::exit(7);
        }
        sound(setup)
    }

    #[test]
    fn other_process() {
        let module = module_path!();
        run::other_process(UnderTest {
            build,
            module,
            is_left_out: || false,
        });
    }

    #[test]
    fn a_process_that_dies_is_told_with_what_it_wrote() {
        let told = violation(build, module_path!());
        assert!(told.contains("ended by itself"), "{told}");
        assert!(told.contains("out of ink"), "{told}");
        assert!(told.contains("exit status: 7"), "{told}");
    }
}

mod is_silent {
    use super::*;

    fn build(setup: &Setup) -> Driver<Book, Condition> {
        while is_other_process() {
            std::thread::park();
        }
        sound(setup)
    }

    #[test]
    fn other_process() {
        let module = module_path!();
        run::other_process(UnderTest {
            build,
            module,
            is_left_out: || false,
        });
    }

    #[test]
    fn a_process_that_says_nothing_is_told() {
        let told = violation(build, module_path!());
        assert!(told.contains("said nothing within"), "{told}");
    }
}

mod is_not_there {
    use super::*;

    #[test]
    fn a_module_without_the_test_is_told() {
        let told = violation(sound, module_path!());
        assert!(told.contains("ended by itself"), "{told}");
        assert!(told.contains("running 0 tests"), "{told}");
    }
}

mod is_alone {
    use super::*;

    #[test]
    fn other_process() {
        let module = module_path!();
        run::other_process(UnderTest {
            build: sound,
            module,
            is_left_out: || false,
        });
    }

    #[test]
    fn a_process_ends_with_the_one_that_started_it() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let queue = format!("alone-{}-{}", now.unwrap().as_nanos(), process::id());
        let mut child = process::Command::new(env::current_exe().unwrap())
            .args(["--exact", "is_alone::other_process", "--nocapture"])
            // This part goes on for ever.
            .env(ORDER, format!("first_life {queue} -"))
            .stdin(process::Stdio::piped())
            .stdout(process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let at_work = lines.any(|line| line.unwrap().starts_with("> acked"));
        assert!(at_work, "it works");
        drop(child.stdin.take());
        // As long as it lives, it says more.
        lines.for_each(drop);
        let status = child.wait().unwrap();
        fs::remove_dir_all(env::temp_dir().join(queue)).unwrap();
        assert!(status.success(), "{status}");
    }
}
