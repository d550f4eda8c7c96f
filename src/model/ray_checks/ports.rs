//! Where Ray listens, against where the guard does, and who else leads people there.

use crate::input::platform::DashboardHost;
use crate::input::ray::{Cluster, Document, Kind};
use crate::krm::results::Finding;
use crate::model::platform::Platform;
use crate::model::ray::{
    CLIENT_PORT, CLIENT_PORT_PARAM, DASHBOARD_HOST_PARAM, DASHBOARD_PORT, DASHBOARD_PORT_PARAM, Door,
    LOOPBACK, METRICS_PORT, Ports,
};
use crate::model::ray_said::{INSIDE, OUTSIDE, SERVICE_TYPES};

/// The settings of `rayStartParams` that move a port (ray-project/ray `python/ray/scripts/scripts.py`), and where it is if
/// nothing moves it; none where Ray takes any that is free.
const PORT_PARAMS: [(&str, Option<u16>); 10] = [
    ("port", Some(6379)),
    (DASHBOARD_PORT_PARAM, Some(DASHBOARD_PORT)),
    (CLIENT_PORT_PARAM, Some(CLIENT_PORT)),
    ("metrics-export-port", Some(METRICS_PORT)),
    ("dashboard-agent-listen-port", Some(52365)),
    ("dashboard-agent-grpc-port", None),
    ("dashboard-grpc-port", None),
    ("object-manager-port", None),
    ("node-manager-port", None),
    ("runtime-env-agent-port", None),
];
/// The range of the workers' own ports.
const WORKER_PORTS: (&str, u16, &str, u16) = ("min-worker-port", 10002, "max-worker-port", 19999);
/// All addresses, and this one.
const EVERYWHERE: [&str; 2] = ["0.0.0.0", "::"];
const HERE: [&str; 2] = [LOOPBACK, "localhost"];
/// Annotation: KubeRay leaves the container's command as it is (`ray-operator/controllers/ray/utils/constant.go`).
const OWN_COMMAND: &str = "ray.io/overwrite-container-cmd";
/// What makes a command one of Ray's for KubeRay, which then adds none of its own.
const RAY_START: &str = "ray start";

/// Checks the head.
pub(super) fn check(
    document: &Document,
    cluster: &Cluster,
    platform: &Platform,
    findings: &mut Vec<Finding>,
) {
    let ports = Ports::beside(platform.ray.operator);
    let guard: Vec<u16> = Door::ALL
        .into_iter()
        .flat_map(|door| [ports.of(door), ports.health(door)])
        .collect();
    params(document, cluster, &guard, findings);
    worker_ports(document, cluster, &guard, findings);
    host(document, cluster, platform, findings);
    command(document, cluster, platform, findings);
    services(document, cluster, findings);
}

/// A setting of the head.
fn param<'c>(cluster: &'c Cluster, name: &str) -> Option<&'c str> {
    cluster.head.start_params.as_ref()?.get(name).map(String::as_str)
}

fn path(document: &Document, param: &str) -> String {
    document
        .kind
        .path(&format!("headGroupSpec.rayStartParams.{param}"))
}

fn params(document: &Document, cluster: &Cluster, guard: &[u16], findings: &mut Vec<Finding>) {
    let mut taken: Vec<(u16, &str)> = Vec::new();
    for (name, usual) in PORT_PARAMS {
        let port = match param(cluster, name) {
            None => usual,
            // Any that is free.
            Some("0") if usual.is_none() => None,
            Some(text) => {
                let port = text.parse::<u16>().ok().filter(|port| *port > 0);
                if port.is_none() {
                    let message = "must be a port number from 1 to 65535: what is generated leads to it";
                    findings.push(Finding::error(message).at(path(document, name)).found(text));
                }
                port
            }
        };
        let Some(port) = port else { continue };
        if guard.contains(&port) {
            let message = "is a port of the guard, which listens in the same pod; use another";
            findings.push(
                Finding::error(message)
                    .at(path(document, name))
                    .found(port.to_string()),
            );
        } else if let Some((_, other)) = taken.iter().find(|(known, _)| *known == port) {
            let message = format!("is where {other} is: one of the two cannot listen, and Ray stops");
            let at = if param(cluster, name).is_some() {
                name
            } else {
                other
            };
            findings.push(
                Finding::error(message)
                    .at(path(document, at))
                    .found(port.to_string()),
            );
        }
        taken.push((port, name));
    }
    if param(cluster, "include-dashboard").is_some_and(|value| value.eq_ignore_ascii_case("false")) {
        let message =
            "without a dashboard nothing listens behind its guard, and no job can be submitted through it";
        findings.push(
            Finding::warning(message)
                .at(path(document, "include-dashboard"))
                .found("false"),
        );
    }
    if let Some(block) = param(cluster, "block").filter(|value| !value.eq_ignore_ascii_case("true")) {
        let message = "KubeRay writes true here, whatever it says; leave it out";
        findings.push(Finding::info(message).at(path(document, "block")).found(block));
    }
}

/// Worker processes listen on a range of ports, and one of them may be there before the guard is.
fn worker_ports(document: &Document, cluster: &Cluster, guard: &[u16], findings: &mut Vec<Finding>) {
    let (min, lowest, max, highest) = WORKER_PORTS;
    let port = |name: &str, usual: u16| param(cluster, name).map_or(Some(usual), |text| text.parse().ok());
    let (Some(from), Some(to)) = (port(min, lowest), port(max, highest)) else {
        let message = "must be a port number";
        for name in [min, max].into_iter().filter(|name| port(name, lowest).is_none()) {
            let found = param(cluster, name).unwrap_or_default();
            findings.push(Finding::error(message).at(path(document, name)).found(found));
        }
        return;
    };
    if let Some(port) = guard.iter().find(|port| (from..=to).contains(port)) {
        let at = if param(cluster, min).is_some() { min } else { max };
        let message = format!(
            "the workers' ports, {from} to {to}, hold the guard's {port}: a worker that takes it keeps the guard from starting; \
             use a range without it"
        );
        findings.push(Finding::error(message).at(path(document, at)));
    }
    if let Some(list) = param(cluster, "worker-port-list") {
        let held = list
            .split(',')
            .find(|port| port.trim().parse().is_ok_and(|port| guard.contains(&port)));
        if let Some(port) = held {
            let message = "holds a port of the guard, which listens in the same pod; use another";
            findings.push(
                Finding::error(message)
                    .at(path(document, "worker-port-list"))
                    .found(port),
            );
        }
    }
}

/// The guard calls the loopback address; KubeRay calls the pod's.
fn host(document: &Document, cluster: &Cluster, platform: &Platform, findings: &mut Vec<Finding>) {
    let Some(host) = param(cluster, DASHBOARD_HOST_PARAM) else {
        return;
    };
    let finding = |finding: Finding| finding.at(path(document, DASHBOARD_HOST_PARAM)).found(host);
    if HERE.contains(&host) {
        if document.kind != Kind::RayCluster {
            let message = format!(
                "keeps KubeRay from the dashboard, by which it starts and watches what a {} runs; leave it out",
                document.kind.word()
            );
            findings.push(finding(Finding::error(message)));
        }
    } else if !EVERYWHERE.contains(&host) {
        let message = "is not where the guard, which is in the same pod, looks for the dashboard: 127.0.0.1; nobody gets in";
        findings.push(finding(Finding::error(message)).propose(LOOPBACK));
    } else if platform.ray.dashboard_host == DashboardHost::Loopback && document.kind == Kind::RayCluster {
        let message = "opens the dashboard to the pod's address, where the Platform's dashboardHost says Loopback, which is \
                       written in its place; leave it out";
        findings.push(finding(Finding::warning(message)));
    }
}

/// Where people write Ray's command themselves, `rayStartParams` say nothing of what Ray does.
fn command(document: &Document, cluster: &Cluster, platform: &Platform, findings: &mut Vec<Finding>) {
    let on = |value: &String| value.eq_ignore_ascii_case("true");
    let head = document.kind.path("headGroupSpec.template");
    let at = if document.annotations.get(OWN_COMMAND).is_some_and(on) {
        format!("metadata.annotations[{OWN_COMMAND:?}]")
    } else if cluster.head.annotations.get(OWN_COMMAND).is_some_and(on) {
        format!("{head}.metadata.annotations[{OWN_COMMAND:?}]")
    } else if cluster.head.pod.containers.first().is_some_and(|ray| {
        let words = ray.command.iter().chain(&ray.args).map(String::as_str);
        words.collect::<Vec<_>>().join(" ").contains(RAY_START)
    }) {
        format!("{head}.spec.containers[0].command")
    } else {
        return;
    };
    let message = "Ray is started by this command, and rayStartParams do not hold: the guard leads to the ports that they say";
    findings.push(if platform.ray.dashboard_host == DashboardHost::Loopback {
        let message = format!(
            "{message}, and nothing keeps the dashboard on the loopback address, as the Platform's dashboardHost wants; let \
             KubeRay start Ray"
        );
        Finding::error(message).at(at)
    } else {
        let message = format!("{message}; see that the command says the same");
        Finding::warning(message).at(at)
    });
}

/// KubeRay's own Service in front of the head has all of Ray's ports.
fn services(document: &Document, cluster: &Cluster, findings: &mut Vec<Finding>) {
    for (field, kind) in SERVICE_TYPES {
        let kind = kind(cluster);
        if !OUTSIDE.contains(&kind) {
            continue;
        }
        let message = "would offer all of Ray's ports from outside, past the guard, to callers whose address a load balancer or a \
                       node replaces by one that policies let in: it is written as ClusterIP; people get the route that the \
                       Platform names";
        let path = document.kind.path(&format!("headGroupSpec.{}", field.join(".")));
        findings.push(Finding::warning(message).at(path).found(kind).propose(INSIDE));
    }
}
