//! OpenShift's Routes.
//!
//! Source of the shape: openshift/api `route/v1/types.go`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::Object;
use crate::plan::class::Class;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Route {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: RouteSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    port: RoutePort,
    tls: RouteTls,
    to: RouteTarget,
    wildcard_policy: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoutePort {
    target_port: TargetPort,
}

/// The port of a Route's Service.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum TargetPort {
    /// By its number.
    Number(u16),
    /// By its name.
    Name(&'static str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteTls {
    termination: Termination,
    insecure_edge_termination_policy: &'static str,
}

/// Who speaks TLS with whom.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Termination {
    /// The router with both sides.
    Reencrypt,
    /// Both sides with each other.
    Passthrough,
}

#[derive(Serialize)]
struct RouteTarget {
    kind: &'static str,
    name: String,
    weight: u16,
}

/// A Route to a Service. Without a host the router makes one of name, namespace and its domain.
pub(super) fn to_service(
    metadata: ObjectMeta,
    host: Option<String>,
    service: String,
    target_port: TargetPort,
    termination: Termination,
) -> Object {
    let route = Route {
        api_version: "route.openshift.io/v1",
        kind: "Route",
        metadata,
        spec: RouteSpec {
            host,
            port: RoutePort { target_port },
            tls: RouteTls {
                termination,
                insecure_edge_termination_policy: match termination {
                    Termination::Reencrypt => "Redirect",
                    Termination::Passthrough => "None",
                },
            },
            to: RouteTarget {
                kind: "Service",
                name: service,
                weight: 100,
            },
            wildcard_policy: "None",
        },
    };
    Object::new(Class::Serve, &route)
}
