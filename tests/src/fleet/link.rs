//! A long line to a server: a relay on loopback that holds every byte back for half a round trip, each way.
//!
//! The kernel's `netem` is missing from many kernels, so distance is made here. Bytes in flight overlap as on a real line:
//! what is late is each chunk, not the next one's turn.

use super::{Trouble, io};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Chunks in flight in one direction, of at most [`CHUNK`] bytes: 16 MB, more than any window in these tests.
const IN_FLIGHT: usize = 256;
/// One read, in bytes.
const CHUNK: usize = 64 * 1024;

/// A relay to one server; new connections end with it, open ones when either side closes them.
#[derive(Debug)]
pub struct Link {
    port: u16,
    ended: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Link {
    /// Listens on a free loopback port for connections to `server`, with `round_trip` of delay in all.
    pub(super) fn lay(server: SocketAddr, round_trip: Duration) -> Result<Self, Trouble> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(io("listen for a link"))?;
        let port = listener.local_addr().map_err(io("listen for a link"))?.port();
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            for near in listener.incoming() {
                if flag.load(Ordering::Acquire) {
                    break;
                }
                // A server that is off refuses; the caller sees its connection closed, as from a far firewall.
                let far = TcpStream::connect_timeout(&server, Duration::from_secs(10));
                if let (Ok(near), Ok(far)) = (near, far) {
                    let _ = join(&near, &far, round_trip / 2);
                }
            }
        });
        Ok(Self {
            port,
            ended,
            listener: Some(thread),
        })
    }

    /// The port on 127.0.0.1 that stands for the server's port 22.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the listener, which then sees the flag.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.listener.take() {
            let _ = thread.join();
        }
    }
}

/// Couples two connections, in both directions.
fn join(near: &TcpStream, far: &TcpStream, delay: Duration) -> std::io::Result<()> {
    for (from, to) in [(near, far), (far, near)] {
        to.set_nodelay(true)?;
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        let (sender, receiver) = sync_channel(IN_FLIGHT);
        thread::spawn(move || take_in(from, &sender, delay));
        thread::spawn(move || let_out(to, &receiver));
    }
    Ok(())
}

/// Stamps what arrives with when it is due at the other end.
fn take_in(mut from: TcpStream, line: &SyncSender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        let bytes = chunk.get(..length).unwrap_or_default().to_vec();
        if line.send((Instant::now() + delay, bytes)).is_err() {
            break;
        }
    }
}

/// Writes each chunk when it is due; the line's end is passed on too.
fn let_out(mut to: TcpStream, line: &Receiver<(Instant, Vec<u8>)>) {
    while let Ok((due, bytes)) = line.recv() {
        while let Some(left) = due
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
        {
            thread::park_timeout(left);
        }
        if to.write_all(&bytes).is_err() {
            // The reader of the other direction shares this socket and ends with it.
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut back = stream.try_clone().unwrap();
                let mut stream = stream;
                thread::spawn(move || std::io::copy(&mut stream, &mut back));
            }
        });
        address
    }

    #[test]
    fn a_round_trip_takes_as_long_as_said_and_bytes_arrive_whole() {
        let link = Link::lay(echo(), Duration::from_millis(40)).unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).unwrap();
        let sent: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        let begun = Instant::now();
        let mut writer = stream.try_clone().unwrap();
        let copy = sent.clone();
        thread::spawn(move || {
            writer.write_all(&copy).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        assert_eq!(received, sent);
        assert!(begun.elapsed() >= Duration::from_millis(40));
    }
}
