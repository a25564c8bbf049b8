//! One server: its disk, its cable, its processes, and what can befall it.

use super::command::{Outcome, must, run, until, word};
use super::plot::{Plot, end, inhabitants, signal};
use super::{Trouble, io};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a server may take from power on to answering ssh; seconds are usual, other tests may be building.
const BOOT_LIMIT: Duration = Duration::from_secs(90);

/// A booted Debian, with systemd as its process 1 and an sshd that lets `root` and `deploy` in by the fleet's key.
#[derive(Debug)]
pub struct Server {
    /// `server-1`, `server-2` …; also its host name and its alias in the fleet's ssh configuration.
    pub name: String,
    /// Where its sshd listens, on port 22; reachable from this machine only.
    pub address: Ipv4Addr,
    /// Pins this server's host key, and those of the fleet's others.
    pub known_hosts: PathBuf,
    /// The private key that opens `root` and `deploy`.
    pub identity: PathBuf,
    machine: String,
    cable: String,
    disk: PathBuf,
    nspawn: Option<Child>,
}

impl Server {
    /// Gives it a disk (what it writes lies over the shared image), a host key and a cable; boots nothing.
    pub(super) fn install(plot: &Plot, index: u8, image: &Path) -> Result<Self, Trouble> {
        let name = format!("server-{}", u16::from(index) + 1);
        let server = Self {
            address: plot.address(index),
            known_hosts: plot.folder().join("known_hosts"),
            identity: plot.folder().join("identity"),
            machine: plot.machine(index),
            cable: plot.cable(index),
            disk: plot.folder().join(&name),
            nspawn: None,
            name,
        };
        for part in ["upper", "work", "root"] {
            fs::create_dir_all(server.disk.join(part)).map_err(io("make a server's disk"))?;
        }
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            word(image),
            word(&server.disk.join("upper")),
            word(&server.disk.join("work"))
        );
        must(&[
            "mount",
            "-t",
            "overlay",
            "overlay",
            "-o",
            &layers,
            &word(&server.root()),
        ])?;
        server.write_identity(index)?;
        server.plug_in(plot)?;
        Ok(server)
    }

    /// What sets it apart from its siblings: host name, machine id, host key, and who may come in.
    fn write_identity(&self, index: u8) -> Result<(), Trouble> {
        let put = |path: &str, text: String| {
            fs::write(self.root().join(path), text).map_err(io("write to a server's disk"))
        };
        put("etc/hostname", format!("{}\n", self.name))?;
        put(
            "etc/hosts",
            format!("127.0.0.1 localhost {}\n::1 localhost\n", self.name),
        )?;
        put(
            "etc/machine-id",
            format!("{:032x}\n", 0xe7e0_0000_u64 + u64::from(index) + 1),
        )?;
        let key = self.root().join("etc/ssh/ssh_host_ed25519_key");
        new_key(&key)?;
        let allowed = read(&self.identity.with_extension("pub"))?;
        put("root/.ssh/authorized_keys", allowed.clone())?;
        put("home/deploy/.ssh/authorized_keys", allowed)?;
        let public = read(&key.with_extension("pub"))?;
        let public = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let mut known = fs::read_to_string(&self.known_hosts).unwrap_or_default();
        known.push_str(&format!("{},{} {public}\n", self.name, self.address));
        fs::write(&self.known_hosts, known).map_err(io("write known_hosts"))
    }

    fn plug_in(&self, plot: &Plot) -> Result<(), Trouble> {
        let (machine, cable) = (self.machine.as_str(), self.cable.as_str());
        must(&["ip", "netns", "add", machine])?;
        must(&[
            "ip", "link", "add", cable, "type", "veth", "peer", "name", "host0", "netns", machine,
        ])?;
        must(&["ip", "link", "set", cable, "master", &plot.bridge(), "up"])?;
        must(&[
            "ip",
            "-n",
            machine,
            "address",
            "add",
            &format!("{}/24", self.address),
            "dev",
            "host0",
        ])?;
        must(&["ip", "-n", machine, "link", "set", "lo", "up"])?;
        must(&["ip", "-n", machine, "link", "set", "host0", "up"])?;
        Ok(())
    }

    /// Its file system, as this machine sees it.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.disk.join("root")
    }

    /// Switches it on and returns at once; nothing happens to one that is on. [`Server::wait`] for it to answer.
    ///
    /// # Errors
    ///
    /// When systemd-nspawn cannot be started.
    pub fn power_on(&mut self) -> Result<(), Trouble> {
        if self.nspawn.is_some() {
            return Ok(());
        }
        let log = fs::File::create(self.disk.join("console")).map_err(io("open the console's log"))?;
        let errors = log.try_clone().map_err(io("open the console's log"))?;
        let child = Command::new("systemd-nspawn")
            // systemd inside wants the unified hierarchy; a machine with the old one offers both.
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            .args([
                "--quiet",
                "--register=no",
                "--keep-unit",
                "--boot",
                "--console=pipe",
                "--link-journal=no",
            ])
            .args(["--resolv-conf=off", "--timezone=off"])
            .arg(format!("--machine={}", self.machine))
            .arg(format!("--hostname={}", self.name))
            .arg(format!("--directory={}", word(&self.root())))
            .arg(format!("--network-namespace-path=/run/netns/{}", self.machine))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(io("start systemd-nspawn"))?;
        self.nspawn = Some(child);
        Ok(())
    }

    /// Waits until it lets `root` in by ssh.
    ///
    /// # Errors
    ///
    /// After 90 s, with the end of its console.
    pub fn wait(&self) -> Result<(), Trouble> {
        let address = SocketAddr::from((self.address, 22));
        let answers = until(BOOT_LIMIT, || {
            TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
                && self.ssh(&["true"]).is_ok_and(|outcome| outcome.ok())
        });
        if answers {
            return Ok(());
        }
        let console = fs::read_to_string(self.disk.join("console")).unwrap_or_default();
        let lines: Vec<&str> = console.lines().rev().take(15).collect();
        let last = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(Trouble::Silent {
            name: self.name.clone(),
            console: last,
        })
    }

    /// Power loss: every process is gone between two instructions; what was written to the disk stays.
    pub fn power_off(&mut self) {
        let Some(mut child) = self.nspawn.take() else {
            return;
        };
        let inside = inhabitants(&self.machine);
        let _ = child.kill();
        end(&inside);
        let _ = child.wait();
        let machine = self.machine.clone();
        let _ = until(Duration::from_secs(10), || inhabitants(&machine).is_empty());
    }

    /// [`Server::power_off`], then on again with the same disk; returns when it answers.
    ///
    /// # Errors
    ///
    /// As [`Server::power_on`] and [`Server::wait`].
    pub fn reboot(&mut self) -> Result<(), Trouble> {
        self.power_off();
        self.power_on()?;
        self.wait()
    }

    /// Pulls the cable: packets vanish, in both directions, and nobody is told.
    ///
    /// # Errors
    ///
    /// When the link cannot be set.
    pub fn cut(&self) -> Result<(), Trouble> {
        must(&["ip", "link", "set", &self.cable, "down"]).map(drop)
    }

    /// Puts the cable back.
    ///
    /// # Errors
    ///
    /// When the link cannot be set.
    pub fn restore(&self) -> Result<(), Trouble> {
        must(&["ip", "link", "set", &self.cable, "up"]).map(drop)
    }

    /// A hang: every process stops where it is, the kernel still completes TCP handshakes.
    pub fn freeze(&self) {
        signal("STOP", &inhabitants(&self.machine));
    }

    /// The end of a [`Server::freeze`].
    pub fn thaw(&self) {
        signal("CONT", &inhabitants(&self.machine));
    }

    /// sshd alone hangs: new connections are accepted by the kernel and never greeted; sessions that are open go on.
    ///
    /// # Errors
    ///
    /// When the server cannot be entered.
    pub fn stop_sshd(&self) -> Result<(), Trouble> {
        self.must(&[
            "systemctl",
            "kill",
            "--kill-who=main",
            "--signal=STOP",
            "ssh.service",
        ])
        .map(drop)
    }

    /// The end of [`Server::stop_sshd`].
    ///
    /// # Errors
    ///
    /// When the server cannot be entered.
    pub fn cont_sshd(&self) -> Result<(), Trouble> {
        self.must(&[
            "systemctl",
            "kill",
            "--kill-who=main",
            "--signal=CONT",
            "ssh.service",
        ])
        .map(drop)
    }

    /// Runs argv there as root, past the network (by entering its namespaces): the test's own hands.
    ///
    /// # Errors
    ///
    /// When it is off.
    pub fn exec(&self, argv: &[&str]) -> Result<Outcome, Trouble> {
        let first = self.first_process().ok_or_else(|| Trouble::Off {
            name: self.name.clone(),
        })?;
        let pid = first.to_string();
        let mut words = vec![
            "nsenter", "--target", &pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--",
        ];
        words.extend([
            "env",
            "-i",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C.UTF-8",
        ]);
        words.extend(argv);
        run(&words, Duration::from_secs(60))
    }

    /// [`Server::exec`] that must exit with 0; what it printed.
    ///
    /// # Errors
    ///
    /// When it is off, or the program fails.
    pub fn must(&self, argv: &[&str]) -> Result<String, Trouble> {
        let outcome = self.exec(argv)?;
        if outcome.ok() {
            return Ok(outcome.stdout);
        }
        let what = format!("{}: {}", self.name, argv.join(" "));
        Err(Trouble::Failed {
            what,
            code: outcome.code,
            output: outcome.stderr.trim().to_owned(),
        })
    }

    /// Runs words there through real ssh as root. As always with ssh, the far shell sees the words joined by blanks.
    ///
    /// # Errors
    ///
    /// When ssh cannot be started; what ssh says of the connection is in the outcome (code 255).
    pub fn ssh(&self, words: &[&str]) -> Result<Outcome, Trouble> {
        self.ssh_as("root", words)
    }

    /// [`Server::ssh`] as another account: `deploy` may use sudo.
    ///
    /// # Errors
    ///
    /// As [`Server::ssh`].
    pub fn ssh_as(&self, user: &str, words: &[&str]) -> Result<Outcome, Trouble> {
        let configuration = word(&self.identity.with_file_name("ssh_config"));
        let mut argv = vec![
            "ssh",
            "-F",
            configuration.as_str(),
            "-l",
            user,
            self.name.as_str(),
            "--",
        ];
        argv.extend(words);
        run(&argv, Duration::from_secs(30))
    }

    /// The server's process 1, by its number on this machine.
    fn first_process(&self) -> Option<u32> {
        self.nspawn.as_ref()?;
        inhabitants(&self.machine).into_iter().find(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let inner = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            inner.is_some_and(|numbers| numbers.split_whitespace().skip(1).eq(["1"]))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.power_off();
    }
}

/// A fresh ed25519 key pair without a passphrase.
pub(super) fn new_key(path: &Path) -> Result<(), Trouble> {
    let _ = fs::remove_file(path);
    must(&[
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        "fleet",
        "-f",
        &word(path),
    ])
    .map(drop)
}

fn read(path: &Path) -> Result<String, Trouble> {
    fs::read_to_string(path).map_err(io("read a key"))
}
