//! Where a remote is, and how its URL is shown: never with a secret.

use evenkeel_model::Digest;

/// A remote's URL, taken apart as git(1) does it (gitrepository-layout, "GIT URLS").
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    url: String,
    shown: String,
    identity: String,
    secrets: Vec<String>,
    /// How it is reached.
    pub(crate) way: Way,
}

/// How a remote is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A path of this machine.
    Path(String),
    /// Over ssh.
    Ssh {
        /// 22 unless said otherwise.
        port: u16,
    },
    /// Over http or https; `origin` is `https://host[:port]`.
    Web {
        /// Scheme and authority without user and password.
        origin: String,
    },
    /// Anything else that libgit2 may know (`git://`).
    Other,
}

/// Longest text of a remote that is passed on, in characters.
const MESSAGE: usize = 400;

impl Address {
    /// Takes a URL apart; total, since libgit2 has the last word on what it can reach.
    pub(crate) fn new(url: &str) -> Self {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Self::without_scheme(url);
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "file" {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            return Self::plain(url, Way::Path(decode(path)));
        }
        let web = scheme == "http" || scheme == "https";
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let at = rest[..end].rfind('@');
        let mut secrets = Vec::new();
        let identity = hide(&scheme, rest, at, web, &mut secrets);
        // A password with an unescaped `/` or `@` makes no valid URL, and must not be shown for that.
        let suspect = rest[..end].contains(':').then(|| rest.rfind('@')).flatten();
        let shown = hide(&scheme, rest, suspect.max(at), web, &mut secrets);
        if let (Some(_), Some((_, password))) = (suspect, rest.split_once(':')) {
            let ends = password.match_indices('@').take(16);
            secrets.extend(ends.map(|(end, _)| password[..end].to_owned()));
        }
        let authority = at.map_or(&rest[..end], |at| &rest[at + 1..end]);
        let way = if web {
            Way::Web {
                origin: format!("{scheme}://{authority}"),
            }
        } else if matches!(scheme.as_str(), "ssh" | "ssh+git" | "git+ssh") {
            Way::Ssh {
                port: port(authority),
            }
        } else {
            Way::Other
        };
        let plain: Vec<_> = secrets.iter().map(|secret| decode(secret)).collect();
        secrets.extend(plain);
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self {
            url: url.to_owned(),
            shown: clean(&shown),
            identity,
            secrets,
            way,
        }
    }

    fn without_scheme(url: &str) -> Self {
        let colon = url
            .split_once(':')
            .filter(|(host, _)| !host.is_empty() && !host.contains('/'));
        match colon {
            Some(_) => Self::plain(url, Way::Ssh { port: 22 }),
            None => Self::plain(url, Way::Path(url.to_owned())),
        }
    }

    fn plain(url: &str, way: Way) -> Self {
        Self {
            url: url.to_owned(),
            shown: clean(url),
            identity: url.to_owned(),
            secrets: Vec::new(),
            way,
        }
    }

    /// As libgit2 gets it, with its password. For nothing else.
    pub(crate) fn secret_url(&self) -> &str {
        &self.url
    }

    /// As people see it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Names the clone's folder: a new password is no new remote.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.identity.as_bytes())
    }

    /// A message without this address's secrets, without control characters, bounded.
    pub(crate) fn scrub(&self, message: &str) -> String {
        let mut text = message.replace(&self.url, &self.shown);
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        clean(&text)
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

/// A URL without what is secret in it; `at` ends the user information. What was hidden is added to `secrets`.
fn hide(scheme: &str, rest: &str, at: Option<usize>, web: bool, secrets: &mut Vec<String>) -> String {
    let (user, rest) = at.map_or((None, rest), |at| (Some(&rest[..at]), &rest[at + 1..]));
    let user = match user.map(|user| (user, user.split_once(':'))) {
        Some((_, Some((name, password)))) => {
            secrets.push(password.to_owned());
            format!("{name}:***@")
        }
        // A lone user of a web address is a token as often as a name.
        Some((user, None)) if web => {
            secrets.push(user.to_owned());
            "***@".to_owned()
        }
        Some((user, None)) => format!("{user}@"),
        None => String::new(),
    };
    match rest.split_once('?').filter(|_| web) {
        Some((rest, query)) => {
            secrets.push(query.to_owned());
            format!("{scheme}://{user}{rest}?***")
        }
        None => format!("{scheme}://{user}{rest}"),
    }
}

fn port(authority: &str) -> u16 {
    let port = authority.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    port.and_then(|(_, port)| port.parse().ok()).unwrap_or(22)
}

/// Percent-decoding (RFC 3986, 2.1); what is no escape stays.
pub(crate) fn decode(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| (*byte as char).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| Some((digit(bytes.get(at + 1))?, digit(bytes.get(at + 2))?)));
        if let Some(Some((high, low))) = escape {
            out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Without control characters, and short enough to show.
pub(crate) fn clean(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MESSAGE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_taken_apart_and_shown_without_secrets() {
        let ssh = |port| Way::Ssh { port };
        let web = |origin: &str| Way::Web {
            origin: origin.into(),
        };
        for (url, shown, way) in [
            (
                "https://h.example/a.git",
                "https://h.example/a.git",
                web("https://h.example"),
            ),
            (
                "https://u:p@h:8443/a",
                "https://u:***@h:8443/a",
                web("https://h:8443"),
            ),
            ("https://token@h/a", "https://***@h/a", web("https://h")),
            ("HTTPS://u:p@ss@h/a", "https://u:***@h/a", web("https://h")),
            ("https://u:p/w@h/a", "https://u:***@h/a", web("https://u:p")),
            ("https://h:80/a@b", "https://h:***@b", web("https://h:80")),
            ("https://h/a?token=x", "https://h/a?***", web("https://h")),
            ("ssh://git@h:2222/a", "ssh://git@h:2222/a", ssh(2222)),
            ("ssh://git:pw@[::1]:22/a", "ssh://git:***@[::1]:22/a", ssh(22)),
            ("git@h:a/b.git", "git@h:a/b.git", ssh(22)),
            ("/srv/a.git", "/srv/a.git", Way::Path("/srv/a.git".into())),
            ("./a:b", "./a:b", Way::Path("./a:b".into())),
            (
                "file:///srv/a%20b",
                "file:///srv/a%20b",
                Way::Path("/srv/a b".into()),
            ),
            ("git://h/a", "git://h/a", Way::Other),
        ] {
            let address = Address::new(url);
            assert_eq!((address.shown(), &address.way), (shown, &way), "{url}");
            assert_eq!(format!("{address:?}"), format!("Address({shown})"));
        }
    }

    #[test]
    fn a_new_password_is_no_new_remote() {
        let digest = |url| Address::new(url).digest();
        assert_eq!(digest("https://u:old@h/a"), digest("https://u:new@h/a"));
        assert_ne!(digest("https://u:old@h/a"), digest("https://u:old@h/b"));
    }

    proptest! {
        #[test]
        fn a_password_is_never_shown(password in "[A-Z0-9%@:/?#]{6,20}", path in "[a-z@]{0,9}") {
            let address = Address::new(&format!("https://user:{password}@host/{path}"));
            prop_assert!(!address.shown().contains(&password));
            let message = format!("no https://user:{password}@host/{path}, {password}!");
            prop_assert!(!address.scrub(&message).contains(&password));
        }

        #[test]
        fn any_text_is_an_address(text in "\\PC{0,60}") {
            let _ = Address::new(&text).scrub(&text);
        }
    }
}
