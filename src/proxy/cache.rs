//! Remembered answers, bounded in number and bytes, under keyed hashes.
//!
//! A key is an HMAC, under a key that each process draws anew, over everything that the answer depends on: the token and the
//! audiences; or the whole specification of a review, object and `extra` included. So a dump of the memory holds no token, one
//! object's answer is never another's, and nobody can choose tokens that fall on one another.
//!
//! Many who wait for one answer ask once. What is no answer is not remembered. Tokens that are nobody's have a store of their
//! own: however many somebody makes up, the users who are known stay known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::{hmac, rand};
use moka::Expiry;
use moka::future::Cache;

use super::attributes::{Attributes, Resource};
use super::credential::Token;
use super::user::User;

/// What an entry takes beside its value: its key twice, links, the counters of how often it is used.
const OVERHEAD: usize = 256;
/// How long an answer past its end is given before the API server is tried again.
const STALE_PAUSE: Duration = Duration::from_secs(5);

/// What an answer is remembered under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

/// Makes keys.
pub struct Keys(hmac::Key);

/// Writes parts one behind the other so that no two lists of parts read the same.
struct Writer(hmac::Context);

/// Bounds of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Entries.
    pub entries: u64,
    /// Bytes.
    pub bytes: u64,
    /// How long past its end an answer may be given where nobody can be asked; zero for never.
    pub stale: Duration,
}

/// An answer that may be remembered.
#[derive(Debug, Clone)]
pub struct Answer<V> {
    /// The answer.
    pub value: V,
    /// For how long.
    pub ttl: Duration,
    /// Its size, bytes, what it points to included.
    pub bytes: usize,
    /// Whether it may be given past its end where nobody can be asked: a yes may, a no never.
    pub may_be_stale: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// The token is nobody's.
    Nobody(&'static str),
    /// Nobody could be asked.
    Unavailable,
    /// Too many ask.
    TooMany,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Asked for by this one, or by another that this one waited for.
    Asked,
    /// Remembered.
    Remembered,
    /// Remembered, and past its end.
    Stale,
}

/// Remembered answers.
pub struct Remembered<V> {
    fresh: Cache<Key, Answer<V>>,
    stale: Option<Cache<Key, Answer<V>>>,
}

/// Ends an entry when its own time is up, and later by as much as is said.
struct Ends(Duration);

// === impl Keys ===

impl Keys {
    /// With a key that is drawn now and known to nobody.
    pub fn new() -> Result<Self, String> {
        let mut secret = [0_u8; 32];
        rand::fill(&mut secret).map_err(|_| "this machine gives no random bytes".to_owned())?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    /// For a token, asked about with these audiences.
    pub fn token(&self, token: &Token, audiences: &[String]) -> Key {
        let mut writer = self.writer("token");
        writer.text(token.reveal());
        writer.texts(audiences);
        writer.key()
    }

    /// For a question: everything of it.
    pub fn decision(&self, user: &User, attributes: &Attributes) -> Key {
        let mut writer = self.writer("decision");
        let User {
            name,
            uid,
            groups,
            extra,
        } = user;
        writer.text(name);
        writer.text(uid);
        writer.texts(groups);
        writer.number(extra.len());
        for (key, values) in extra {
            writer.text(key);
            writer.texts(values);
        }
        match attributes {
            Attributes::Resource(resource) => {
                let Resource {
                    namespace,
                    verb,
                    group,
                    version,
                    resource,
                    subresource,
                    name,
                } = resource;
                writer.text("resource");
                for field in [namespace, verb, group, version, resource, subresource, name] {
                    writer.text(field);
                }
            }
            Attributes::NonResource { path, verb } => {
                writer.text("path");
                writer.text(path);
                writer.text(verb);
            }
        }
        writer.key()
    }

    fn writer(&self, kind: &str) -> Writer {
        let mut writer = Writer(hmac::Context::with_key(&self.0));
        writer.text(kind);
        writer
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Keys(…)")
    }
}

// === impl Writer ===

impl Writer {
    fn number(&mut self, number: usize) {
        self.0.update(&(number as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.update(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.number(texts.len());
        for text in texts {
            self.text(text);
        }
    }

    fn key(self) -> Key {
        let tag = self.0.sign();
        let mut key = [0; 32];
        for (to, from) in key.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Key(key)
    }
}

// === impl Remembered ===

impl<V: Clone + Send + Sync + 'static> Remembered<V> {
    /// An empty store.
    pub fn new(bounds: Bounds) -> Self {
        let stale = (!bounds.stale.is_zero()).then(|| store(bounds, bounds.stale));
        Self {
            fresh: store(bounds, Duration::ZERO),
            stale,
        }
    }

    /// The answer that is remembered, or the one that is given now. Where many want the same, one asks and the others wait;
    /// where that one is cut off, another asks.
    pub async fn get_or<F>(&self, key: Key, ask: impl FnOnce() -> F) -> Result<(V, Source), Missed>
    where
        F: Future<Output = Result<Answer<V>, Missed>>,
    {
        if let Some(answer) = self.fresh.get(&key).await {
            return Ok((answer.value, Source::Remembered));
        }
        // In a box: who is remembered, and that is nearly everybody, does not carry the room for a question around.
        match Box::pin(self.fresh.try_get_with(key, ask())).await {
            Ok(answer) => {
                if let Some(stale) = &self.stale {
                    if answer.may_be_stale {
                        stale.insert(key, answer.clone()).await;
                    } else {
                        stale.invalidate(&key).await;
                    }
                }
                Ok((answer.value, Source::Asked))
            }
            Err(missed) if *missed == Missed::Unavailable => self.past_its_end(key).await,
            Err(missed) => {
                if let (Missed::Nobody(_), Some(stale)) = (*missed, &self.stale) {
                    stale.invalidate(&key).await;
                }
                Err(*missed)
            }
        }
    }

    async fn past_its_end(&self, key: Key) -> Result<(V, Source), Missed> {
        let Some(stale) = &self.stale else {
            return Err(Missed::Unavailable);
        };
        let answer = stale.get(&key).await.ok_or(Missed::Unavailable)?;
        let value = answer.value.clone();
        // Not every request of an outage waits until all tries are over.
        self.fresh
            .insert(
                key,
                Answer {
                    ttl: STALE_PAUSE,
                    ..answer
                },
            )
            .await;
        Ok((value, Source::Stale))
    }

    /// The answer, where it is remembered.
    pub async fn get(&self, key: &Key) -> Option<V> {
        Some(self.fresh.get(key).await?.value)
    }

    /// Remembers an answer.
    pub async fn put(&self, key: Key, answer: Answer<V>) {
        self.fresh.insert(key, answer).await;
    }

    /// How many answers are remembered, after what is due is thrown away.
    #[cfg(test)]
    pub(crate) async fn count(&self) -> u64 {
        self.fresh.run_pending_tasks().await;
        self.fresh.entry_count()
    }
}

fn store<V: Clone + Send + Sync + 'static>(bounds: Bounds, longer: Duration) -> Cache<Key, Answer<V>> {
    // An entry weighs at least its share, so that the one number bounds both.
    let share = bounds.bytes / bounds.entries.max(1);
    Cache::builder()
        .max_capacity(bounds.bytes)
        .weigher(move |_, answer: &Answer<V>| {
            let bytes = u64::try_from(answer.bytes.saturating_add(OVERHEAD)).unwrap_or(u64::MAX);
            u32::try_from(bytes.max(share)).unwrap_or(u32::MAX)
        })
        .expire_after(Ends(longer))
        .build()
}

// === impl Ends ===

impl<V> Expiry<Key, Answer<V>> for Ends {
    fn expire_after_create(&self, _: &Key, answer: &Answer<V>, _: Instant) -> Option<Duration> {
        Some(answer.ttl.saturating_add(self.0))
    }

    fn expire_after_update(
        &self,
        _: &Key,
        answer: &Answer<V>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(answer.ttl.saturating_add(self.0))
    }
}

/// How much a user takes.
pub fn bytes_of(user: &Arc<User>) -> usize {
    let User {
        name,
        uid,
        groups,
        extra,
    } = user.as_ref();
    let list = |list: &[String]| {
        list.iter()
            .map(|one| one.len() + size_of::<String>())
            .sum::<usize>()
    };
    let extra: usize = extra
        .iter()
        .map(|(key, values)| key.len() + 2 * size_of::<String>() + list(values))
        .sum();
    size_of::<User>() + name.len() + uid.len() + list(groups) + extra
}

#[cfg(test)]
mod tests;
