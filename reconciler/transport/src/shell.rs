//! A shell on the target that stays: it takes one script at a time and answers in frames.

use crate::{
    counters::Counters,
    frame::{Cutter, Frame, plain},
    quote::word,
};
use std::{collections::VecDeque, future::poll_fn, io, pin::Pin, sync::Arc, task::Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// An answer of more bytes ends the shell.
const ANSWER_LIMIT: usize = 64 << 20;
const PRELUDE: &str = include_str!("prelude.sh");
const STEPS: &str = include_str!("steps.sh");

/// Bytes from the shell.
pub(crate) type Output = Box<dyn AsyncRead + Send + Unpin>;
/// Bytes to the shell.
pub(crate) type Input = Box<dyn AsyncWrite + Send + Unpin>;

/// What keeps the shell's other end alive; dropped with it.
pub(crate) type Keeper = Box<dyn Send>;

/// Why a shell is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// It ended or its connection went; what it said last.
    Ended(String),
    /// It said more than is ever read.
    TooMuch,
}

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ended(said) if said.is_empty() => f.write_str("its shell ended"),
            Self::Ended(said) => write!(f, "its shell ended: {said}"),
            Self::TooMuch => write!(f, "it said more than {} MiB at once", ANSWER_LIMIT >> 20),
        }
    }
}

/// A persistent shell. Dropped in the middle of a script, it is not taken up again.
pub(crate) struct Shell {
    input: Input,
    out: Output,
    err: Output,
    out_cutter: Cutter,
    err_cutter: Cutter,
    last_words: Vec<u8>,
    knows_steps: bool,
    counters: Arc<Counters>,
    _keeper: Keeper,
}

impl Shell {
    /// Greets a shell that was just started: it is ready once it answered.
    pub(crate) async fn greet(
        (input, out, err): (Input, Output, Output),
        keeper: Keeper,
        root: Option<&str>,
        counters: Arc<Counters>,
    ) -> Result<Self, Gone> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|why| Gone::Ended(format!("no randomness here: {why}")))?;
        let nonce: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut shell = Self {
            input,
            out,
            err,
            out_cutter: Cutter::new(&nonce),
            err_cutter: Cutter::new(&nonce),
            last_words: Vec::new(),
            knows_steps: false,
            counters,
            _keeper: keeper,
        };
        Counters::add(&shell.counters.connects, 1);
        let hello = format!(
            "EK_N={} EK_R={}\n{PRELUDE}",
            word(&nonce),
            word(root.unwrap_or_default())
        );
        shell.converse(hello, "", &mut |_| {}).await?;
        Ok(shell)
    }

    /// Sends a script and hands on each frame of its answer as it is complete. The script is read whole before any of it
    /// runs (it is one compound command), so that one cut off on its way does nothing; its standard input is empty.
    pub(crate) async fn ask(
        &mut self,
        script: &str,
        frames: &mut (dyn FnMut(Frame) + Send),
    ) -> Result<(), Gone> {
        Counters::add(&self.counters.round_trips, 1);
        self.converse(String::new(), script, frames).await
    }

    /// The same for a script of steps.
    pub(crate) async fn ask_steps(
        &mut self,
        script: &str,
        frames: &mut (dyn FnMut(Frame) + Send),
    ) -> Result<(), Gone> {
        Counters::add(&self.counters.round_trips, 1);
        let first = if self.knows_steps { "" } else { STEPS };
        self.knows_steps = true;
        self.converse(first.to_owned(), script, frames).await
    }

    async fn converse(
        &mut self,
        first: String,
        script: &str,
        frames: &mut (dyn FnMut(Frame) + Send),
    ) -> Result<(), Gone> {
        let text = format!("{first}{{\n{script}\nm end\n}} </dev/null\n").into_bytes();
        Counters::add(&self.counters.bytes_out, text.len());
        let mut sent = 0;
        let (mut out, mut err) = (vec![0; 64 << 10], vec![0; 8 << 10]);
        let (mut outs, mut errs) = (VecDeque::new(), VecDeque::new());
        loop {
            tokio::select! {
                n = self.input.write(&text[sent..]), if sent < text.len() => match n {
                    Ok(n) if n > 0 => {
                        sent += n;
                        if sent == text.len() {
                            let _ = self.input.flush().await;
                        }
                    }
                    _ => return Err(self.gone().await),
                },
                n = self.out.read(&mut out) => match n {
                    Ok(n) if n > 0 => {
                        Counters::add(&self.counters.bytes_in, n);
                        self.out_cutter.feed(&out[..n]);
                    }
                    _ => return Err(self.gone().await),
                },
                n = self.err.read(&mut err) => match n {
                    Ok(n) if n > 0 => {
                        Counters::add(&self.counters.bytes_in, n);
                        self.note(&err[..n]);
                        self.err_cutter.feed(&err[..n]);
                    }
                    _ => return Err(self.gone().await),
                },
            }
            while let Some(section) = self.out_cutter.next() {
                outs.push_back(section);
            }
            while let Some(section) = self.err_cutter.next() {
                errs.push_back(section);
            }
            while !outs.is_empty() && !errs.is_empty() {
                if let (Some((tag, out)), Some((_, err))) = (outs.pop_front(), errs.pop_front()) {
                    frames(Frame { tag, out, err });
                }
            }
            let waiting: usize = outs
                .iter()
                .chain(&errs)
                .map(|(_, body): &(String, Vec<u8>)| body.len())
                .sum();
            if self.out_cutter.held() + self.err_cutter.held() + waiting > ANSWER_LIMIT {
                return Err(Gone::TooMuch);
            }
            if self.out_cutter.open() == Some("end") && self.err_cutter.open() == Some("end") {
                self.out_cutter.close();
                self.err_cutter.close();
                self.last_words.clear();
                return Ok(());
            }
        }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.last_words.extend_from_slice(bytes);
        let extra = self.last_words.len().saturating_sub(1024);
        self.last_words.drain(..extra);
    }

    /// Why it went, with the end of what it still has to say on standard error.
    async fn gone(&mut self) -> Gone {
        let mut rest = vec![0; 1024];
        let read =
            tokio::time::timeout(std::time::Duration::from_millis(200), self.err.read(&mut rest)).await;
        if let Ok(Ok(n)) = read {
            self.note(&rest[..n]);
        }
        let text = String::from_utf8_lossy(&self.last_words);
        let line = text
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with('@'));
        Gone::Ended(plain(line.unwrap_or_default(), 300))
    }

    /// Whether its end was seen already, without waiting.
    pub(crate) async fn has_ended(&mut self) -> bool {
        let mut byte = [0; 64];
        poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut byte);
            let polled: Poll<io::Result<()>> = Pin::new(&mut self.out).poll_read(context, &mut buffer);
            Poll::Ready(match polled {
                Poll::Pending => false,
                Poll::Ready(Ok(())) => buffer.filled().is_empty(),
                Poll::Ready(Err(_)) => true,
            })
        })
        .await
    }
}
