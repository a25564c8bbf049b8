//! The race against the floor: files brought to real servers over ssh, and looked at again, next to what plain tools take
//! for the same in the same run.
//!
//! | what | ours | floor |
//! |---|---|---|
//! | first converge | look, plan, stage, apply: checked digests, synced files, atomic renames | `tar \| ssh tar`: none of that |
//! | check, all hashed | a full look, and a plan that is empty | one `stat` and one `sha256sum` of all |
//! | check | the usual look, and a plan that is empty | the same: it cannot know what has not moved |
//!
//! Warm: both have a connection and a shell already. Cold: both connect first. Each pair is taken one after the other,
//! and the first of a pair changes. What is counted (round trips, bytes, commands beside the shell) is asserted, times
//! never are: they are printed.

pub mod floor;
pub mod ours;
pub mod table;

use crate::{fleet::Fleet, service::Scratch};
use evenkeel_transport::Counts;
use floor::Floor;
use ours::{Desired, Ours, Way};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use table::Row;

/// Why a bench could not be run, or what it counted wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Round trips of a first converge, per server: one look, one that brings contents, one that applies.
pub const CONVERGE: u64 = 3;
/// A file that did not move for so long on the target's clock is not hashed again; the cache's bound and a bit.
const SETTLED: Duration = Duration::from_millis(2_200);

/// What is brought.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// How many files.
    pub count: usize,
    /// Of how many bytes each.
    pub size: usize,
    /// Pairs taken of each row.
    pub repeats: usize,
}

impl Workload {
    /// Names and bytes: text, every file another.
    pub fn files(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let Self { count, size, .. } = *self;
        (0..count).map(move |index| {
            let line = format!("setting_{index} = \"value of {index}\"\n");
            let mut bytes = line.into_bytes().repeat(size / 16 + 1);
            bytes.truncate(size);
            (format!("file-{index:04}.conf"), bytes)
        })
    }
}

/// Runs all rows on all servers of a fleet, each `round_trip` away.
///
/// # Errors
/// When a server fails, or a counted fact is not as it must be.
pub fn run(
    fleet: &Fleet,
    servers: usize,
    round_trip: Duration,
    work: &Workload,
) -> Result<Vec<Row>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let scratch = Scratch::new("bench")?;
    let sockets = Scratch::new("s")?;
    let mut links = Vec::new();
    let mut ways = Vec::new();
    for server in fleet.servers.iter().take(servers) {
        if round_trip.is_zero() {
            ways.push(Way {
                host: server.address,
                port: 22,
            });
        } else {
            let link = fleet.link(server, round_trip)?;
            ways.push(Way {
                host: [127, 0, 0, 1].into(),
                port: link.port(),
            });
            links.push(link);
        }
    }
    let race = Race {
        fleet,
        ways,
        work,
        archive: floor::archive(work, scratch.path())?,
        label: format!(
            "{servers} server{}, {} ms",
            if servers == 1 { "" } else { "s" },
            round_trip.as_millis()
        ),
    };
    race.run(&runtime, sockets.path())
}

struct Race<'a> {
    fleet: &'a Fleet,
    ways: Vec<Way>,
    work: &'a Workload,
    archive: Vec<u8>,
    label: String,
}

impl Race<'_> {
    fn run(&self, runtime: &tokio::runtime::Runtime, sockets: &Path) -> Result<Vec<Row>, Failure> {
        let private = sockets.join("o");
        let mut floor = Floor::connect(self.fleet, &self.ways, sockets)?;
        let servers = u64::try_from(self.ways.len())?;
        let mut number = 0;
        let mut folders = |fleet: &Fleet| -> Result<(String, String), Failure> {
            number += 1;
            let pair = (format!("/srv/ours-{number}"), format!("/srv/floor-{number}"));
            for server in fleet.servers.iter().take(self.ways.len()) {
                server.must(&["rm", "-rf", &pair.0, &pair.1])?;
                server.must(&["mkdir", "-p", &pair.0, &pair.1])?;
            }
            Ok(pair)
        };

        let mut cold = self.row("first converge, cold", Some(1.5));
        for turn in 0..self.work.repeats.div_ceil(2) {
            let (ours_folder, floor_folder) = folders(self.fleet)?;
            let ours = Ours::new(self.fleet, &self.ways, &private)?;
            let desired = ours.desire(self.work, &ours_folder)?;
            let pair = alternate(
                turn,
                || runtime.block_on(ours.converge(&desired, 1)),
                || floor.send(&self.archive, &floor_folder, true),
            )?;
            cold.pairs.push(pair);
            cold.trips = self.converged(&Counts::default(), &ours.counts(), servers)?;
            runtime.block_on(ours.close());
        }

        let ours = Ours::new(self.fleet, &self.ways, &private)?;
        let mut warm = self.row("first converge, warm", Some(1.5));
        let mut last: Option<(Desired, String)> = None;
        // The first one connects and is not counted.
        for turn in 0..=self.work.repeats {
            let (ours_folder, floor_folder) = folders(self.fleet)?;
            let desired = ours.desire(self.work, &ours_folder)?;
            let before = ours.counts();
            let pair = alternate(
                turn,
                || runtime.block_on(ours.converge(&desired, 1)),
                || floor.send(&self.archive, &floor_folder, false),
            )?;
            warm.trips = self.converged(&before, &ours.counts(), servers)?;
            if turn > 0 {
                warm.pairs.push(pair);
            }
            last = Some((desired, floor_folder));
        }

        let (desired, folder) = last.ok_or("nothing was brought")?;
        // The timer belongs to the runtime that the future runs in.
        runtime.block_on(async { tokio::time::sleep(SETTLED).await });
        let mut rows = vec![cold, warm];
        for (name, full, aim) in [("check, all hashed", true, 1.3), ("check", false, 1.0)] {
            let mut row = self.row(name, Some(aim));
            // The first one learns what has not moved since.
            for turn in 0..=4 * self.work.repeats {
                let before = ours.counts();
                let mut plans = Vec::new();
                let pair = alternate(
                    turn,
                    || {
                        plans = runtime.block_on(ours.check(&desired, full))?;
                        Ok(())
                    },
                    || floor.check(self.work, &folder),
                )?;
                if let Some(plan) = plans.iter().find(|plan| !plan.groups.is_empty()) {
                    return Err(format!("a second run plans something: {plan:?}").into());
                }
                row.trips = self.checked(&before, &ours.counts(), servers)?;
                if turn > 0 {
                    row.pairs.push(pair);
                }
            }
            rows.push(row);
        }
        runtime.block_on(ours.close());
        Ok(rows)
    }

    fn row(&self, name: &str, aim: Option<f64>) -> Row {
        Row {
            name: format!("{}: {name}", self.label),
            pairs: Vec::new(),
            aim,
            trips: 0,
        }
    }

    /// A check is one round trip for each server, and nothing else; its bytes are bounded by the paths alone.
    fn checked(&self, before: &Counts, after: &Counts, servers: u64) -> Result<u64, Failure> {
        let files = u64::try_from(self.work.count)?;
        let bound = servers * (1_024 + 400 * files);
        expect(
            "round trips of a check",
            after.round_trips - before.round_trips,
            servers,
        )?;
        expect("commands beside the shell", after.execs - before.execs, 0)?;
        expect("shells opened by a check", after.connects - before.connects, 0)?;
        let said = (after.bytes_out - before.bytes_out) + (after.bytes_in - before.bytes_in);
        if said > bound {
            return Err(format!("a check says {said} bytes, more than {bound}").into());
        }
        Ok(1)
    }

    /// A first converge is [`CONVERGE`] round trips for each server; contents travel once.
    fn converged(&self, before: &Counts, after: &Counts, servers: u64) -> Result<u64, Failure> {
        let files = u64::try_from(self.work.count)?;
        let bytes = files * u64::try_from(self.work.size)?;
        let trips = after.round_trips - before.round_trips;
        expect("round trips of a first converge", trips, CONVERGE * servers)?;
        let sent = after.bytes_out - before.bytes_out;
        // A header and a frame in base64 for each content, its step, and the shell's functions.
        let bound = servers * (2 * bytes + 2_048 * files + 65_536);
        if sent < servers * bytes || sent > bound {
            return Err(format!("a first converge sends {sent} bytes, not {bytes} to {bound}").into());
        }
        Ok(trips / servers)
    }
}

fn expect(what: &str, found: u64, wanted: u64) -> Result<(), Failure> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what}: {found}, not {wanted}").into())
    }
}

/// Takes one time of each; who goes first changes from turn to turn.
fn alternate(
    turn: usize,
    ours: impl FnOnce() -> Result<(), Failure>,
    floor: impl FnOnce() -> Result<(), Failure>,
) -> Result<(Duration, Duration), Failure> {
    let timed = |work: &mut dyn FnMut() -> Result<(), Failure>| -> Result<Duration, Failure> {
        let begun = Instant::now();
        work()?;
        Ok(begun.elapsed())
    };
    let (mut ours, mut floor) = (Some(ours), Some(floor));
    let mut ours = || ours.take().map_or(Ok(()), |work| work());
    let mut floor = || floor.take().map_or(Ok(()), |work| work());
    if turn.is_multiple_of(2) {
        let first = timed(&mut ours)?;
        Ok((first, timed(&mut floor)?))
    } else {
        let first = timed(&mut floor)?;
        Ok((timed(&mut ours)?, first))
    }
}
