//! Gateways: their listeners, and which routes may attach to them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

use super::answer::Hop;
use super::hostnames;
use super::labels::{self, Selected};
use super::read;
use super::surroundings::Surroundings;
use super::world::World;
use crate::cluster::object::Object;

/// API group of the Gateway API.
pub const GROUP: &str = "gateway.networking.k8s.io";

/// One listener of a Gateway.
#[derive(Debug, Clone)]
pub struct Listener<'a> {
    gateway: &'a Object,
    value: &'a Value,
    index: usize,
}

/// The namespaces whose routes a listener takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Takes {
    /// Its own.
    Same,
    /// All.
    All,
    /// Those with certain labels.
    Selected(LabelSelector),
    /// What it says cannot be read; it may take all.
    Unclear,
}

/// The Gateway whose own Service this is: Istio names it after Gateway and class (its documentation, "Automated Deployment").
pub fn fronted<'a>(world: &World<'a>, namespace: &str, service: &str) -> Option<&'a Object> {
    world
        .within(GROUP, "Gateway", namespace)
        .into_iter()
        .find(|gateway| {
            let class = read::text(&gateway.value, "/spec/gatewayClassName").unwrap_or_default();
            service
                .strip_prefix(gateway.id.name.as_str())
                .and_then(|rest| rest.strip_prefix('-'))
                == Some(class)
        })
}

// === impl Listener ===

impl<'a> Listener<'a> {
    /// The listeners of a Gateway, in order.
    pub fn all(gateway: &'a Object) -> Vec<Self> {
        let listeners = read::list(&gateway.value, "/spec/listeners").iter().enumerate();
        let listener = |(index, value)| Self {
            gateway,
            value,
            index,
        };
        listeners.map(listener).collect()
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        read::text(self.value, "/name").unwrap_or_default()
    }

    /// Its protocol: HTTP, HTTPS, TLS, TCP, UDP.
    pub fn protocol(&self) -> &'a str {
        read::text(self.value, "/protocol").unwrap_or_default()
    }

    /// Its port.
    pub fn port(&self) -> Option<u16> {
        read::port(self.value, "/port")
    }

    /// Its hostname.
    pub fn hostname(&self) -> Option<&'a str> {
        read::text(self.value, "/hostname")
    }

    /// Whether it hands TLS on undecrypted.
    pub fn passes_through(&self) -> bool {
        read::text(self.value, "/tls/mode") == Some("Passthrough")
    }

    /// Whose routes it takes. Absent: its own namespace's.
    pub fn takes(&self) -> Takes {
        match self
            .value
            .pointer("/allowedRoutes/namespaces/from")
            .map(Value::as_str)
        {
            None | Some(Some("Same")) => Takes::Same,
            Some(Some("All")) => Takes::All,
            Some(Some("Selector")) => {
                let selector = self.value.pointer("/allowedRoutes/namespaces/selector");
                selector
                    .and_then(labels::read)
                    .map_or(Takes::Unclear, Takes::Selected)
            }
            // Nothing attaches.
            Some(Some("None")) => Takes::Selected(LabelSelector {
                match_labels: Some([("\u{0}".to_owned(), String::new())].into()),
                match_expressions: None,
            }),
            Some(_) => Takes::Unclear,
        }
    }

    /// Whether it takes routes of a kind from a namespace.
    pub fn takes_route(&self, kind: &str, namespace: &str, around: &Surroundings<'_>) -> Selected {
        let by_kind = match self.kinds() {
            Some(kinds) => kinds.contains(&kind),
            None => default_kinds(self.protocol()).contains(&kind),
        };
        let fits = default_kinds(self.protocol()).contains(&kind) || self.protocol().contains('/');
        if !by_kind || !fits {
            return Selected::No;
        }
        match self.takes() {
            Takes::Same if namespace == self.gateway.id.namespace => Selected::Yes,
            Takes::Same => Selected::No,
            Takes::All => Selected::Yes,
            Takes::Selected(selector) => around.namespace_selected(&selector, namespace),
            Takes::Unclear => Selected::Maybe,
        }
    }

    /// The hosts that it and a route share.
    pub fn hosts(&self, route: &[&str]) -> Vec<String> {
        hostnames::shared(self.hostname(), route)
    }

    /// The listener as a step of a way.
    pub fn hop(&self) -> Hop {
        let port = self
            .port()
            .map_or_else(String::new, |port| format!(" on port {port}"));
        Hop {
            object: self.gateway.id.clone(),
            field: format!("spec.listeners[{}]", self.index),
            says: format!("listener {}, {}{port}", self.name(), self.protocol()),
        }
    }

    fn kinds(&self) -> Option<Vec<&'a str>> {
        let kinds = self.value.pointer("/allowedRoutes/kinds")?.as_array()?;
        if kinds.is_empty() {
            return None;
        }
        let own = kinds
            .iter()
            .filter(|kind| read::text(kind, "/group").is_none_or(|group| group == GROUP));
        Some(own.filter_map(|kind| read::text(kind, "/kind")).collect())
    }
}

/// The kinds of routes that go with a protocol (Gateway API, `ProtocolType`).
fn default_kinds(protocol: &str) -> &'static [&'static str] {
    match protocol {
        "HTTP" | "HTTPS" => &["HTTPRoute", "GRPCRoute"],
        "TLS" => &["TLSRoute", "TCPRoute"],
        "TCP" => &["TCPRoute"],
        _ => &[],
    }
}
