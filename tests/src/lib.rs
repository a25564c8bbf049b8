//! What crosses rooms; the test binaries stand beside this file.
//!
//! [`fleet`] boots real Debian servers on this machine; [`record`] keeps count of the tests that could and could not use them.

pub mod bench;
pub mod fleet;
pub mod record;
pub mod service;
