//! A real sshd that lets git-shell(1) serve: keys and host keys.

use super::{
    repository::{Repository, limits, remote},
    server::{Server, free_port},
};
use crate::{Access, Clones};
use evenkeel_engine::port::source::{Remote, Source as _};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A repository behind an sshd that runs as whoever runs the test, who alone can log in.
struct Host {
    repo: Repository,
    server: Server,
}

impl Host {
    fn new() -> Self {
        let repo = Repository::new();
        let dir = repo.dir.path();
        for name in ["host", "other-host", "user", "other-user"] {
            let mut keygen = Command::new("ssh-keygen");
            let made = keygen
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(dir.join(name))
                .status();
            assert!(made.expect("ssh-keygen must be installed").success());
        }
        let only = "restrict,command=\"git-shell -c \\\"$SSH_ORIGINAL_COMMAND\\\"\"";
        fs::write(dir.join("authorized"), format!("{only} {}", public(dir, "user"))).unwrap();
        let port = free_port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\n\
             StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nLogLevel QUIET\n",
            dir.display()
        );
        fs::write(dir.join("config"), config).unwrap();
        if user() == "root" {
            fs::create_dir_all("/run/sshd").unwrap(); // sshd asks for it before it gives up its rights
        }
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"])
            .arg(dir.join("config"))
            .stdin(Stdio::null());
        let server = Server::new(sshd.spawn().expect("openssh-server must be installed"), port);
        Self { repo, server }
    }

    fn remote(&self) -> Remote {
        let path = self.repo.bare();
        remote(&format!(
            "ssh://{}@127.0.0.1:{}{}",
            user(),
            self.server.port,
            path.display()
        ))
    }

    /// A file of known hosts with such lines, `HOST` standing for this one's name and `KEY` for its key.
    fn known(&self, lines: &str) -> PathBuf {
        let dir = self.repo.dir.path();
        let name = format!("[127.0.0.1]:{}", self.server.port);
        let lines = lines
            .replace("HOST", &name)
            .replace("OTHER", &public(dir, "other-host"));
        let file = dir.join("known");
        fs::write(&file, lines.replace("KEY", &public(dir, "host"))).unwrap();
        file
    }

    fn clones(&self, user: &str, known: &Path) -> Clones {
        let dir = self.repo.dir.path();
        let access = Access {
            keys: vec![dir.join("absent"), dir.join(user)],
            known_hosts: vec![known.to_owned(), dir.join("absent")],
            ..Access::default()
        };
        Clones::with(dir.join("clones"), access, limits()).unwrap()
    }
}

fn public(dir: &Path, name: &str) -> String {
    let key = fs::read_to_string(dir.join(name).with_extension("pub")).unwrap();
    key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_commit_comes_over_ssh_from_a_host_that_is_known() {
    let host = Host::new();
    host.repo.write("a", "1");
    let id = host.repo.commit("begin");
    let known = host.known("HOST OTHER\nHOST KEY\n");
    let hashed = Command::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(&known)
        .output()
        .unwrap();
    assert!(hashed.status.success() && fs::read_to_string(&known).unwrap().starts_with("|1|"));
    let (clones, remote) = (host.clones("user", &known), host.remote());
    assert_eq!(
        clones.list(&remote).await.unwrap().get("refs/heads/main"),
        Some(&id)
    );
    clones.fetch(&remote, &["refs/heads/main".into()]).await.unwrap();
    assert_eq!(
        &*clones.tree(&remote, &id).await.unwrap().read("a").unwrap(),
        b"1"
    );
}

#[tokio::test]
async fn a_host_is_refused_unless_its_key_is_the_known_one_and_nothing_is_learned() {
    let host = Host::new();
    host.repo.commit("begin");
    for lines in [
        "",
        "elsewhere KEY\n",
        "127.0.0.1 KEY\n", // another port is another host
        "HOST OTHER\n",
        "@cert-authority HOST KEY\n",
        "HOST KEY\n@revoked HOST KEY\n",
    ] {
        let known = host.known(lines);
        let before = fs::read(&known).unwrap();
        let error = host
            .clones("user", &known)
            .list(&host.remote())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "git-impostor", "{lines:?}: {error}");
        assert_eq!(fs::read(&known).unwrap(), before);
    }
    let known = host.known("HOST KEY\n");
    let error = host
        .clones("other-user", &known)
        .list(&host.remote())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "git-denied", "{error}");
    assert!(host.clones("user", &known).list(&host.remote()).await.is_ok());
}
