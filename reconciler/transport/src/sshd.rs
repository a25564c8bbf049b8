//! A real sshd on loopback, for tests that run as root: keys, port and state of its own, gone with the test.

use evenkeel_model::{Connection, Span, Target, target::SshConnection};
use std::{
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A running sshd.
pub(crate) struct Sshd {
    pub(crate) folder: TempDir,
    pub(crate) child: Child,
    port: u16,
}

fn key(path: &Path) -> String {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
    fs::read_to_string(path.with_extension("pub")).unwrap()
}

impl Sshd {
    /// Starts one; its shells see a state folder of their own. `None` where that takes rights that we lack.
    pub(crate) fn start() -> Option<Self> {
        let ours = fs::metadata("/proc/self").unwrap();
        if std::os::unix::fs::MetadataExt::uid(&ours) != 0 {
            let _ = writeln!(std::io::stderr(), "SKIPPED: a real sshd takes root");
            return None;
        }
        let namespaces = Command::new("unshare").args(["-m", "true"]).status();
        assert!(
            namespaces.is_ok_and(|status| status.success()),
            "root can make a mount namespace"
        );
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let host = key(&at("host"));
        fs::write(at("authorized"), key(&at("user"))).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        fs::write(at("known"), format!("[127.0.0.1]:{port} {host}")).unwrap();
        fs::create_dir(at("lib")).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        let state = at("lib").display().to_string();
        let etc = at("etc").display().to_string();
        assert!(
            Command::new("cp")
                .args(["-a", "/etc", &etc])
                .status()
                .unwrap()
                .success()
        );
        fs::write(at("enter"), format!("exec unshare -m sh -c 'mount --bind {state} /var/lib && mount --bind {etc} /etc && exec sh -c \"$SSH_ORIGINAL_COMMAND\"'\n")).unwrap();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nPidFile none\nForceCommand exec sh {}\n",
            at("host").display(),
            at("authorized").display(),
            at("enter").display(),
        );
        fs::write(at("config"), config).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command
            .arg("-D")
            .arg("-f")
            .arg(at("config"))
            .arg("-E")
            .arg(at("log"));
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let sshd = Self { folder, child, port };
        let up = (0..5000).any(|_| {
            std::thread::yield_now();
            TcpStream::connect(("127.0.0.1", port)).is_ok() || Command::new("true").status().is_err()
        });
        assert!(up, "sshd answers");
        Some(sshd)
    }

    /// The target that it is.
    pub(crate) fn target(&self) -> Target {
        let at = |name: &str| Some(self.folder.path().join(name).display().to_string());
        Target {
            name: "there".parse().unwrap(),
            labels: Default::default(),
            connection: Connection::Ssh(SshConnection {
                host: "127.0.0.1".into(),
                port: Some(self.port),
                user: Some("root".into()),
                r#become: false,
                known_hosts: at("known"),
                identity: at("user"),
                connect_timeout: Span::from_secs(5),
            }),
            address: "127.0.0.1".into(),
        }
    }

    /// Signals every process of it: the listener and its connections.
    pub(crate) fn signal(&self, signal: &str) {
        let mut all = vec![self.child.id().to_string()];
        let mut next = 0;
        while let Some(parent) = all.get(next).cloned() {
            let children =
                fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
            all.extend(children.split_whitespace().map(str::to_owned));
            next += 1;
        }
        let _ = Command::new("kill")
            .arg(signal)
            .args(&all)
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.signal("-CONT");
        self.signal("-KILL");
        let _ = self.child.wait();
    }
}
