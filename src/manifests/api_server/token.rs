//! The guard that asks for one token: the container that KubeRay's chart calls security proxy, with a program of the Platform's.
//!
//! Source of the settings: ray-project/kuberay `helm-chart/kuberay-apiserver/templates/deployment.yaml`, and
//! `experimental/cmd/main.go` before 156391d3d.

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, EnvVarSource, Probe, ResourceRequirements, SecretKeySelector,
    TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use crate::input::api_server::POD_SPEC;
use crate::manifests::addition::{Addition, Step, keys};
use crate::manifests::sidecar::{pull_policy, quantities, restricted, value};
use crate::model::api_server::{
    Door, ENABLE_GRPC, EVERY_PATH, GRPC_LOCAL_PORT, GRPC_REMOTE_PORT, HTTP_LOCAL_PORT, HTTP_REMOTE_PORT,
    PROXY, SECURITY_PREFIX, SECURITY_TOKEN,
};
use crate::model::platform::Platform;
use crate::plan::api_server::GuardedApiServer;

/// Fields of the container that are ours whatever stands there.
const OURS: [&str; 5] = [
    "image",
    "imagePullPolicy",
    "livenessProbe",
    "readinessProbe",
    "securityContext",
];

/// What goes into the Deployment: the container, or what a security proxy that is there lacks of it.
pub(super) fn additions(platform: &Platform, guard: &GuardedApiServer) -> Vec<Addition> {
    let containers = || {
        let mut path = keys(POD_SPEC.split('.'));
        path.push(Step::Key("containers".to_owned()));
        path
    };
    let Some(proxy) = &guard.server.proxy else {
        let container = value(&container(platform, guard, PROXY));
        return vec![Addition::items(containers(), "name", vec![container])];
    };
    let field = |steps: Vec<Step>| {
        let mut path = containers();
        path.push(Step::Index(proxy.at));
        path.extend(steps);
        path
    };
    let item = |list: &str, index: usize, key: &str| {
        let list = Step::Key(list.to_owned());
        field(vec![list, Step::Index(index), Step::Key(key.to_owned())])
    };
    let wanted = value(&container(platform, guard, &proxy.container));
    let mut additions: Vec<Addition> = OURS
        .iter()
        .map(|key| Addition::value(field(keys([*key])), wanted[*key].clone()))
        .collect();
    // What the container declares only says what its variables make it do.
    for (door, (index, number)) in &proxy.ports {
        let wanted = guard.port(*door);
        if *number != wanted {
            additions.push(Addition::value(
                item("ports", *index, "containerPort"),
                json!(wanted),
            ));
        }
    }
    let mut missing = vec![];
    for (name, should) in settings(guard) {
        match proxy.settings.get(name) {
            Some((_, is)) if *is == should => {}
            Some((index, _)) => additions.push(Addition::value(item("env", *index, "value"), json!(should))),
            None => missing.push(json!({ "name": name, "value": should })),
        }
    }
    // Items move up where the token's is taken out: it is the last.
    if !missing.is_empty() {
        additions.push(Addition::items(field(keys(["env"])), "name", missing));
    }
    let token = value(&token(platform));
    additions.push(Addition::instead(field(keys(["env"])), "name", vec![token]));
    additions
}

/// The variables but the token, in the order of the chart.
fn settings(guard: &GuardedApiServer) -> [(&'static str, String); 6] {
    [
        (ENABLE_GRPC, "true".to_owned()),
        (GRPC_LOCAL_PORT, guard.port(Door::Grpc).to_string()),
        (HTTP_LOCAL_PORT, guard.port(Door::Http).to_string()),
        (SECURITY_PREFIX, EVERY_PATH.to_owned()),
        (HTTP_REMOTE_PORT, guard.server.port(Door::Http).to_string()),
        (GRPC_REMOTE_PORT, guard.server.port(Door::Grpc).to_string()),
    ]
}

fn token(platform: &Platform) -> EnvVar {
    EnvVar {
        name: SECURITY_TOKEN.into(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: platform.api_server.secret.clone(),
                key: platform.api_server.key.clone(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
    }
}

fn container(platform: &Platform, guard: &GuardedApiServer, name: &str) -> Container {
    let image = platform.api_server.image.clone().unwrap_or_default();
    let mut env: Vec<EnvVar> = settings(guard)
        .into_iter()
        .map(|(name, value)| EnvVar {
            name: name.into(),
            value: Some(value),
            value_from: None,
        })
        .collect();
    env.push(token(platform));
    let port = |door: &Door| ContainerPort {
        name: Some(door.port_name().into()),
        container_port: i32::from(guard.port(*door)),
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    };
    Container {
        name: name.into(),
        image_pull_policy: Some(pull_policy(&image).into()),
        image: Some(image),
        env: Some(env),
        ports: Some(Door::ALL.iter().map(port).collect()),
        liveness_probe: Some(probe(guard, 30)),
        readiness_probe: Some(probe(guard, 5)),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&platform.sidecar.resources.requests)),
            limits: Some(quantities(&platform.sidecar.resources.limits)),
            claims: None,
        }),
        security_context: Some(restricted()),
        termination_message_path: Some("/dev/termination-log".into()),
        termination_message_policy: Some("File".into()),
        ..Container::default()
    }
}

/// Whether it listens: every path wants the token, which a probe does not have.
fn probe(guard: &GuardedApiServer, delay: i32) -> Probe {
    Probe {
        tcp_socket: Some(TCPSocketAction {
            port: IntOrString::Int(i32::from(guard.port(Door::Http))),
            host: None,
        }),
        initial_delay_seconds: Some(delay),
        timeout_seconds: Some(1),
        period_seconds: Some(5),
        success_threshold: Some(1),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}
