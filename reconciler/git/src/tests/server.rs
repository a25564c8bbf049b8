//! Real servers on loopback, ended with the test.

use super::{repository::git, wait::until};
use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
};

/// A process that ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// A process that is up once its port answers.
    pub(crate) fn new(mut child: Child, port: u16) -> Self {
        until("a server's port", || {
            assert!(child.try_wait().unwrap().is_none(), "the server on {port} ended");
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { child, port }
    }

    /// `git daemon` over everything under `dir`.
    pub(crate) fn git_daemon(dir: &Path) -> Self {
        let port = free_port();
        let child = git(dir)
            .args(["daemon", "--reuseaddr", "--export-all", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", dir.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("git must be installed");
        Self::new(child, port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
