//! A small cluster as types, and the manifests that say the same.
//!
//! The alphabets are small, so that things meet: nine label keys, a handful of values, three namespaces, eight ports, three
//! hosts. What the packets are decided from are these types; what the model gets is the objects.

use gatewright::cluster::object::Object;
use gatewright::krm::object_id::ObjectId;
use serde_json::{Map, Value, json};

pub(super) const KEYS: [&str; 9] = [
    "app",
    "role",
    "notebook-name",
    "statefulset",
    "gateway.networking.k8s.io/gateway-name",
    "pod-template-hash",
    "kubernetes.io/metadata.name",
    "team",
    "ray.io/node-type",
];
pub(super) const APP: usize = 0;
pub(super) const ROLE: usize = 1;
pub(super) const NOTEBOOK: usize = 2;
pub(super) const STATEFULSET: usize = 3;
pub(super) const GATEWAY: usize = 4;
pub(super) const HASH: usize = 5;
pub(super) const NAMESPACE: usize = 6;
pub(super) const TEAM: usize = 7;
pub(super) const RAY: usize = 8;

/// The values of labels; a code is the index behind this table's, 0 is no label.
pub(super) const VALUES: [&str; 14] = [
    "a",
    "b",
    "c",
    "w0",
    "w1",
    "w2",
    "g0",
    "g1",
    "x",
    "y",
    "z",
    "head",
    "elsewhere",
    "unseen",
];
pub(super) const A: u8 = 1;
pub(super) const B: u8 = 2;
pub(super) const C: u8 = 3;
pub(super) const W0: u8 = 4;
pub(super) const G0: u8 = 7;
pub(super) const X: u8 = 9;
pub(super) const HEAD: u8 = 12;
pub(super) const ELSEWHERE: u8 = 13;
/// What no manifest says.
pub(super) const UNSEEN: u8 = 14;
/// A label of which is not known whether it is there, nor what it says.
pub(super) const UNKNOWN: u8 = 255;

/// The value's code by key.
pub(super) type Labels = [u8; KEYS.len()];

pub(super) const NAMESPACES: [&str; 3] = ["x", "y", "z"];
/// Guard, notebook, another that may be declared, one that never is, Ray's dashboard, the guard's health, those of Services.
pub(super) const PORTS: [u16; 8] = [8443, 8888, 9000, 7777, 8265, 8444, 80, 81];
pub(super) const NAMED: [&str; 3] = ["front", "back", "nowhere"];
pub(super) const HOSTS: [&str; 3] = ["a.example.com", "*.example.com", "b.example.net"];

#[derive(Debug, Clone, Default)]
pub(super) struct Cluster {
    pub(super) namespaces: Vec<Namespace>,
    pub(super) workloads: Vec<Workload>,
    pub(super) policies: Vec<Policy>,
    pub(super) services: Vec<Service>,
    pub(super) gateways: Vec<Gateway>,
    pub(super) routes: Vec<Route>,
    pub(super) grants: Vec<Grant>,
    pub(super) ingresses: Vec<Ingress>,
    pub(super) openshift: Vec<OpenShiftRoute>,
}

/// A Namespace that the manifests hold.
#[derive(Debug, Clone)]
pub(super) struct Namespace {
    pub(super) name: usize,
    pub(super) team: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Notebook,
    Deployment,
    StatefulSet,
    Pod,
    Ray,
}

#[derive(Debug, Clone)]
pub(super) struct Workload {
    pub(super) kind: Kind,
    pub(super) namespace: usize,
    /// `w` and its slot.
    pub(super) slot: usize,
    pub(super) app: u8,
    pub(super) role: u8,
    pub(super) containers: Vec<Container>,
    pub(super) host_network: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Container {
    /// What it forwards to, and whether its health has a port of its own.
    pub(super) guard: Option<(u16, bool)>,
    pub(super) sidecar: bool,
    pub(super) ports: Vec<ContainerPort>,
}

#[derive(Debug, Clone)]
pub(super) struct ContainerPort {
    pub(super) name: Option<&'static str>,
    pub(super) number: u16,
    pub(super) protocol: Option<&'static str>,
    pub(super) host: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    pub(super) labels: Vec<(usize, u8)>,
    pub(super) expressions: Vec<(usize, Operator, Vec<u8>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) namespace: usize,
    pub(super) slot: usize,
    pub(super) pods: Selector,
    pub(super) types: Option<Vec<&'static str>>,
    pub(super) ingress: Option<Vec<Rule>>,
    pub(super) egress: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) from: Option<Vec<Peer>>,
    pub(super) ports: Option<Vec<PolicyPort>>,
}

#[derive(Debug, Clone)]
pub(super) enum Peer {
    Pods {
        pods: Option<Selector>,
        namespaces: Option<Selector>,
    },
    Block {
        cidr: &'static str,
        except: Option<&'static str>,
    },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Port {
    Number(u16),
    Name(&'static str),
}

#[derive(Debug, Clone)]
pub(super) struct PolicyPort {
    pub(super) protocol: Option<&'static str>,
    pub(super) port: Option<Port>,
    pub(super) end: Option<u16>,
}

#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) namespace: usize,
    pub(super) slot: usize,
    pub(super) kind: Option<&'static str>,
    pub(super) headless: bool,
    pub(super) external: bool,
    pub(super) selector: Option<Vec<(usize, u8)>>,
    pub(super) ports: Vec<ServicePort>,
}

#[derive(Debug, Clone)]
pub(super) struct ServicePort {
    pub(super) name: Option<&'static str>,
    pub(super) port: u16,
    pub(super) target: Option<Port>,
    pub(super) protocol: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct Gateway {
    pub(super) namespace: usize,
    pub(super) slot: usize,
    pub(super) listeners: Vec<Listener>,
}

#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub(super) name: &'static str,
    pub(super) port: u16,
    pub(super) protocol: &'static str,
    pub(super) hostname: Option<&'static str>,
    pub(super) from: From,
    pub(super) kinds: Option<Vec<RouteKind>>,
}

#[derive(Debug, Clone)]
pub(super) enum From {
    Default,
    Same,
    All,
    Selector(Selector),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RouteKind {
    Http,
    Grpc,
    Tls,
}

#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) kind: RouteKind,
    pub(super) namespace: usize,
    pub(super) slot: usize,
    pub(super) parents: Vec<Parent>,
    pub(super) hostnames: Vec<&'static str>,
    pub(super) rules: Vec<RouteRule>,
}

#[derive(Debug, Clone)]
pub(super) struct Parent {
    /// A Service instead of a Gateway: traffic inside a mesh.
    pub(super) mesh: bool,
    pub(super) namespace: Option<usize>,
    pub(super) gateway: usize,
    pub(super) section: Option<&'static str>,
    pub(super) port: Option<u16>,
}

#[derive(Debug, Clone)]
pub(super) struct RouteRule {
    pub(super) matches: Vec<Match>,
    pub(super) redirect: bool,
    pub(super) mirror: Option<Backend>,
    pub(super) backends: Vec<Backend>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    /// Whether it is exact, and the path; of a `GRPCRoute` the service.
    pub(super) path: Option<(bool, &'static str)>,
    pub(super) method: Option<&'static str>,
    pub(super) header: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct Backend {
    pub(super) namespace: Option<usize>,
    pub(super) service: usize,
    pub(super) port: u16,
    pub(super) weight: Option<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) namespace: usize,
    pub(super) slot: usize,
    pub(super) from_kind: &'static str,
    pub(super) from_namespace: usize,
    pub(super) to_kind: &'static str,
    pub(super) to_name: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Ingress {
    pub(super) namespace: usize,
    pub(super) service: usize,
    pub(super) port: Port,
    pub(super) default: bool,
    pub(super) host: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct OpenShiftRoute {
    pub(super) namespace: usize,
    pub(super) service: usize,
    pub(super) alternate: Option<(usize, u8)>,
    pub(super) weight: Option<u8>,
    pub(super) port: Option<Port>,
    pub(super) passthrough: bool,
}

/// The Services of the manifests by slot, and behind them those that a controller makes for Notebooks.
pub(super) fn service_name(slot: usize) -> &'static str {
    ["s0", "s1", "s2", "w0", "w1", "w2"][slot]
}

fn gateway_name(slot: usize) -> &'static str {
    ["g0", "g1"][slot]
}

fn set(map: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    map.insert(key.to_owned(), value.into());
}

fn text(code: u8) -> &'static str {
    VALUES[usize::from(code) - 1]
}

fn pairs(pairs: &[(usize, u8)]) -> Value {
    let pairs = pairs.iter().filter(|(_, value)| *value != 0);
    Value::Object(
        pairs
            .map(|(key, value)| (KEYS[*key].to_owned(), text(*value).into()))
            .collect(),
    )
}

fn object(api_version: &str, kind: &str, namespace: &str, name: &str, body: Value) -> Object {
    let mut value = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
    if !namespace.is_empty() {
        value["metadata"]["namespace"] = namespace.into();
    }
    if let (Value::Object(all), Value::Object(body)) = (&mut value, body) {
        for (key, part) in body {
            if key == "labels" {
                all["metadata"]["labels"] = part;
            } else {
                all.insert(key, part);
            }
        }
    }
    Object {
        id: ObjectId::new(api_version, kind, namespace, name),
        value,
        place: None,
    }
}

// === impl Cluster ===

impl Cluster {
    /// Its manifests.
    pub(super) fn objects(&self) -> Vec<Object> {
        let mut all = Vec::new();
        all.extend(self.namespaces.iter().map(Namespace::object));
        all.extend(self.workloads.iter().map(Workload::object));
        all.extend(self.policies.iter().map(Policy::object));
        all.extend(self.services.iter().map(Service::object));
        all.extend(self.gateways.iter().map(Gateway::object));
        all.extend(self.routes.iter().map(Route::object));
        all.extend(self.grants.iter().map(Grant::object));
        all.extend(self.ingresses.iter().map(Ingress::object));
        all.extend(self.openshift.iter().map(OpenShiftRoute::object));
        all
    }
}

// === impl Namespace ===

impl Namespace {
    fn object(&self) -> Object {
        object(
            "v1",
            "Namespace",
            "",
            NAMESPACES[self.name],
            json!({"labels": pairs(&[(TEAM, self.team)])}),
        )
    }
}

// === impl Kind ===

impl Kind {
    fn of(self) -> (&'static str, &'static str) {
        match self {
            Self::Notebook => ("kubeflow.org/v1", "Notebook"),
            Self::Deployment => ("apps/v1", "Deployment"),
            Self::StatefulSet => ("apps/v1", "StatefulSet"),
            Self::Pod => ("v1", "Pod"),
            Self::Ray => ("ray.io/v1", "RayCluster"),
        }
    }
}

// === impl Workload ===

impl Workload {
    pub(super) fn name(&self) -> &'static str {
        ["w0", "w1", "w2"][self.slot]
    }

    pub(super) fn id(&self) -> ObjectId {
        let (api_version, kind) = self.kind.of();
        ObjectId::new(api_version, kind, NAMESPACES[self.namespace], self.name())
    }

    fn object(&self) -> Object {
        let containers: Vec<Value> = (self.containers.iter().enumerate())
            .filter(|(_, container)| !container.sidecar)
            .map(|(index, container)| container.value(self, index))
            .collect();
        let sidecars: Vec<Value> = (self.containers.iter().enumerate())
            .filter(|(_, container)| container.sidecar)
            .map(|(index, container)| container.value(self, index))
            .collect();
        let mut spec = json!({"containers": containers});
        if !sidecars.is_empty() {
            spec["initContainers"] = sidecars.into();
        }
        if self.host_network {
            spec["hostNetwork"] = true.into();
        }
        let labels = pairs(&[(APP, self.app), (ROLE, self.role)]);
        let namespace = NAMESPACES[self.namespace];
        let template = json!({"metadata": {"labels": labels.clone()}, "spec": spec.clone()});
        let body = match self.kind {
            Kind::Notebook => json!({"labels": labels, "spec": {"template": {"spec": spec}}}),
            Kind::Deployment | Kind::StatefulSet => {
                json!({"spec": {"selector": {"matchLabels": {}}, "template": template}})
            }
            Kind::Pod => json!({"labels": labels, "spec": spec}),
            Kind::Ray => json!({"spec": {"headGroupSpec": {"rayStartParams": {}, "template": template}}}),
        };
        let (api_version, kind) = self.kind.of();
        object(api_version, kind, namespace, self.name(), body)
    }
}

// === impl Container ===

impl Container {
    fn value(&self, workload: &Workload, index: usize) -> Value {
        let mut map = Map::new();
        if let Some((upstream, health)) = self.guard {
            set(&mut map, "name", "kube-rbac-proxy");
            set(&mut map, "image", "quay.io/brancz/kube-rbac-proxy:v0.19.1");
            let mut args = vec![
                "--secure-listen-address=0.0.0.0:8443".to_owned(),
                format!("--upstream=http://127.0.0.1:{upstream}/"),
            ];
            if health {
                args.push("--proxy-endpoints-port=8444".to_owned());
            }
            set(&mut map, "args", args);
        } else if index == 0 {
            set(&mut map, "name", workload.name());
            set(&mut map, "image", "registry.example.com/code:1");
        } else {
            set(&mut map, "name", format!("c{index}"));
            set(&mut map, "image", "registry.example.com/more:1");
        }
        if self.sidecar {
            set(&mut map, "restartPolicy", "Always");
        }
        if !self.ports.is_empty() {
            let ports: Vec<Value> = self.ports.iter().map(ContainerPort::value).collect();
            set(&mut map, "ports", ports);
        }
        Value::Object(map)
    }
}

// === impl ContainerPort ===

impl ContainerPort {
    fn value(&self) -> Value {
        let mut map = Map::new();
        set(&mut map, "containerPort", self.number);
        if let Some(name) = self.name {
            set(&mut map, "name", name);
        }
        if let Some(protocol) = self.protocol {
            set(&mut map, "protocol", protocol);
        }
        if self.host {
            set(&mut map, "hostPort", self.number);
        }
        Value::Object(map)
    }
}

// === impl Selector ===

impl Selector {
    fn value(&self) -> Value {
        let mut map = Map::new();
        if !self.labels.is_empty() {
            set(&mut map, "matchLabels", pairs(&self.labels));
        }
        if !self.expressions.is_empty() {
            let all = self.expressions.iter().map(|(key, operator, values)| {
                let mut one = json!({"key": KEYS[*key], "operator": format!("{operator:?}")});
                if matches!(operator, Operator::In | Operator::NotIn) {
                    one["values"] = values.iter().map(|value| text(*value)).collect();
                }
                one
            });
            set(&mut map, "matchExpressions", all.collect::<Vec<_>>());
        }
        Value::Object(map)
    }
}

// === impl Port ===

impl Port {
    fn value(self) -> Value {
        match self {
            Self::Number(number) => number.into(),
            Self::Name(name) => name.into(),
        }
    }
}

// === impl Policy ===

impl Policy {
    fn object(&self) -> Object {
        let mut spec = json!({"podSelector": self.pods.value()});
        if let Some(types) = &self.types {
            spec["policyTypes"] = json!(types);
        }
        if let Some(rules) = &self.ingress {
            spec["ingress"] = rules.iter().map(Rule::value).collect();
        }
        if self.egress {
            spec["egress"] = json!([{}]);
        }
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            NAMESPACES[self.namespace],
            &format!("p{}", self.slot),
            json!({"spec": spec}),
        )
    }
}

// === impl Rule ===

impl Rule {
    fn value(&self) -> Value {
        let mut map = Map::new();
        if let Some(from) = &self.from {
            let peers: Vec<Value> = from.iter().map(Peer::value).collect();
            set(&mut map, "from", peers);
        }
        if let Some(ports) = &self.ports {
            let ports: Vec<Value> = ports.iter().map(PolicyPort::value).collect();
            set(&mut map, "ports", ports);
        }
        Value::Object(map)
    }
}

// === impl Peer ===

impl Peer {
    fn value(&self) -> Value {
        let mut map = Map::new();
        match self {
            Self::Pods { pods, namespaces } => {
                if let Some(pods) = pods {
                    set(&mut map, "podSelector", pods.value());
                }
                if let Some(namespaces) = namespaces {
                    set(&mut map, "namespaceSelector", namespaces.value());
                }
            }
            Self::Block { cidr, except } => {
                let mut block = json!({"cidr": cidr});
                if let Some(except) = except {
                    block["except"] = json!([except]);
                }
                set(&mut map, "ipBlock", block);
            }
        }
        Value::Object(map)
    }
}

// === impl PolicyPort ===

impl PolicyPort {
    fn value(&self) -> Value {
        let mut map = Map::new();
        if let Some(protocol) = self.protocol {
            set(&mut map, "protocol", protocol);
        }
        if let Some(port) = self.port {
            set(&mut map, "port", port.value());
        }
        if let Some(end) = self.end {
            set(&mut map, "endPort", end);
        }
        Value::Object(map)
    }
}

// === impl Service ===

impl Service {
    fn object(&self) -> Object {
        let mut map = Map::new();
        if let Some(kind) = self.kind {
            set(&mut map, "type", kind);
        }
        if self.kind == Some("ExternalName") {
            set(&mut map, "externalName", "elsewhere.example.org");
        } else if self.headless {
            set(&mut map, "clusterIP", "None");
        }
        if self.external {
            set(&mut map, "externalIPs", vec!["192.0.2.1"]);
        }
        if let Some(selector) = &self.selector {
            set(&mut map, "selector", pairs(selector));
        }
        let ports: Vec<Value> = self.ports.iter().map(ServicePort::value).collect();
        set(&mut map, "ports", ports);
        object(
            "v1",
            "Service",
            NAMESPACES[self.namespace],
            service_name(self.slot),
            json!({"spec": map}),
        )
    }
}

// === impl ServicePort ===

impl ServicePort {
    fn value(&self) -> Value {
        let mut map = Map::new();
        set(&mut map, "port", self.port);
        if let Some(name) = self.name {
            set(&mut map, "name", name);
        }
        if let Some(target) = self.target {
            set(&mut map, "targetPort", target.value());
        }
        if let Some(protocol) = self.protocol {
            set(&mut map, "protocol", protocol);
        }
        Value::Object(map)
    }
}

// === impl RouteKind ===

impl RouteKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
            Self::Tls => "TLSRoute",
        }
    }
}

// === impl Gateway ===

impl Gateway {
    pub(super) fn name(&self) -> &'static str {
        gateway_name(self.slot)
    }

    fn object(&self) -> Object {
        let listeners: Vec<Value> = self.listeners.iter().map(Listener::value).collect();
        object(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            NAMESPACES[self.namespace],
            self.name(),
            json!({"spec": {"gatewayClassName": "istio", "listeners": listeners}}),
        )
    }
}

// === impl Listener ===

impl Listener {
    fn value(&self) -> Value {
        let mut value = json!({"name": self.name, "port": self.port, "protocol": self.protocol});
        if let Some(hostname) = self.hostname {
            value["hostname"] = hostname.into();
        }
        match self.protocol {
            "HTTPS" => {
                value["tls"] = json!({"mode": "Terminate", "certificateRefs": [{"name": "certificate"}]});
            }
            "TLS" => value["tls"] = json!({"mode": "Passthrough"}),
            _ => {}
        }
        match &self.from {
            From::Default => {}
            From::Same => value["allowedRoutes"]["namespaces"] = json!({"from": "Same"}),
            From::All => value["allowedRoutes"]["namespaces"] = json!({"from": "All"}),
            From::Selector(selector) => {
                value["allowedRoutes"]["namespaces"] =
                    json!({"from": "Selector", "selector": selector.value()});
            }
        }
        if let Some(kinds) = &self.kinds {
            let kinds = kinds
                .iter()
                .map(|kind| json!({"group": "gateway.networking.k8s.io", "kind": kind.name()}));
            value["allowedRoutes"]["kinds"] = kinds.collect();
        }
        value
    }
}

// === impl Route ===

impl Route {
    pub(super) fn name(&self) -> String {
        format!("r{}", self.slot)
    }

    fn object(&self) -> Object {
        let parents: Vec<Value> = self.parents.iter().map(Parent::value).collect();
        let rules: Vec<Value> = self.rules.iter().map(|rule| rule.value(self.kind)).collect();
        let mut spec = json!({"parentRefs": parents, "rules": rules});
        if !self.hostnames.is_empty() {
            spec["hostnames"] = json!(self.hostnames);
        }
        let version = match self.kind {
            RouteKind::Tls => "gateway.networking.k8s.io/v1alpha2",
            RouteKind::Http | RouteKind::Grpc => "gateway.networking.k8s.io/v1",
        };
        object(
            version,
            self.kind.name(),
            NAMESPACES[self.namespace],
            &self.name(),
            json!({"spec": spec}),
        )
    }
}

// === impl Parent ===

impl Parent {
    fn value(&self) -> Value {
        let mut value = json!({"name": gateway_name(self.gateway)});
        if self.mesh {
            value["group"] = "".into();
            value["kind"] = "Service".into();
        }
        if let Some(namespace) = self.namespace {
            value["namespace"] = NAMESPACES[namespace].into();
        }
        if let Some(section) = self.section {
            value["sectionName"] = section.into();
        }
        if let Some(port) = self.port {
            value["port"] = port.into();
        }
        value
    }
}

// === impl RouteRule ===

impl RouteRule {
    fn value(&self, kind: RouteKind) -> Value {
        let mut map = Map::new();
        if !self.matches.is_empty() {
            let matches: Vec<Value> = self.matches.iter().map(|one| one.value(kind)).collect();
            set(&mut map, "matches", matches);
        }
        let mut filters = Vec::new();
        if self.redirect {
            filters.push(
                json!({"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}),
            );
        }
        if let Some(mirror) = &self.mirror {
            filters.push(json!({"type": "RequestMirror", "requestMirror": {"backendRef": mirror.value()}}));
        }
        if !filters.is_empty() {
            set(&mut map, "filters", filters);
        }
        if !self.backends.is_empty() {
            let backends: Vec<Value> = self.backends.iter().map(Backend::value).collect();
            set(&mut map, "backendRefs", backends);
        }
        Value::Object(map)
    }
}

// === impl Match ===

impl Match {
    fn value(&self, kind: RouteKind) -> Value {
        let mut map = Map::new();
        if kind == RouteKind::Grpc {
            let mut method = Map::new();
            if let Some((_, service)) = self.path {
                set(
                    &mut method,
                    "service",
                    service.trim_start_matches('/').replace('/', "."),
                );
            }
            if let Some(name) = self.method {
                set(&mut method, "method", name);
            }
            if !method.is_empty() {
                set(&mut map, "method", Value::Object(method));
            }
        } else {
            if let Some((exact, path)) = self.path {
                let kind = if exact { "Exact" } else { "PathPrefix" };
                set(&mut map, "path", json!({"type": kind, "value": path}));
            }
            if let Some(method) = self.method {
                set(&mut map, "method", method);
            }
        }
        if let Some(header) = self.header {
            set(&mut map, "headers", json!([{"name": "kind", "value": header}]));
        }
        Value::Object(map)
    }
}

// === impl Backend ===

impl Backend {
    fn value(&self) -> Value {
        let mut value = json!({"name": service_name(self.service), "port": self.port});
        if let Some(namespace) = self.namespace {
            value["namespace"] = NAMESPACES[namespace].into();
        }
        if let Some(weight) = self.weight {
            value["weight"] = weight.into();
        }
        value
    }
}

// === impl Grant ===

impl Grant {
    fn object(&self) -> Object {
        let mut to = json!({"group": "", "kind": self.to_kind});
        if let Some(name) = self.to_name {
            to["name"] = service_name(name).into();
        }
        let from = json!({
            "group": "gateway.networking.k8s.io",
            "kind": self.from_kind,
            "namespace": NAMESPACES[self.from_namespace],
        });
        object(
            "gateway.networking.k8s.io/v1beta1",
            "ReferenceGrant",
            NAMESPACES[self.namespace],
            &format!("t{}", self.slot),
            json!({"spec": {"from": [from], "to": [to]}}),
        )
    }
}

// === impl Ingress ===

impl Ingress {
    fn object(&self) -> Object {
        let port = match self.port {
            Port::Number(number) => json!({"number": number}),
            Port::Name(name) => json!({"name": name}),
        };
        let backend = json!({"service": {"name": service_name(self.service), "port": port}});
        let spec = if self.default {
            json!({"ingressClassName": "nginx", "defaultBackend": backend})
        } else {
            let mut rule =
                json!({"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}});
            if let Some(host) = self.host {
                rule["host"] = host.into();
            }
            json!({"ingressClassName": "nginx", "rules": [rule]})
        };
        object(
            "networking.k8s.io/v1",
            "Ingress",
            NAMESPACES[self.namespace],
            "i0",
            json!({"spec": spec}),
        )
    }
}

// === impl OpenShiftRoute ===

impl OpenShiftRoute {
    fn object(&self) -> Object {
        let mut to = json!({"kind": "Service", "name": service_name(self.service)});
        if let Some(weight) = self.weight {
            to["weight"] = weight.into();
        }
        let mut spec = json!({"host": "r.example.com", "to": to});
        if let Some((service, weight)) = self.alternate {
            spec["alternateBackends"] =
                json!([{"kind": "Service", "name": service_name(service), "weight": weight}]);
        }
        if let Some(port) = self.port {
            spec["port"] = json!({"targetPort": port.value()});
        }
        if self.passthrough {
            spec["tls"] = json!({"termination": "passthrough"});
        }
        object(
            "route.openshift.io/v1",
            "Route",
            NAMESPACES[self.namespace],
            "o0",
            json!({"spec": spec}),
        )
    }
}
