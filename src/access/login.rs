//! What a Gateway asks before it forwards: which object makes it ask, whom it asks, and for which routes it does not.
//!
//! Sources: istio/api `networking/v1alpha3/envoy_filter.proto`, `security/v1beta1/authorization_policy.proto`; envoyproxy/gateway
//! `api/v1alpha1/securitypolicy_types.go`. What only may ask is not counted; what only may stop asking is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::{Hop, Login, LoginState};
use super::arguments::Arguments;
use super::fields;
use super::pod::Pod;
use super::tls::GATEWAY_GROUP;
use super::world::World;
use crate::krm::object_id::ObjectId;

mod envoy_gateway;
mod istio;
mod known;

/// What is known of a Gateway's login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayLogin {
    /// What asks, if anything is known to.
    pub login: Option<Login>,
    /// Whether the groups in it are all that its service lets in; else they are not known.
    pub groups_known: bool,
    /// What is wrong.
    pub faults: Vec<Fault>,
    whole: LoginState,
    routes: BTreeMap<Rule, (LoginState, Hop)>,
}

/// A rule of a route: kind, namespace, name, and its position; none: all rules.
type Rule = (String, String, String, Option<usize>);

/// One thing that is wrong, or cannot be known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The object to change, and its field.
    pub at: Hop,
    /// What.
    pub what: What,
    /// The way that proves it.
    pub way: Vec<Hop>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// While the login service does not answer, everybody is let through.
    FailsOpen,
    /// The login is switched off for the whole gateway.
    Off,
    /// The login is switched off for a rule of a route that leads elsewhere than to the login service.
    OffFor {
        /// The route.
        route: ObjectId,
        /// The position of its rule.
        rule: usize,
        /// Where it leads.
        leads: Vec<String>,
    },
    /// It asks on some listeners, or for some requests, alone.
    InPart,
    /// The login service's Service, or its port, is not there: nobody gets through.
    NoService(ObjectId),
    /// Two objects say what the gateway asks, and which one counts is not said by them.
    Contradicted(ObjectId),
    /// Something else changes what the gateway does, in a way that is not known.
    Foreign,
    /// Whom it asks is said elsewhere: in the mesh's configuration.
    Elsewhere(String),
    /// Whom the login service lets in is not in the manifests.
    GroupsUnknown,
}

/// What the readers of one kind of gateway find.
#[derive(Default)]
struct Reading {
    /// What makes it ask, and the Service and port it asks.
    asked: Option<(Hop, Option<Asked>)>,
    /// The whole of it is off.
    off: bool,
    routes: BTreeMap<Rule, (LoginState, Hop)>,
    faults: Vec<Fault>,
}

#[derive(Clone)]
struct Asked {
    namespace: String,
    name: String,
    port: Option<u16>,
}

// === impl GatewayLogin ===

impl GatewayLogin {
    /// Whether a request that a rule of a route forwards was asked about.
    pub fn state_for(&self, route: &ObjectId, rule: usize) -> LoginState {
        match self.exception(route, rule) {
            Some((state, _)) if self.whole == LoginState::Asked || *state == LoginState::Asked => *state,
            _ => self.whole,
        }
    }

    /// What makes a rule of a route an exception, or else what makes the gateway ask.
    pub fn hop_for(&self, route: &ObjectId, rule: usize) -> Option<&Hop> {
        let exception = self.exception(route, rule).map(|(_, hop)| hop);
        exception.or_else(|| self.login.as_ref().map(|login| &login.by))
    }

    fn exception(&self, route: &ObjectId, rule: usize) -> Option<&(LoginState, Hop)> {
        let key = |rule| {
            (
                route.kind.clone(),
                route.namespace.clone(),
                route.name.clone(),
                rule,
            )
        };
        self.routes
            .get(&key(Some(rule)))
            .or_else(|| self.routes.get(&key(None)))
    }
}

/// Reads what a Gateway asks. It may be named by routes and not be in the manifests.
pub fn of_gateway(world: &World<'_>, gateway: &ObjectId) -> GatewayLogin {
    let mut reading = Reading::default();
    istio::read(world, gateway, &mut reading);
    envoy_gateway::read(world, gateway, &mut reading);
    let known = world.of_id(gateway).is_some();
    let whole = match &reading.asked {
        Some(_) if reading.off => LoginState::Skipped,
        Some(_) => LoginState::Asked,
        None if known => LoginState::None,
        None => LoginState::Unknown,
    };
    let mut groups_known = true;
    let login = reading.asked.clone().map(|(by, asked)| {
        let service = asked.as_ref().map(Asked::id);
        let groups = asked
            .as_ref()
            .and_then(|asked| groups_of(world, &asked.namespace, &asked.name));
        groups_known = groups.is_some();
        if !groups_known {
            reading.fault(by.clone(), What::GroupsUnknown);
        }
        if let Some(asked) = &asked {
            reading.unreachable(world, &by, asked);
        }
        Login {
            by,
            service,
            groups: groups.unwrap_or_default(),
        }
    });
    let service = login.as_ref().and_then(|login| login.service.clone());
    reading.led_elsewhere(world, service.as_ref());
    let mut faults = reading.faults;
    faults.sort();
    faults.dedup();
    GatewayLogin {
        login,
        groups_known,
        faults,
        whole,
        routes: reading.routes,
    }
}

// === impl Asked ===

impl Asked {
    /// Of the name of a host in the cluster, as in `name.namespace.svc.cluster.local`.
    fn of_host(host: &str, port: Option<u16>) -> Option<Self> {
        let mut parts = host.split('.');
        let (name, namespace, rest) = (parts.next()?, parts.next()?, parts.next());
        rest.is_none_or(|rest| rest == "svc").then(|| Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            port,
        })
    }

    fn id(&self) -> ObjectId {
        ObjectId::new("v1", "Service", &self.namespace, &self.name)
    }
}

// === impl Reading ===

impl Reading {
    fn fault(&mut self, at: Hop, what: What) {
        let way = Vec::new();
        self.faults.push(Fault { at, what, way });
    }

    fn unreachable(&mut self, world: &World<'_>, by: &Hop, asked: &Asked) {
        let service = world.get("", "Service", &asked.namespace, &asked.name);
        let there = service.is_some_and(|service| {
            let ports = fields::list(&service.value, &["spec", "ports"]);
            asked.port.is_none()
                || ports
                    .iter()
                    .any(|port| fields::port(port, &["port"]) == asked.port)
        });
        // Where the manifests hold nothing of the namespace, they say nothing of what it lacks.
        let known = !world.within("", "Service", &asked.namespace).is_empty();
        if !there && known {
            self.fault(by.clone(), What::NoService(asked.id()));
        }
    }

    /// Holds every exception against where its route leads: to the login service itself it may.
    fn led_elsewhere(&mut self, world: &World<'_>, service: Option<&ObjectId>) {
        let mut faults = Vec::new();
        for ((kind, namespace, name, rule), (state, by)) in &self.routes {
            let Some(route) = world.get(GATEWAY_GROUP, kind, namespace, name) else {
                continue;
            };
            if *state == LoginState::Asked {
                continue;
            }
            let rules = fields::list(&route.value, &["spec", "rules"]);
            for (index, value) in rules.iter().enumerate() {
                if rule.is_some_and(|rule| rule != index) {
                    continue;
                }
                let leads = leads(value, namespace, service);
                if !leads.is_empty() {
                    let field = format!("spec.rules[{index}]");
                    faults.push(Fault {
                        at: by.clone(),
                        what: What::OffFor {
                            route: route.id.clone(),
                            rule: index,
                            leads,
                        },
                        way: vec![by.clone(), fields::hop(route, field, "is let through unasked")],
                    });
                }
            }
        }
        self.faults.extend(faults);
    }
}

/// Where a rule leads besides the login service.
fn leads(rule: &Value, namespace: &str, service: Option<&ObjectId>) -> Vec<String> {
    let mut all = Vec::new();
    for backend in fields::list(rule, &["backendRefs"]) {
        let own = fields::text(backend, &["namespace"]);
        let namespace = if own.is_empty() { namespace } else { own };
        let kind = match fields::text(backend, &["kind"]) {
            "" => "Service",
            kind => kind,
        };
        let name = fields::text(backend, &["name"]);
        let is_it = kind == "Service"
            && service.is_some_and(|service| service.namespace == namespace && service.name == name);
        if !is_it {
            all.push(format!("{kind} {namespace}/{name}"));
        }
    }
    all
}

/// The groups that a login service lets in, by the arguments of the workload behind its Service; none: not known.
fn groups_of(world: &World<'_>, namespace: &str, service: &str) -> Option<BTreeSet<String>> {
    let service = world.get("", "Service", namespace, service)?;
    let selector = fields::at(&service.value, &["spec", "selector"])?.as_object()?;
    if selector.is_empty() {
        return None;
    }
    let mut groups = BTreeSet::new();
    let mut found = false;
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        for object in world.within("apps", kind, namespace) {
            let labels = fields::at(&object.value, &["spec", "template", "metadata", "labels"]);
            let selected = selector
                .iter()
                .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value));
            let Some(spec) = fields::at(&object.value, &["spec", "template", "spec"]).filter(|_| selected)
            else {
                continue;
            };
            let pod = Pod {
                workload: object.id.clone(),
                part: "",
                object,
                field: "spec.template.spec".to_owned(),
                spec,
                labels: BTreeMap::new(),
                perhaps: Vec::new(),
            };
            for (place, container) in pod.containers() {
                let arguments = Arguments::new(&pod, &place, container);
                for flag in arguments.all("allowed-group", &[]) {
                    groups.extend(rows(&flag.value?));
                }
                if let Some(value) = arguments.variable("OAUTH2_PROXY_ALLOWED_GROUPS") {
                    groups.extend(rows(value?));
                }
            }
            found = true;
        }
    }
    found.then_some(groups)
}

/// The fields of a row of CSV.
fn rows(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                fields.last_mut().into_iter().for_each(|field| field.push('"'));
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().into_iter().for_each(|field| field.push(c)),
        }
    }
    fields.retain(|field| !field.is_empty());
    fields
}

#[cfg(test)]
#[path = "login/tests.rs"]
mod tests;
