//! The real `evenkeel` binary, as its user starts it: a manifest repository, a service on it, commands to it.

use std::{
    fs, io,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// How long a service may take to say that it is ready.
const READY: Duration = Duration::from_secs(60);

/// Why something did not go as a test needs it.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A file or program could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A command failed.
    #[error("{what}: {output}")]
    Failed {
        /// Which.
        what: String,
        /// What it said.
        output: String,
    },
    /// A fact did not come true in time.
    #[error("not in time: {0}")]
    Late(String),
}

fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Trouble {
    let what = what.into();
    move |source| Trouble::Io { what, source }
}

/// The binary under test: `EVENKEEL_BIN`, else the one that cargo built beside this test.
///
/// # Errors
/// When it was not built.
pub fn binary() -> Result<PathBuf, Trouble> {
    if let Some(path) = std::env::var_os("EVENKEEL_BIN") {
        return Ok(path.into());
    }
    let here = std::env::current_exe().map_err(io("find this test"))?;
    let built = here
        .ancestors()
        .nth(2)
        .map(|folder| folder.join("evenkeel"))
        .unwrap_or_default();
    if built.is_file() {
        return Ok(built);
    }
    let output = "build it first: cargo build -p evenkeel".to_owned();
    Err(Trouble::Failed {
        what: built.display().to_string(),
        output,
    })
}

/// A folder of this test's own; gone when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder in the system's place for such.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(name: &str) -> Result<Self, Trouble> {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.subsec_nanos());
        let path = std::env::temp_dir().join(format!("evenkeel-{name}-{}-{nanos}", std::process::id()));
        fs::create_dir_all(&path).map_err(io("make a folder"))?;
        Ok(Self(path))
    }
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A manifest repository: a bare one that the service follows, and a clone to commit in.
#[derive(Debug)]
pub struct Manifests {
    bare: PathBuf,
    clone: PathBuf,
}

impl Manifests {
    /// An empty one below `folder`.
    ///
    /// # Errors
    /// What git says.
    pub fn new(folder: &Path) -> Result<Self, Trouble> {
        let manifests = Self {
            bare: folder.join("manifests.git"),
            clone: folder.join("manifests"),
        };
        let (bare, clone) = (
            manifests.bare.display().to_string(),
            manifests.clone.display().to_string(),
        );
        must(Command::new("git").args(["init", "-q", "--bare", "-b", "main", &bare]))?;
        must(Command::new("git").args(["clone", "-q", &bare, &clone]))?;
        Ok(manifests)
    }
    /// What the service is told to follow.
    #[must_use]
    pub fn url(&self) -> String {
        format!("file://{}", self.bare.display())
    }
    /// Writes files.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, files: &[(&str, &str)]) -> Result<(), Trouble> {
        for (path, text) in files {
            let path = self.clone.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(io("make a folder"))?;
            }
            fs::write(&path, text).map_err(io("write a manifest"))?;
        }
        Ok(())
    }
    /// Writes files, commits all, pushes: the commit's id.
    ///
    /// # Errors
    /// What git says.
    pub fn push(&self, files: &[(&str, &str)], message: &str) -> Result<String, Trouble> {
        self.write(files)?;
        self.git(&["add", "-A"])?;
        let who = [
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@localhost",
            "-c",
            "commit.gpgsign=false",
        ];
        self.git(&[&who[..], &["commit", "-q", "--allow-empty", "-m", message]].concat())?;
        self.git(&["push", "-q", "--force", "origin", "HEAD:main"])?;
        Ok(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }
    /// git in the clone.
    ///
    /// # Errors
    /// What git says.
    pub fn git(&self, args: &[&str]) -> Result<String, Trouble> {
        must(Command::new("git").arg("-C").arg(&self.clone).args(args))
    }
}

/// A running `evenkeel serve`.
#[derive(Debug)]
pub struct Service {
    child: Child,
    state: PathBuf,
    log: PathBuf,
}

impl Service {
    /// Starts it and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it is not within a minute; with its log.
    pub fn start(state: &Path, repository: &str) -> Result<Self, Trouble> {
        let log = state.with_extension("log");
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(io("open the log"))?;
        let mut child = Command::new(binary()?)
            .args([
                "serve",
                "-v",
                "--poll",
                "1s",
                "--repository",
                repository,
                "--state",
            ])
            .arg(state)
            .env_remove("EVENKEEL_SOCKET")
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::piped())
            .spawn()
            .map_err(io("start the service"))?;
        let (ready, heard) = mpsc::channel();
        if let Some(stderr) = child.stderr.take() {
            let log = log.clone();
            std::thread::spawn(move || {
                let mut kept = fs::OpenOptions::new().append(true).open(log).ok();
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    if line.starts_with("ready:") {
                        let _ = ready.send(());
                    }
                    if let Some(file) = &mut kept {
                        drop(io::Write::write_all(file, format!("{line}\n").as_bytes()));
                    }
                }
            });
        }
        let service = Self {
            child,
            state: state.to_owned(),
            log,
        };
        match heard.recv_timeout(READY) {
            Ok(()) => Ok(service),
            Err(_) => Err(Trouble::Late(format!(
                "the service is not ready:\n{}",
                service.log()
            ))),
        }
    }

    /// What it said so far, the end of it.
    #[must_use]
    pub fn log(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs a command against it.
    ///
    /// # Errors
    /// When the command cannot be started.
    pub fn run(&self, args: &[&str]) -> Result<Output, Trouble> {
        let socket = self.state.join("evenkeel.sock");
        Command::new(binary()?)
            .arg("--socket")
            .arg(socket)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .map_err(io("run evenkeel"))
    }

    /// Runs a command that must succeed: what it printed.
    ///
    /// # Errors
    /// With what it said, and the service's log.
    pub fn must(&self, args: &[&str]) -> Result<String, Trouble> {
        let output = self.run(args)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let output = format!("{}\n{text}{said}\n--- log\n{}", output.status, self.log());
        Err(Trouble::Failed {
            what: args.join(" "),
            output,
        })
    }

    /// Runs a command with `--json`; its exit status and its answer.
    ///
    /// # Errors
    /// When it printed no JSON.
    pub fn json(&self, args: &[&str]) -> Result<(i32, serde_json::Value), Trouble> {
        let output = self.run(&[args, &["--json"]].concat())?;
        let code = output.status.code().unwrap_or(-1);
        serde_json::from_slice(&output.stdout)
            .map(|value| (code, value))
            .map_err(|error| Trouble::Failed {
                what: args.join(" "),
                output: format!(
                    "{error}: {}\n--- log\n{}",
                    String::from_utf8_lossy(&output.stderr),
                    self.log()
                ),
            })
    }

    /// How one environment stands.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn status(&self, environment: &str) -> Result<serde_json::Value, Trouble> {
        let (_, all) = self.json(&["status"])?;
        let all = all.as_array().cloned().unwrap_or_default();
        Ok(all
            .into_iter()
            .find(|one| one["name"] == environment)
            .unwrap_or_default())
    }

    /// Waits until an environment's status is as `wanted`.
    ///
    /// # Errors
    /// When it is not within `limit`: how it stands, and the log.
    pub fn until(
        &self,
        environment: &str,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&serde_json::Value) -> bool,
    ) -> Result<serde_json::Value, Trouble> {
        let begun = Instant::now();
        loop {
            let status = self.status(environment)?;
            if wanted(&status) {
                return Ok(status);
            }
            if begun.elapsed() > limit {
                let shown = self.must(&["status"])?;
                return Err(Trouble::Late(format!(
                    "{what}\n{shown}\n{status:#}\n--- log\n{}",
                    self.log()
                )));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

fn must(command: &mut Command) -> Result<String, Trouble> {
    let output = command.output().map_err(io(format!("{command:?}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Trouble::Failed {
        what: format!("{command:?}"),
        output: said,
    })
}
