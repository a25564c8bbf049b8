//! Talking to a running service over its socket.

use crate::failure::Failure;
use evenkeel_api::Problem;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The most of an answer that is read.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// A connection to a service.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    socket: PathBuf,
}

impl Client {
    /// A client for this socket; whether anyone answers there is seen at the first question.
    pub(crate) fn new(socket: &Path) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .unix_socket(socket)
            .timeout(Duration::from_secs(120))
            .build()
            .map_err(|error| Failure::new("no-client", error))?;
        Ok(Self {
            http,
            socket: socket.to_owned(),
        })
    }

    /// Whether a service answers.
    pub(crate) async fn answers(&self) -> bool {
        let asked = self
            .http
            .get("http://service/api/v1/version")
            .timeout(Duration::from_secs(5))
            .send();
        asked.await.is_ok_and(|response| response.status().is_success())
    }

    /// Asks.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(self.http.get(format!("http://service/api/v1/{path}")))
            .await
    }

    /// Says.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(self.http.post(format!("http://service/api/v1/{path}")).json(body))
            .await
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Failure> {
        let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(Failure::new(
                    "answer-too-large",
                    "the service's answer is larger than 64 MiB",
                ));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| {
                Failure::new(
                    "bad-answer",
                    format!("the service's answer cannot be read: {error}"),
                )
                .help("the service and this command may be of different versions")
            });
        }
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => {
                let failure = Failure::new(problem.code, problem.detail);
                let failure = if status.as_u16() == 409 {
                    failure.exit(3)
                } else {
                    failure
                };
                match problem.help {
                    Some(help) => failure.help(help),
                    None => failure,
                }
            }
            Err(_) => Failure::new("bad-answer", format!("the service answered {status}")),
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        Failure::new(
            "no-service",
            format!(
                "no service answers at {}: {}",
                self.socket.display(),
                crate::runtime::health::causes(error)
            ),
        )
        .help("start one with `evenkeel serve`, say where it is with --socket, or work on a manifest folder with -C")
    }
}
