//! How we prove who we are, and how a server does.

use crate::{
    address::{Address, Way, decode},
    hostkey,
};
use git2::{Cred, CredentialType, ErrorClass, ErrorCode};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Credentials, and the host keys that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Whether the ssh agent that `SSH_AUTH_SOCK` names is asked first.
    pub agent: bool,
    /// Private ssh keys without passphrase, tried in turn; those that do not exist are passed over.
    pub keys: Vec<PathBuf>,
    /// Files of host keys as sshd(8) has them. A host that none of them lists is refused.
    pub known_hosts: Vec<PathBuf>,
    /// Users and passwords for http(s), a URL a line, as git-credential-store(1) has them; closed to others (0600).
    /// User and password in the remote's URL come first.
    pub credentials: Option<PathBuf>,
}

/// Largest file of credentials, in bytes.
const CREDENTIALS: u64 = 1 << 20;

impl Access {
    /// What ssh(1) and git(1) take by default for the user with this home folder.
    #[must_use]
    pub fn of_home(home: &Path) -> Self {
        let ssh = home.join(".ssh");
        Self {
            agent: true,
            keys: ["id_ed25519", "id_ecdsa", "id_rsa"]
                .map(|name| ssh.join(name))
                .into(),
            known_hosts: vec![ssh.join("known_hosts"), "/etc/ssh/ssh_known_hosts".into()],
            credentials: Some(home.join(".git-credentials")),
        }
    }

    /// The server's key, if it is one of ssh; TLS is left to the library's own check.
    pub(crate) fn check(
        &self,
        address: &Address,
        cert: &git2::cert::Cert<'_>,
        host: &str,
    ) -> Result<bool, String> {
        match (&address.way, cert.as_hostkey()) {
            (Way::Ssh { port }, Some(key)) => {
                hostkey::check(&self.known_hosts, host, *port, key).map(|()| true)
            }
            (Way::Ssh { .. }, None) | (_, Some(_)) => {
                Err("it shows no key of the kind that belongs to its address".into())
            }
            _ => Ok(false),
        }
    }
}

/// One connection's tries, so that none is made twice.
pub(crate) struct Tries<'a> {
    access: &'a Access,
    left: Vec<Try>,
}

enum Try {
    Agent,
    Key(PathBuf),
    Stored,
}

impl<'a> Tries<'a> {
    /// Nothing tried yet.
    pub(crate) fn new(access: &'a Access) -> Self {
        let mut left = vec![Try::Stored];
        left.extend(
            access
                .keys
                .iter()
                .rev()
                .filter(|key| key.is_file())
                .cloned()
                .map(Try::Key),
        );
        if access.agent && std::env::var_os("SSH_AUTH_SOCK").is_some() {
            left.push(Try::Agent);
        }
        Self { access, left }
    }

    /// The next credential of a kind that the server at `url` takes (after a redirect not the remote's own).
    pub(crate) fn next(
        &mut self,
        url: &str,
        user: Option<&str>,
        allowed: CredentialType,
    ) -> Result<Cred, git2::Error> {
        let user = user.unwrap_or("git");
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(user);
        }
        while let Some(one) = self.left.pop() {
            let cred = match one {
                Try::Agent if allowed.contains(CredentialType::SSH_KEY) => Cred::ssh_key_from_agent(user),
                Try::Key(key) if allowed.contains(CredentialType::SSH_KEY) => {
                    Cred::ssh_key(user, None, &key, None)
                }
                Try::Stored if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) => {
                    match (&self.access.credentials, &Address::new(url).way) {
                        (Some(file), Way::Web { origin }) => match stored(file, origin) {
                            Ok(Some((user, password))) => Cred::userpass_plaintext(&user, &password),
                            Ok(None) => continue,
                            Err(why) => return Err(denied(&why)),
                        },
                        _ => continue,
                    }
                }
                _ => continue,
            };
            if let Ok(cred) = cred {
                return Ok(cred);
            }
        }
        Err(denied("it takes none of our credentials"))
    }
}

fn denied(why: &str) -> git2::Error {
    git2::Error::new(ErrorCode::Auth, ErrorClass::Callback, why)
}

/// User and password for an origin (`https://host[:port]`) out of a file of git-credential-store(1).
fn stored(file: &Path, origin: &str) -> Result<Option<(String, String)>, String> {
    use std::os::unix::fs::PermissionsExt as _;
    let fail = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
    let open = match File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        open => open.map_err(|error| fail(&error))?,
    };
    let mode = open
        .metadata()
        .map_err(|error| fail(&error))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(fail(&"others can read it: chmod 600"));
    }
    let mut text = String::new();
    open.take(CREDENTIALS)
        .read_to_string(&mut text)
        .map_err(|error| fail(&error))?;
    Ok(text.lines().find_map(|line| {
        let (scheme, rest) = line.trim().split_once("://")?;
        let (user, host) = rest.rsplit_once('@')?;
        let (name, password) = user.split_once(':')?;
        let host = host.trim_end_matches('/');
        (format!("{scheme}://{host}") == origin).then(|| (decode(name), decode(password)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn stored_credentials_are_for_their_origin_and_our_eyes_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("credentials");
        assert_eq!(stored(&file, "https://h"), Ok(None));
        std::fs::write(
            &file,
            "https://a:b@other\nhttps://ops:p%40ss@h:8443/\nhttp://x:y@h\n",
        )
        .unwrap();
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        assert!(stored(&file, "https://h:8443").unwrap_err().contains("chmod 600"));
        mode(0o600);
        assert_eq!(
            stored(&file, "https://h:8443"),
            Ok(Some(("ops".into(), "p@ss".into())))
        );
        assert_eq!(stored(&file, "https://h"), Ok(None));
    }
}
