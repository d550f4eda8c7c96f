//! The guard's container and volumes: what goes into a Notebook.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapProjection, ConfigMapVolumeSource, Container, ContainerPort,
    DownwardAPIProjection, DownwardAPIVolumeFile, HTTPGetAction, KeyToPath, ObjectFieldSelector, Probe,
    ProjectedVolumeSource, ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext,
    ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;
use serde_json::Value;

use super::object::ordered;
use crate::config::kube_rbac_proxy::FILE;
use crate::model::notebook::{
    GUARD, GUARD_PORT, GUARD_VOLUMES, HEALTH_PORT, HEALTH_PORT_NAME, NOTEBOOK_PORT,
};
use crate::model::platform::Platform;
use crate::model::programs::needs_upstream_timeout;
use crate::model::quantity::Quantity as Amount;
use crate::plan::guard::Guard;

/// Where the configuration is mounted.
const CONFIG_PATH: &str = "/etc/kube-rbac-proxy";
/// Where the certificate is mounted.
const TLS_PATH: &str = "/etc/tls/private";
/// Where Kubernetes clients look for their token.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// `0644`: readable by the guard, which runs as a user we do not know.
const READABLE: i32 = 0o644;
/// Lifetime of the guard's token (seconds); the kubelet renews it. The API's default, written out.
const TOKEN_SECONDS: i64 = 3600;

/// What goes into a Notebook's pod.
#[derive(Debug, Clone, PartialEq)]
pub struct Sidecar {
    /// The container.
    pub container: Value,
    /// Its volumes.
    pub volumes: Vec<Value>,
}

/// The guard of a Notebook.
pub fn sidecar(platform: &Platform, guard: &Guard) -> Sidecar {
    Sidecar {
        container: value(&container(platform, guard)),
        volumes: volumes(guard).iter().map(value).collect(),
    }
}

fn value(typed: &impl Serialize) -> Value {
    ordered(serde_json::to_value(typed).unwrap_or_default())
}

fn container(platform: &Platform, guard: &Guard) -> Container {
    let mount = |volume: &str, path: &str| VolumeMount {
        name: volume.into(),
        mount_path: path.into(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    let port = |name: &str, number: u16| ContainerPort {
        name: Some(name.into()),
        container_port: i32::from(number),
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    };
    let [config, tls, token] = GUARD_VOLUMES;
    let image = guard
        .notebook
        .guard_image
        .as_ref()
        .unwrap_or(&platform.sidecar.image);
    Container {
        name: GUARD.into(),
        image: Some(image.clone()),
        image_pull_policy: Some(pull_policy(image).into()),
        args: Some(args(platform, guard)),
        ports: Some(vec![port(GUARD, GUARD_PORT), port(HEALTH_PORT_NAME, HEALTH_PORT)]),
        liveness_probe: Some(probe(30)),
        readiness_probe: Some(probe(5)),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&guard.notebook.resources.requests)),
            limits: Some(quantities(&guard.notebook.resources.limits)),
            claims: None,
        }),
        security_context: Some(restricted()),
        termination_message_path: Some("/dev/termination-log".into()),
        termination_message_policy: Some("File".into()),
        volume_mounts: Some(vec![
            mount(config, CONFIG_PATH),
            mount(tls, TLS_PATH),
            mount(token, TOKEN_PATH),
        ]),
        ..Container::default()
    }
}

/// The flags, in the order of the program they were first written for.
fn args(platform: &Platform, guard: &Guard) -> Vec<String> {
    let mut args = common_args(guard.notebook.port);
    if needs_upstream_timeout(platform.sidecar.program) {
        args.push("--upstream-timeout=0".to_owned());
    }
    args
}

/// The flags that Open Data Hub's controller gives its guard too, which it has in front of one port alone.
pub fn controller_args() -> Vec<String> {
    common_args(NOTEBOOK_PORT)
}

fn common_args(port: u16) -> Vec<String> {
    vec![
        format!("--secure-listen-address=0.0.0.0:{GUARD_PORT}"),
        format!("--upstream=http://127.0.0.1:{port}/"),
        "--logtostderr=true".to_owned(),
        "--v=0".to_owned(),
        format!("--proxy-endpoints-port={HEALTH_PORT}"),
        format!("--config-file={CONFIG_PATH}/{FILE}"),
        format!("--tls-cert-file={TLS_PATH}/tls.crt"),
        format!("--tls-private-key-file={TLS_PATH}/tls.key"),
        "--auth-header-fields-enabled=true".to_owned(),
        "--auth-header-user-field-name=X-Auth-Request-User".to_owned(),
        "--auth-header-groups-field-name=X-Auth-Request-Groups".to_owned(),
    ]
}

fn probe(delay: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some("/healthz".into()),
            port: IntOrString::Int(i32::from(HEALTH_PORT)),
            scheme: Some("HTTPS".into()),
            ..HTTPGetAction::default()
        }),
        initial_delay_seconds: Some(delay),
        timeout_seconds: Some(1),
        period_seconds: Some(5),
        success_threshold: Some(1),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}

/// An image by digest is the same wherever it is; a tag may have moved.
pub(super) fn pull_policy(image: &str) -> &'static str {
    if image.contains("@sha256:") {
        "IfNotPresent"
    } else {
        "Always"
    }
}

/// What the restricted Pod Security Standard asks for, and a root file system that is read only.
pub(super) fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".into()]),
            add: None,
        }),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".into(),
            localhost_profile: None,
        }),
        ..SecurityContext::default()
    }
}

fn quantities(amounts: &BTreeMap<String, String>) -> BTreeMap<String, Quantity> {
    amounts
        .iter()
        .map(|(resource, amount)| {
            let canonical = Amount::canonical(amount).unwrap_or_else(|| amount.clone());
            (resource.clone(), Quantity(canonical))
        })
        .collect()
}

fn volumes(guard: &Guard) -> Vec<Volume> {
    let [config, tls, token] = GUARD_VOLUMES;
    vec![
        Volume {
            name: config.into(),
            config_map: Some(ConfigMapVolumeSource {
                name: guard.config_map.clone(),
                default_mode: Some(READABLE),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        },
        Volume {
            name: tls.into(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(guard.tls_secret.clone()),
                default_mode: Some(READABLE),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
        Volume {
            name: token.into(),
            projected: Some(token_source()),
            ..Volume::default()
        },
    ]
}

/// The guard's own credentials, as the kubelet would mount them, but into this container alone.
fn token_source() -> ProjectedVolumeSource {
    let token = VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            path: "token".into(),
            expiration_seconds: Some(TOKEN_SECONDS),
            audience: None,
        }),
        ..VolumeProjection::default()
    };
    let authority = VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: "kube-root-ca.crt".into(),
            items: Some(vec![KeyToPath {
                key: "ca.crt".into(),
                path: "ca.crt".into(),
                mode: None,
            }]),
            optional: None,
        }),
        ..VolumeProjection::default()
    };
    let namespace = VolumeProjection {
        downward_api: Some(DownwardAPIProjection {
            items: Some(vec![DownwardAPIVolumeFile {
                path: "namespace".into(),
                field_ref: Some(ObjectFieldSelector {
                    api_version: Some("v1".into()),
                    field_path: "metadata.namespace".into(),
                }),
                ..DownwardAPIVolumeFile::default()
            }]),
        }),
        ..VolumeProjection::default()
    };
    ProjectedVolumeSource {
        default_mode: Some(READABLE),
        sources: Some(vec![token, authority, namespace]),
    }
}
