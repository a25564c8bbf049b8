//! Public keys, as sshd(8) reads them from AUTHORIZED_KEYS FILE FORMAT.

/// Types that sshd still takes.
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];
/// sshd takes lines of at most 8 KiB.
const LINE_LIMIT: usize = 8192;

/// Checks one line: perhaps options, then a type, the key, and perhaps a comment.
///
/// # Errors
/// Why sshd would not take it.
pub(super) fn check(line: &str) -> Result<(), String> {
    if line.len() > LINE_LIMIT {
        return Err(format!("a key's line has at most {LINE_LIMIT} bytes"));
    }
    if line.chars().any(char::is_control) {
        return Err("a key is one line without control characters".to_owned());
    }
    let line = line.trim();
    let (first, rest) = word(line);
    let (kind, rest) = if TYPES.contains(&first) {
        (first, rest)
    } else {
        word(rest)
    };
    if !TYPES.contains(&kind) {
        return Err(format!(
            "this is no public key: write its type, the key and a comment, as in a .pub file; types are {}",
            TYPES.join(", ")
        ));
    }
    let (key, _) = word(rest);
    let blob = base64(key).ok_or("the key's second part is not base64")?;
    // RFC 4253, 6.6: the key begins with its type as a string, its length before it in four bytes.
    let (length, named) = blob.split_at_checked(4).ok_or("the key is cut off")?;
    let expected = u32::try_from(kind.len()).unwrap_or(0).to_be_bytes();
    if length != expected || !named.starts_with(kind.as_bytes()) || named.len() == kind.len() {
        return Err(format!("this is no key of type {kind}, or it is cut off"));
    }
    Ok(())
}

/// The first word and what follows it; a blank in quotes (of an option) ends no word.
fn word(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ' ' if !quoted => return (&text[..at], text[at..].trim_start()),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    (text, "")
}

/// RFC 4648, 4: the standard alphabet with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=');
    if text.is_empty() || !text.len().is_multiple_of(4) || text.len() - body.len() > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0_u8);
    for byte in body.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn base64_by_the_rfc() {
        for (text, bytes) in [
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()));
        }
        for bad in ["", "Zg", "Z===", "Zm9!", "Zm 9"] {
            assert_eq!(base64(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_are_taken_by_shape() {
        for good in [
            format!("ssh-ed25519 {KEY}"),
            format!("ssh-ed25519 {KEY} alice@example.org"),
            format!("from=\"10.0.0.0/8\",command=\"echo \\\"a b\\\"\" ssh-ed25519 {KEY} x"),
            format!("restrict ssh-ed25519 {KEY}"),
        ] {
            assert_eq!(check(&good), Ok(()), "{good}");
        }
        for bad in [
            String::new(),
            "ssh-ed25519".to_owned(),
            "ssh-ed25519 AAAA".to_owned(),
            "ssh-ed25519 not-base64".to_owned(),
            format!("ssh-rsa {KEY}"),
            format!("ssh-dss {KEY}"),
            format!("ssh-ed25519 {KEY}\nssh-ed25519 {KEY}"),
            KEY.to_owned(),
            format!("ssh-ed25519 {KEY} {}", "x".repeat(LINE_LIMIT)),
        ] {
            assert!(check(&bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_upsets_it_and_none_with_a_line_break_is_taken(before in any::<String>(), after in any::<String>()) {
            let _ = check(&before);
            let text = format!("{before}\n{after}");
            prop_assert!(check(&text).is_err());
        }
    }
}
