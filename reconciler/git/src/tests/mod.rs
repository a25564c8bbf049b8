//! The room against real repositories and real servers: `git`, `git daemon`, `sshd`, `ssh-keygen`, `gpg`.
//!
//! A tool that is missing fails its tests: they never pass by not running.

mod clone;
mod fault;
mod repository;
mod server;
mod signed;
mod ssh;
mod wait;
mod web;
mod worktree;
