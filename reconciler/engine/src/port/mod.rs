//! What the engine needs from outside, as traits; adapters implement them and know nothing of each other.

pub mod source;
pub mod store;
pub mod transport;

use std::{future::Future, pin::Pin};

/// A future that a port returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
