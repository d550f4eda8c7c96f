//! The gateway itself: its class, its listeners, how its pods are run, and how traffic reaches it from outside.
//!
//! Sources of the shapes: kubernetes-sigs/gateway-api `apis/v1/{gateway,gatewayclass}_types.go`; envoyproxy/gateway `api/v1alpha1/envoyproxy_types.go`; istio/istio
//! `pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go` for the keys of the ConfigMap.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::MetricSpec;
use k8s_openapi::api::core::v1::{ConfigMap, TopologySpreadConstraint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;
use serde_json::{Value, json};

use super::http_route::GROUP;
use super::openshift_route::{self, TargetPort, Termination};
use super::scaling::{self, MAX_REPLICAS, MIN_REPLICAS};
use super::{Object, meta};
use crate::input::platform::{GatewayImplementation, IngressMode, RayClientRoute};
use crate::krm::yaml::{Quoting, to_block};
use crate::model::certificate::Maker;
use crate::model::gateway::Gateway;
use crate::model::keys;
use crate::model::platform::Platform;
use crate::plan::class::Class;

/// The listener that people come in by.
pub const LISTENER: &str = "https";
/// The listener of the host of earlier releases.
pub const LEGACY_LISTENER: &str = "https-legacy";
/// The port of both.
const PORT: u16 = 443;
/// Envoy Gateway's group.
pub const ENVOY_GATEWAY: &str = "gateway.envoyproxy.io";
/// First Istio whose gateways can be given a number of pods and a budget (its release notes): an older one takes a key that
/// it does not know for an error, and has no gateway at all.
const ISTIO_SCALES_SINCE: (u32, u32) = (1, 26);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayClass {
    api_version: String,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: GatewayClassSpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayClassSpec {
    controller_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayObject {
    api_version: String,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: GatewaySpec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewaySpec {
    gateway_class_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    infrastructure: Option<Infrastructure>,
    listeners: Vec<Listener>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Infrastructure {
    parameters_ref: Reference,
}

#[derive(Serialize)]
struct Reference {
    group: &'static str,
    kind: &'static str,
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listener {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    port: u16,
    protocol: &'static str,
    tls: ListenerTls,
    allowed_routes: AllowedRoutes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListenerTls {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificate_refs: Vec<Reference>,
}

#[derive(Serialize)]
struct AllowedRoutes {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<RouteKind>,
    namespaces: RouteNamespaces,
}

#[derive(Serialize)]
struct RouteKind {
    group: &'static str,
    kind: &'static str,
}

#[derive(Serialize)]
struct RouteNamespaces {
    from: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<Selector>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    match_expressions: Vec<Requirement>,
}

#[derive(Serialize)]
struct Requirement {
    key: &'static str,
    operator: &'static str,
    values: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvoyProxy {
    api_version: String,
    kind: &'static str,
    metadata: ObjectMeta,
    spec: EnvoyProxySpec,
}

#[derive(Serialize)]
struct EnvoyProxySpec {
    logging: EnvoyLogging,
    provider: EnvoyProvider,
}

#[derive(Serialize)]
struct EnvoyLogging {
    level: EnvoyLogLevel,
}

#[derive(Serialize)]
struct EnvoyLogLevel {
    default: &'static str,
}

#[derive(Serialize)]
struct EnvoyProvider {
    #[serde(rename = "type")]
    kind: &'static str,
    kubernetes: EnvoyKubernetes,
}

#[derive(Serialize)]
struct EnvoyKubernetes {
    #[serde(rename = "envoyDeployment")]
    deployment: EnvoyDeployment,
    #[serde(rename = "envoyHpa")]
    autoscaler: EnvoyHpa,
    #[serde(rename = "envoyPDB")]
    budget: EnvoyBudget,
}

#[derive(Serialize)]
struct EnvoyDeployment {
    pod: EnvoyPod,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvoyPod {
    topology_spread_constraints: Vec<TopologySpreadConstraint>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvoyHpa {
    min_replicas: i32,
    max_replicas: i32,
    metrics: Vec<MetricSpec>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvoyBudget {
    max_unavailable: IntOrString,
}

/// Everything of the gateway but what lets traffic in.
pub fn objects(platform: &Platform, gateway: &Gateway) -> Vec<Object> {
    let mut objects = Vec::new();
    objects.extend(class(gateway));
    objects.extend(parameters(gateway));
    objects.push(self::gateway(platform, gateway));
    objects
}

/// The class, where it is ours to write.
fn class(gateway: &Gateway) -> Option<Object> {
    let class = GatewayClass {
        api_version: format!("{GROUP}/v1"),
        kind: "GatewayClass",
        metadata: meta::of_gateway_in_cluster(gateway, &gateway.class, Class::Support),
        spec: GatewayClassSpec {
            controller_name: gateway.controller.clone()?,
        },
    };
    Some(Object::new(Class::Support, &class))
}

/// The listeners. A route attaches from the namespaces that are named and from no other: whoever may write routes elsewhere
/// cannot take over a path.
fn gateway(platform: &Platform, gateway: &Gateway) -> Object {
    let behind_route = gateway.ingress == IngressMode::OcpRoute;
    let from_named = |values| RouteNamespaces {
        from: "Selector",
        selector: Some(Selector {
            match_expressions: vec![Requirement {
                key: keys::NAMESPACE_NAME,
                operator: "In",
                values,
            }],
        }),
    };
    let listener = |name: &str, hostname, namespaces| Listener {
        name: name.to_owned(),
        hostname,
        port: PORT,
        protocol: "HTTPS",
        tls: ListenerTls {
            mode: "Terminate",
            certificate_refs: vec![Reference {
                group: "",
                kind: "Secret",
                name: gateway.certificate.secret.clone(),
            }],
        },
        allowed_routes: AllowedRoutes {
            kinds: Vec::new(),
            namespaces,
        },
    };
    // Behind a Route the listener takes any host: the router has looked at it.
    let hostname = (!behind_route).then(|| gateway.host.clone());
    let mut listeners = vec![listener(
        LISTENER,
        hostname,
        from_named(gateway.namespaces.clone()),
    )];
    if let Some(legacy) = gateway.legacy_host.clone().filter(|_| !behind_route) {
        // Nothing but the redirect is served here, and that is in the gateway's own namespace.
        let own = RouteNamespaces {
            from: "Same",
            selector: None,
        };
        listeners.push(listener(LEGACY_LISTENER, Some(legacy), own));
    }
    let client = &platform.ray.client;
    if let Some(domain) = client
        .domain
        .as_ref()
        .filter(|_| client.route == RayClientRoute::TlsRoute)
    {
        // Ray's clients speak TLS with the guards: no route for people is taken here.
        listeners.push(Listener {
            name: client.listener.clone(),
            hostname: Some(format!("*.{domain}")),
            port: PORT,
            protocol: "TLS",
            tls: ListenerTls {
                mode: "Passthrough",
                certificate_refs: Vec::new(),
            },
            allowed_routes: AllowedRoutes {
                kinds: vec![RouteKind {
                    group: GROUP,
                    kind: "TLSRoute",
                }],
                namespaces: from_named(vec![platform.ray.route_namespace.clone()]),
            },
        });
    }
    let object = GatewayObject {
        api_version: format!("{GROUP}/v1"),
        kind: "Gateway",
        metadata: meta::of_istio(gateway, &gateway.name, &gateway.namespace, Class::Support),
        spec: GatewaySpec {
            gateway_class_name: gateway.class.clone(),
            infrastructure: parameters(gateway).map(|parameters| Infrastructure {
                parameters_ref: Reference {
                    group: match gateway.implementation {
                        GatewayImplementation::Istio => "",
                        GatewayImplementation::EnvoyGateway => ENVOY_GATEWAY,
                    },
                    kind: match gateway.implementation {
                        GatewayImplementation::Istio => "ConfigMap",
                        GatewayImplementation::EnvoyGateway => "EnvoyProxy",
                    },
                    name: parameters.id.name,
                },
            }),
            listeners,
        },
    };
    Object::new(Class::Support, &object)
}

/// How the gateway's controller runs its pods: two at least, spread, and never all gone at once.
fn parameters(gateway: &Gateway) -> Option<Object> {
    let metadata = meta::of_gateway(gateway, &gateway.parameters(), &gateway.namespace, Class::Support);
    match gateway.implementation {
        GatewayImplementation::Istio => {
            let config_map = ConfigMap {
                metadata,
                data: Some(overlays(gateway)?),
                ..ConfigMap::default()
            };
            Some(Object::new(Class::Support, &config_map))
        }
        GatewayImplementation::EnvoyGateway => {
            let proxy = EnvoyProxy {
                api_version: format!("{ENVOY_GATEWAY}/v1alpha1"),
                kind: "EnvoyProxy",
                metadata,
                spec: EnvoyProxySpec {
                    logging: EnvoyLogging {
                        level: EnvoyLogLevel { default: "warn" },
                    },
                    provider: EnvoyProvider {
                        kind: "Kubernetes",
                        kubernetes: EnvoyKubernetes {
                            deployment: EnvoyDeployment {
                                pod: EnvoyPod {
                                    topology_spread_constraints: scaling::spread(&gateway.pods.labels),
                                },
                            },
                            autoscaler: EnvoyHpa {
                                min_replicas: MIN_REPLICAS,
                                max_replicas: MAX_REPLICAS,
                                metrics: vec![scaling::cpu()],
                            },
                            budget: EnvoyBudget {
                                max_unavailable: IntOrString::Int(1),
                            },
                        },
                    },
                },
            };
            Some(Object::new(Class::Support, &proxy))
        }
    }
}

/// What is laid over the objects that Istio makes for a Gateway. Beside Open Data Hub's operator a gateway with a load
/// balancer may have none: that operator would delete the Gateway.
fn overlays(gateway: &Gateway) -> Option<BTreeMap<String, String>> {
    let behind_route = gateway.ingress == IngressMode::OcpRoute;
    if gateway.beside_operator && !behind_route {
        return None;
    }
    let mut overlays = BTreeMap::new();
    if behind_route {
        let mut service = json!({ "spec": { "type": "ClusterIP" } });
        if gateway.certificate.maker == Maker::ServiceCa {
            let annotation = json!({ keys::SERVING_CERTIFICATE: gateway.certificate.secret });
            service["metadata"] = json!({ "annotations": annotation });
        }
        overlays.insert("service", service);
    }
    if gateway.version >= ISTIO_SCALES_SINCE {
        let spread = scaling::spread(&gateway.pods.labels);
        let pod = json!({ "topologySpreadConstraints": spread });
        overlays.insert("deployment", json!({ "spec": { "template": { "spec": pod } } }));
        let scale =
            json!({ "minReplicas": MIN_REPLICAS, "maxReplicas": MAX_REPLICAS, "metrics": [scaling::cpu()] });
        overlays.insert("horizontalPodAutoscaler", json!({ "spec": scale }));
        overlays.insert("podDisruptionBudget", json!({ "spec": { "maxUnavailable": 1 } }));
    }
    let text = |(key, value): (&str, Value)| {
        (
            key.to_owned(),
            to_block(&super::object::ordered(value), Quoting::WhereNeeded),
        )
    };
    (!overlays.is_empty()).then(|| overlays.into_iter().map(text).collect())
}

/// OpenShift's Routes to the gateway: for its host, and for the one of earlier releases.
pub fn routes(gateway: &Gateway) -> Vec<Object> {
    if gateway.ingress != IngressMode::OcpRoute {
        return Vec::new();
    }
    let mut routes = vec![route(gateway, &gateway.name, &gateway.host)];
    if let Some(legacy) = &gateway.legacy_host {
        routes.push(route(gateway, &legacy_name(gateway), legacy));
    }
    routes
}

/// The name of what leads on from the host of earlier releases.
pub fn legacy_name(gateway: &Gateway) -> String {
    format!("{}-legacy", gateway.name)
}

fn route(gateway: &Gateway, name: &str, host: &str) -> Object {
    let mut metadata = meta::of_gateway(gateway, name, &gateway.namespace, Class::Serve);
    meta::annotate(&mut metadata, keys::ROUTE_SERVICE_CA, "true");
    if let Some(timeout) = &gateway.server_timeout {
        meta::annotate(&mut metadata, keys::ROUTE_TIMEOUT, timeout);
    }
    openshift_route::to_service(
        metadata,
        Some(host.to_owned()),
        gateway.service(),
        TargetPort::Number(PORT),
        Termination::Reencrypt,
    )
}
