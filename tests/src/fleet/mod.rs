//! Real Debian servers on this machine: systemd as process 1, sshd, an address each on a bridge of their own.
//!
//! ```no_run
//! # fn main() -> Result<(), evenkeel_tests::fleet::Trouble> {
//! use evenkeel_tests::fleet::Fleet;
//! let Some(mut fleet) = Fleet::boot_or_skip(8) else { return Ok(()) };
//! let [first, ..] = fleet.servers.as_mut_slice() else { return Ok(()) };
//! first.must(&["systemctl", "stop", "cron.service"])?; // the test's own hands
//! assert!(first.ssh(&["true"])?.ok()); // the way of the product
//! first.power_off();
//! # Ok(()) }
//! ```
//!
//! A server has no way out of this machine: traffic goes to loopback and to the fleet. Packages to install are in its own
//! repository (`greet` 1.0 and 2.0, `lantern`, `beacon`; see `recipe.sh`). A test that ends, well or badly, takes its fleet with it;
//! what a killed one leaves is cleared by the next.

mod command;
mod ground;
mod image;
mod link;
mod plot;
mod server;

pub use command::Outcome;
pub use link::Link;
pub use server::Server;

use crate::record;
use plot::Plot;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The most servers in one fleet; each costs about 20 MB of memory.
pub const MOST: u8 = 100;

/// Why there is no fleet, or why a server did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// This machine cannot carry one.
    #[error("{why}")]
    NoGround {
        /// What is missing.
        why: String,
    },
    /// Neither `XDG_CACHE_HOME` nor a home folder is there to keep the image in.
    #[error("no cache folder: set XDG_CACHE_HOME or HOME")]
    NoCache,
    /// Every plot of this machine is taken by a fleet that runs.
    #[error("every plot of this machine has a fleet on it")]
    Full,
    /// A program did not do as asked.
    #[error("{what}: exit {code}: {output}")]
    Failed {
        /// What was run.
        what: String,
        /// Its exit code.
        code: i32,
        /// What it said.
        output: String,
    },
    /// A file or program could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A server that was switched on does not answer.
    #[error("{name} does not answer; its console ends with:\n{console}")]
    Silent {
        /// Which server.
        name: String,
        /// The end of its console.
        console: String,
    },
    /// The server is off.
    #[error("{name} is switched off")]
    Off {
        /// Which server.
        name: String,
    },
}

/// For `map_err`: names what was tried.
fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Trouble {
    move |source| Trouble::Io {
        what: what.to_owned(),
        source,
    }
}

/// Servers that answer ssh; gone without a trace when dropped.
#[derive(Debug)]
pub struct Fleet {
    /// `server-1` and on.
    pub servers: Vec<Server>,
    /// For `ssh -F`: knows every server by its name, with key and pinned host key, as root.
    pub ssh_config: PathBuf,
    /// Every server's pinned host key, by name and by address.
    pub known_hosts: PathBuf,
    /// The private key that lets in `root` and `deploy` (who may sudo).
    pub identity: PathBuf,
    /// Dropped after the servers.
    _plot: Plot,
}

impl Fleet {
    /// Boots `count` servers; returns when each answers ssh.
    ///
    /// # Errors
    ///
    /// [`Trouble::NoGround`] where this machine cannot; anything else is a fault.
    pub fn boot(count: u8) -> Result<Self, Trouble> {
        ground::check().map_err(|why| Trouble::NoGround { why })?;
        let image = image::ready()?;
        let plot = Plot::claim()?;
        let folder = plot.folder();
        let identity = folder.join("identity");
        server::new_key(&identity)?;
        let mut servers = Vec::new();
        for index in 0..count.min(MOST) {
            servers.push(Server::install(&plot, index, &image)?);
        }
        let fleet = Self {
            ssh_config: folder.join("ssh_config"),
            known_hosts: folder.join("known_hosts"),
            identity,
            servers,
            _plot: plot,
        };
        fleet.write_ssh_config()?;
        let mut fleet = fleet;
        for server in &mut fleet.servers {
            server.power_on()?;
        }
        for server in &fleet.servers {
            server.wait()?;
        }
        Ok(fleet)
    }

    /// [`Fleet::boot`] for a test: `None` where this machine cannot, said aloud and counted.
    ///
    /// # Panics
    ///
    /// When the servers could be booted and were not, and, where `EVENKEEL_REQUIRE_FLEET=1`, instead of skipping.
    #[must_use]
    #[allow(clippy::panic, reason = "a test's own verdict")]
    pub fn boot_or_skip(count: u8) -> Option<Self> {
        match Self::boot(count) {
            Ok(fleet) => {
                record::ran("fleet");
                Some(fleet)
            }
            Err(Trouble::NoGround { why }) => {
                record::skipped("fleet", &why);
                None
            }
            Err(trouble) => panic!("no fleet: {trouble}"),
        }
    }

    /// Lays a long line to a server: a loopback port with `round_trip` of delay, its host key pinned too.
    ///
    /// # Errors
    ///
    /// When the port or `known_hosts` cannot be had.
    pub fn link(&self, server: &Server, round_trip: Duration) -> Result<Link, Trouble> {
        let link = Link::lay(SocketAddr::from((server.address, 22)), round_trip)?;
        let known = fs::read_to_string(&self.known_hosts).map_err(io("read known_hosts"))?;
        let address = server.address.to_string();
        let key = known
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(hosts, _)| hosts.split(',').any(|host| host == address))
            .map(|(_, key)| format!("[127.0.0.1]:{} {key}\n", link.port()))
            .unwrap_or_default();
        fs::write(&self.known_hosts, known + &key).map_err(io("write known_hosts"))?;
        Ok(link)
    }

    fn write_ssh_config(&self) -> Result<(), Trouble> {
        let mut text = String::new();
        for server in &self.servers {
            text.push_str(&format!("Host {}\n  HostName {}\n", server.name, server.address));
        }
        text.push_str(&format!(
            "Host *\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  \
             GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n  ConnectTimeout 5\n",
            self.identity.display(),
            self.known_hosts.display()
        ));
        fs::write(&self.ssh_config, text).map_err(io("write ssh_config"))
    }
}
