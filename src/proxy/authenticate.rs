//! Who is calling: a client certificate, an ID token, a TokenReview, in this order.
//!
//! One chain: the first that knows somebody decides. With `--oidc-issuer` there is nothing but ID tokens, as with
//! kube-rbac-proxy; with `--oidc-and-token-review` as well, an issuer's own tokens are verified here and never reviewed, all
//! others are reviewed.
//!
//! What can be refused without a question is: what is no text that a token can be, what is too long, and a JWT that ended more
//! than a minute ago. (A clock that is wrong by more than that refuses good tokens; TLS would not work there either.)

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::task::JoinHandle;

use super::api::{Api, TokenAnswer};
use super::budget::{self, Budget, Origin};
use super::cache::{self, Answer, Bounds, Key, Keys, Missed, Remembered, Source};
use super::certificate::ClientCertificates;
use super::credential::{Credential, Token};
use super::metrics::{Event, Metrics};
use super::oidc::{self, IdToken, Issuer};
use super::options::{Limits, Options};
use super::refusal::Refusal;
use super::user::{AUTHENTICATED, User};

/// The group of everybody who is not known, and the name of such a one (kubernetes/apiserver `pkg/authentication/user`).
const UNAUTHENTICATED: &str = "system:unauthenticated";
const ANONYMOUS: &str = "system:anonymous";
/// How long after its end a JWT is still asked about: clocks differ.
const LEEWAY: f64 = 60.0;
/// A token that is nobody's is not remembered longer, whatever is configured: one that is made a moment later must work.
const REFUSED: Duration = Duration::from_secs(2);
/// Refused tokens that are remembered: two seconds of more than anybody asks about.
const REFUSED_ENTRIES: u64 = 4096;
const REFUSED_BYTES: u64 = REFUSED_ENTRIES * 512;

/// Says who is calling.
pub struct Authenticator {
    certificates: Option<(Arc<ClientCertificates>, Background)>,
    issuer: Option<Arc<Issuer>>,
    /// None where an issuer replaces it.
    reviewer: Option<Arc<Api>>,
    audiences: Vec<String>,
    limits: Limits,
    keys: Arc<Keys>,
    known: Remembered<Person>,
    refused: Remembered<&'static str>,
    budget: Budget,
    metrics: Arc<Metrics>,
}

/// Who it is, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who.
    pub user: Arc<User>,
    /// How.
    pub by: By,
}

/// How somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By a client certificate.
    Certificate,
    /// By an ID token that was verified here.
    IdToken,
    /// By a TokenReview.
    TokenReview,
}

type Person = Known;

/// Ends a task with whom it is for.
struct Background(JoinHandle<()>);

// === impl Authenticator ===

impl Authenticator {
    /// Reads the authorities and begins to look for the issuer's keys.
    #[expect(
        clippy::unused_async,
        reason = "what is read again is a task: who can await this has a runtime for it"
    )]
    pub async fn new(options: &Options, api: Arc<Api>, metrics: Arc<Metrics>) -> Result<Self, String> {
        let authentication = &options.authentication;
        let limits = options.limits;
        let is_oidc_alone = authentication.oidc.is_some() && !authentication.oidc_and_token_review;
        let issuer = match &authentication.oidc {
            Some(oidc) => {
                let issuer = Arc::new(Issuer::new(oidc, Arc::clone(&metrics))?);
                let early = Arc::clone(&issuer);
                tokio::spawn(async move { early.warm_up().await });
                Some(issuer)
            }
            None => None,
        };
        let certificates = match &options.tls.client_ca_file {
            Some(path) if !is_oidc_alone => {
                let certificates =
                    ClientCertificates::new(path).map_err(|error| format!("--client-ca-file: {error}"))?;
                let certificates = Arc::new(certificates);
                let follow = follow(
                    Arc::clone(&certificates),
                    options.tls.reload_interval,
                    Arc::clone(&metrics),
                );
                Some((certificates, Background(tokio::spawn(follow))))
            }
            _ => None,
        };
        Ok(Self {
            certificates,
            issuer,
            keys: api.keys(),
            reviewer: (!is_oidc_alone).then_some(api),
            audiences: authentication.token_audiences.clone(),
            limits,
            known: Remembered::new(Bounds {
                entries: limits.token_entries,
                bytes: limits.token_cache_bytes,
                stale: limits.stale_if_error,
            }),
            refused: Remembered::new(Bounds {
                entries: REFUSED_ENTRIES,
                bytes: REFUSED_BYTES,
                stale: Duration::ZERO,
            }),
            budget: Budget::new(budget::Bounds::default(), options.api.qps, options.api.burst),
            metrics,
        })
    }

    /// The first that knows somebody decides.
    pub async fn authenticate(
        &self,
        credential: Option<&Credential>,
        certificate: Option<&[CertificateDer<'static>]>,
        peer: IpAddr,
    ) -> Result<Known, Refusal> {
        if let (Some((certificates, _)), Some(chain)) = (&self.certificates, certificate)
            && let Some(user) = certificates.user(chain)
        {
            let user = Arc::new(with_authenticated(user));
            return Ok(Known {
                user,
                by: By::Certificate,
            });
        }
        let token = &credential.ok_or(Refusal::Unauthenticated("no credential"))?.token;
        self.by_token(token, peer).await
    }

    async fn by_token(&self, token: &Token, peer: IpAddr) -> Result<Known, Refusal> {
        let text = token.reveal();
        if text.is_empty()
            || text.len() > self.limits.token_bytes
            || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Refusal::Unauthenticated("what is shown cannot be a token"));
        }
        let key = self.keys.token(token, &self.audiences);
        if let Some(why) = self.refused.get(&key).await {
            self.metrics.count(Event::TokenCacheRefused);
            return Err(Refusal::Unauthenticated(why));
        }
        match self.known.get_or(key, || self.ask(token, key, peer)).await {
            Ok((known, source)) => {
                match source {
                    Source::Asked => {}
                    Source::Remembered => self.metrics.count(Event::TokenCacheHit),
                    Source::Stale => self.metrics.count(Event::StaleAnswer),
                }
                Ok(known)
            }
            Err(Missed::Nobody(why)) => Err(Refusal::Unauthenticated(why)),
            Err(Missed::Unavailable) => Err(Refusal::AuthenticationUnavailable),
            Err(Missed::TooMany) => Err(Refusal::TooManyQuestions),
        }
    }

    async fn ask(&self, token: &Token, key: Key, peer: IpAddr) -> Result<Answer<Person>, Missed> {
        let now = jsonwebtoken::get_current_timestamp();
        let end = end_of(token);
        let answer = match end {
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
            Some(end) if end + LEEWAY < now as f64 => Err(Missed::Nobody("the token ended")),
            _ => self.asked(token, now, peer).await,
        };
        match answer {
            Ok((known, until)) => {
                let left = Duration::from_secs(until.map_or(u64::MAX, |until| until.saturating_sub(now)));
                Ok(Answer {
                    bytes: cache::bytes_of(&known.user),
                    value: known,
                    ttl: self.limits.token_ttl.min(left),
                    may_be_stale: true,
                })
            }
            Err(missed) => {
                if let Missed::Nobody(why) = missed {
                    let ttl = self.limits.refused_token_ttl.min(REFUSED);
                    self.refused
                        .put(
                            key,
                            Answer {
                                value: why,
                                ttl,
                                bytes: 0,
                                may_be_stale: false,
                            },
                        )
                        .await;
                }
                Err(missed)
            }
        }
    }

    /// Who it is, and when the token ends where that is known.
    async fn asked(&self, token: &Token, now: u64, peer: IpAddr) -> Result<(Person, Option<u64>), Missed> {
        if let Some(issuer) = &self.issuer
            && (self.reviewer.is_none() || issuer.is_named_by(token))
        {
            return match issuer.verify(token, now).await {
                Ok(IdToken::Known(user, end)) => {
                    let known = Known {
                        user: Arc::new(user),
                        by: By::IdToken,
                    };
                    Ok((known, Some(end)))
                }
                Ok(IdToken::Nobody(why)) => Err(Missed::Nobody(why)),
                Err(_) => Err(Missed::Unavailable),
            };
        }
        let Some(api) = &self.reviewer else {
            return Err(Missed::Nobody("nobody reviews tokens"));
        };
        let Ok(_place) = self.budget.place(Origin::peer(peer)).await else {
            self.metrics.count(Event::BudgetExceeded);
            return Err(Missed::TooMany);
        };
        self.metrics.count(Event::TokenReview);
        match api.review_token(token, &self.audiences).await {
            Ok(TokenAnswer::Known(user)) => {
                let user = Arc::new(with_authenticated(user));
                // The API server said that the token is good: an end in the past is a clock's matter, and then it is asked
                // about each time.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a float beyond the range is its end"
                )]
                let end = end_of(token).map(|end| end as u64);
                Ok((
                    Known {
                        user,
                        by: By::TokenReview,
                    },
                    end,
                ))
            }
            Ok(TokenAnswer::Nobody(why)) => Err(Missed::Nobody(why)),
            Err(_) => {
                self.metrics.count(Event::TokenReviewFailed);
                Err(Missed::Unavailable)
            }
        }
    }
}

/// `exp` of a JWT, unverified: good enough to refuse, never to let in.
fn end_of(token: &Token) -> Option<f64> {
    oidc::peek(token)?.get("exp")?.as_f64()
}

/// Adds the group of everybody who is known, as kubernetes/apiserver `pkg/authentication/group` does.
fn with_authenticated(mut user: User) -> User {
    let is_told = user
        .groups
        .iter()
        .any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED);
    if user.name != ANONYMOUS && !is_told {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    user
}

/// Reads the authorities of client certificates again, over and over.
async fn follow(certificates: Arc<ClientCertificates>, every: Duration, metrics: Arc<Metrics>) {
    loop {
        tokio::time::sleep(every.max(Duration::from_millis(100))).await;
        match certificates.reload() {
            Ok(true) => metrics.count(Event::Reloaded),
            Ok(false) => {}
            Err(_) => metrics.count(Event::ReloadFailed),
        }
    }
}

// === impl Background ===

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
