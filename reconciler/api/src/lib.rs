//! The HTTP API. Today over a unix socket of the service's own user; the network comes on top of the same routes.
//!
//! **Architecture Invariant:** it talks to the engine through one [`Handle`] and knows no adapter.

pub mod handle;
pub mod problem;
pub mod route;
pub mod socket;
pub mod view;

pub use handle::Handle;
pub use problem::Problem;
