//! The guard's container and volumes: what goes into a Notebook, and the parts of that which are the same for every guard.

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
use crate::input::platform::SidecarProgram;
use crate::model::notebook::{
    GUARD, GUARD_PORT, GUARD_VOLUMES, HEALTH_PORT, HEALTH_PORT_NAME, NOTEBOOK_PORT,
};
use crate::model::platform::{Platform, Resources};
use crate::model::programs::{health_paths, needs_upstream_timeout, subcommand};
use crate::model::quantity::Quantity as Amount;
use crate::plan::guard::Guard;

/// Where the configuration is mounted.
const CONFIG_PATH: &str = "/etc/kube-rbac-proxy";
/// Where the certificate is mounted.
const TLS_PATH: &str = "/etc/tls/private";
/// Where Kubernetes clients look for their token.
pub(super) const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// `0644`: readable by the guard, which runs as a user we do not know.
pub(super) const READABLE: i32 = 0o644;
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

/// What a guard's container is made of, whatever it guards.
pub(super) struct Proxy<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its image.
    pub image: &'a str,
    /// What the image holds.
    pub program: SidecarProgram,
    /// Its resources.
    pub resources: &'a Resources,
    /// Its arguments.
    pub args: Vec<String>,
    /// The port that it listens on, by name and number.
    pub port: (&'a str, u16),
    /// The port of its health checks.
    pub health: (&'a str, u16),
    /// Its volumes: configuration, certificate, token.
    pub volumes: [&'a str; 3],
}

/// The guard of a Notebook.
pub fn sidecar(platform: &Platform, guard: &Guard) -> Sidecar {
    let program = platform.sidecar.program;
    let proxy = Proxy {
        name: GUARD,
        program,
        image: guard
            .notebook
            .guard_image
            .as_ref()
            .unwrap_or(&platform.sidecar.image),
        resources: &guard.notebook.resources,
        args: arguments(program, GUARD_PORT, guard.notebook.port, HEALTH_PORT),
        port: (GUARD, GUARD_PORT),
        health: (HEALTH_PORT_NAME, HEALTH_PORT),
        volumes: GUARD_VOLUMES,
    };
    Sidecar {
        container: value(&container(proxy)),
        volumes: volumes(GUARD_VOLUMES, &guard.config_map, &guard.tls_secret)
            .iter()
            .map(value)
            .collect(),
    }
}

/// A typed part of a document as a value, its fields in the order of reviewers.
pub(super) fn value(typed: &impl Serialize) -> Value {
    ordered(serde_json::to_value(typed).unwrap_or_default())
}

/// A volume, mounted to be read.
pub(super) fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.into(),
        mount_path: path.into(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

/// The container of a guard.
pub(super) fn container(proxy: Proxy<'_>) -> Container {
    let port = |(name, number): (&str, u16)| ContainerPort {
        name: Some(name.into()),
        container_port: i32::from(number),
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    };
    let [config, tls, token] = proxy.volumes;
    let [lives, decides] = health_paths(proxy.program);
    Container {
        name: proxy.name.into(),
        image: Some(proxy.image.into()),
        image_pull_policy: Some(pull_policy(proxy.image).into()),
        args: Some(proxy.args),
        ports: Some(vec![port(proxy.port), port(proxy.health)]),
        liveness_probe: Some(probe(lives, 30, proxy.health.1)),
        readiness_probe: Some(probe(decides, 5, proxy.health.1)),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&proxy.resources.requests)),
            limits: Some(quantities(&proxy.resources.limits)),
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

/// What a program is started with: its own word, the flags that all know, and the flag that it alone knows.
pub(super) fn arguments(program: SidecarProgram, port: u16, upstream: u16, health: u16) -> Vec<String> {
    let own = needs_upstream_timeout(program).then(|| "--upstream-timeout=0".to_owned());
    let word = subcommand(program).map(str::to_owned).into_iter();
    word.chain(flags(port, upstream, health)).chain(own).collect()
}

/// The flags that Open Data Hub's controller gives its guard too, which it has in front of one port alone.
pub fn controller_args() -> Vec<String> {
    flags(GUARD_PORT, NOTEBOOK_PORT, HEALTH_PORT)
}

/// The flags that every program knows, in the order of the one they were first written for.
fn flags(port: u16, upstream: u16, health: u16) -> Vec<String> {
    vec![
        format!("--secure-listen-address=0.0.0.0:{port}"),
        format!("--upstream=http://127.0.0.1:{upstream}/"),
        "--logtostderr=true".to_owned(),
        "--v=0".to_owned(),
        format!("--proxy-endpoints-port={health}"),
        format!("--config-file={CONFIG_PATH}/{FILE}"),
        format!("--tls-cert-file={TLS_PATH}/tls.crt"),
        format!("--tls-private-key-file={TLS_PATH}/tls.key"),
        "--auth-header-fields-enabled=true".to_owned(),
        "--auth-header-user-field-name=X-Auth-Request-User".to_owned(),
        "--auth-header-groups-field-name=X-Auth-Request-Groups".to_owned(),
    ]
}

fn probe(path: &str, delay: i32, port: u16) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.into()),
            port: IntOrString::Int(i32::from(port)),
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

pub(super) fn quantities(amounts: &BTreeMap<String, String>) -> BTreeMap<String, Quantity> {
    amounts
        .iter()
        .map(|(resource, amount)| {
            let canonical = Amount::canonical(amount).unwrap_or_else(|| amount.clone());
            (resource.clone(), Quantity(canonical))
        })
        .collect()
}

/// The volumes of a guard: its configuration, its certificate, its token.
pub(super) fn volumes(names: [&str; 3], config_map: &str, tls_secret: &str) -> Vec<Volume> {
    let [config, tls, token] = names;
    vec![
        Volume {
            name: config.into(),
            config_map: Some(ConfigMapVolumeSource {
                name: config_map.into(),
                default_mode: Some(READABLE),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        },
        Volume {
            name: tls.into(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(tls_secret.into()),
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
