//! The transport to real servers: one implementation, whichever way the shell is reached.

use crate::{
    answer::{Heard, Names},
    cache::Cache,
    connection::{OpenError, Way},
    counters::Counters,
    frame::{Frame, plain},
    place::Place,
    query::Query,
    shell::{Gone, Shell},
    staging::{self, Source},
    steps::{self, Report},
};
use evenkeel_engine::port::{
    BoxFuture,
    store::Contents,
    transport::{Look, Staged, Transport, TransportError, Work},
};
use evenkeel_model::{
    AbsolutePath, Answer, Digest, EnvironmentName, Probe, Span, StepResult, Target, TargetName, Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
    time::{Instant, timeout_at},
};

/// Shells at a time on one target: a look goes on beside a long apply.
const SHELLS: u32 = 4;

/// So many staged contents are remembered for a target.
const REMEMBERED: usize = 10_000;

/// What the transport is told once.
#[derive(Clone, Debug)]
pub struct TransportSettings {
    /// A folder for the sockets of ssh's multiplexers, made with mode 0700 where it is missing. It must be ours alone,
    /// and its path short: a socket's whole path has at most 107 bytes, of which some 45 are ssh's.
    pub sockets: PathBuf,
}

/// Targets on this machine and over ssh, behind the port.
///
/// A local target that is rooted in a folder has its paths, absolute links and logs beneath it, and keeps its state in
/// `.evenkeel` there; units, packages, users and groups are refused. Commands and processes start in the root and find it
/// in `EVENKEEL_ROOT`; paths among their arguments are theirs and not rewritten. All commands run with umask 022, an
/// empty standard input and `LC_ALL=C.UTF-8`.
#[derive(Debug)]
pub struct HostTransport {
    settings: TransportSettings,
    counters: Arc<Counters>,
    peers: Mutex<HashMap<(EnvironmentName, TargetName), Arc<Peer>>>,
}

/// One target of one environment, as far as it is known.
struct Peer {
    way: Way,
    idle: Mutex<Vec<Shell>>,
    permits: Semaphore,
    cache: Mutex<Cache>,
    names: Mutex<Names>,
    /// Contents that were sent there, and may lie there unused. Only spares a question: what is not among them may be
    /// there too, and is sent again if it is small.
    staged: Mutex<BTreeSet<Digest>>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer")
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}

impl HostTransport {
    /// A transport with no connection yet.
    ///
    /// # Errors
    /// When the folder for sockets cannot be made, or others may write in it or own it.
    pub fn new(settings: TransportSettings) -> io::Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&settings.sockets)?;
        let found = std::fs::symlink_metadata(&settings.sockets)?;
        let ours = std::fs::metadata("/proc/self").map_or(found.uid(), |ours| ours.uid());
        if !found.is_dir() || found.permissions().mode() & 0o077 != 0 || found.uid() != ours {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{} must be a directory of ours alone, with mode 0700",
                    settings.sockets.display()
                ),
            ));
        }
        Ok(Self {
            settings,
            counters: Arc::default(),
            peers: Mutex::default(),
        })
    }

    /// How much was said.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn peer(&self, environment: &EnvironmentName, target: &Target) -> Arc<Peer> {
        let mut peers = lock(&self.peers);
        let key = (environment.clone(), target.name.clone());
        if let Some(peer) = peers
            .get(&key)
            .filter(|peer| *peer.way.connection() == target.connection)
        {
            return Arc::clone(peer);
        }
        let way = Way::new(
            target.connection.clone(),
            self.settings.sockets.clone(),
            Arc::clone(&self.counters),
        );
        let peer = Arc::new(Peer {
            way,
            idle: Mutex::default(),
            permits: Semaphore::new(SHELLS as usize),
            cache: Mutex::default(),
            names: Mutex::default(),
            staged: Mutex::default(),
        });
        peers.insert(key, Arc::clone(&peer));
        peer
    }

    async fn look(
        &self,
        peer: &Peer,
        target: &Target,
        probes: &[Probe],
        look: Look,
    ) -> Result<BTreeMap<Probe, Answer>, TransportError> {
        let place = Place {
            root: peer.way.root(),
        };
        let known: BTreeSet<&AbsolutePath> = if look.full {
            BTreeSet::new()
        } else {
            let cache = lock(&peer.cache);
            hashed(probes).filter(|path| cache.knows(path)).collect()
        };
        let witnesses = lock(&peer.names).witnesses();
        let named = lock(&peer.names).is_empty() || (look.full && witnesses.is_none());
        let mut query = Query::new(place, probes, &known, named);
        if let (false, true, Some(witnesses)) = (named, look.full, &witnesses) {
            query.names(witnesses);
        }
        let mut heard = Heard::read(&query, peer.ask(target, &query.script).await?, place);
        let fresh = heard.fresh();
        if !named {
            let complete = if look.full {
                heard.name(&fresh)
            } else {
                heard.name(&lock(&peer.names))
            };
            if !complete {
                query = Query::new(place, probes, &known, true);
                heard = Heard::read(&query, peer.ask(target, &query.script).await?, place);
            }
        }
        heard.teach(&mut lock(&peer.names));
        let mut moved = Vec::new();
        {
            let mut cache = lock(&peer.cache);
            for path in hashed(probes) {
                let file = place.path(path);
                let Some(key) = heard.key(&file) else { continue };
                if let Some(digest) = heard.digest(&file) {
                    cache.put(path, key, digest, heard.now);
                } else if let Some(digest) = cache.get(path, &key) {
                    heard.know(file, digest);
                } else if known.contains(path) {
                    moved.push(Probe::Hash(path.clone()));
                }
            }
        }
        let mut answers = heard.answers(&query, probes, place);
        if !moved.is_empty() {
            let query = Query::new(place, &moved, &BTreeSet::new(), true);
            let heard = Heard::read(&query, peer.ask(target, &query.script).await?, place);
            let mut cache = lock(&peer.cache);
            for path in hashed(&moved) {
                let file = place.path(path);
                if let (Some(key), Some(digest)) = (heard.key(&file), heard.digest(&file)) {
                    cache.put(path, key, digest, heard.now);
                }
            }
            answers.append(&mut heard.answers(&query, &moved, place));
        }
        Ok(answers)
    }

    async fn send(
        &self,
        peer: &Peer,
        target: &Target,
        digests: &[Digest],
        contents: &dyn Contents,
    ) -> Result<Staged, TransportError> {
        let digests: Vec<Digest> = digests
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        if digests.is_empty() {
            return Ok(Staged::default());
        }
        if !lock(&peer.staged).iter().any(|digest| digests.contains(digest))
            && let Some((script, staged)) = staging::inline(contents, &digests)
        {
            let frames = peer.ask(target, &script).await?;
            let heard = frames.iter().find(|frame| frame.tag == "staged");
            return match heard {
                Some(frame) if frame.out.ends_with(b"staged\n") => {
                    peer.brought(&digests);
                    Ok(staged)
                }
                Some(frame) => {
                    let line = frame.complaint("the target did not say why");
                    Err(unable(target, &format!("contents cannot be staged: {line}")))
                }
                None => Err(lost(target, "nothing was said of its contents")),
            };
        }
        let frames = peer.ask(target, &staging::missing(&digests)).await?;
        let text = |tag: &str| {
            let frame = frames.iter().find(|frame| frame.tag == tag);
            frame
                .map(|frame| String::from_utf8_lossy(&frame.out).into_owned())
                .unwrap_or_default()
        };
        let missing: BTreeSet<Digest> = text("missing")
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect();
        let missing: Vec<&Digest> = digests.iter().filter(|digest| missing.contains(digest)).collect();
        if missing.is_empty() {
            return Ok(Staged::default());
        }
        Counters::add(&self.counters.execs, 1);
        Counters::add(&self.counters.round_trips, 1);
        let opened = peer.way.open(&staging::receiver(&text("state"))).await;
        let ((mut input, mut out, mut err), keeper) = opened.map_err(|why| unopened(target, why))?;
        let writing = async {
            let mut staged = Staged::default();
            let mut buffer = vec![0; staging::CHUNK];
            for digest in missing {
                let mut source =
                    Source::open(contents, digest).map_err(|why| unable(target, &why.to_string()))?;
                let size = source.size;
                let mut block = staging::header(digest, size).to_vec();
                // Small contents travel with their header, as one write.
                loop {
                    let n = source
                        .next(&mut buffer)
                        .map_err(|why| unable(target, &why.to_string()))?;
                    block.extend_from_slice(&buffer[..n]);
                    if n == 0 {
                        block.resize(block.len() + staging::padding(size), 0);
                    }
                    Counters::add(&self.counters.bytes_out, block.len());
                    if input.write_all(&block).await.is_err() {
                        return Ok(staged); // Its own complaint says why.
                    }
                    block.clear();
                    if n == 0 {
                        break;
                    }
                }
                staged.sent += 1;
                staged.bytes += size;
            }
            let _ = input.write_all(&[0; 1024]).await;
            let _ = input.shutdown().await;
            drop(input);
            Ok(staged)
        };
        let hearing = async {
            let (mut said, mut complaint) = (Vec::new(), Vec::new());
            let mut limited = (&mut out).take(4096);
            let mut limited_err = (&mut err).take(64 << 10);
            let _ = tokio::join!(
                limited.read_to_end(&mut said),
                limited_err.read_to_end(&mut complaint)
            );
            (said, complaint)
        };
        let (staged, (said, complaint)) = tokio::join!(writing, hearing);
        drop(keeper);
        if staged.is_ok() && !said.ends_with(b"staged\n") {
            let complaint = String::from_utf8_lossy(&complaint);
            let line = complaint.lines().map(str::trim).find(|line| !line.is_empty());
            return Err(match line {
                Some(line) => unable(target, &format!("contents cannot be staged: {line}")),
                None => lost(target, "the stream of contents ended"),
            });
        }
        if staged.is_ok() {
            peer.brought(&digests);
        }
        staged
    }

    async fn carry_out(
        &self,
        peer: &Peer,
        target: &Target,
        work: &Work<'_>,
        progress: &(dyn Fn(&StepResult) + Send + Sync),
    ) -> Result<Vec<StepResult>, TransportError> {
        let deadline = after(work.deadline);
        let late = || TransportError::Deadline {
            target: target.name.clone(),
            deadline: work.deadline,
        };
        let (mut shell, _) = timeout_at(deadline, peer.shell(target))
            .await
            .map_err(|_| late())??;
        let script = steps::script(
            Place {
                root: peer.way.root(),
            },
            work,
        );
        let mut report = Report::default();
        let mut hear = |frame: Frame| {
            if let Some(end) = report.hear(&frame, now()) {
                progress(&end);
            }
        };
        let asked = timeout_at(deadline, shell.ask_steps(&script, &mut hear)).await;
        let why = match asked {
            Ok(Ok(())) => {
                peer.put_back(shell);
                "its end was not told".to_owned()
            }
            Ok(Err(gone)) => {
                peer.way.renew().await;
                gone.to_string()
            }
            Err(_) => {
                peer.way.renew().await;
                format!("no end was told within {}", work.deadline)
            }
        };
        if !report.begun {
            if let Some(holder) = report.locked {
                return Err(TransportError::Locked {
                    target: target.name.clone(),
                    holder,
                });
            }
            if let Some(seen) = report.fenced {
                return Err(TransportError::Fenced {
                    target: target.name.clone(),
                    seen,
                });
            }
            if let Some(why) = report.unable {
                return Err(unable(target, &why));
            }
        }
        if report.finished {
            // Its last act removed what it was sent.
            let used = staging::used(work.groups);
            lock(&peer.staged).retain(|digest| !used.contains(digest));
        } else {
            tracing::warn!(target = %target.name, why, "an apply's end is not known");
        }
        Ok(report.results(work, &why, now()))
    }
}

impl Peer {
    /// A shell, and whether it is one that was used before.
    async fn shell(&self, target: &Target) -> Result<(Shell, bool), TransportError> {
        loop {
            let idle = lock(&self.idle).pop();
            let Some(mut shell) = idle else { break };
            if !shell.has_ended().await {
                return Ok((shell, true));
            }
        }
        let shell = self.way.shell().await.map_err(|why| unopened(target, why))?;
        Ok((shell, false))
    }

    /// Remembers what was staged, as far as that is bounded.
    fn brought(&self, digests: &[Digest]) {
        let mut staged = lock(&self.staged);
        if staged.len() + digests.len() > REMEMBERED {
            staged.clear();
        }
        staged.extend(digests.iter().take(REMEMBERED));
    }

    fn put_back(&self, shell: Shell) {
        lock(&self.idle).push(shell);
    }

    /// Asks what changes nothing: a warm shell that turns out to be gone is replaced, once.
    async fn ask(&self, target: &Target, script: &str) -> Result<Vec<Frame>, TransportError> {
        loop {
            let (mut shell, warm) = self.shell(target).await?;
            let mut frames = Vec::new();
            match shell.ask(script, &mut |frame| frames.push(frame)).await {
                Ok(()) => {
                    self.put_back(shell);
                    return Ok(frames);
                }
                Err(Gone::Ended(_)) if warm => {
                    lock(&self.idle).clear();
                    self.way.renew().await;
                }
                Err(why) => {
                    self.way.renew().await;
                    return Err(lost(target, &why.to_string()));
                }
            }
        }
    }

    /// Within the deadline, with one of the target's few places; a look that is late leaves its connection behind.
    async fn within<T>(
        &self,
        target: &Target,
        limit: Span,
        work: impl Future<Output = Result<T, TransportError>>,
    ) -> Result<T, TransportError> {
        let guarded = async {
            let _permit = self.permits.acquire().await;
            work.await
        };
        if let Ok(result) = timeout_at(after(limit), guarded).await {
            return result;
        }
        lock(&self.idle).clear();
        self.way.renew().await;
        Err(TransportError::Deadline {
            target: target.name.clone(),
            deadline: limit,
        })
    }
}

impl Transport for HostTransport {
    fn observe<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        target: &'a Target,
        probes: &'a [Probe],
        look: Look,
    ) -> BoxFuture<'a, Result<BTreeMap<Probe, Answer>, TransportError>> {
        Box::pin(async move {
            if probes.is_empty() {
                return Ok(BTreeMap::new());
            }
            let peer = self.peer(environment, target);
            peer.within(target, look.deadline, self.look(&peer, target, probes, look))
                .await
        })
    }

    fn stage<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        target: &'a Target,
        digests: &'a [Digest],
        contents: &'a dyn Contents,
        deadline: Span,
    ) -> BoxFuture<'a, Result<Staged, TransportError>> {
        Box::pin(async move {
            let peer = self.peer(environment, target);
            peer.within(target, deadline, self.send(&peer, target, digests, contents))
                .await
        })
    }

    fn apply<'a>(
        &'a self,
        target: &'a Target,
        work: Work<'a>,
        progress: &'a (dyn Fn(&StepResult) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<StepResult>, TransportError>> {
        Box::pin(async move {
            if work.groups.is_empty() {
                return Ok(Vec::new());
            }
            let peer = self.peer(&work.deployment.environment, target);
            let permit = timeout_at(after(work.deadline), peer.permits.acquire()).await;
            let _permit = permit.map_err(|_| TransportError::Deadline {
                target: target.name.clone(),
                deadline: work.deadline,
            })?;
            self.carry_out(&peer, target, &work, progress).await
        })
    }

    fn close<'a>(&'a self, environment: &'a EnvironmentName, target: &'a TargetName) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let peer = lock(&self.peers).remove(&(environment.clone(), target.clone()));
            if let Some(peer) = peer {
                // All its places at once: what is under way has ended.
                let _all = peer.permits.acquire_many(SHELLS).await;
                lock(&peer.idle).clear();
                peer.way.renew().await;
            }
        })
    }
}

fn hashed(probes: &[Probe]) -> impl Iterator<Item = &AbsolutePath> {
    probes.iter().filter_map(|probe| match probe {
        Probe::Hash(path) => Some(path),
        _ => None,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn after(span: Span) -> Instant {
    Instant::now() + Duration::from(span)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn unopened(target: &Target, why: OpenError) -> TransportError {
    match why {
        OpenError::Unreachable(why) => TransportError::Unreachable {
            target: target.name.clone(),
            why,
        },
        OpenError::Unable(why) => unable(target, &why),
    }
}

fn unable(target: &Target, why: &str) -> TransportError {
    TransportError::Unable {
        target: target.name.clone(),
        why: plain(why, 500),
    }
}

fn lost(target: &Target, why: &str) -> TransportError {
    TransportError::Lost {
        target: target.name.clone(),
        why: plain(why, 500),
    }
}
