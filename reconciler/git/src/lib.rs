//! Desired state out of Git, through libgit2: references are listed, commits are fetched into bare clones, trees are
//! read from the object database, signatures are verified, working trees are read and watched.
//!
//! **Architecture Invariant:** nothing is ever checked out, no hook, filter or attribute of a repository is run, and
//! no text out of a repository or from a remote reaches a shell. What a stranger sends is bounded in number, depth,
//! length and time before anybody else sees it.
//!
//! **Architecture Invariant:** no password leaves [`address`]: what is shown of a URL, also inside libgit2's
//! messages, has been through it.

mod access;
mod address;
mod bare;
mod clones;
mod deadline;
mod fault;
mod hostkey;
mod limits;
mod signature;
mod tree;
mod watch;
mod wire;
mod worktree;

pub use access::Access;
pub use clones::Clones;
pub use limits::Limits;
pub use watch::{Watch, WatchError};
pub use worktree::{WorkTree, WorkTreeError};

#[cfg(test)]
mod tests;
