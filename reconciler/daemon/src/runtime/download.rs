//! Contents that a manifest names by address and digest, brought into the store before anything is deployed.

use super::health::causes;
use evenkeel_model::{ContentRef, Digest};
use sha2::Digest as _;
use std::{path::Path, time::Duration};
use tokio::io::AsyncWriteExt as _;

/// The most that one download may have.
const LIMIT: u64 = 2 * 1024 * 1024 * 1024;
/// The longest that one download may take.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// Downloads into `folder`; the file is named by its digest, which was checked.
///
/// # Errors
/// Why not: no answer, a status that is not 200, too large, or other bytes than the digest says.
pub(crate) async fn download(content: &ContentRef, folder: &Path) -> Result<std::path::PathBuf, String> {
    let url = content
        .url
        .as_deref()
        .ok_or("there is no address to get it from")?;
    let path = folder.join(content.digest.to_string());
    let fetched = tokio::time::timeout(DEADLINE, fetch(url, &content.digest, &path)).await;
    match fetched.unwrap_or_else(|_| Err(format!("{url}: not complete within {DEADLINE:?}"))) {
        Ok(()) => Ok(path),
        Err(why) => {
            drop(tokio::fs::remove_file(&path).await);
            Err(why)
        }
    }
}

async fn fetch(url: &str, digest: &Digest, path: &Path) -> Result<(), String> {
    let http = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::limited(5))
        .build()
        .map_err(|error| causes(&error))?;
    let mut response = http.get(url).send().await.map_err(|error| causes(&error))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(format!("{url} answered {}", response.status()));
    }
    let mut file = tokio::fs::File::create(path)
        .await
        .map_err(|error| error.to_string())?;
    let (mut hasher, mut size) = (sha2::Sha256::new(), 0_u64);
    while let Some(chunk) = response.chunk().await.map_err(|error| causes(&error))? {
        size = size.saturating_add(chunk.len() as u64);
        if size > LIMIT {
            return Err(format!("{url} has more than {LIMIT} bytes"));
        }
        hasher.update(&chunk);
        file.write_all(&chunk).await.map_err(|error| error.to_string())?;
    }
    file.sync_all().await.map_err(|error| error.to_string())?;
    let found = Digest::from_bytes(hasher.finalize().into());
    if found == *digest {
        Ok(())
    } else {
        Err(format!("{url} has the digest {found}, not {digest}: refused"))
    }
}
