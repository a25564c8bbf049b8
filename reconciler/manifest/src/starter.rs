//! A small, commented project that validates: what `evenkeel init` writes.

/// Its files: path from the project's root, and text.
#[must_use]
pub fn starter() -> Vec<(&'static str, &'static str)> {
    vec![
        ("project.yaml", include_str!("../starter/project.yaml")),
        ("apps/hello.yaml", include_str!("../starter/apps/hello.yaml")),
        (
            "environments/dev.yaml",
            include_str!("../starter/environments/dev.yaml"),
        ),
        (
            "files/greeting.txt.j2",
            include_str!("../starter/files/greeting.txt.j2"),
        ),
    ]
}
