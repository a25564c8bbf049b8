//! Who signed a commit. libgit2 only takes the signature out; ssh-keygen(1) and gpg(1) verify it, told of the given
//! keys and of nothing else: no user's keyring, agent, configuration or network has a say.

mod command;
mod openpgp;
mod ssh;

use crate::deadline::Deadline;
use evenkeel_model::settings::Signer;
use std::path::Path;

/// A signature and the bytes that it signs.
#[derive(Debug)]
pub(crate) struct Signed {
    /// Armoured.
    pub(crate) signature: Vec<u8>,
    /// The commit without it.
    pub(crate) payload: Vec<u8>,
}

/// Largest commit object whose signature is looked at, in bytes.
pub(crate) const COMMIT: usize = 1 << 20;

/// Who of `signers` made the signature, or why nobody did. Blocking is left to the child processes.
pub(crate) async fn verify(
    signed: &Signed,
    signers: &[Signer],
    deadline: Deadline,
) -> Result<String, String> {
    let armour = signed.signature.trim_ascii_start();
    let begins = |text: &str| armour.starts_with(text.as_bytes());
    let ssh = begins("-----BEGIN SSH SIGNATURE-----");
    if !ssh && !begins("-----BEGIN PGP SIGNATURE-----") {
        return Err("it has a signature of another kind than SSH and OpenPGP".into());
    }
    let dir = tempfile::Builder::new().prefix("signature-").tempdir();
    let dir = dir.map_err(|error| format!("its signature cannot be verified here: {error}"))?;
    put(dir.path(), "signature", &signed.signature)?;
    put(dir.path(), "payload", &signed.payload)?;
    if ssh {
        ssh::verify(dir.path(), signers, deadline).await
    } else {
        openpgp::verify(dir.path(), signers, deadline).await
    }
}

fn put(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(dir.join(name), bytes)
        .map_err(|error| format!("its signature cannot be verified here: {error}"))
}
