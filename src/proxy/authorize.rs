//! May they: each question answered by a rule of the file, a remembered answer or a SubjectAccessReview.
//!
//! Questions are asked one after the other, as kube-rbac-proxy does, and the first no ends it: what is asked does not depend
//! on which answer comes first.

use std::net::IpAddr;
use std::sync::Arc;

use super::api::{AccessAnswer, Api};
use super::attributes::Attributes;
use super::budget::{self, Budget, Origin};
use super::cache::{Answer, Bounds, Keys, Missed, Remembered, Source};
use super::metrics::{Event, Metrics};
use super::options::{Limits, Options};
use super::refusal::Refusal;
use super::user::User;

/// Says whether somebody may.
pub struct Authorizer {
    api: Arc<Api>,
    limits: Limits,
    keys: Arc<Keys>,
    decisions: Remembered<AccessAnswer>,
    budget: Budget,
    metrics: Arc<Metrics>,
}

// === impl Authorizer ===

impl Authorizer {
    /// Remembers nothing yet.
    pub fn new(options: &Options, api: Arc<Api>, metrics: Arc<Metrics>) -> Self {
        let limits = options.limits;
        Self {
            keys: api.keys(),
            api,
            limits,
            decisions: Remembered::new(Bounds {
                entries: limits.decision_entries,
                bytes: limits.decision_cache_bytes,
                stale: limits.stale_if_error,
            }),
            budget: Budget::new(budget::Bounds::default(), options.api.qps, options.api.burst),
            metrics,
        }
    }

    /// Whether they may do all of it. The peer is not asked about: who is known asks in their own name, see [`budget`].
    pub async fn authorize(
        &self,
        user: &Arc<User>,
        attributes: &[Attributes],
        _peer: IpAddr,
    ) -> Result<(), Refusal> {
        for attributes in attributes {
            let key = self.keys.decision(user, attributes);
            let (answer, source) = match self.decisions.get_or(key, || self.ask(user, attributes)).await {
                Ok(answered) => answered,
                Err(Missed::TooMany) => return Err(Refusal::TooManyQuestions),
                Err(Missed::Unavailable | Missed::Nobody(_)) => {
                    let (user, attributes) = (user.name.clone(), attributes.clone());
                    return Err(Refusal::AuthorizationUnavailable { user, attributes });
                }
            };
            match source {
                Source::Asked => {}
                Source::Remembered => self.metrics.count(Event::DecisionCacheHit),
                Source::Stale => self.metrics.count(Event::StaleAnswer),
            }
            if answer == AccessAnswer::Denied {
                let (user, attributes) = (user.name.clone(), attributes.clone());
                return Err(Refusal::Forbidden { user, attributes });
            }
        }
        Ok(())
    }

    async fn ask(&self, user: &User, attributes: &Attributes) -> Result<Answer<AccessAnswer>, Missed> {
        let Ok(_place) = self.budget.place(Origin::user(&user.name)).await else {
            self.metrics.count(Event::BudgetExceeded);
            return Err(Missed::TooMany);
        };
        self.metrics.count(Event::SubjectAccessReview);
        let Ok(answer) = self.api.review_access(user, attributes).await else {
            self.metrics.count(Event::SubjectAccessReviewFailed);
            return Err(Missed::Unavailable);
        };
        let (ttl, is_yes) = match answer {
            AccessAnswer::Allowed => (self.limits.allowed_ttl, true),
            AccessAnswer::Denied => (self.limits.denied_ttl, false),
        };
        Ok(Answer {
            value: answer,
            ttl,
            bytes: 0,
            may_be_stale: is_yes,
        })
    }
}

#[cfg(test)]
mod tests;
