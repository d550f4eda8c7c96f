//! What is counted, and its text in the `OpenMetrics` form. Names begin with `gatewright_proxy_`; no label holds what a client
//! chose, so their number is bounded.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds, in seconds: from a remembered answer on a fast upstream to a cell that runs long.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0];

/// What happened once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Event {
    /// A TokenReview was asked for.
    TokenReview,
    /// It got no usable answer.
    TokenReviewFailed,
    /// A user was remembered.
    TokenCacheHit,
    /// A token was remembered that is nobody's.
    TokenCacheRefused,
    /// A SubjectAccessReview was asked for.
    SubjectAccessReview,
    /// It got no usable answer.
    SubjectAccessReviewFailed,
    /// An answer was remembered.
    DecisionCacheHit,
    /// An answer past its end was taken, since the API server is away.
    StaleAnswer,
    /// A question was not asked: too many of those who are not known.
    BudgetExceeded,
    /// The issuer's keys were fetched.
    KeysFetched,
    /// They could not be.
    KeysFailed,
    /// A certificate, authority or key was read again and is used.
    Reloaded,
    /// It could not be used: the last good one stays.
    ReloadFailed,
    /// A TLS handshake failed or took too long.
    HandshakeFailed,
    /// A connection was opened to the upstream.
    UpstreamConnected,
    /// A connection was switched to another protocol.
    Upgraded,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabel {
    event: Event,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    code: u32,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<StatusLabel, Counter>,
    events: Family<EventLabel, Counter>,
    seconds: Histogram,
    connections: Gauge,
    active: Gauge,
    certificate_expiry: Gauge<u64, AtomicU64>,
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("gatewright_proxy");
        let requests = Family::default();
        let events = Family::default();
        let seconds = Histogram::new(SECONDS);
        let connections = Gauge::default();
        let active = Gauge::default();
        let certificate_expiry = Gauge::default();
        registry.register("requests", "Requests answered, by status", requests.clone());
        registry.register("events", "What happened, by kind", events.clone());
        registry.register(
            "request_duration_seconds",
            "From a request's head to its answer's head",
            seconds.clone(),
        );
        registry.register("connections", "Connections of clients", connections.clone());
        registry.register(
            "active_requests",
            "Requests that are being answered",
            active.clone(),
        );
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the serving certificate ends; 0 where that is not known",
            certificate_expiry.clone(),
        );
        Self {
            registry,
            requests,
            events,
            seconds,
            connections,
            active,
            certificate_expiry,
        }
    }
}

impl Metrics {
    /// Counts an event.
    pub fn count(&self, event: Event) {
        self.events.get_or_create(&EventLabel { event }).inc();
    }

    /// How often an event happened.
    pub fn counted(&self, event: Event) -> u64 {
        self.events.get_or_create(&EventLabel { event }).get()
    }

    /// Counts an answer: its status, and the time until its head was there.
    pub fn request(&self, status: u16, took: Duration) {
        let code = u32::from(status);
        self.requests.get_or_create(&StatusLabel { code }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// A connection came or went.
    pub fn connection(&self, by: i64) {
        self.connections.inc_by(by);
    }

    /// A request began or ended.
    pub fn active(&self, by: i64) {
        self.active.inc_by(by);
    }

    /// When the serving certificate ends, in seconds since 1970.
    pub fn certificate_ends(&self, at: u64) {
        self.certificate_expiry.set(at);
    }

    /// The text of `/metrics`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string has no way to fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::default();
        metrics.request(200, Duration::from_millis(3));
        metrics.request(200, Duration::from_millis(3));
        metrics.count(Event::TokenReview);
        metrics.connection(2);
        metrics.connection(-1);
        let text = metrics.text();
        for line in [
            "gatewright_proxy_requests_total{code=\"200\"} 2",
            "gatewright_proxy_events_total{event=\"TokenReview\"} 1",
            "gatewright_proxy_connections 1",
            "gatewright_proxy_request_duration_seconds_bucket{le=\"0.005\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
