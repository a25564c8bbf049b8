//! Names of units, and where systemd looks for their files (systemd.unit(5)).

use evenkeel_model::AbsolutePath;

/// The types of units that can be kept.
const SUFFIXES: [&str; 6] = ["service", "timer", "socket", "target", "path", "mount"];
/// The types of units that systemd has besides them.
const OTHERS: [&str; 5] = ["device", "automount", "swap", "slice", "scope"];
/// Where the system manager reads unit files from, ours first.
const PLACES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// A unit's full name: as systemctl(1) does, one without a type is a service.
///
/// # Errors
/// Why it is no name.
pub(super) fn full(text: &str) -> Result<String, String> {
    let suffix = text.rsplit_once('.').map(|(_, suffix)| suffix);
    if let Some(other) = suffix.filter(|suffix| OTHERS.contains(suffix)) {
        return Err(format!(
            "units of type .{other} are not kept, only .{}",
            SUFFIXES.join(", .")
        ));
    }
    let name = match suffix {
        Some(suffix) if SUFFIXES.contains(&suffix) => text.to_owned(),
        _ => format!("{text}.service"),
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'.' | b'\\' | b'@');
    let stem = stem(&name);
    if stem.is_empty() || stem.starts_with('@') || name.len() > 255 || !name.bytes().all(allowed) {
        return Err(
            "a unit's name has letters, digits and ':', '-', '_', '.', '\\', '@', at most 255 in all"
                .to_owned(),
        );
    }
    if stem.starts_with('-') {
        return Err("a unit's name must not begin with '-': programs would take it for an option".to_owned());
    }
    Ok(name)
}

/// The name without its type.
pub(super) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The type, without its dot.
pub(super) fn suffix(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, suffix)| suffix)
}

/// What is before the `@` of a template's or an instance's name; else the name without its type. Most packages that
/// bring a unit are called so.
pub(super) fn base(name: &str) -> &str {
    let stem = stem(name);
    stem.split_once('@').map_or(stem, |(base, _)| base)
}

/// The template that an instance is made from: `getty@.service` for `getty@tty1.service`.
pub(super) fn template(name: &str) -> Option<String> {
    let (base, instance) = stem(name).split_once('@')?;
    (!instance.is_empty()).then(|| format!("{base}@.{}", suffix(name)))
}

/// Whether this is a template itself, which cannot run.
pub(super) fn is_template(name: &str) -> bool {
    stem(name).ends_with('@')
}

/// Where our own text of a unit stands.
///
/// # Errors
/// Never for a name that [`full`] gave.
pub(super) fn fragment(name: &str) -> Result<AbsolutePath, String> {
    AbsolutePath::new(&format!("{}/{name}", PLACES[0])).map_err(|error| error.to_string())
}

/// Every file and drop-in directory that systemd may read for this unit: its own, its template's, those of its
/// name's dashed beginnings, and those of its type.
pub(super) fn sources(name: &str) -> Vec<AbsolutePath> {
    let mut names = vec![name.to_owned(), format!("{name}.d")];
    if let Some(template) = template(name) {
        names.push(format!("{template}.d"));
        names.push(template);
    }
    for (at, _) in base(name).match_indices('-').take(16) {
        names.push(format!("{}.{}.d", &base(name)[..=at], suffix(name)));
    }
    names.push(format!("{}.d", suffix(name)));
    let paths = |place: &&str| -> Vec<AbsolutePath> {
        names
            .iter()
            .filter_map(|name| AbsolutePath::new(&format!("{place}/{name}")).ok())
            .collect()
    };
    PLACES.iter().flat_map(paths).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_full_or_refused() {
        for (text, name) in [
            ("nginx", "nginx.service"),
            ("nginx.service", "nginx.service"),
            ("logrotate.timer", "logrotate.timer"),
            ("shop.web", "shop.web.service"),
            ("getty@tty1", "getty@tty1.service"),
            ("srv-data.mount", "srv-data.mount"),
            (r"dev-disk\x2dby.path", r"dev-disk\x2dby.path"),
        ] {
            assert_eq!(full(text).as_deref(), Ok(name));
        }
        for bad in [
            "",
            ".service",
            "@x.service",
            "-x",
            "a b",
            "a/b",
            "a\nb",
            "x.slice",
            "ü",
            &"a".repeat(250),
        ] {
            assert!(full(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn templates_and_instances() {
        assert_eq!(template("getty@tty1.service").as_deref(), Some("getty@.service"));
        assert_eq!(template("getty@.service"), None);
        assert!(is_template("getty@.service") && !is_template("getty@tty1.service"));
        assert_eq!(
            (base("getty@tty1.service"), base("nginx.service")),
            ("getty", "nginx")
        );
    }

    #[test]
    fn systemd_reads_more_than_one_file_for_a_unit() {
        let paths = sources("shop-web@1.service");
        for path in [
            "/etc/systemd/system/shop-web@1.service",
            "/etc/systemd/system/shop-web@1.service.d",
            "/usr/lib/systemd/system/shop-web@.service",
            "/etc/systemd/system/shop-.service.d",
            "/etc/systemd/system/service.d",
        ] {
            assert!(paths.iter().any(|known| known.as_str() == path), "{path}");
        }
    }
}
