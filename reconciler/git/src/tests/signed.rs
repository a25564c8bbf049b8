//! Signatures by keys that are made here, verified by the real tools.

use super::repository::{Repository, run};
use evenkeel_engine::port::source::Source as _;
use evenkeel_model::settings::Signer;
use std::{fs, process::Command};

/// Makes an SSH key beside the repository; its public half.
fn ssh_key(repo: &Repository, name: &str) -> String {
    let path = repo.dir.path().join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&path)
        .status();
    assert!(made.expect("ssh-keygen must be installed").success());
    fs::read_to_string(path.with_extension("pub")).unwrap()
}

/// Makes an OpenPGP key in a keyring beside the repository; its public half.
fn gpg_key(repo: &Repository, mail: &str) -> String {
    let home = repo.dir.path().join("gpg");
    let gpg = |arguments: &[&str]| {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--quiet", "--homedir"])
            .arg(&home)
            .args(arguments);
        let output = gpg.output().expect("gpg must be installed");
        assert!(
            output.status.success(),
            "gpg {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&home)
        .unwrap();
    gpg(&[
        "--passphrase",
        "",
        "--quick-gen-key",
        mail,
        "ed25519",
        "sign",
        "never",
    ]);
    gpg(&["--armor", "--export", mail])
}

fn end_agent(repo: &Repository) {
    let end = Command::new("gpgconf")
        .arg("--homedir")
        .arg(repo.dir.path().join("gpg"))
        .args(["--kill", "all"])
        .status();
    assert!(end.unwrap().success());
}

/// A commit with that much more configuration.
fn commit(repo: &Repository, with: &[String]) -> String {
    let mut arguments: Vec<&str> = with.iter().flat_map(|one| ["-c", one.as_str()]).collect();
    arguments.extend(["commit", "-q", "--allow-empty", "-S", "-m", "signed"]);
    run(&repo.work(), &arguments);
    repo.git(&["push", "-q", "--force", "origin", "HEAD"]);
    repo.head()
}

async fn ask(repo: &Repository, id: &str, signers: &[Signer]) -> Result<String, String> {
    let (clones, remote) = (repo.clones(), repo.remote());
    clones.fetch(&remote, &["refs/heads/main".into()]).await.unwrap();
    clones.signer(&remote, id, signers).await.unwrap()
}

/// The same commit with another message: its signature no longer fits.
fn forge(repo: &Repository, id: &str) -> String {
    let commit = repo
        .git(&["cat-file", "commit", id])
        .replace("\n\nsigned", "\n\nforged")
        + "\n";
    fs::write(repo.work().join("forged"), commit).unwrap();
    let forged = repo.git(&["hash-object", "-t", "commit", "-w", "forged"]);
    repo.git(&["update-ref", "refs/heads/main", &forged]);
    repo.git(&["push", "-q", "--force", "origin", "main"]);
    forged
}

#[tokio::test]
async fn ssh_signatures_are_good_for_their_key_only() {
    let repo = Repository::new();
    let (ada, eve) = (ssh_key(&repo, "ada"), ssh_key(&repo, "eve"));
    let signer = |principal: &str, key: &str| Signer::Ssh {
        principal: principal.into(),
        key: key.into(),
    };
    let key = repo.dir.path().join("ada").display().to_string();
    let id = commit(
        &repo,
        &["gpg.format=ssh".into(), format!("user.signingKey={key}")],
    );
    let both = [signer("eve@example.org", &eve), signer("ada, who else", &ada)];
    assert_eq!(ask(&repo, &id, &both).await, Ok("ada, who else".into()));
    let why = ask(&repo, &id, &both[..1]).await.unwrap_err();
    assert!(why.contains("may not sign"), "{why}");
    assert!(ask(&repo, &id, &[]).await.is_err());
    let why = ask(&repo, &forge(&repo, &id), &both).await.unwrap_err();
    assert!(why.contains("not good"), "{why}");
    let why = ask(&repo, &repo.commit("unsigned"), &both).await.unwrap_err();
    assert_eq!(why, "it is not signed");
}

#[tokio::test]
async fn openpgp_signatures_are_good_for_their_key_only() {
    let repo = Repository::new();
    let (ada, eve) = (
        gpg_key(&repo, "ada@example.org"),
        gpg_key(&repo, "eve@example.org"),
    );
    let signer = |principal: &str, key: &str| Signer::OpenPgp {
        principal: principal.into(),
        key: key.into(),
    };
    let program = repo.dir.path().join("sign");
    let home = repo.dir.path().join("gpg");
    fs::write(
        &program,
        format!("#!/bin/sh\nexec gpg --homedir '{}' \"$@\"\n", home.display()),
    )
    .unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let with = [
        format!("gpg.program={}", program.display()),
        "user.signingKey=ada@example.org".into(),
    ];
    let id = commit(&repo, &with);
    end_agent(&repo);
    let both = [signer("eve", &eve), signer("ada", &ada)];
    assert_eq!(ask(&repo, &id, &both).await, Ok("ada".into()));
    let why = ask(&repo, &id, &both[..1]).await.unwrap_err();
    assert!(why.contains("may not sign"), "{why}");
    let why = ask(&repo, &id, &[signer("ada", "no key")]).await.unwrap_err();
    assert!(why.contains("no OpenPGP public key"), "{why}");
    let why = ask(&repo, &forge(&repo, &id), &both).await.unwrap_err();
    assert!(why.contains("not good"), "{why}");
}
