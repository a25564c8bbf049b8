//! `make bench`: 100 files of 1 KB on 1 and on 8 real servers, at 0 and 20 ms of round trip, next to the floor.
//!
//! `EVENKEEL_BENCH_REPEATS` changes how many pairs are taken (20).

#![allow(clippy::print_stdout, reason = "a bench's output")]

use evenkeel_tests::{
    bench::{Failure, Workload, run, table::heading},
    fleet::{Fleet, Trouble},
};
use std::time::Duration;

fn main() -> Result<(), Failure> {
    let repeats = std::env::var("EVENKEEL_BENCH_REPEATS")
        .ok()
        .and_then(|text| text.parse::<usize>().ok())
        .unwrap_or(20);
    let work = Workload {
        count: 100,
        size: 1_024,
        repeats: repeats.clamp(1, 1_000),
    };
    let fleet = match Fleet::boot(8) {
        Err(Trouble::NoGround { why }) => return Err(format!("no servers here: {why}").into()),
        other => other?,
    };
    println!("100 files of 1 KB; medians, and the median of the ratios pair by pair; {repeats} pairs");
    println!("{}", heading());
    for round_trip in [0, 20] {
        for servers in [1, 8] {
            for row in run(&fleet, servers, Duration::from_millis(round_trip), &work)? {
                println!("{row}");
            }
        }
    }
    println!(
        "peers on this work, 1 server: Ansible with rsync 1.8 s, Mitogen 7.7 s, pyinfra 12 s, Ansible 60 s"
    );
    Ok(())
}
