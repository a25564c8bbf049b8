//! Contents, sent ahead of the steps that use them: content-addressed files in the target's state folder.

use evenkeel_engine::port::{store::Contents, transport::Staged};
use evenkeel_model::{Action, Digest, StepGroup};
use std::{
    collections::BTreeSet,
    io::{self, Read},
};
use tokio::runtime::{Handle, RuntimeFlavor};

/// How much is read and written at a time.
pub(crate) const CHUNK: usize = 256 << 10;
/// The archive of contents that are sent in a script; larger ones get a stream of their own.
const INLINE: usize = 256 << 10;

/// Runs where blocking is allowed: on a runtime of several threads, the others go on meanwhile.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// A script that tells which contents are not there yet, one to a line.
pub(crate) fn missing(digests: &[Digest]) -> String {
    let names: Vec<String> = digests.iter().map(Digest::to_string).collect();
    format!(
        "m missing\nfor x in {}; do [ -f \"$EK_S/staging/$x\" ] || printf '%s\\n' \"$x\"; done\nm state\nprintf '%s' \"$EK_S\"",
        names.join(" ")
    )
}

/// A command that takes a tar stream whose entries are named by their digests: checked, synced by the step that uses
/// it, and only then visible.
pub(crate) fn receiver(state: &str) -> String {
    let state = crate::quote::word(state);
    format!(
        "umask 077; LC_ALL=C; export LC_ALL; s={state}; mkdir -p -- \"$s/staging\" || exit 1\n{}",
        receive("")
    )
}

/// What the command, or a subshell of the persistent shell, does with the archive that `before` brings (or its standard
/// input is).
fn receive(before: &str) -> String {
    format!(
        "t=$(mktemp -d \"$s/staging/.in.XXXXXXXX\") || exit 1
trap 'rm -rf -- \"$t\"' EXIT; trap 'exit 1' HUP INT TERM
cd -- \"$t\" || exit 1
{before}tar -xf - --no-same-owner --no-same-permissions || exit 1
for x in *; do printf '%s  %s\\n' \"$x\" \"$x\"; done >.sums && sha256sum -c --quiet .sums >&2 || exit 1
mv -f -- * .. && echo staged"
    )
}

/// A script that brings small contents by itself, in base64 (the shell reads its script as text), and saves two round
/// trips: no question what is missing, no channel of their own. `None` where they are too large, or one cannot be had.
pub(crate) fn inline(contents: &dyn Contents, digests: &[Digest]) -> Option<(String, Staged)> {
    let (mut archive, mut staged) = (Vec::new(), Staged::default());
    let mut buffer = vec![0; INLINE];
    for digest in digests {
        let mut source = Source::open(contents, digest).ok()?;
        let size = source.size;
        let room = archive.len() + 512 + usize::try_from(size).ok()?;
        if room > INLINE {
            return None;
        }
        archive.extend_from_slice(&header(digest, size));
        loop {
            match source.next(&mut buffer).ok()? {
                0 => break,
                n => archive.extend_from_slice(&buffer[..n]),
            }
        }
        archive.resize(archive.len() + padding(size), 0);
        staged.sent += 1;
        staged.bytes += size;
    }
    archive.resize(archive.len() + 1024, 0);
    let before = format!("base64 -d <<'.' |\n{}.\n", base64(&archive));
    let script = format!("m staged\nstate && (s=$EK_S\n{})", receive(&before));
    Some((script, staged))
}

/// Base64 (RFC 4648) in lines of 76 characters.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len() / 57 * 77 + 80);
    for line in bytes.chunks(57) {
        for three in line.chunks(3) {
            let of = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
            let bits = of(0) << 16 | of(1) << 8 | of(2);
            for place in 0..4 {
                let digit = (bits >> (18 - 6 * place)) & 63;
                text.push(if place <= three.len() {
                    char::from(DIGITS[digit as usize])
                } else {
                    '='
                });
            }
        }
        text.push('\n');
    }
    text
}

/// The contents that steps use up.
pub(crate) fn used(groups: &[StepGroup]) -> BTreeSet<Digest> {
    let actions = groups.iter().flat_map(|group| &group.actions);
    actions
        .filter_map(|action| match action {
            Action::PutFile { content, .. } | Action::Unpack { archive: content, .. } => Some(*content),
            _ => None,
        })
        .collect()
}

/// The header of a regular file in a tar archive (POSIX.1-1988 ustar; sizes of 8 GiB and more in GNU's base-256).
pub(crate) fn header(digest: &Digest, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, digest.to_string().as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size < 1 << 33 {
        put(124, format!("{size:011o}\0").as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &size.to_be_bytes());
    }
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Fills up to a whole block.
pub(crate) fn padding(size: u64) -> usize {
    usize::try_from((512 - size % 512) % 512).unwrap_or(0)
}

/// A content that is being read.
pub(crate) struct Source {
    /// Its size.
    pub(crate) size: u64,
    left: u64,
    reader: Box<dyn Read + Send>,
}

impl Source {
    /// Opens a content.
    pub(crate) fn open(contents: &dyn Contents, digest: &Digest) -> io::Result<Self> {
        let (size, reader) = blocking(|| contents.open(digest))?.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("the store has no content {digest}"),
            )
        })?;
        Ok(Self {
            size,
            left: size,
            reader,
        })
    }

    /// The next bytes; empty at the end. Ending early is an error: the archive has its size already.
    pub(crate) fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let n = blocking(|| self.reader.read(&mut buffer[..most]))?;
        if n == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a content is shorter than the store says",
            ));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    #[test]
    fn base64_reads_what_we_write() {
        for size in [0_usize, 1, 2, 3, 56, 57, 58, 1000] {
            let bytes: Vec<u8> = (0..=255_u8).rev().cycle().take(size).collect();
            let mut decoder = Command::new("base64")
                .arg("-d")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = decoder.stdin.take().unwrap();
            stdin.write_all(base64(&bytes).as_bytes()).unwrap();
            drop(stdin);
            assert_eq!(decoder.wait_with_output().unwrap().stdout, bytes, "{size}");
        }
    }

    #[test]
    fn tar_reads_what_we_write() {
        for size in [0_u64, 1, 511, 512, 513, 70_000] {
            let bytes = vec![b'x'; usize::try_from(size).unwrap()];
            let digest = Digest::of(&bytes);
            let mut tar = Command::new("tar")
                .args(["-xOf", "-", &digest.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut archive = header(&digest, size).to_vec();
            archive.extend_from_slice(&bytes);
            archive.extend(vec![0; padding(size) + 1024]);
            let mut stdin = tar.stdin.take().unwrap();
            let writer = std::thread::spawn(move || stdin.write_all(&archive).unwrap());
            let output = tar.wait_with_output().unwrap();
            writer.join().unwrap();
            assert!(output.status.success());
            assert_eq!(output.stdout, bytes);
        }
    }
}
