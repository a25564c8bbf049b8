//! The conformance suite on this machine, and what only a local target can show.

use crate::{HostTransport, TransportSettings, suite::*};
use evenkeel_model::{AbsolutePath, Answer, Connection, Outcome, Probe, Span, Target};
use std::{fs, path::Path};
use tempfile::TempDir;

fn bench<'a>(transport: &'a HostTransport, root: &Path) -> Bench<'a> {
    let root = AbsolutePath::new(root.to_str().unwrap()).unwrap();
    Bench {
        transport,
        environment: "dev".parse().unwrap(),
        target: Target {
            name: "here".parse().unwrap(),
            labels: Default::default(),
            connection: Connection::Local { root: Some(root) },
            address: "127.0.0.1".into(),
        },
        base: AbsolutePath::new("/base").unwrap(),
        epoch: 2,
    }
}

fn transport(folder: &TempDir) -> HostTransport {
    HostTransport::new(TransportSettings {
        sockets: folder.path().join("s"),
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_this_machine_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    let transport = transport(&folder);
    suite(&bench(&transport, &folder.path().join("root"))).await;
}
