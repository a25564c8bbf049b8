//! The image that all servers boot from: built once, named by its recipe, kept outside the repository.

use super::command::{run, word};
use super::{Trouble, io};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the image is made.
const RECIPE: &str = include_str!("recipe.sh");
/// The Debian release of the servers.
const SUITE: &str = "bookworm";
/// A slow mirror is slow; a dead one must not hang a test run.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// The folder of the ready image; builds it (a minute, and a mirror that answers) where it is not there yet.
///
/// Two runs at once build it once: the second waits for the first. A build that was cut off leaves only a folder with
/// another name, which the next build removes.
pub(super) fn ready() -> Result<PathBuf, Trouble> {
    let home = cache()?.join(name());
    let root = home.join("root");
    if root.is_dir() {
        return Ok(root);
    }
    fs::create_dir_all(&home).map_err(io("make the image's folder"))?;
    let lock = File::create(home.join("lock")).map_err(io("open the image's lock"))?;
    lock.lock().map_err(io("take the image's lock"))?;
    if root.is_dir() {
        return Ok(root);
    }
    build(&home)?;
    Ok(root)
}

/// Under the lock: makes `building`, then renames it to `root` as the last act.
fn build(home: &Path) -> Result<(), Trouble> {
    let building = home.join("building");
    let _ = fs::remove_dir_all(&building);
    let recipe = home.join("recipe.sh");
    fs::write(&recipe, RECIPE).map_err(io("write the recipe"))?;
    let mut argv = vec!["env".to_owned()];
    argv.extend(proxy());
    argv.extend([
        "sh".to_owned(),
        word(&recipe),
        word(&building),
        SUITE.to_owned(),
        mirror(),
    ]);
    let outcome = run(&argv, BUILD_LIMIT)?;
    fs::write(home.join("log"), format!("{}{}", outcome.stdout, outcome.stderr))
        .map_err(io("write the log"))?;
    if !outcome.ok() {
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        let output = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        return Err(Trouble::Failed {
            what: "the image's recipe".to_owned(),
            code: outcome.code,
            output,
        });
    }
    fs::rename(&building, home.join("root")).map_err(io("put the image in place"))
}

/// The image's name: what it is made from, so that another recipe is another image.
fn name() -> String {
    let digest = Sha256::digest(format!("{SUITE}\n{RECIPE}"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// `$XDG_CACHE_HOME` or `~/.cache`.
fn cache() -> Result<PathBuf, Trouble> {
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .filter(|path| path.is_absolute())
        .map(|path| path.join("evenkeel").join("fleet"))
        .ok_or(Trouble::NoCache)
}

/// The Debian mirror that this machine's own apt uses; Debian's public one where apt names none (no Debian machine).
fn mirror() -> String {
    let argv = [
        "apt-get",
        "indextargets",
        "--format",
        "$(RELEASE) $(COMPONENT) $(REPO_URI)",
    ];
    run(&argv, Duration::from_secs(30))
        .ok()
        .and_then(|outcome| choose(&outcome.stdout))
        .unwrap_or_else(|| "http://deb.debian.org/debian".to_owned())
}

/// From lines `RELEASE COMPONENT URI`: the first that offers a Debian release's `main`, not its updates or security.
fn choose(listing: &str) -> Option<String> {
    listing.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (release, component, uri) = (words.next()?, words.next()?, words.next()?);
        let plain = ["bookworm", "trixie", "forky", "sid"].contains(&release);
        (plain && component == "main" && uri.starts_with("http"))
            .then(|| uri.trim_end_matches('/').to_owned())
    })
}

/// apt's proxy as debootstrap wants it: in the environment.
fn proxy() -> Option<String> {
    let outcome = run(
        &["apt-config", "shell", "proxy", "Acquire::http::Proxy"],
        Duration::from_secs(5),
    )
    .ok()?;
    let value = outcome
        .stdout
        .trim()
        .strip_prefix("proxy='")?
        .strip_suffix('\'')?;
    value.starts_with("http").then(|| format!("http_proxy={value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_the_release_itself() {
        let table = [
            (
                "bookworm main http://a.example/debian/\n",
                Some("http://a.example/debian"),
            ),
            (
                "bookworm-security main http://s.example/\nbookworm main https://a.example/d/\n",
                Some("https://a.example/d"),
            ),
            ("trixie contrib http://a.example/debian/\n", None),
            ("trixie main file:/srv/mirror\n", None),
            ("", None),
        ];
        for (listing, expected) in table {
            assert_eq!(choose(listing).as_deref(), expected, "{listing:?}");
        }
    }

    #[test]
    fn the_name_is_one_plain_word() {
        let name = name();
        assert_eq!(name.len(), 16);
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
