//! The order of the checks, in one place.
//!
//! Framing and the target's spelling are checked before ([`super::framing`], [`super::target`]): what comes here has one
//! meaning. Then: is the path served (404 before anybody is asked), is it ignored (nobody is asked), who is it (401), may
//! they (400, 403). Identity is set after, by whoever forwards.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderMap, Method};
use rustls::pki_types::CertificateDer;

use super::authenticate::{Authenticator, By};
use super::authorize::Authorizer;
use super::credential::{self, Shown};
use super::paths::{Paths, Way};
use super::refusal::Refusal;
use super::rules::Rules;
use super::target::Target;
use super::user::User;

/// What is known of a request.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Method.
    pub method: &'a Method,
    /// Target.
    pub target: &'a Target,
    /// Headers, as they came.
    pub headers: &'a HeaderMap,
    /// The address of the connection. No header ever changes it.
    pub peer: IpAddr,
    /// The chain that the client showed, not verified yet.
    pub certificate: Option<&'a [CertificateDer<'static>]>,
    /// Whether it asks for another protocol.
    pub is_upgrade: bool,
}

/// What is forwarded.
#[derive(Debug)]
pub enum Verdict {
    /// The path is ignored: nobody was asked, the upstream sees the request's own credentials.
    Ignored,
    /// Somebody who may.
    Known {
        /// Who.
        user: Arc<User>,
        /// What they showed, where it is to be taken off the request: it was for us.
        shown: Option<Shown>,
    },
}

/// Everything that decides.
pub struct Gate {
    paths: Paths,
    rules: ArcSwap<Rules>,
    authenticator: Authenticator,
    authorizer: Authorizer,
    token_bytes: usize,
}

// === impl Gate ===

impl Gate {
    /// A gate. `token_bytes` is the longest token that is looked at.
    pub fn new(
        paths: Paths,
        rules: Rules,
        authenticator: Authenticator,
        authorizer: Authorizer,
        token_bytes: usize,
    ) -> Self {
        Self {
            paths,
            rules: ArcSwap::from_pointee(rules),
            authenticator,
            authorizer,
            token_bytes,
        }
    }

    /// Other rules, for every request that is decided from now on.
    pub fn replace_rules(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// Whether anything is compared with paths segment by segment, so that an encoded slash has no one meaning.
    pub fn compares_paths(&self) -> bool {
        !self.paths.is_empty() || self.rules.load().compares_paths()
    }

    /// Who it is, if they may.
    ///
    /// # Errors
    /// Why it is not forwarded.
    pub async fn decide(&self, asked: &Asked<'_>) -> Result<Verdict, Refusal> {
        if asked.method == Method::CONNECT {
            return Err(Refusal::NotServed);
        }
        match self.paths.way(asked.target) {
            Way::Refused => return Err(Refusal::NotAllowedPath),
            Way::Ignored => return Ok(Verdict::Ignored),
            Way::Asked => {}
        }
        let credential = credential::read(asked.headers, asked.is_upgrade, self.token_bytes)?;
        let known = self
            .authenticator
            .authenticate(credential.as_ref(), asked.certificate, asked.peer)
            .await?;
        let user = known.user;
        let method = asked.method.as_str();
        let rules = self.rules.load_full();
        let questions = rules.questions(method, asked.target, asked.headers, &user)?;
        if questions.is_empty() {
            // Nothing to ask about is not a yes.
            return Err(Refusal::MissingValue);
        }
        let open: Vec<_> = questions
            .into_iter()
            .filter(|attributes| !rules.grants(&user, attributes))
            .collect();
        if !open.is_empty() {
            self.authorizer.authorize(&user, &open, asked.peer).await?;
        }
        // A token beside a certificate that won was not used: it may be the upstream's.
        let shown = match known.by {
            By::Certificate => None,
            By::IdToken | By::TokenReview => credential.map(|credential| credential.shown),
        };
        Ok(Verdict::Known { user, shown })
    }
}
