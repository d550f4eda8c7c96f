//! The API server: where it is, who we are to it, and the two reviews.
//!
//! A review is tried as client-go tries it (kubernetes/apiserver `pkg/util/webhook`): five times in about four seconds where
//! the server says 429, 500 or 504 or the connection breaks, once where it says anything else or nobody is there. All tries
//! together end after [`Patience::whole`], whatever the server does: one that hangs delays, and no more. What is no clear yes
//! is no yes: [`reviews`] says what an answer means.

pub mod client;
pub mod cluster;
pub mod kubeconfig;
pub mod reviews;
pub mod trust;

#[cfg(test)]
pub mod scripted;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, USER_AGENT};
use http::{HeaderValue, Method, StatusCode};
use tokio::time::Instant;

use super::attributes::Attributes;
use super::cache::Keys;
use super::credential::Token;
use super::options;
use super::user::User;
use client::{Ask, Client, Trouble};
use cluster::Cluster;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("gatewright-proxy/", env!("CARGO_PKG_VERSION")));

/// Until the same trouble is told again.
const TOLD_AGAIN: Duration = Duration::from_secs(30);

/// The API server.
pub struct Api {
    cluster: Cluster,
    client: Client,
    patience: Patience,
    keys: Arc<Keys>,
    listener: OnceLock<Box<Listener>>,
    /// What was told last, and when.
    told: Mutex<Option<(Instant, String)>>,
}

/// Who is told why nobody can be asked.
type Listener = dyn Fn(&str) + Send + Sync;

/// How long an answer is waited for, and how often it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often.
    pub tries: u32,
    /// Between the first and the second; half as much again between later ones, up to a fifth more by chance.
    pub pause: Duration,
    /// All of it. Longer than the tries take, so that a server that answers slowly is still heard.
    pub whole: Duration,
    /// How old a token or an authority from a file gets before the file is read again.
    pub reread: Duration,
}

/// Nobody could be asked, or nobody gave an answer that means something. The text holds no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    why: String,
}

/// What a TokenReview says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenAnswer {
    /// This user's.
    Known(User),
    /// Nobody's, and why.
    Nobody(&'static str),
}

/// What a SubjectAccessReview says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessAnswer {
    /// They may.
    Allowed,
    /// They may not.
    Denied,
}

// === impl Unavailable ===

impl Unavailable {
    /// With a reason that holds no token.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.why)
    }
}

// === impl Patience ===

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 5,
            pause: Duration::from_millis(500),
            whole: Duration::from_secs(10),
            reread: Duration::from_mins(1),
        }
    }
}

// === impl Api ===

impl fmt::Debug for Api {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Api")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// The API server of `--kubeconfig`, or of the pod that we run in. Nothing is asked yet: the guard starts while the API
    /// server is away.
    #[expect(
        clippy::unused_async,
        reason = "connections are tasks: who can await this has a runtime for them"
    )]
    pub async fn new(options: &options::Api) -> Result<Self, String> {
        Self::with_patience(options, Patience::default())
    }

    /// The same, more or less patient.
    pub fn with_patience(options: &options::Api, patience: Patience) -> Result<Self, String> {
        let cluster = match &options.kubeconfig {
            Some(path) => Cluster::of_file(path, patience.reread),
            None => Cluster::of_this_pod(patience.reread).map_err(|error| {
                format!("cannot find Service Account in pod to build in-cluster rest config: {error}")
            }),
        };
        cluster
            .and_then(|cluster| Self::of(cluster, patience))
            .map_err(|error| format!("failed to load kubeconfig: {error}"))
    }

    fn of(cluster: Cluster, patience: Patience) -> Result<Self, String> {
        let client = Client::new(cluster.origin.clone(), cluster.tls()?);
        let keys = Arc::new(Keys::new()?);
        Ok(Self {
            cluster,
            client,
            patience,
            keys,
            listener: OnceLock::new(),
            told: Mutex::new(None),
        })
    }

    /// What answers are remembered under, drawn for this process.
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// Has somebody told why nobody could be asked: a missing right looks like an outage from outside. The same is told again
    /// after `TOLD_AGAIN`. The first listener stays.
    pub fn tell(&self, listener: impl Fn(&str) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    fn say(&self, why: &Unavailable) {
        let Some(listener) = self.listener.get() else {
            return;
        };
        let (now, text) = (Instant::now(), why.to_string());
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = told
            .as_ref()
            .is_some_and(|(at, known)| *known == text && now.duration_since(*at) < TOLD_AGAIN);
        if !is_known {
            listener(&text);
            *told = Some((now, text));
        }
    }

    /// Asks whose a token is. With audiences, the token must be for one of them.
    pub async fn review_token(
        &self,
        token: &Token,
        audiences: &[String],
    ) -> Result<TokenAnswer, Unavailable> {
        let body = reviews::token_review(token, audiences)?;
        let answer = self.review(reviews::TOKEN_REVIEWS, body).await;
        let answer = answer.and_then(|answer| reviews::token_answer(&answer, audiences));
        answer.inspect_err(|why| self.say(why))
    }

    /// Asks whether a user may do something.
    pub async fn review_access(
        &self,
        user: &User,
        attributes: &Attributes,
    ) -> Result<AccessAnswer, Unavailable> {
        let body = reviews::access_review(user, attributes)?;
        let answer = self.review(reviews::ACCESS_REVIEWS, body).await;
        let answer = answer.and_then(|answer| reviews::access_answer(&answer));
        answer.inspect_err(|why| self.say(why))
    }

    async fn review(&self, path: &str, body: Vec<u8>) -> Result<Bytes, Unavailable> {
        let end = Instant::now() + self.patience.whole;
        let path = format!("{}{path}", self.cluster.prefix);
        if let Ok(answer) = tokio::time::timeout_at(end, self.tries(path, body.into())).await {
            return answer;
        }
        self.client.forget();
        Err(Unavailable::new("the API server did not answer in time"))
    }

    async fn tries(&self, path: String, body: Bytes) -> Result<Bytes, Unavailable> {
        let mut ask = Ask {
            method: Method::POST,
            path,
            headers: HeaderMap::new(),
            body,
        };
        ask.headers.insert(ACCEPT, JSON);
        ask.headers.insert(CONTENT_TYPE, JSON);
        ask.headers.insert(USER_AGENT, AGENT);
        let mut pause = self.patience.pause;
        let mut unknown_before = false;
        let mut left = self.patience.tries;
        loop {
            left = left.saturating_sub(1);
            if let Some(tls) = self.cluster.new_tls() {
                self.client.retrust(tls);
            }
            match self.cluster.authorization(unknown_before) {
                Some(value) => ask.headers.insert(AUTHORIZATION, value),
                None => ask.headers.remove(AUTHORIZATION),
            };
            let trouble = match self.client.ask(&ask).await {
                Ok((StatusCode::OK | StatusCode::CREATED, answer)) => return Ok(answer),
                Ok((StatusCode::UNAUTHORIZED, _)) if !unknown_before => {
                    // The file may hold a newer token than the one that ended.
                    unknown_before = true;
                    left += 1;
                    continue;
                }
                Ok((status, _)) if may_pass(status) => format!("the API server says {status}"),
                Ok((status, _)) => return Err(Unavailable::new(format!("the API server says {status}"))),
                Err(trouble @ Trouble::Lost(_)) => format!("the API server: {trouble}"),
                Err(trouble) => return Err(Unavailable::new(format!("the API server: {trouble}"))),
            };
            if left == 0 {
                return Err(Unavailable::new(trouble));
            }
            tokio::time::sleep(spread(pause)).await;
            pause = pause.mul_f32(1.5);
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// Whether the same question may get another answer soon.
fn may_pass(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::INTERNAL_SERVER_ERROR | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Up to a fifth more, so that many do not come back at once.
fn spread(pause: Duration) -> Duration {
    let mut byte = [0_u8];
    // Without chance all come back at once, which is no reason to give up.
    let _ = rand::fill(&mut byte);
    pause.mul_f32(1.0 + 0.2 * f32::from(byte[0]) / 255.0)
}
