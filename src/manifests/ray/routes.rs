//! The ways from outside to a Ray cluster's guards: each backend is a guard, so a route that is early by a moment leads to
//! somebody who asks for a token.
//!
//! Sources of the shapes: kubernetes-sigs/gateway-api `apis/v1alpha2/tlsroute_types.go`, `apis/v1/grpcroute_types.go`.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend,
    IngressSpec, IngressTLS, ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::super::http_route::{self, BackendRef, Filter, GROUP, ParentRef};
use super::super::openshift_route::{self, TargetPort, Termination};
use super::super::{Object, meta};
use crate::input::platform::{RayClientRoute, RayRoute};
use crate::model::keys;
use crate::model::platform::Platform;
use crate::model::ray::{Door, TLS_ROUTE_SINCE};
use crate::plan::class::Class;
use crate::plan::ray::RayGuard;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Route {
    api_version: String,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: RouteSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RouteSpec {
    parent_refs: Vec<ParentRef>,
    hostnames: Vec<String>,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    filters: Vec<Filter>,
    backend_refs: Vec<BackendRef>,
}

/// All of them.
pub fn objects(platform: &Platform, guard: &RayGuard) -> Vec<Object> {
    dashboard(platform, guard)
        .into_iter()
        .chain(client(platform, guard))
        .collect()
}

/// The kinds of those that are in the routes' namespace.
pub fn granted_kinds(platform: &Platform, guard: &RayGuard) -> Vec<&'static str> {
    let dashboard = (platform.ray.route == RayRoute::HttpRoute).then_some("HTTPRoute");
    let client = match platform.ray.client.route {
        _ if !guarded(guard) => None,
        RayClientRoute::TlsRoute => Some("TLSRoute"),
        RayClientRoute::GrpcRoute => Some("GRPCRoute"),
        RayClientRoute::Route | RayClientRoute::Ingress | RayClientRoute::None => None,
    };
    dashboard.into_iter().chain(client).collect()
}

/// Whether the client port has a guard.
fn guarded(guard: &RayGuard) -> bool {
    guard.cluster.doors().contains(&Door::Client)
}

fn dashboard(platform: &Platform, guard: &RayGuard) -> Option<Object> {
    match platform.ray.route {
        RayRoute::HttpRoute => Some(http_route::ray_route(platform, guard)),
        RayRoute::Route => dashboard_route(platform, guard),
        RayRoute::Ingress => dashboard_ingress(platform, guard),
        RayRoute::None => None,
    }
}

/// The router verifies the guard by the service CA.
fn dashboard_route(platform: &Platform, guard: &RayGuard) -> Option<Object> {
    let host = guard.dashboard_host(platform)?;
    let namespace = &guard.cluster.namespace;
    let mut metadata = meta::of_ray_route(platform, guard, &guard.route, namespace);
    meta::annotate(&mut metadata, keys::ROUTE_SERVICE_CA, "true");
    Some(openshift_route::to_service(
        metadata,
        host.written(),
        guard.service.clone(),
        TargetPort::Name(Door::Dashboard.service_port()),
        Termination::Reencrypt,
    ))
}

fn dashboard_ingress(platform: &Platform, guard: &RayGuard) -> Option<Object> {
    let host = guard.dashboard_host(platform)?.written()?;
    let metadata = meta::of_ray_route(platform, guard, &guard.route, &guard.cluster.namespace);
    Some(ingress(platform, metadata, host, guard, Door::Dashboard))
}

fn client(platform: &Platform, guard: &RayGuard) -> Option<Object> {
    if !guarded(guard) {
        return None;
    }
    let host = guard.client_host(platform)?;
    let here = |namespace: &str| meta::of_ray_in(guard, &guard.client_route, Some(namespace), Class::Serve);
    let namespace = &guard.cluster.namespace;
    match platform.ray.client.route {
        RayClientRoute::TlsRoute => {
            let version = if platform.facts.gateway_api >= TLS_ROUTE_SINCE {
                "v1"
            } else {
                "v1alpha2"
            };
            let metadata = here(&platform.ray.route_namespace);
            Some(route(
                platform,
                guard,
                ("TLSRoute", version),
                metadata,
                host,
                Vec::new(),
            ))
        }
        RayClientRoute::GrpcRoute => {
            let metadata = here(&platform.ray.route_namespace);
            let filters = vec![Filter::tokens()];
            Some(route(
                platform,
                guard,
                ("GRPCRoute", "v1"),
                metadata,
                host,
                filters,
            ))
        }
        RayClientRoute::Route => Some(openshift_route::to_service(
            here(namespace),
            Some(host),
            guard.service.clone(),
            TargetPort::Name(Door::Client.service_port()),
            Termination::Passthrough,
        )),
        RayClientRoute::Ingress => {
            let mut metadata = here(namespace);
            meta::annotate(&mut metadata, keys::NGINX_PASSTHROUGH, "true");
            Some(ingress(platform, metadata, host, guard, Door::Client))
        }
        RayClientRoute::None => None,
    }
}

/// A route of the Gateway API, on the client ports' listener alone.
fn route(
    platform: &Platform,
    guard: &RayGuard,
    (kind, version): (&'static str, &str),
    metadata: ObjectMeta,
    host: String,
    filters: Vec<Filter>,
) -> Object {
    let gateway = &platform.gateway;
    let parent = http_route::parent_at(&gateway.name, &gateway.namespace, &platform.ray.client.listener);
    let backend = http_route::backend(
        &guard.service,
        &guard.cluster.namespace,
        guard.ports.of(Door::Client),
    );
    let route = Route {
        api_version: format!("{GROUP}/{version}"),
        kind,
        metadata,
        spec: RouteSpec {
            parent_refs: vec![parent],
            hostnames: vec![host],
            rules: vec![Rule {
                filters,
                backend_refs: vec![backend],
            }],
        },
    };
    Object::new(Class::Serve, &route)
}

/// ingress-nginx verifies the guard by the authority that cert-manager puts beside the guard's certificate: at the client port
/// too, for a controller that was not started with `--enable-ssl-passthrough` ends TLS whatever it is told. With hosts under `tls`
/// it serves plain HTTP by a redirect alone; without a Secret there it has its own certificate.
fn ingress(
    platform: &Platform,
    mut metadata: ObjectMeta,
    host: String,
    guard: &RayGuard,
    door: Door,
) -> Object {
    let authority = format!("{}/{}", guard.cluster.namespace, guard.tls_secret);
    let protocol = match door {
        Door::Dashboard => "HTTPS",
        Door::Client => "GRPCS",
    };
    for (key, value) in [
        (keys::NGINX_PROTOCOL, protocol),
        (keys::NGINX_AUTHORITY, &authority),
        (keys::NGINX_VERIFY, "on"),
        (keys::NGINX_VERIFIED_NAME, &guard.host()),
        (keys::NGINX_ASKS_BY_NAME, "on"),
    ] {
        meta::annotate(&mut metadata, key, value);
    }
    let path = HTTPIngressPath {
        path: Some("/".into()),
        path_type: "Prefix".into(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: guard.service.clone(),
                port: Some(ServiceBackendPort {
                    name: Some(door.service_port().into()),
                    number: None,
                }),
            }),
            resource: None,
        },
    };
    let ingress = Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: platform.ray.ingress_class.clone(),
            rules: Some(vec![IngressRule {
                host: Some(host.clone()),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            tls: Some(vec![IngressTLS {
                hosts: Some(vec![host]),
                secret_name: None,
            }]),
            default_backend: None,
        }),
        status: None,
    };
    Object::new(Class::Serve, &ingress)
}
