//! A commit's whole journey with the real binary on a folder of this machine: no root needed.

use evenkeel_tests::service::{Manifests, Scratch, Service};
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::Command,
    time::Duration,
};

type Done = Result<(), Box<dyn std::error::Error>>;

const MINUTE: Duration = Duration::from_secs(60);
const PROJECT: &str = "apiVersion: evenkeel.dev/v1\nkind: Project\nmetadata: { name: journey }\nspec: {}\n";

fn environment(root: &Path, spec: &str) -> String {
    format!(
        "apiVersion: evenkeel.dev/v1\nkind: Environment\nmetadata: {{ name: dev }}\nspec:\n  sync: {{ mode: automatic, interval: 1s, pruneLimit: 100 }}\n  apps: [{{ app: web }}]\n  targets: [{{ name: here, local: {{ root: {} }} }}]\n{spec}",
        root.display()
    )
}

fn app(resources: &str) -> String {
    format!(
        "apiVersion: evenkeel.dev/v1\nkind: App\nmetadata: {{ name: web }}\nspec:\n  resources:\n{resources}"
    )
}

fn word(text: &str) -> String {
    app(&format!("    - {{ kind: File, path: /word, content: {text} }}\n"))
}

fn deployed(status: &Value, commit: &str) -> bool {
    status["sync"] == "InSync" && status["deployed"]["revision"]["id"] == commit
}

/// Serves one archive over HTTP on loopback until the test ends.
fn serve(archive: Vec<u8>) -> Result<String, std::io::Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().take(16).flatten() {
            let mut head = [0; 2048];
            let _ = stream.read(&mut head);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                archive.len()
            );
            let _ = stream.write_all(&archive);
        }
    });
    Ok(format!("http://{address}/shop.tar.gz"))
}

fn archive(folder: &Path, version: &str) -> Result<(Vec<u8>, String), Box<dyn std::error::Error>> {
    let tree = folder.join(format!("shop-{version}"));
    fs::create_dir_all(&tree)?;
    fs::write(tree.join("VERSION"), version)?;
    let file = folder.join(format!("{version}.tar.gz"));
    let made = Command::new("tar")
        .arg("-C")
        .arg(&tree)
        .arg("-czf")
        .arg(&file)
        .arg(".")
        .status()?;
    assert!(made.success());
    let sum = Command::new("sha256sum").arg(&file).output()?.stdout;
    let digest = String::from_utf8(sum)?
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned();
    Ok((fs::read(file)?, digest))
}

#[test]
fn a_release_comes_over_http_and_goes_back_without_git_or_network() -> Done {
    let scratch = Scratch::new("release")?;
    let root = scratch.path().join("server");
    fs::create_dir_all(&root)?;
    let manifests = Manifests::new(scratch.path())?;
    let release = |version: &str| -> Result<String, Box<dyn std::error::Error>> {
        let (bytes, digest) = archive(scratch.path(), version)?;
        let url = serve(bytes)?;
        Ok(app(&format!(
            "    - {{ kind: Release, path: /shop, version: '{version}', source: '{url}', sha256: {digest}, keep: 3 }}\n"
        )))
    };
    let first = manifests.push(
        &[
            ("project.yaml", PROJECT),
            ("dev.yaml", &environment(&root, "")),
            ("web.yaml", &release("1.0.0")?),
        ],
        "release 1",
    )?;
    let service = Service::start(&scratch.path().join("state"), &manifests.url())?;
    service.until("dev", "the first release", MINUTE, |status| {
        deployed(status, &first)
    })?;
    let current = root.join("shop/current");
    assert_eq!(fs::read_to_string(current.join("VERSION"))?, "1.0.0");
    let second = manifests.push(&[("web.yaml", &release("2.0.0")?)], "release 2")?;
    service.until("dev", "the second release", MINUTE, |status| {
        deployed(status, &second)
    })?;
    assert_eq!(fs::read_to_string(current.join("VERSION"))?, "2.0.0");

    // Git is gone; what was deployed can be deployed again.
    fs::rename(scratch.path().join("manifests.git"), scratch.path().join("gone"))?;
    let said = service.must(&["rollback", "dev", "--to", "dev/1", "--reason", "two is broken"])?;
    assert!(said.contains("dev/3 succeeded"), "{said}");
    assert_eq!(fs::read_to_string(current.join("VERSION"))?, "1.0.0");
    let status = service.status("dev")?;
    assert_eq!(status["hold"]["reason"], "rolled back to dev/1: two is broken");
    let (_, record) = service.json(&["show", "dev/3"])?;
    assert_eq!(record["deployment"]["trigger"]["rollback"]["to"], "dev/1");
    assert_eq!(record["deployment"]["reason"], "two is broken");

    // Back again, by resuming.
    fs::rename(scratch.path().join("gone"), scratch.path().join("manifests.git"))?;
    service.must(&["resume", "dev"])?;
    service.until("dev", "Git again", MINUTE, |status| {
        deployed(status, &second) && status["hold"].is_null()
    })?;
    assert_eq!(fs::read_to_string(current.join("VERSION"))?, "2.0.0");
    Ok(())
}

#[test]
fn a_wrong_digest_deploys_nothing_and_says_so() -> Done {
    let scratch = Scratch::new("digest")?;
    let root = scratch.path().join("server");
    fs::create_dir_all(&root)?;
    let manifests = Manifests::new(scratch.path())?;
    let (bytes, _) = archive(scratch.path(), "1.0.0")?;
    let url = serve(bytes)?;
    let wrong = "0".repeat(64);
    let text = app(&format!(
        "    - {{ kind: Release, path: /shop, version: '1', source: '{url}', sha256: '{wrong}' }}\n"
    ));
    manifests.push(
        &[
            ("project.yaml", PROJECT),
            ("dev.yaml", &environment(&root, "")),
            ("web.yaml", &text),
        ],
        "a wrong digest",
    )?;
    let service = Service::start(&scratch.path().join("state"), &manifests.url())?;
    let refused = |status: &Value| status["faults"].to_string().contains("refused");
    service.until("dev", "the digest is refused", MINUTE, refused)?;
    assert!(!root.join("shop").exists());
    Ok(())
}

#[test]
fn only_commits_that_a_known_key_signed_are_deployed() -> Done {
    let scratch = Scratch::new("signed")?;
    let root = scratch.path().join("server");
    fs::create_dir_all(&root)?;
    let manifests = Manifests::new(scratch.path())?;
    let key = scratch.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "dev", "-f"])
        .arg(&key)
        .status()?;
    assert!(made.success());
    let public = fs::read_to_string(key.with_extension("pub"))?;
    let public = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let accept = format!("  accept: {{ signers: [{{ principal: dev@example.org, ssh: '{public}' }}] }}\n");
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingkey", &key.display().to_string()),
        ("user.name", "Dev"),
        ("user.email", "dev@example.org"),
    ] {
        manifests.git(&["config", name, value])?;
    }
    manifests.write(&[
        ("project.yaml", PROJECT),
        ("dev.yaml", &environment(&root, &accept)),
        ("web.yaml", &word("one")),
    ])?;
    let signed = |message: &str| -> Result<String, Box<dyn std::error::Error>> {
        manifests.git(&["add", "-A"])?;
        manifests.git(&["commit", "-q", "-S", "-m", message])?;
        manifests.git(&["push", "-q", "origin", "HEAD:main"])?;
        Ok(manifests.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    };
    let first = signed("signed")?;
    let service = Service::start(&scratch.path().join("state"), &manifests.url())?;
    let status = service.until("dev", "the signed commit", MINUTE, |status| {
        deployed(status, &first)
    })?;
    assert_eq!(status["deployed"]["revision"]["signer"], "dev@example.org");

    manifests.push(&[("web.yaml", &word("two"))], "not signed")?;
    let refused = |status: &Value| !status["faults"].as_array().is_none_or(Vec::is_empty);
    let status = service.until("dev", "the unsigned commit is refused", MINUTE, refused)?;
    assert_eq!(fs::read_to_string(root.join("word"))?, "one", "{status:#}");
    // The last good one is still kept true.
    fs::write(root.join("word"), "by hand")?;
    service.until("dev", "healed", MINUTE, |_| {
        fs::read_to_string(root.join("word")).is_ok_and(|text| text == "one")
    })?;

    manifests.write(&[("web.yaml", &word("three"))])?;
    let third = signed("signed again")?;
    service.until("dev", "a signed commit on top", MINUTE, |status| {
        deployed(status, &third)
    })?;
    assert_eq!(fs::read_to_string(root.join("word"))?, "three");
    Ok(())
}

#[test]
fn a_rewritten_branch_is_refused_and_a_broken_manifest_keeps_the_last_good() -> Done {
    let scratch = Scratch::new("rewritten")?;
    let root = scratch.path().join("server");
    fs::create_dir_all(&root)?;
    let manifests = Manifests::new(scratch.path())?;
    let files = [("project.yaml", PROJECT), ("dev.yaml", &environment(&root, ""))];
    manifests.push(&[&files[..], &[("web.yaml", &word("one"))]].concat(), "one")?;
    let second = manifests.push(&[("web.yaml", &word("two"))], "two")?;
    let service = Service::start(&scratch.path().join("state"), &manifests.url())?;
    service.until("dev", "two", MINUTE, |status| deployed(status, &second))?;

    manifests.git(&["reset", "-q", "--hard", "HEAD~1"])?;
    manifests.push(&[("web.yaml", &word("evil"))], "rewritten")?;
    let refused = |status: &Value| !status["faults"].as_array().is_none_or(Vec::is_empty);
    service.until("dev", "the rewritten branch is refused", MINUTE, refused)?;
    assert_eq!(fs::read_to_string(root.join("word"))?, "two");

    manifests.git(&["reset", "-q", "--hard", &second])?;
    manifests.push(
        &[("web.yaml", &word("three").replace("content", "contnt"))],
        "a typo",
    )?;
    let typo = |status: &Value| {
        let (_, source) = service.json(&["status"]).unwrap_or_default();
        let text = format!(
            "{status}{source}{}",
            service.must(&["status"]).unwrap_or_default()
        );
        text.contains("manifest-invalid")
    };
    service.until("dev", "the typo is told", MINUTE, typo)?;
    assert_eq!(fs::read_to_string(root.join("word"))?, "two");
    let third = manifests.push(&[("web.yaml", &word("three"))], "the typo is gone")?;
    service.until("dev", "three", MINUTE, |status| deployed(status, &third))?;
    assert_eq!(fs::read_to_string(root.join("word"))?, "three");
    Ok(())
}
