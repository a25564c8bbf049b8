//! What programs do on a simulated server: a table, with a few that every server has.

use crate::{
    SimServer,
    filesystem::{Node, What},
};
use evenkeel_model::AbsolutePath;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Exit status.
    pub status: i32,
    /// What it printed.
    pub output: String,
}

impl Ran {
    /// It exited with this and printed nothing.
    #[must_use]
    pub fn status(status: i32) -> Self {
        Self {
            status,
            output: String::new(),
        }
    }
}

type Program = Arc<dyn Fn(&mut SimServer, &[String]) -> Ran + Send + Sync>;

/// Programs by name. `true`, `false`, `test -e|-f|-d PATH`, `touch PATH…` and `mkdir PATH…` are always there.
#[derive(Clone, Default)]
pub struct Commands(BTreeMap<String, Program>);

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
impl PartialEq for Commands {
    fn eq(&self, other: &Self) -> bool {
        self.0.keys().eq(other.0.keys())
    }
}

impl Commands {
    /// Says what a program does. It gets its arguments without its name.
    pub fn register(
        &mut self,
        program: &str,
        run: impl Fn(&mut SimServer, &[String]) -> Ran + Send + Sync + 'static,
    ) {
        self.0.insert(program.to_owned(), Arc::new(run));
    }

    /// Runs a command on a server; 127 if there is no such program.
    pub fn run(&self, server: &mut SimServer, argv: &[String]) -> Ran {
        let Some((program, arguments)) = argv.split_first() else {
            return Ran::status(127);
        };
        if let Some(run) = self.0.get(program) {
            return run(server, arguments);
        }
        let path = |text: &String| AbsolutePath::new(text).ok();
        let name = program.rsplit('/').next().unwrap_or_default();
        match (name, arguments) {
            ("true", _) => Ran::status(0),
            ("false", _) => Ran::status(1),
            ("test", [flag, of]) => {
                let node = path(of).and_then(|path| server.files.get(&path).cloned());
                let holds = node.is_some_and(|node| match flag.as_str() {
                    "-f" => matches!(node.what, What::File(_)),
                    "-d" => node.what == What::Directory,
                    _ => true,
                });
                Ran::status(i32::from(!holds))
            }
            ("touch" | "mkdir", paths) => {
                for path in paths.iter().filter_map(path) {
                    let node = match name {
                        "touch" => Node::new(What::File(Arc::from(&[][..])), 0o644),
                        _ => Node::new(What::Directory, 0o755),
                    };
                    if server.files.get(&path).is_none()
                        && let Err(output) = server.files.put(&path, node)
                    {
                        return Ran { status: 1, output };
                    }
                }
                Ran::status(0)
            }
            _ => Ran {
                status: 127,
                output: format!("{program}: not found"),
            },
        }
    }
}
