//! OpenPGP signatures, by gpg(1) with a keyring of our own that holds the given keys only.
//!
//! gpg's `--status-fd` lines (its doc/DETAILS) are what counts, not its exit code: `GOODSIG` and `VALIDSIG` once each,
//! and no word of a bad, expired or revoked key or signature. The key must be given whole: none is looked up.

use super::{command::run, put};
use crate::deadline::Deadline;
use evenkeel_model::settings::Signer;
use std::{collections::BTreeMap, fs, os::unix::fs::DirBuilderExt as _, path::Path};

const OPTIONS: [&str; 12] = [
    "--batch",
    "--no-tty",
    "--no-options",
    "--no-autostart",
    "--disable-dirmngr",
    "--no-auto-key-retrieve",
    "--homedir",
    "home",
    "--trust-model",
    "always",
    "--status-fd",
    "1",
];

/// Who made the signature in `dir`.
pub(super) async fn verify(dir: &Path, signers: &[Signer], deadline: Deadline) -> Result<String, String> {
    let made = fs::DirBuilder::new().mode(0o700).create(dir.join("home"));
    made.map_err(|error| format!("its signature cannot be verified here: {error}"))?;
    // gpg 2.4 would write one that asks for its key daemon, which then had to be started.
    put(&dir.join("home"), "common.conf", b"")?;
    let mut owners = BTreeMap::new();
    for signer in signers {
        let Signer::OpenPgp { principal, key } = signer else {
            continue;
        };
        put(dir, "key", key.as_bytes())?;
        let said = run(
            "gpg",
            OPTIONS.into_iter().chain(["--import", "key"]),
            dir,
            None,
            deadline,
        )
        .await?;
        let keys = statuses(&said.output).filter(|(word, _)| *word == "IMPORT_OK");
        let before = owners.len();
        for fingerprint in keys.filter_map(|(_, rest)| rest.split(' ').nth(1)) {
            owners.entry(fingerprint.to_owned()).or_insert(principal.as_str());
        }
        if owners.len() == before && !said.output.contains("IMPORT_OK") {
            return Err(format!(
                "the key of {principal:?} is no OpenPGP public key: {}",
                said.error
            ));
        }
    }
    if owners.is_empty() {
        return Err("it is signed with an OpenPGP key, and no OpenPGP key may sign".into());
    }
    let check = OPTIONS.into_iter().chain(["--verify", "signature", "payload"]);
    let said = run("gpg", check, dir, None, deadline).await?;
    let fingerprint = judge(&said.output)?;
    let owner = owners.get(fingerprint);
    owner.map_or_else(
        || Err("its OpenPGP key may not sign".into()),
        |owner| Ok((*owner).to_owned()),
    )
}

/// The primary key's fingerprint of the one good signature that gpg reports.
fn judge(output: &str) -> Result<&str, String> {
    let mut good = 0;
    let mut valid = Vec::new();
    for (word, rest) in statuses(output) {
        match word {
            "GOODSIG" => good += 1,
            "VALIDSIG" => valid.push(rest.split(' ').next_back().unwrap_or_default()),
            "NO_PUBKEY" => return Err("it is signed with an OpenPGP key that may not sign".into()),
            "BADSIG" => return Err("its OpenPGP signature is not good".into()),
            "ERRSIG" if !output.contains("NO_PUBKEY") => {
                return Err("its OpenPGP signature cannot be checked".into());
            }
            "EXPSIG" => return Err("its OpenPGP signature has expired".into()),
            "EXPKEYSIG" => return Err("its OpenPGP key has expired".into()),
            "REVKEYSIG" => return Err("its OpenPGP key is revoked".into()),
            _ => {}
        }
    }
    match valid[..] {
        [fingerprint] if good == 1 => Ok(fingerprint),
        _ => Err("it has not exactly one good OpenPGP signature".into()),
    }
}

fn statuses(output: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = output.lines().filter_map(|line| line.strip_prefix("[GNUPG:] "));
    lines.map(|line| line.split_once(' ').unwrap_or((line, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_good_signature_and_nothing_else_is_good() {
        let good =
            "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 01 Ada\n[GNUPG:] VALIDSIG 22 2026-01-01 1 0 4 0 22 8 00 11\n";
        assert_eq!(judge(good), Ok("11"));
        for (output, why) in [
            (String::new(), "exactly one"),
            (good.repeat(2), "exactly one"),
            ("[GNUPG:] GOODSIG 01 Ada\n".into(), "exactly one"),
            (format!("{good}[GNUPG:] BADSIG 02 Eve\n"), "not good"),
            (
                "[GNUPG:] ERRSIG 01 22 8 00 1 9\n[GNUPG:] NO_PUBKEY 01\n".into(),
                "may not sign",
            ),
            ("[GNUPG:] ERRSIG 01 22 8 00 1 9\n".into(), "cannot be checked"),
            (good.replace("GOODSIG", "EXPKEYSIG"), "has expired"),
            (good.replace("GOODSIG", "REVKEYSIG"), "revoked"),
            (good.replace("GOODSIG", "EXPSIG"), "has expired"),
            (
                "gpg: Good signature\nGOODSIG 01\nVALIDSIG 11\n".into(),
                "exactly one",
            ),
        ] {
            assert!(judge(&output).unwrap_err().contains(why), "{output}");
        }
    }
}
