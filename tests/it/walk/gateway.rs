//! From the manifests to a running Envoy, by way of the program that would tell it what to do in a cluster.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::definitions::{Definitions, GATEWAY, ISTIO};
use super::envoy;
use super::stage::Stage;
use crate::envoy_gateway;
use crate::istiod;

/// Who tells Envoy what to do: the version that manifests are for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Controller {
    Istio(&'static str),
    /// With the switches of its configuration that are on.
    EnvoyGateway(&'static str, &'static [&'static str]),
}

// === impl Controller ===

impl Controller {
    /// The definitions that are walked, for this one.
    pub(crate) fn definitions(self) -> Definitions {
        let (implementation, version) = match self {
            Self::Istio(version) => ("Istio", version),
            Self::EnvoyGateway(version, _) => ("EnvoyGateway", version),
        };
        Definitions {
            implementation,
            version,
            issuer: String::new(),
            allowed: &["system:authenticated"],
            refresh: "2s",
        }
    }

    /// What Envoy is started with on a stage; `None` where a program is missing.
    pub(crate) fn bootstrap(self, stage: &Stage) -> Option<Value> {
        match self {
            Self::Istio(version) => {
                let told = istiod::configuration(&stage.rendered, ISTIO, GATEWAY, version)?;
                Some(envoy::bootstrap(&told, &stage.surroundings()))
            }
            Self::EnvoyGateway(_, switches) => {
                let around = stage.surroundings();
                let told = envoy_gateway::told(&stage.rendered, switches)?;
                let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
                let places = envoy_gateway::bootstrap::Places {
                    listen: &|_| 0,
                    answer: &|host| around.services.get(host).unwrap_or(&nowhere).port(),
                };
                let mut bootstrap = envoy_gateway::bootstrap::bootstrap(&told, &places);
                certify(&mut bootstrap, &around);
                Some(bootstrap)
            }
        }
    }
}

/// Puts the certificates of the stage where those are that the translation made up.
fn certify(value: &mut Value, around: &envoy::Surroundings<'_>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| certify(item, around)),
        Value::Object(map) => {
            for (name, value) in map {
                match name.as_str() {
                    "trusted_ca" => *value = json!({ "inline_string": around.authority }),
                    "tls_certificates" => *value = around.certificates(),
                    _ => certify(value, around),
                }
            }
        }
        _ => {}
    }
}
