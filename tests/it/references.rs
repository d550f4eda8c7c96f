//! Which references between objects lead nowhere.
//!
//! Takes the objects of an output as values; gives a line for each reference that none of them answers. What a cluster has
//! by itself (the CA bundles, the account `default`, the roles `system:…`) and what the Platform names (the Gateway, its
//! namespace, the culler) need not be there.

use std::collections::{BTreeMap, BTreeSet};

use gatewright::config::kube_rbac_proxy::{ConfigFile, FILE};
use gatewright::input::ray;
use gatewright::krm::annotations::MANAGED_BY;
use gatewright::krm::yaml::Piece;
use gatewright::model::keys;
use gatewright::model::notebook::{GUARD, GUARD_VOLUMES};
use serde_json::Value;

/// `ConfigMaps` that every namespace has.
const EVERYWHERE: [&str; 2] = ["kube-root-ca.crt", "openshift-service-ca.crt"];
const NOTEBOOKS: &str = "kubeflow.org";
const GATEWAY_API: &str = "gateway.networking.k8s.io";
const ENVOY_GATEWAY: &str = "gateway.envoyproxy.io";

/// The references of `objects` that none of them answers, as `Kind namespace/name: field: what is missing`.
pub(crate) fn unresolved(objects: &[Value]) -> BTreeSet<String> {
    unresolved_beside(objects, &BTreeSet::new())
}

/// The same, where somebody else brings these Secrets (namespace and name).
pub(crate) fn unresolved_beside(objects: &[Value], brought: &BTreeSet<(String, String)>) -> BTreeSet<String> {
    let mut graph = Graph::new(objects);
    let brought = brought
        .iter()
        .map(|(namespace, name)| (namespace.as_str(), name.as_str()));
    graph.issued.extend(brought);
    for object in objects {
        graph.check(object);
    }
    graph.missing
}

/// The objects by what they are called, and what was found.
struct Graph<'a> {
    /// By kind, namespace and name.
    objects: BTreeMap<(&'a str, &'a str, &'a str), &'a Value>,
    /// Names of Secrets that somebody makes, with the namespace.
    issued: BTreeSet<(&'a str, &'a str)>,
    missing: BTreeSet<String>,
}

// === impl Graph ===

impl<'a> Graph<'a> {
    fn new(objects: &'a [Value]) -> Self {
        let mut issued = BTreeSet::new();
        for object in objects {
            let secret = match kind(object) {
                "Service" => &object["metadata"]["annotations"][keys::SERVING_CERTIFICATE],
                "Certificate" => &object["spec"]["secretName"],
                "ExternalSecret" => &object["spec"]["target"]["name"],
                _ => continue,
            };
            issued.insert((namespace(object), text(secret)));
        }
        for (gateway, parameters) in objects.iter().filter_map(|gateway| {
            let wanted = &gateway["spec"]["infrastructure"]["parametersRef"]["name"];
            let same =
                |other: &&Value| other["kind"] == "ConfigMap" && namespace(other) == namespace(gateway);
            let found = objects
                .iter()
                .filter(same)
                .find(|other| other["metadata"]["name"] == *wanted);
            Some((gateway, found.filter(|_| kind(gateway) == "Gateway")?))
        }) {
            // Istio lays this over the Service that it makes, and OpenShift's service CA reads it there.
            let overlay = text(&parameters["data"]["service"]);
            let asked = overlay
                .lines()
                .find_map(|line| line.trim().strip_prefix(keys::SERVING_CERTIFICATE));
            let secret = asked.map(|rest| rest.trim_start_matches(':').trim());
            issued.extend(secret.map(|secret| (namespace(gateway), secret)));
        }
        Self {
            objects: objects
                .iter()
                .map(|object| ((kind(object), namespace(object), name(object)), object))
                .collect(),
            issued,
            missing: BTreeSet::new(),
        }
    }

    fn check(&mut self, object: &'a Value) {
        self.source(object);
        match (group(object), kind(object)) {
            (NOTEBOOKS, "Notebook") => self.notebook(object),
            (ray::GROUP, kind) => {
                if let Some(kind) = ray::Kind::of(kind) {
                    self.ray(object, kind);
                }
            }
            ("", "Service") => self.service(object),
            ("", "ServiceAccount") => {
                for secret in list(&object["imagePullSecrets"]) {
                    self.needs(
                        object,
                        "imagePullSecrets",
                        "Secret",
                        namespace(object),
                        &secret["name"],
                    );
                }
            }
            ("", "ConfigMap") => self.config_map(object),
            ("rbac.authorization.k8s.io", "Role") => self.role(object),
            ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => self.binding(object),
            ("networking.k8s.io", "NetworkPolicy") => self.policy(object),
            (GATEWAY_API, "HTTPRoute") => self.route(object),
            (GATEWAY_API, "ReferenceGrant") => self.grant(object),
            (GATEWAY_API, "BackendTLSPolicy") => {
                for target in list(&object["spec"]["targetRefs"]) {
                    self.needs(
                        object,
                        "targetRefs",
                        text(&target["kind"]),
                        namespace(object),
                        &target["name"],
                    );
                }
                self.host(
                    object,
                    "validation.hostname",
                    text(&object["spec"]["validation"]["hostname"]),
                );
            }
            ("networking.istio.io", "DestinationRule") => {
                self.host(object, "host", text(&object["spec"]["host"]));
            }
            (GATEWAY_API, "Gateway") => self.gateway(object),
            ("apps", "Deployment") => self.deployment(object),
            ("autoscaling", "HorizontalPodAutoscaler") => {
                let target = &object["spec"]["scaleTargetRef"];
                self.needs(
                    object,
                    "scaleTargetRef",
                    text(&target["kind"]),
                    namespace(object),
                    &target["name"],
                );
            }
            ("policy", "PodDisruptionBudget") => {
                self.runs(object, "selector", &object["spec"]["selector"]["matchLabels"]);
            }
            ("route.openshift.io", "Route") => {
                self.needs(
                    object,
                    "to",
                    "Service",
                    namespace(object),
                    &object["spec"]["to"]["name"],
                );
            }
            (ENVOY_GATEWAY, _) | ("networking.istio.io", "EnvoyFilter") => self.attached(object),
            ("gatewright.dev", "AccessGraph") => {
                for member in list(&object["spec"]["objects"]) {
                    let place = text(&member["namespace"]);
                    self.needs(object, "objects", text(&member["kind"]), place, &member["name"]);
                }
            }
            ("cert-manager.io", "Certificate") => {
                for host in list(&object["spec"]["dnsNames"]) {
                    self.host(object, "dnsNames", text(host));
                }
                let issuer = &object["spec"]["issuerRef"];
                if issuer["kind"] == "Issuer" {
                    self.needs(object, "issuerRef", "Issuer", namespace(object), &issuer["name"]);
                }
            }
            _ => {}
        }
    }

    /// A gateway has its class, its parameters and the certificates of its listeners. The class may be one that is there
    /// already: then none of ours is written.
    fn gateway(&mut self, object: &'a Value) {
        let class = text(&object["spec"]["gatewayClassName"]);
        if self.objects.keys().any(|(kind, ..)| *kind == "GatewayClass") {
            self.must(object, "gatewayClassName", "GatewayClass", "", class);
        }
        let parameters = &object["spec"]["infrastructure"]["parametersRef"];
        if parameters.is_object() {
            let kind = text(&parameters["kind"]);
            self.needs(
                object,
                "parametersRef",
                kind,
                namespace(object),
                &parameters["name"],
            );
        }
        for listener in list(&object["spec"]["listeners"]) {
            for secret in list(&listener["tls"]["certificateRefs"]) {
                self.needs(
                    object,
                    "certificateRefs",
                    "Secret",
                    namespace(object),
                    &secret["name"],
                );
            }
        }
    }

    /// A Deployment has its account and all that it mounts.
    fn deployment(&mut self, object: &'a Value) {
        let template = &object["spec"]["template"];
        let pod = &template["spec"];
        let account = &pod["serviceAccountName"];
        self.needs(
            object,
            "serviceAccountName",
            "ServiceAccount",
            namespace(object),
            account,
        );
        if !fits(
            &object["spec"]["selector"]["matchLabels"],
            &template["metadata"]["labels"],
        ) {
            self.say(object, "selector", "its own pods");
        }
        for volume in list(&pod["volumes"]) {
            self.volume(object, volume);
        }
        for container in list(&pod["containers"]) {
            for variable in list(&container["env"]) {
                let keys = ["configMapKeyRef", "secretKeyRef"];
                self.source_of_data(object, "env", &variable["valueFrom"], keys, "name");
            }
            for mount in list(&container["volumeMounts"]) {
                if !list(&pod["volumes"]).any(|volume| volume["name"] == mount["name"]) {
                    self.say(object, "volumeMounts", &format!("volume {}", mount["name"]));
                }
            }
        }
    }

    /// Some Deployment's pods have these labels. Where nothing may be exposed there is none, and that is meant.
    fn runs(&mut self, object: &'a Value, at: &str, labels: &'a Value) -> Option<&'a Value> {
        let found = self.objects.values().copied().find(|other| {
            kind(other) == "Deployment"
                && namespace(other) == namespace(object)
                && fits(labels, &other["spec"]["template"]["metadata"]["labels"])
        });
        if found.is_none() && !self.is_fenced() {
            self.say(object, at, &format!("pods of a Deployment with {labels}"));
        }
        found
    }

    fn is_fenced(&self) -> bool {
        let states = self.objects.values().filter(|other| kind(other) == "AccessGraph");
        states
            .map(|graph| text(&graph["spec"]["state"]))
            .any(|state| !["", "Open"].contains(&state))
    }

    /// A policy of Envoy Gateway's, or a filter of Istio's, is about a gateway or a route that is there.
    fn attached(&mut self, object: &'a Value) {
        let spec = &object["spec"];
        for target in
            list(&spec["targetRefs"]).chain(spec["targetRef"].is_object().then_some(&spec["targetRef"]))
        {
            let kind = text(&target["kind"]);
            self.needs(object, "targetRefs", kind, namespace(object), &target["name"]);
        }
        let selected = &spec["workloadSelector"]["labels"][keys::GATEWAY_NAME];
        if !selected.is_null() {
            self.needs(object, "workloadSelector", "Gateway", namespace(object), selected);
        }
    }

    /// A route's gateway, where the objects have one, has the listener and lets the route's namespace in.
    fn parent(&mut self, route: &'a Value, parent: &'a Value) {
        if !self.objects.keys().any(|(kind, ..)| *kind == "Gateway") {
            return;
        }
        let of = parent["namespace"].as_str().unwrap_or(namespace(route));
        self.needs(route, "parentRefs", "Gateway", of, &parent["name"]);
        let Some(gateway) = self.objects.get(&("Gateway", of, text(&parent["name"]))).copied() else {
            return;
        };
        let section = &parent["sectionName"];
        let open = list(&gateway["spec"]["listeners"])
            .filter(|listener| section.is_null() || listener["name"] == *section)
            .any(|listener| {
                let namespaces = &listener["allowedRoutes"]["namespaces"];
                let named = list(&namespaces["selector"]["matchExpressions"])
                    .flat_map(|one| list(&one["values"]))
                    .any(|value| value == namespace(route));
                match text(&namespaces["from"]) {
                    "Same" => of == namespace(route),
                    "Selector" => named,
                    _ => false,
                }
            });
        if !open {
            let what = format!(
                "a listener {section} of Gateway {of}/{} that takes it",
                parent["name"]
            );
            self.say(route, "parentRefs", &what);
        }
    }

    /// What a generated object says of whom it was made for.
    fn source(&mut self, object: &'a Value) {
        let metadata = &object["metadata"];
        let source = text(&metadata["annotations"][keys::SOURCE]);
        if let Some(of_notebook) = source.strip_prefix("kubeflow.org/Notebook/") {
            let (namespace, name) = of_notebook.split_once('/').unwrap();
            self.must(object, keys::SOURCE, "Notebook", namespace, name);
        }
        if is_generated(object) && !metadata["labels"][keys::NOTEBOOK_NAME].is_null() {
            let elsewhere = text(&metadata["labels"][keys::NOTEBOOK_NAMESPACE]);
            let own = if elsewhere.is_empty() {
                namespace(object)
            } else {
                elsewhere
            };
            self.needs(
                object,
                keys::NOTEBOOK_NAME,
                "Notebook",
                own,
                &metadata["labels"][keys::NOTEBOOK_NAME],
            );
        }
    }

    fn notebook(&mut self, object: &'a Value) {
        let pod = &object["spec"]["template"]["spec"];
        self.pod(object, pod);
        if list(&pod["containers"]).any(|container| container["name"] == GUARD) {
            self.guard(object);
        }
    }

    /// The pods of a Ray cluster, and what else it names.
    fn ray(&mut self, object: &'a Value, kind: ray::Kind) {
        let cluster = kind.steps().iter().fold(object, |value, step| &value[*step]);
        self.pod(object, &cluster["headGroupSpec"]["template"]["spec"]);
        for group in list(&cluster["workerGroupSpecs"]) {
            self.pod(object, &group["template"]["spec"]);
        }
        self.pod(object, &object["spec"]["submitterPodTemplate"]["spec"]);
        let secret = &cluster["authOptions"]["secretName"];
        if secret.is_string() {
            self.needs(object, "authOptions", "Secret", namespace(object), secret);
        }
        let selected = &object["spec"]["clusterSelector"][keys::RAY_CLUSTER];
        if selected.is_string() {
            self.needs(
                object,
                "clusterSelector",
                "RayCluster",
                namespace(object),
                selected,
            );
        }
    }

    /// What a pod names.
    fn pod(&mut self, object: &'a Value, pod: &'a Value) {
        let own = namespace(object);
        for secret in list(&pod["imagePullSecrets"]) {
            self.needs(object, "imagePullSecrets", "Secret", own, &secret["name"]);
        }
        for field in ["serviceAccountName", "serviceAccount"] {
            let account = text(&pod[field]);
            if !account.is_empty() && account != "default" {
                self.must(object, field, "ServiceAccount", own, account);
            }
        }
        let mut volumes = BTreeSet::new();
        for volume in list(&pod["volumes"]) {
            volumes.insert(text(&volume["name"]));
            self.volume(object, volume);
            for source in list(&volume["projected"]["sources"]) {
                self.source_of_data(
                    object,
                    "projected.sources",
                    source,
                    ["configMap", "secret"],
                    "name",
                );
            }
        }
        for containers in ["containers", "initContainers", "ephemeralContainers"] {
            for container in list(&pod[containers]) {
                for variable in list(&container["env"]) {
                    let keys = ["configMapKeyRef", "secretKeyRef"];
                    self.source_of_data(object, "env", &variable["valueFrom"], keys, "name");
                }
                for source in list(&container["envFrom"]) {
                    self.source_of_data(object, "envFrom", source, ["configMapRef", "secretRef"], "name");
                }
                for mount in list(&container["volumeMounts"]) {
                    let volume = text(&mount["name"]);
                    if !volumes.contains(volume) {
                        self.say(object, "volumeMounts", &format!("volume {volume}"));
                    }
                }
            }
        }
    }

    /// The guard in a Notebook: asks about this very Notebook, and may ask.
    fn guard(&mut self, object: &'a Value) {
        let pod = &object["spec"]["template"]["spec"];
        let config = list(&pod["volumes"]).find(|volume| volume["name"] == GUARD_VOLUMES[0]);
        let config = text(&config.unwrap_or(&Value::Null)["configMap"]["name"]);
        if let Some(attributes) = self
            .objects
            .get(&("ConfigMap", namespace(object), config))
            .and_then(|config_map| attributes(config_map))
        {
            let asked = (attributes.namespace.as_str(), attributes.name.as_str());
            if asked != (namespace(object), name(object)) {
                let about = format!("asks about Notebook {}/{}", asked.0, asked.1);
                self.say(object, "guard's configuration", &about);
            }
        } else {
            self.say(object, "guard's configuration", &format!("ConfigMap {config}"));
        }
        let account = text(&pod["serviceAccountName"]);
        let may_ask = self.objects.values().any(|binding| {
            kind(binding) == "ClusterRoleBinding"
                && binding["roleRef"]["name"] == "system:auth-delegator"
                && list(&binding["subjects"]).any(|subject| {
                    subject["kind"] == "ServiceAccount"
                        && subject["name"] == account
                        && subject["namespace"] == namespace(object)
                })
        });
        if !may_ask {
            self.say(
                object,
                "serviceAccountName",
                &format!("a ClusterRoleBinding that lets {account} review tokens"),
            );
        }
    }

    fn volume(&mut self, object: &'a Value, volume: &'a Value) {
        self.source_of_data(object, "volumes", volume, ["configMap", ""], "name");
        self.source_of_data(object, "volumes", volume, ["", "secret"], "secretName");
        let claim = &volume["persistentVolumeClaim"]["claimName"];
        if !claim.is_null() {
            self.needs(
                object,
                "volumes",
                "PersistentVolumeClaim",
                namespace(object),
                claim,
            );
        }
    }

    /// A ConfigMap or a Secret, under the one field or the other.
    fn source_of_data(
        &mut self,
        object: &'a Value,
        at: &str,
        source: &'a Value,
        fields: [&str; 2],
        key: &str,
    ) {
        for (field, kind) in fields.into_iter().zip(["ConfigMap", "Secret"]) {
            let data = &source[field];
            let wanted = text(&data[key]);
            let known = kind == "ConfigMap" && EVERYWHERE.contains(&wanted);
            if data.is_object() && data["optional"] != true && !known {
                self.must(object, at, kind, namespace(object), wanted);
            }
        }
    }

    /// A Service leads to one Notebook: the one it was made for, and to a port that is there.
    fn service(&mut self, object: &'a Value) {
        let selector = &object["spec"]["selector"];
        let of_notebook = is_generated(object)
            || [keys::STATEFUL_SET, keys::NOTEBOOK_NAME]
                .iter()
                .any(|label| !selector[*label].is_null());
        if !of_notebook {
            return;
        }
        if selector[keys::NOTEBOOK_NAME].is_null() && selector[keys::STATEFUL_SET].is_null() {
            self.deployed(object);
            return;
        }
        let selected = self.selected(namespace(object), selector);
        let [notebook] = selected.as_slice() else {
            self.say(
                object,
                "selector",
                &format!("one Notebook, not {}, with {selector}", selected.len()),
            );
            return;
        };
        if is_generated(object) && object["metadata"]["labels"][keys::NOTEBOOK_NAME] != name(notebook) {
            self.say(object, "selector", "the Notebook it was made for");
        }
        let ports: Vec<&Value> = list(&notebook["spec"]["template"]["spec"]["containers"])
            .flat_map(|container| list(&container["ports"]))
            .collect();
        for port in list(&object["spec"]["ports"]) {
            let target = &port["targetPort"];
            if target.is_string() && !ports.iter().any(|port| port["name"] == *target) {
                self.say(
                    object,
                    "targetPort",
                    &format!("port {target} of Notebook {}", name(notebook)),
                );
            }
        }
    }

    /// A Service leads to the ports of a Deployment's pods.
    fn deployed(&mut self, object: &'a Value) {
        let Some(deployment) = self.runs(object, "selector", &object["spec"]["selector"]) else {
            return;
        };
        for port in list(&object["spec"]["ports"]) {
            let containers = list(&deployment["spec"]["template"]["spec"]["containers"]);
            let mut ports = containers.flat_map(|container| list(&container["ports"]));
            let target = &port["targetPort"];
            if !ports.any(|port| port["name"] == *target || port["containerPort"] == *target) {
                self.say(object, "targetPort", &format!("port {target}"));
            }
        }
    }

    /// The Notebooks of a namespace whose pods have labels.
    fn selected(&self, of: &str, selector: &Value) -> Vec<&'a Value> {
        let wanted = selector.as_object().cloned().unwrap_or_default();
        let mut found = Vec::new();
        for ((kind, namespace, name), object) in &self.objects {
            if *kind != "Notebook" || *namespace != of {
                continue;
            }
            let own = &object["metadata"]["labels"];
            let has = |(label, value): (&String, &Value)| {
                let value_of = match label.as_str() {
                    // The controller sets these; a Notebook's own labels replace them.
                    keys::STATEFUL_SET | keys::NOTEBOOK_NAME if own[label].is_null() => Some(*name),
                    keys::WORKBENCHES if own[label].is_null() => Some("true"),
                    _ => own[label].as_str(),
                };
                value_of.is_some() && value_of == value.as_str()
            };
            if !wanted.is_empty() && wanted.iter().all(has) {
                found.push(*object);
            }
        }
        found
    }

    fn config_map(&mut self, object: &'a Value) {
        if is_generated(object) && !object["data"][FILE].is_null() {
            match attributes(object) {
                None => self.say(object, FILE, "a configuration that can be read"),
                Some(attributes) => {
                    let kind = named_by(&attributes.resource).expect("a kind that is guarded");
                    self.must(object, FILE, kind, &attributes.namespace, &attributes.name);
                }
            }
        }
    }

    fn role(&mut self, object: &'a Value) {
        for rule in list(&object["rules"]) {
            let about = list(&rule["resources"]).next().map_or("", text);
            let Some(kind) = named_by(about.split('/').next().unwrap()) else {
                continue;
            };
            for name in list(&rule["resourceNames"]).filter(|_| is_generated(object)) {
                self.needs(object, "resourceNames", kind, namespace(object), name);
            }
        }
    }

    fn binding(&mut self, object: &'a Value) {
        let role = text(&object["roleRef"]["name"]);
        match text(&object["roleRef"]["kind"]) {
            "Role" => self.must(object, "roleRef", "Role", namespace(object), role),
            _ if role.starts_with("system:") => {}
            _ => self.must(object, "roleRef", "ClusterRole", "", role),
        }
        for subject in list(&object["subjects"]) {
            if subject["kind"] == "ServiceAccount" && subject["name"] != "default" {
                let of = subject["namespace"].as_str().unwrap_or(namespace(object));
                self.needs(object, "subjects", "ServiceAccount", of, &subject["name"]);
            }
        }
    }

    fn policy(&mut self, object: &'a Value) {
        let selector = &object["spec"]["podSelector"]["matchLabels"];
        for label in [keys::STATEFUL_SET, keys::NOTEBOOK_NAME] {
            if !selector[label].is_null() {
                self.needs(
                    object,
                    "podSelector",
                    "Notebook",
                    namespace(object),
                    &selector[label],
                );
            }
        }
        if is_generated(object) && !selector[keys::APP].is_null() {
            self.runs(object, "podSelector", selector);
        }
    }

    fn route(&mut self, object: &'a Value) {
        for parent in list(&object["spec"]["parentRefs"]) {
            self.parent(object, parent);
        }
        for rule in list(&object["spec"]["rules"]) {
            for backend in list(&rule["backendRefs"]) {
                let of = backend["namespace"].as_str().unwrap_or(namespace(object));
                let service = text(&backend["name"]);
                self.must(object, "backendRefs", "Service", of, service);
                let Some(found) = self.objects.get(&("Service", of, service)).copied() else {
                    continue;
                };
                if !list(&found["spec"]["ports"]).any(|port| port["port"] == backend["port"]) {
                    self.say(
                        object,
                        "backendRefs",
                        &format!("port {} of Service {of}/{service}", backend["port"]),
                    );
                }
                if of != namespace(object) && !self.is_granted(object, of, service) {
                    self.say(
                        object,
                        "backendRefs",
                        &format!("a ReferenceGrant for Service {of}/{service}"),
                    );
                }
                self.paths(object, rule, found);
            }
        }
    }

    /// The paths of a generated route are those of the Notebook behind its Service.
    fn paths(&mut self, route: &'a Value, rule: &'a Value, service: &'a Value) {
        let selected = self.selected(namespace(service), &service["spec"]["selector"]);
        for path in list(&rule["matches"]).map(|one| text(&one["path"]["value"])) {
            let Some(rest) = path.strip_prefix("/notebook/").filter(|_| is_generated(route)) else {
                continue;
            };
            let behind = selected.iter().any(|notebook| {
                rest.trim_end_matches('/') == format!("{}/{}", namespace(notebook), name(notebook))
            });
            if !behind {
                self.say(
                    route,
                    "path",
                    &format!("{path} is not of the Notebook behind Service {}", name(service)),
                );
            }
        }
    }

    fn is_granted(&self, route: &Value, of: &str, service: &str) -> bool {
        self.objects.values().any(|grant| {
            kind(grant) == "ReferenceGrant"
                && namespace(grant) == of
                && list(&grant["spec"]["from"])
                    .any(|from| from["kind"] == "HTTPRoute" && from["namespace"] == namespace(route))
                && list(&grant["spec"]["to"])
                    .any(|to| to["kind"] == "Service" && (to["name"].is_null() || to["name"] == service))
        })
    }

    fn grant(&mut self, object: &'a Value) {
        for to in list(&object["spec"]["to"]) {
            if !to["name"].is_null() {
                self.needs(object, "to", text(&to["kind"]), namespace(object), &to["name"]);
            }
        }
        // Where nothing may be exposed there are grants, and no routes.
        let is_open = is_generated(object) && !self.is_fenced();
        for from in list(&object["spec"]["from"]).filter(|_| is_open) {
            let of = text(&from["namespace"]);
            if !self
                .objects
                .keys()
                .any(|(kind, namespace, _)| from["kind"] == *kind && *namespace == of)
            {
                self.say(
                    object,
                    "from",
                    &format!("{} in namespace {of}", text(&from["kind"])),
                );
            }
        }
    }

    /// A Service by its host name in the cluster.
    fn host(&mut self, object: &'a Value, at: &str, host: &str) {
        let short = host.trim_end_matches(".cluster.local").trim_end_matches(".svc");
        match short.split_once('.') {
            Some((service, of)) if host.contains(".svc") => self.must(object, at, "Service", of, service),
            None if !host.is_empty() => self.must(object, at, "Service", namespace(object), host),
            _ => {}
        }
    }

    fn needs(&mut self, object: &Value, at: &str, kind: &str, namespace: &str, name: &Value) {
        self.must(object, at, kind, namespace, text(name));
    }

    fn must(&mut self, object: &Value, at: &str, kind: &str, namespace: &str, name: &str) {
        // Istio gives each Gateway a Service of its own.
        let of_gateway = |(gateway, (of, own, _)): (&&Value, &(&str, &str, &str))| {
            *of == "Gateway"
                && *own == namespace
                && format!(
                    "{}-{}",
                    gateway["metadata"]["name"], gateway["spec"]["gatewayClassName"]
                )
                .replace('"', "")
                    == name
        };
        let made = || kind == "Service" && self.objects.iter().any(|(id, gateway)| of_gateway((gateway, id)));
        let there = self.objects.contains_key(&(kind, namespace, name))
            || made()
            || (kind == "Secret" && self.issued.contains(&(namespace, name)));
        if !there {
            self.say(object, at, &format!("{kind} {namespace}/{name}"));
        }
    }

    fn say(&mut self, object: &Value, at: &str, what: &str) {
        let line = format!(
            "{} {}/{}: {at}: {what}",
            kind(object),
            namespace(object),
            name(object)
        );
        self.missing.insert(line);
    }
}

/// What a guard's configuration asks about.
fn attributes(config_map: &Value) -> Option<gatewright::config::kube_rbac_proxy::ResourceAttributes> {
    let file = config_map["data"][FILE].as_str()?;
    let value = Piece::new(file, 0..file.len(), 0).value().ok()?;
    let file: ConfigFile = serde_json::from_value(value).ok()?;
    file.authorization.resource_attributes
}

/// The kind that a guard's question is about.
fn named_by(resource: &str) -> Option<&'static str> {
    Some(match resource {
        "notebooks" => "Notebook",
        "rayclusters" => "RayCluster",
        "rayjobs" => "RayJob",
        "rayservices" => "RayService",
        "deployments" => "Deployment",
        _ => return None,
    })
}

/// Whether labels are all among others.
fn fits(wanted: &Value, labels: &Value) -> bool {
    wanted
        .as_object()
        .is_some_and(|wanted| !wanted.is_empty() && wanted.iter().all(|(key, value)| labels[key] == *value))
}

fn is_generated(object: &Value) -> bool {
    object["metadata"]["labels"][MANAGED_BY] == keys::MANAGER
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn group(object: &Value) -> &str {
    let version = text(&object["apiVersion"]);
    version.split_once('/').map_or("", |(group, _)| group)
}

fn kind(object: &Value) -> &str {
    text(&object["kind"])
}

fn namespace(object: &Value) -> &str {
    text(&object["metadata"]["namespace"])
}

fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}
