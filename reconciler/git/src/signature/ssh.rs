//! SSH signatures, by ssh-keygen(1) `-Y` with an allowed-signers file of our own.

use super::{command::run, put};
use crate::deadline::Deadline;
use evenkeel_model::settings::Signer;
use std::path::Path;

/// Who made the signature in `dir`.
pub(super) async fn verify(dir: &Path, signers: &[Signer], deadline: Deadline) -> Result<String, String> {
    let (allowed, principals) = allowed(signers)?;
    if principals.is_empty() {
        return Err("it is signed with an SSH key, and no SSH key may sign".into());
    }
    put(dir, "allowed", allowed.as_bytes())?;
    let find = ["-Y", "find-principals", "-s", "signature", "-f", "allowed"];
    let found = run("ssh-keygen", find, dir, None, deadline).await?;
    let place = found.output.lines().next().unwrap_or_default().trim();
    let principal = place
        .strip_prefix("signer-")
        .and_then(|at| at.parse::<usize>().ok());
    let Some(principal) = principal
        .and_then(|at| principals.get(at))
        .filter(|_| found.success)
    else {
        return Err("it is signed with an SSH key that may not sign".into());
    };
    let check = [
        "-Y",
        "verify",
        "-n",
        "git",
        "-s",
        "signature",
        "-f",
        "allowed",
        "-I",
        place,
    ];
    let said = run("ssh-keygen", check, dir, Some("payload"), deadline).await?;
    if said.success {
        Ok((*principal).to_owned())
    } else {
        Err(format!("its SSH signature is not good: {}", said.error))
    }
}

/// The file of ALLOWED SIGNERS, with `signer-N` for principals: theirs may hold patterns, and are only for people.
fn allowed(signers: &[Signer]) -> Result<(String, Vec<&str>), String> {
    let mut file = String::new();
    let mut principals = Vec::new();
    for signer in signers {
        let Signer::Ssh { principal, key } = signer else {
            continue;
        };
        let words: Vec<_> = key.split_ascii_whitespace().collect();
        let plain = |word: &str| {
            word.bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"\\#,*?!".contains(&byte))
        };
        let (kind, data) = match words[..] {
            [kind, data, ..] if plain(kind) && plain(data) && is_key_type(kind) => (kind, data),
            _ => {
                return Err(format!(
                    "the key of {principal:?} is no SSH key: write `ssh-ed25519 AAAA…`"
                ));
            }
        };
        file.push_str(&format!(
            "signer-{} namespaces=\"git\" {kind} {data}\n",
            principals.len()
        ));
        principals.push(principal.as_str());
    }
    Ok((file, principals))
}

/// No certificates: an authority would be a policy of its own.
fn is_key_type(kind: &str) -> bool {
    (kind.starts_with("ssh-") || kind.starts_with("ecdsa-") || kind.starts_with("sk-"))
        && !kind.contains("-cert-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_keys_reach_the_file() {
        let signer = |key: &str| Signer::Ssh {
            principal: "*,ada \"x\"".into(),
            key: key.into(),
        };
        let good = [
            signer("ssh-ed25519 AAAA comment"),
            signer("ecdsa-sha2-nistp256 BBBB"),
        ];
        let (file, principals) = allowed(&good).unwrap();
        assert_eq!(
            file,
            "signer-0 namespaces=\"git\" ssh-ed25519 AAAA\nsigner-1 namespaces=\"git\" ecdsa-sha2-nistp256 BBBB\n"
        );
        assert_eq!(principals, ["*,ada \"x\""; 2]);
        for bad in [
            "",
            "ssh-ed25519",
            "cert-authority ssh-ed25519 AAAA",
            "ssh-ed25519-cert-v01@openssh.com AAAA",
            "ssh-ed25519 AA\"AA",
            "* ssh-ed25519 AAAA",
        ] {
            assert!(allowed(&[signer(bad)]).is_err(), "{bad}");
        }
    }
}
