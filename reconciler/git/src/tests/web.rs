//! `git http-backend` behind a small web server that asks for a password, and TLS by a certificate nobody vouches for.

use super::{
    repository::{Repository, git, limits, remote},
    server::{Server, free_port},
};
use crate::{Access, Clones};
use evenkeel_engine::port::source::Source as _;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// `ada:p@ss` in Base64.
const EXPECTED: &str = "Basic YWRhOnBAc3M=";

/// Serves the repositories under `dir` on a port, to whoever knows the password.
fn serve(dir: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (dir, stream) = (dir.clone(), stream.unwrap());
            // One request a connection; a client that goes away ends only its own thread.
            thread::spawn(move || answer(&dir, stream));
        }
    });
    port
}

fn answer(dir: &Path, mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let (mut allowed, mut kind, mut length) = (false, String::new(), 0_u64);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => allowed = value == EXPECTED,
            "content-type" => kind = value.to_owned(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    if !allowed {
        let headers = "WWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return write!(stream, "HTTP/1.1 401 Unauthorized\r\n{headers}");
    }
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = git(dir);
    backend
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", dir)
        .env("GIT_HTTP_EXPORT_ALL", "1");
    backend
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query);
    backend
        .env("CONTENT_TYPE", kind)
        .env("CONTENT_LENGTH", body.len().to_string());
    let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().unwrap().write_all(&body)?;
    let output = child.wait_with_output()?;
    let end = output
        .stdout
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let length = output.stdout.len() - end;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n"
    )?;
    stream.write_all(&output.stdout)
}

#[tokio::test]
async fn passwords_come_from_the_url_or_a_file_and_are_never_shown() {
    let repo = Repository::new();
    repo.write("a", "1");
    let id = repo.commit("begin");
    let port = serve(repo.dir.path().to_owned());
    let file = repo.dir.path().join("credentials");
    fs::write(&file, format!("http://ada:p%40ss@127.0.0.1:{port}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let stored = Access {
        credentials: Some(file),
        ..Access::default()
    };
    for (user, access) in [
        ("ada:p%40ss@", Access::default()),
        ("", stored.clone()),
        ("whoever@", stored),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let clones = Clones::with(dir.path(), access, limits()).unwrap();
        let remote = remote(&format!("http://{user}127.0.0.1:{port}/bare.git"));
        assert_eq!(
            clones.list(&remote).await.unwrap().get("HEAD"),
            Some(&id),
            "{user}"
        );
        clones.fetch(&remote, &["HEAD".into()]).await.unwrap();
        assert_eq!(clones.tree(&remote, &id).await.unwrap().entries().len(), 1);
        let description = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
        let config =
            ["config", "description"].map(|name| fs::read_to_string(description.join(name)).unwrap());
        assert!(
            !config.concat().contains("p%40ss"),
            "a password is not written down"
        );
    }
    for (user, access) in [
        ("", Access::default()),
        ("ada:hunter2@", Access::default()),
        ("hunter2@", Access::default()),
    ] {
        let clones = Clones::with(repo.dir.path().join("clones"), access, limits()).unwrap();
        let list = clones
            .list(&remote(&format!("http://{user}127.0.0.1:{port}/bare.git")))
            .await;
        let error = list.unwrap_err();
        assert_eq!(error.code(), "git-denied", "{user}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let repo = Repository::new();
    let dir = repo.dir.path();
    let mut make = Command::new("openssl");
    make.current_dir(dir).args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=127.0.0.1",
    ]);
    let made = make.args(["-keyout", "key.pem", "-out", "cert.pem"]).output();
    assert!(made.expect("openssl must be installed").status.success());
    let port = free_port();
    let mut serve = Command::new("openssl");
    serve.current_dir(dir).args([
        "s_server", "-quiet", "-www", "-cert", "cert.pem", "-key", "key.pem", "-accept",
    ]);
    serve
        .arg(format!("127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let server = Server::new(serve.spawn().unwrap(), port);
    let error = repo
        .clones()
        .list(&remote(&format!("https://127.0.0.1:{}/a.git", server.port)))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "git-impostor", "{error}");
}
