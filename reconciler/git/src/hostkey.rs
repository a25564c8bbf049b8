//! Whether a server's ssh host key is the one that is known.
//!
//! ssh-keygen(1) `-F` finds the lines of a `known_hosts` file that speak of a host (hashed names, patterns, ports,
//! revoked keys), as OpenSSH itself would; the key is compared here. A host that is not listed is refused: nothing is
//! ever learned on first use. Host certificates are not supported by libssh2, so `@cert-authority` lines count for nothing.

use git2::cert::CertHostkey;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Checks a server's key against files in sshd(8)'s format. The error says why not.
pub(crate) fn check(files: &[PathBuf], host: &str, port: u16, shown: &CertHostkey<'_>) -> Result<(), String> {
    let Some(raw) = shown.hostkey() else {
        return Err("it shows no host key".into());
    };
    let name = if port == 22 {
        host.to_owned()
    } else {
        format!("[{host}]:{port}")
    };
    let key = base64(raw);
    let mut lines = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        lines.extend(find(file, &name)?);
    }
    judge(&lines, &key).map_err(|why| {
        let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
        format!("{why} for {name} (looked in {})", files.join(", "))
    })
}

/// Judges a key by the lines of `known_hosts` that are about its host.
fn judge(lines: &[String], key: &str) -> Result<(), String> {
    let mut types = Vec::new();
    let mut good = false;
    for line in lines {
        let mut words: Vec<_> = line.split_ascii_whitespace().collect();
        let mark = words
            .first()
            .filter(|word| word.starts_with('@'))
            .map(|word| (*word).to_owned());
        if mark.is_some() {
            words.remove(0);
        }
        let [_, kind, known, ..] = words[..] else { continue };
        match mark.as_deref() {
            Some("@revoked") if known == key => return Err("its host key is revoked".into()),
            Some(_) => {}
            None => {
                good |= known == key;
                types.push(kind.to_owned());
            }
        }
    }
    if good {
        Ok(())
    } else if types.is_empty() {
        Err("no host key is known".into())
    } else {
        Err(format!(
            "its host key is none of those known ({})",
            types.join(", ")
        ))
    }
}

/// The lines about a host. ssh-keygen reads a local file here and ends by itself.
fn find(file: &Path, name: &str) -> Result<Vec<String>, String> {
    let output = Command::new("ssh-keygen")
        .arg("-F")
        .arg(name)
        .arg("-f")
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ssh-keygen cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}

/// Base64 with padding (RFC 4648, 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= chunk.len() { digit as char } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn only_a_key_that_is_known_and_not_revoked_is_good() {
        let judge = |lines: &[&str]| {
            judge(
                &lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(),
                "AAAA",
            )
        };
        assert_eq!(judge(&["h ssh-ed25519 BBBB", "h ssh-rsa AAAA comment"]), Ok(()));
        for (lines, why) in [
            (&[][..], "no host key is known"),
            (&["@cert-authority h ssh-rsa AAAA"], "no host key is known"),
            (&["h ssh-ed25519 BBBB"], "none of those known (ssh-ed25519)"),
            (&["h ssh-rsa AAAA", "@revoked h ssh-rsa AAAA"], "revoked"),
            (&["h"], "no host key is known"),
        ] {
            assert!(judge(lines).unwrap_err().contains(why), "{lines:?}");
        }
    }

    #[test]
    fn names_are_found_as_openssh_finds_them() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known");
        std::fs::write(&file, "[h]:2222 ssh-ed25519 AAAA\n*.example ssh-ed25519 BBBB\n").unwrap();
        assert_eq!(find(&file, "[h]:2222").unwrap(), ["[h]:2222 ssh-ed25519 AAAA"]);
        assert_eq!(find(&file, "h").unwrap(), [""; 0]);
    }
}
