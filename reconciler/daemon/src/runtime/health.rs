//! Health checks carried out: HTTP and TCP from here, commands and units on the target.

use evenkeel_engine::port::transport::{Look, Transport};
use evenkeel_model::{Answer, Check, CheckKind, EnvironmentName, Probe, Target, probe::RunProbe};
use std::{collections::BTreeMap, time::Duration};

/// The most of a body that is read.
const BODY_LIMIT: usize = 64 * 1024;

/// Asks over the network.
#[derive(Clone, Debug)]
pub(crate) struct Checker {
    http: reqwest::Client,
}

impl Checker {
    /// A checker that follows no redirect and uses no proxy.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("evenkeel/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http })
    }

    /// One try of every check of a target; for each, in order, whether it passed or why not.
    pub(crate) async fn check(
        &self,
        transport: &dyn Transport,
        environment: &EnvironmentName,
        target: &Target,
        checks: &[Check],
    ) -> Vec<Result<(), String>> {
        let on_target = self.ask_target(transport, environment, target, checks);
        let mut results: Vec<Result<(), String>> = Vec::with_capacity(checks.len());
        let answers = on_target.await;
        for (check, answer) in checks.iter().zip(answers) {
            let limit = Duration::from(check.timeout);
            results.push(match &check.kind {
                CheckKind::Http {
                    url,
                    status,
                    body,
                    latency,
                } => {
                    let limit = latency.map_or(limit, |latency| Duration::from(latency).min(limit));
                    within(limit, self.http(url, status, body.as_deref())).await
                }
                CheckKind::Tcp { address } => within(limit, tcp(address)).await,
                CheckKind::Command { .. } | CheckKind::Unit { .. } => answer.unwrap_or(Ok(())),
            });
        }
        results
    }

    async fn http(&self, url: &str, status: &[u16], body: Option<&str>) -> Result<(), String> {
        let mut response = self.http.get(url).send().await.map_err(|error| causes(&error))?;
        let code = response.status().as_u16();
        let accepted = if status.is_empty() {
            (200..300).contains(&code)
        } else {
            status.contains(&code)
        };
        if !accepted {
            return Err(format!("{url} answered {code}"));
        }
        let mut text = Vec::new();
        while text.len() < BODY_LIMIT {
            match response.chunk().await.map_err(|error| causes(&error))? {
                Some(chunk) => text.extend_from_slice(&chunk),
                None => break,
            }
        }
        text.truncate(BODY_LIMIT);
        match body {
            Some(wanted) if !String::from_utf8_lossy(&text).contains(wanted) => {
                Err(format!("the answer of {url} does not contain {wanted:?}"))
            }
            _ => Ok(()),
        }
    }

    async fn ask_target(
        &self,
        transport: &dyn Transport,
        environment: &EnvironmentName,
        target: &Target,
        checks: &[Check],
    ) -> Vec<Option<Result<(), String>>> {
        let probe = |check: &Check| match &check.kind {
            CheckKind::Command { argv } => Some(Probe::Run(Box::new(RunProbe {
                argv: argv.clone(),
                cwd: None,
                env: BTreeMap::new(),
                user: None,
                timeout: check.timeout,
            }))),
            CheckKind::Unit { name } => Some(Probe::Unit(name.clone())),
            CheckKind::Http { .. } | CheckKind::Tcp { .. } => None,
        };
        let mut probes: Vec<Probe> = checks.iter().filter_map(probe).collect();
        if probes.is_empty() {
            return vec![None; checks.len()];
        }
        probes.sort();
        probes.dedup();
        let longest = checks.iter().map(|check| check.timeout.as_millis()).sum::<u64>();
        let deadline = evenkeel_model::Span::from_millis(longest + 5000);
        let answers = transport
            .observe(
                environment,
                target,
                &probes,
                Look {
                    full: false,
                    deadline,
                },
            )
            .await;
        checks
            .iter()
            .map(|check| {
                let probe = probe(check)?;
                Some(match &answers {
                    Err(error) => Err(error.to_string()),
                    Ok(answers) => judge(answers.get(&probe)),
                })
            })
            .collect()
    }
}

fn judge(answer: Option<&Answer>) -> Result<(), String> {
    match answer {
        Some(Answer::Run(run)) if run.status == 0 => Ok(()),
        Some(Answer::Run(run)) => {
            let last = run.output.lines().last().unwrap_or_default();
            Err(format!("exit status {}: {last}", run.status))
        }
        Some(Answer::Unit(unit)) if unit.active == "active" => Ok(()),
        Some(Answer::Unit(unit)) => Err(format!("the unit is {} ({})", unit.active, unit.sub)),
        Some(Answer::Failed(why)) => Err(why.clone()),
        _ => Err("no answer".to_owned()),
    }
}

async fn tcp(address: &str) -> Result<(), String> {
    tokio::net::TcpStream::connect(address)
        .await
        .map(drop)
        .map_err(|error| format!("{address}: {error}"))
}

async fn within(limit: Duration, check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    tokio::time::timeout(limit, check)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {limit:?}")))
}

/// An error and what caused it, on one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..8 {
        let Some(inner) = cause else { break };
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A server that gives every caller the same answer.
    async fn server(answer: &'static str) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 1024];
                drop(stream.read(&mut buffer).await);
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        address.to_string()
    }

    #[tokio::test]
    async fn http_goes_by_status_and_body() {
        let address = server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nversion 2").await;
        let (checker, url) = (Checker::new().unwrap(), format!("http://{address}/"));
        assert_eq!(checker.http(&url, &[], Some("version 2")).await, Ok(()));
        assert!(
            checker
                .http(&url, &[], Some("version 3"))
                .await
                .unwrap_err()
                .contains("does not contain")
        );
        assert!(
            checker
                .http(&url, &[204], None)
                .await
                .unwrap_err()
                .contains("answered 200")
        );
        assert_eq!(tcp(&address).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_does_not_hold_us() {
        let silent = within(Duration::from_secs(3), std::future::pending());
        assert!(silent.await.unwrap_err().contains("no answer within 3s"));
    }
}
