//! The guard: a proxy beside a workload that asks the API server who is calling and whether they may.
//!
//! A request goes through these files in this order, and each gives the next what it needs:
//! [`framing`] (bytes that two parsers could read differently end here) → [`target`] (one path, in one spelling) →
//! [`paths`] (allowed, ignored) → [`credential`] → [`authenticate`] (a [`user::User`]) → [`rules`] (the [`attributes`] to ask
//! about) → [`authorize`] → [`headers`] (identity, set last) → [`forward`]. Where one says no it gives a [`refusal::Refusal`];
//! [`respond`] is the one table of what that looks like on the wire. [`gate`] has the order of the checks.
//!
//! Specification: kube-rbac-proxy v0.21 (brancz/kube-rbac-proxy) and its forks, as they answered on the wire.

pub mod api;
pub mod attributes;
pub mod audit;
pub mod authenticate;
pub mod authorize;
pub mod budget;
pub mod cache;
pub mod certificate;
pub mod check;
pub mod connection;
pub mod credential;
pub mod drain;
pub mod endpoints;
pub mod explain;
pub mod forward;
pub mod framing;
pub mod gate;
pub mod glob;
pub mod headers;
pub mod metrics;
pub mod oidc;
pub mod options;
pub mod paths;
pub mod refusal;
pub mod respond;
pub mod rules;
pub mod run;
pub mod serve;
pub mod target;
pub mod template;
pub mod tls;
pub mod upstream;
pub mod user;
