//! The bench, in small: that it runs, and that what it counts is as it must be.

use evenkeel_tests::{
    bench::{Failure, Workload, run},
    fleet::Fleet,
};
use std::time::Duration;

#[test]
fn the_bench_counts_what_it_must_on_one_server() -> Result<(), Failure> {
    let Some(fleet) = Fleet::boot_or_skip(1) else {
        return Ok(());
    };
    let work = Workload {
        count: 10,
        size: 1_024,
        repeats: 2,
    };
    let rows = run(&fleet, 1, Duration::ZERO, &work)?;
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.ratio().is_finite()), "{rows:?}");
    Ok(())
}
