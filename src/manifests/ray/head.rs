//! What goes into the document of a Ray cluster: the guards on the head, and Ray's settings written out.

use k8s_openapi::api::core::v1::{EnvVar, KeyToPath, SecretVolumeSource, Volume};
use serde_json::{Value, json};

use super::clients;
use crate::input::platform::Operator;
use crate::input::ray::Kind;
use crate::manifests::addition::{Addition, Step, keys};
use crate::manifests::sidecar::{self, Proxy, READABLE, TOKEN_PATH, value};
use crate::model::keys as names;
use crate::model::notebook::ServiceAccount;
use crate::model::platform::Platform;
use crate::model::ray::{
    AUTH_DISABLED, AUTH_MODE_VARIABLE, CLIENT_CA_VOLUME, DASHBOARD_HOST_PARAM, Door, LOOPBACK, RayCluster,
    Tokens, VOLUMES,
};
use crate::model::ray_said::{INSIDE, Said};
use crate::plan::ray::RayGuard;

/// Where the authority of client certificates is mounted.
const CLIENT_CA_PATH: &str = "/etc/tls/clients";
/// The key of an authority's certificate, in what cert-manager makes.
const CA_KEY: &str = "ca.crt";

/// The additions, for a document that holds none of them.
pub fn additions(platform: &Platform, guard: &RayGuard, said: &Said) -> Vec<Addition> {
    let place = Place(guard.cluster.kind);
    let mut additions = Vec::new();
    if platform.ray.operator == Operator::OpenDataHub {
        let path = keys(["metadata", "annotations", names::RAY_SECURE]);
        additions.push(Addition::value(path, "true".into()));
    }
    additions.extend(settings(guard, said, &place));
    additions.extend(account(platform, guard, &place));
    let containers = guard.cluster.doors().iter();
    let containers = containers.map(|door| value(&container(platform, guard, *door)));
    additions.push(Addition::items(
        place.head_pod(["containers"]),
        "name",
        containers.collect(),
    ));
    additions.push(Addition::items(
        place.head_pod(["volumes"]),
        "name",
        volumes(platform, guard).iter().map(value).collect(),
    ));
    additions
}

/// Where fields are in a document of a kind.
struct Place(Kind);

// === impl Place ===

impl Place {
    fn cluster<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Vec<Step> {
        keys(self.0.steps().iter().copied().chain(path))
    }

    fn head<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Vec<Step> {
        self.cluster(["headGroupSpec"].into_iter().chain(path))
    }

    fn head_pod<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Vec<Step> {
        self.head(["template", "spec"].into_iter().chain(path))
    }

    /// The pod templates of the head and of every group of workers.
    fn templates(&self, said: &Said) -> Vec<Vec<Step>> {
        let worker = |index| {
            let mut path = self.cluster(["workerGroupSpecs"]);
            path.push(Step::Index(index));
            path.extend(keys(["template"]));
            path
        };
        let workers = (0..said.workers_silent.len()).map(worker);
        std::iter::once(self.head(["template"])).chain(workers).collect()
    }
}

/// Ray's settings and KubeRay's. What the document says of tokens and TLS itself stays.
fn settings(guard: &RayGuard, said: &Said, place: &Place) -> Vec<Addition> {
    let cluster = &guard.cluster;
    let mut additions = Vec::new();
    if let Some(labels) = cluster.pod_labels() {
        for path in place.templates(said) {
            for (key, label) in &labels {
                let path = [path.clone(), keys(["metadata", "labels", key])].concat();
                additions.push(Addition::value(path, label.as_str().into()));
            }
        }
    }
    let options = match (&cluster.tokens, said.tokens) {
        (Tokens::Off, _) => {
            additions.extend(tokens_off(cluster, said, place));
            None
        }
        (_, true) => None,
        (Tokens::Secret(name), false) => Some(json!({ "mode": "token", "secretName": name })),
        (Tokens::Kubernetes, false) => Some(json!({ "mode": "token", "enableK8sTokenAuth": true })),
    };
    if let Some(options) = options {
        additions.push(Addition::value(place.cluster(["authOptions"]), options));
    }
    if cluster.mutual_tls && !said.mutual_tls {
        let path = place.cluster(["tlsOptions", "enabled"]);
        additions.push(Addition::value(path, true.into()));
    }
    additions.push(Addition::value(place.head(["enableIngress"]), false.into()));
    for path in &said.outside {
        additions.push(Addition::value(place.head(path.iter().copied()), INSIDE.into()));
    }
    if cluster.loopback {
        let path = place.head(["rayStartParams", DASHBOARD_HOST_PARAM]);
        additions.push(Addition::value(path, LOOPBACK.into()));
    }
    additions
}

/// Later versions of Ray ask for tokens where nothing is said. The first container is Ray's.
fn tokens_off(cluster: &RayCluster, said: &Said, place: &Place) -> Vec<Addition> {
    let off = || {
        value(&EnvVar {
            name: AUTH_MODE_VARIABLE.into(),
            value: Some(AUTH_DISABLED.into()),
            value_from: None,
        })
    };
    let mut additions = Vec::new();
    let silent = std::iter::once(&said.head_silent).chain(&said.workers_silent);
    for (mut path, silent) in place.templates(said).into_iter().zip(silent) {
        if *silent {
            path.extend(keys(["spec", "containers"]));
            path.push(Step::Index(0));
            path.extend(keys(["env"]));
            additions.push(Addition::items(path, "name", vec![off()]));
        }
    }
    if cluster.autoscaling && said.autoscaler_silent {
        let path = place.cluster(["autoscalerOptions", "env"]);
        additions.push(Addition::items(path, "name", vec![off()]));
    }
    additions
}

/// Whom the head runs as. The account's token is in the containers that ask the API server, and not in Ray's, whose code is
/// everybody's who submits a job.
fn account(platform: &Platform, guard: &RayGuard, place: &Place) -> Vec<Addition> {
    if guard.cluster.service_account != ServiceAccount::Ours {
        return Vec::new();
    }
    let mut additions = vec![match platform.ray.operator {
        Operator::None => {
            let path = place.head_pod(["serviceAccountName"]);
            Addition::value(path, guard.service_account.as_str().into())
        }
        // The account is the operator's, and says nothing of its token.
        Operator::OpenDataHub => {
            Addition::value(place.head_pod(["automountServiceAccountToken"]), false.into())
        }
    }];
    if guard.cluster.autoscaling {
        let [_, _, token] = VOLUMES;
        let mount: Value = value(&sidecar::mount(token, TOKEN_PATH));
        let path = place.cluster(["autoscalerOptions", "volumeMounts"]);
        additions.push(Addition::items(path, "mountPath", vec![mount]));
    }
    additions
}

fn container(platform: &Platform, guard: &RayGuard, door: Door) -> k8s_openapi::api::core::v1::Container {
    let ports = guard.ports;
    let upstream = guard.cluster.upstream(door);
    let program = platform.sidecar.program;
    let mut args = sidecar::arguments(program, ports.of(door), upstream, ports.health(door));
    let certificates = door == Door::Client && clients::wanted(platform);
    if door == Door::Client {
        // gRPC is HTTP/2 and nothing else, here without TLS.
        args.push("--upstream-force-h2c=true".to_owned());
    }
    if certificates {
        args.push(format!("--client-ca-file={CLIENT_CA_PATH}/{CA_KEY}"));
    }
    let mut container = sidecar::container(Proxy {
        name: door.container(),
        image: &platform.sidecar.image,
        program,
        resources: &platform.sidecar.resources,
        args,
        port: (door.container_port(), ports.of(door)),
        health: (door.health_port(), ports.health(door)),
        volumes: VOLUMES,
    });
    if certificates {
        let mount = sidecar::mount(CLIENT_CA_VOLUME, CLIENT_CA_PATH);
        container.volume_mounts.get_or_insert_default().push(mount);
    }
    container
}

fn volumes(platform: &Platform, guard: &RayGuard) -> Vec<Volume> {
    let mut volumes = sidecar::volumes(VOLUMES, &guard.config_map, &guard.tls_secret);
    if guard.cluster.doors().contains(&Door::Client) && clients::wanted(platform) {
        volumes.push(Volume {
            name: CLIENT_CA_VOLUME.into(),
            // The Secret holds the authority's key too, which is nobody's.
            secret: Some(SecretVolumeSource {
                secret_name: Some(clients::AUTHORITY.into()),
                items: Some(vec![KeyToPath {
                    key: CA_KEY.into(),
                    path: CA_KEY.into(),
                    mode: None,
                }]),
                default_mode: Some(READABLE),
                optional: None,
            }),
            ..Volume::default()
        });
    }
    volumes
}
