//! How a shell, or a command beside it, is opened on a target: a child of ours, or a channel of ssh's multiplexer.

use crate::{
    counters::Counters,
    frame::plain,
    shell::{Gone, Input, Keeper, Output, Shell},
};
use evenkeel_model::{AbsolutePath, Connection, target::SshConnection};
use openssh::{ControlPersist, KnownHosts, Session, SessionBuilder};
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{process::Command, sync::Mutex};

/// An idle multiplexer that outlived its controller ends after so many seconds.
const LINGER: usize = 60;

/// Why a shell could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// No connection.
    Unreachable(String),
    /// Connected, but no shell is to be had.
    Unable(String),
}

/// The way to one target.
#[derive(Debug)]
pub(crate) struct Way {
    connection: Connection,
    sockets: PathBuf,
    counters: Arc<Counters>,
    master: Mutex<Option<Arc<Session>>>,
}

impl Way {
    pub(crate) fn new(connection: Connection, sockets: PathBuf, counters: Arc<Counters>) -> Self {
        Self {
            connection,
            sockets,
            counters,
            master: Mutex::new(None),
        }
    }

    /// To where it leads.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The folder that the target is rooted in.
    pub(crate) fn root(&self) -> Option<&AbsolutePath> {
        match &self.connection {
            Connection::Local { root } => root.as_ref(),
            Connection::Ssh(_) => None,
        }
    }

    /// A new shell, greeted.
    pub(crate) async fn shell(&self) -> Result<Shell, OpenError> {
        let (streams, keeper) = self.open("exec sh").await?;
        let root = self.root().map(AbsolutePath::as_str);
        Shell::greet(streams, keeper, root, Arc::clone(&self.counters))
            .await
            .map_err(|why| match why {
                Gone::Ended(said) if said.is_empty() => OpenError::Unable("no shell answered there".into()),
                Gone::Ended(said) => OpenError::Unable(said),
                Gone::TooMuch => OpenError::Unable(why.to_string()),
            })
    }

    /// A command beside the shell: a POSIX shell line of our own making.
    pub(crate) async fn open(&self, line: &str) -> Result<((Input, Output, Output), Keeper), OpenError> {
        match &self.connection {
            Connection::Local { .. } => local(line),
            Connection::Ssh(ssh) => self.channel(ssh, line).await,
        }
    }

    async fn channel(
        &self,
        ssh: &SshConnection,
        line: &str,
    ) -> Result<((Input, Output, Output), Keeper), OpenError> {
        let inner = format!("sh -c {}", crate::quote::word(line));
        let command = if ssh.r#become {
            format!("sudo -n {inner}")
        } else {
            format!("exec {inner}")
        };
        let mut first = true;
        loop {
            let session = self.session(ssh).await?;
            let mut request = Arc::clone(&session).arc_raw_command(command.as_str());
            request
                .stdin(openssh::Stdio::piped())
                .stdout(openssh::Stdio::piped())
                .stderr(openssh::Stdio::piped());
            match request.spawn().await {
                Ok(mut child) => {
                    let (Some(input), Some(out), Some(err)) =
                        (child.stdin().take(), child.stdout().take(), child.stderr().take())
                    else {
                        return Err(OpenError::Unable("ssh gave no streams".into()));
                    };
                    return Ok((
                        (Box::new(input), Box::new(out), Box::new(err)),
                        Box::new((child, session)),
                    ));
                }
                Err(_) if first => {
                    // The multiplexer ended since: a new one.
                    first = false;
                    self.suspect(&session).await;
                }
                Err(why) => return Err(OpenError::Unreachable(causes(&why))),
            }
        }
    }

    /// The multiplexer, started where none runs.
    async fn session(&self, ssh: &SshConnection) -> Result<Arc<Session>, OpenError> {
        let mut master = self.master.lock().await;
        if let Some(session) = master.as_ref() {
            return Ok(Arc::clone(session));
        }
        if ssh.host.starts_with('-') || ssh.host.is_empty() {
            return Err(OpenError::Unreachable("it is no host's name".into()));
        }
        let timeout = Duration::from(ssh.connect_timeout).max(Duration::from_secs(1));
        let mut builder = SessionBuilder::default();
        builder
            .known_hosts_check(KnownHosts::Strict)
            .control_directory(&self.sockets)
            .control_persist(
                NonZeroUsize::new(LINGER).map_or(ControlPersist::Forever, ControlPersist::IdleFor),
            )
            .connect_timeout(timeout)
            .server_alive_interval(Duration::from_secs(5));
        if let Some(port) = ssh.port {
            builder.port(port);
        }
        if let Some(user) = &ssh.user {
            builder.user(user.clone());
        }
        if let Some(file) = &ssh.known_hosts {
            builder.user_known_hosts_file(Path::new(file));
        }
        if let Some(file) = &ssh.identity {
            builder.keyfile(file);
        }
        let connecting = builder.connect_mux(&ssh.host);
        let session = tokio::time::timeout(timeout + Duration::from_secs(1), connecting)
            .await
            .map_err(|_| OpenError::Unreachable("no connection in time".into()))?
            .map_err(|why| OpenError::Unreachable(causes(&why)))?;
        let session = Arc::new(session);
        *master = Some(Arc::clone(&session));
        Ok(session)
    }

    async fn suspect(&self, session: &Arc<Session>) {
        let mut master = self.master.lock().await;
        if master
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, session))
        {
            *master = None;
        }
    }

    /// The next shell gets a new connection. The old one ends once nobody uses it any more: a running apply keeps it.
    pub(crate) async fn renew(&self) {
        *self.master.lock().await = None;
    }
}

fn local(line: &str) -> Result<((Input, Output, Output), Keeper), OpenError> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir("/").env_clear();
    for name in ["HOME", "USER", "LOGNAME", "PATH", "TZ"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // A group of its own: an interrupt typed at the controller's terminal is not the target's.
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|why| OpenError::Unreachable(format!("no shell here: {why}")))?;
    let (Some(input), Some(out), Some(err)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(OpenError::Unable("the shell has no streams".into()));
    };
    Ok(((Box::new(input), Box::new(out), Box::new(err)), Box::new(child)))
}

/// An error with its causes, as one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    plain(text.trim(), 500)
}
