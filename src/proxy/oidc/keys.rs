//! An issuer's keys: found by discovery, kept, looked for again where a token names one that is not known.
//!
//! Looked for at most every half minute, whoever asks; the last good ones stay. A look runs to its end even where the one for
//! whom it began went away, or strangers could keep new keys from being found.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{ACCEPT, HeaderMap};
use http::{HeaderValue, Method, StatusCode};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use rustls::ClientConfig;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::proxy::api::Unavailable;
use crate::proxy::api::client::{Ask, Client, Origin};
use crate::proxy::api::trust::{self, Trust};
use crate::proxy::metrics::{Event, Metrics};
use crate::proxy::{options, tls};

/// Between two looks where there are keys.
const PAUSE: Duration = Duration::from_secs(30);
/// Between two looks while there are none.
const PAUSE_WITHOUT: Duration = Duration::from_secs(2);
/// For a look.
const WHOLE: Duration = Duration::from_secs(10);
/// Keys older than this are looked at again in the background: one that the issuer took back is not believed for ever.
const OLD: Duration = Duration::from_hours(1);

/// An issuer's keys.
pub(super) struct Keys {
    issuer: String,
    tls: Arc<ClientConfig>,
    metrics: Arc<Metrics>,
    current: ArcSwapOption<Set>,
    last_look: Mutex<Option<Instant>>,
    /// Held during a look.
    looking: Arc<tokio::sync::Mutex<()>>,
}

struct Set {
    keys: Vec<(Option<String>, DecodingKey)>,
    since: Instant,
}

/// Keys that may have signed a token.
pub(super) struct Found {
    pub(super) keys: Vec<DecodingKey>,
    /// Whether they were fetched just now.
    pub(super) are_new: bool,
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

// === impl Keys ===

impl Keys {
    /// No keys yet.
    pub(super) fn new(options: &options::Oidc, metrics: Arc<Metrics>) -> Result<Self, String> {
        if !options.issuer.starts_with("https://") {
            return Err(format!(
                "issuer.url: Invalid value: {:?}: URL scheme must be https",
                options.issuer
            ));
        }
        Origin::from_url(&options.issuer).map_err(|error| format!("--oidc-issuer: {error}"))?;
        let roots = match &options.ca_file {
            Some(path) => tls::authorities(path).map_err(|error| format!("--oidc-ca-file: {error}"))?,
            None => tls::platform_authorities()?,
        };
        Ok(Self {
            issuer: options.issuer.clone(),
            tls: trust::client_config(Trust::Roots(roots), None)?,
            metrics,
            current: ArcSwapOption::empty(),
            last_look: Mutex::new(None),
            looking: Arc::default(),
        })
    }

    /// The keys of that name, or all where a token names none. Looks for them where there is none.
    pub(super) async fn find(self: &Arc<Self>, kid: Option<&str>) -> Result<Found, Unavailable> {
        if let Some(set) = self.current.load_full() {
            let keys = set.named(kid);
            if !keys.is_empty() {
                if set.since.elapsed() > OLD {
                    // Not waited for.
                    drop(self.look());
                }
                return Ok(Found { keys, are_new: false });
            }
        }
        self.looked().await;
        match self.current.load_full() {
            Some(set) => Ok(Found {
                keys: set.named(kid),
                are_new: true,
            }),
            None => Err(Unavailable::new(
                "the keys of the issuer of ID tokens cannot be fetched",
            )),
        }
    }

    /// The keys of that name after another look, where it is time for one.
    pub(super) async fn renewed(self: &Arc<Self>, kid: Option<&str>) -> Vec<DecodingKey> {
        self.looked().await;
        self.current
            .load_full()
            .map(|set| set.named(kid))
            .unwrap_or_default()
    }

    async fn looked(self: &Arc<Self>) {
        if let Some(look) = self.look() {
            drop(look.await);
        } else {
            // Somebody else's look, if one is under way.
            drop(self.looking.lock().await);
        }
    }

    /// Begins a look, where it is time.
    fn look(self: &Arc<Self>) -> Option<tokio::task::JoinHandle<()>> {
        let pause = if self.current.load().is_some() {
            PAUSE
        } else {
            PAUSE_WITHOUT
        };
        let mut last = self.last_look.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < pause) {
            return None;
        }
        let looking = Arc::clone(&self.looking).try_lock_owned().ok()?;
        *last = Some(Instant::now());
        drop(last);
        let keys = Arc::clone(self);
        Some(tokio::spawn(async move {
            let _looking = looking;
            match tokio::time::timeout(WHOLE, keys.fetch()).await {
                Ok(Some(set)) => {
                    keys.current.store(Some(Arc::new(set)));
                    keys.metrics.count(Event::KeysFetched);
                }
                _ => keys.metrics.count(Event::KeysFailed),
            }
        }))
    }

    async fn fetch(&self) -> Option<Set> {
        let place = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let found: Discovered = serde_json::from_slice(&self.get(&place).await?).ok()?;
        if found.issuer != self.issuer {
            return None;
        }
        let published: Published = serde_json::from_slice(&self.get(&found.jwks_uri).await?).ok()?;
        let keys: Vec<_> = published.keys.into_iter().filter_map(key).collect();
        (!keys.is_empty()).then(|| Set {
            keys,
            since: Instant::now(),
        })
    }

    async fn get(&self, url: &str) -> Option<Bytes> {
        let (origin, path) = Origin::from_url(url).ok()?;
        if !origin.tls {
            return None;
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let query = url
            .split_once('?')
            .map_or(String::new(), |(_, query)| format!("?{query}"));
        let path = if path.is_empty() { "/".to_owned() } else { path };
        let ask = Ask {
            method: Method::GET,
            path: path + &query,
            headers,
            body: Bytes::new(),
        };
        let client = Client::new(origin, Some(Arc::clone(&self.tls)));
        match client.ask(&ask).await {
            Ok((StatusCode::OK, body)) => Some(body),
            _ => None,
        }
    }
}

/// A key that signs, of a kind that is known here. Others in the same set are not ours to judge.
fn key(published: Value) -> Option<(Option<String>, DecodingKey)> {
    let jwk: Jwk = serde_json::from_value(published).ok()?;
    if jwk
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
    {
        return None;
    }
    if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id, key))
}

// === impl Set ===

impl Set {
    fn named(&self, kid: Option<&str>) -> Vec<DecodingKey> {
        let fits = |name: &Option<String>| kid.is_none() || name.as_deref() == kid;
        self.keys
            .iter()
            .filter(|(name, _)| fits(name))
            .map(|(_, key)| key.clone())
            .collect()
    }
}
