//! Quoting for a POSIX shell: the only place where text becomes part of a script.
//!
//! **Architecture Invariant:** every text that came from outside this crate enters a script through here.

/// `text` as one word of a shell script: between apostrophes, where nothing has a meaning, each apostrophe of its
/// own as `'\''` (POSIX.1-2017, Shell Command Language, 2.2.2). NUL cannot be passed to a program, so it is dropped.
#[must_use]
pub(crate) fn word(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' => quoted.push_str("'\\''"),
            '\0' => {}
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

/// Several words, parted by blanks.
#[must_use]
pub(crate) fn words<I: IntoIterator<Item = T>, T: AsRef<str>>(texts: I) -> String {
    let mut line = String::new();
    for text in texts {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word(text.as_ref()));
    }
    line
}

/// `text` as one word in which every `%` is the value of the shell's variable `t`.
#[must_use]
pub(crate) fn word_with_file(text: &str) -> String {
    text.split('%').map(word).collect::<Vec<_>>().join("\"$t\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn said_by_sh(script: &str) -> Vec<u8> {
        Command::new("sh").arg("-c").arg(script).output().unwrap().stdout
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_real_shell_reads_back_what_was_quoted(texts in prop::collection::vec("[^\\x00]{0,24}|['\"$`\\\\\n!*~ ]{0,12}", 1..6)) {
            let expected: Vec<u8> = texts.iter().flat_map(|t| [t.as_bytes(), b"\0"].concat()).collect();
            prop_assert_eq!(said_by_sh(&format!("printf '%s\\0' {}", words(&texts))), expected);
        }

        #[test]
        fn the_file_stands_for_each_percent(text in "[a-z%' $]{0,20}") {
            let expected = format!("{}\0", text.replace('%', "/x y")).into_bytes();
            prop_assert_eq!(said_by_sh(&format!("t='/x y'; printf '%s\\0' {}", word_with_file(&text))), expected);
        }
    }
}
