//! Where a target's paths lie, and what its names become as file names.

use evenkeel_model::{AbsolutePath, Digest};

/// A target's root, if it has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The folder beneath which every path lies.
    pub(crate) root: Option<&'a AbsolutePath>,
}

impl Place<'_> {
    /// The path as its system sees it.
    pub(crate) fn path(&self, path: &AbsolutePath) -> String {
        match self.root {
            None => path.as_str().to_owned(),
            Some(root) if path.as_str() == "/" => root.as_str().to_owned(),
            Some(root) if root.as_str() == "/" => path.as_str().to_owned(),
            Some(root) => format!("{root}{path}"),
        }
    }

    /// The directory that a path lies in, as its system sees it.
    pub(crate) fn parent(&self, path: &AbsolutePath) -> String {
        path.parent()
            .map_or_else(|| self.path(path), |parent| self.path(&parent))
    }

    /// What a link is to say: an absolute one is read within the root, as chroot(2) would.
    pub(crate) fn link_out(&self, to: &str) -> String {
        match self.root {
            Some(root) if to.starts_with('/') && root.as_str() != "/" => format!("{root}{to}"),
            _ => to.to_owned(),
        }
    }

    /// What a link says, seen from within the root.
    pub(crate) fn link_in(&self, to: &str) -> String {
        match self.root.and_then(|root| to.strip_prefix(root.as_str())) {
            Some("") => "/".to_owned(),
            Some(rest) if rest.starts_with('/') => rest.to_owned(),
            _ => to.to_owned(),
        }
    }

    /// Where commands run when nothing else is said.
    pub(crate) fn cwd(&self, cwd: Option<&AbsolutePath>) -> String {
        match (cwd, self.root) {
            (Some(path), _) => self.path(path),
            (None, Some(root)) => root.as_str().to_owned(),
            (None, None) => "/".to_owned(),
        }
    }
}

/// A name of a manifest's as a file name: itself where it is harmless, else its digest.
pub(crate) fn file_name(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@');
    let harmless = (1..=100).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.');
    if harmless && !name.ends_with(".new") {
        name.to_owned()
    } else {
        format!("+{}", Digest::of(name.as_bytes()))
    }
}

/// Whether a name may stand among a program's arguments: no option, no blank, no pattern.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+' | ':' | '~' | '\\' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn rooted_paths_and_links_go_in_and_out() {
        let root = AbsolutePath::new("/r").unwrap();
        let place = Place { root: Some(&root) };
        let path = |text: &str| place.path(&AbsolutePath::new(text).unwrap());
        assert_eq!((path("/"), path("/a/b")), ("/r".to_owned(), "/r/a/b".to_owned()));
        for to in ["/a/b", "../x", "/"] {
            assert_eq!(
                place.link_in(&place.link_out(to)),
                if to == "/" { "/" } else { to }
            );
        }
        assert_eq!(place.link_in("/rx/y"), "/rx/y");
    }

    proptest! {
        #[test]
        fn file_names_never_clash_and_never_climb(names in prop::collection::btree_set("[a-zA-Z./+ @\\-]{0,12}", 0..20)) {
            let files: BTreeSet<_> = names.iter().map(|name| file_name(name)).collect();
            prop_assert_eq!(files.len(), names.len());
            prop_assert!(files.iter().all(|file| !file.contains('/') && !file.starts_with('.') && file.len() < 120));
        }
    }
}
