//! What the model answers: each workload, who comes to it by which way, and what asks them who they are.
//!
//! Data alone. Made by `access::of`, read by `verify`, `graph`, `diff` and `order`.

use std::collections::BTreeSet;

use crate::krm::object_id::ObjectId;

/// The verb of GET and HEAD.
const LOOKING: &str = "get";

/// Everything that manifests say about access.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The gateways, in the order of their ids.
    pub gateways: Vec<Gateway>,
    /// The workloads that need a guard or have one, in the order of their ids.
    pub workloads: Vec<Workload>,
}

/// A Gateway of the Gateway API, and what it asks before it forwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Which one. It may be named by a route and not be in the manifests.
    pub id: ObjectId,
    /// Whether the manifests hold it.
    pub known: bool,
    /// The hosts it answers for; `*` is any.
    pub hosts: BTreeSet<String>,
    /// What asks for a login on it, if anything is known to.
    pub login: Option<Login>,
}

/// What a gateway asks about each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The object that makes the gateway ask: EnvoyFilter, SecurityPolicy, AuthorizationPolicy.
    pub by: Hop,
    /// The login service's Service, as far as it can be read.
    pub service: Option<ObjectId>,
    /// The groups that the login service lets in; empty: everybody who can log in. Spelled as its arguments have them.
    pub groups: BTreeSet<String>,
}

/// A workload whose pods run other people's code, or that stands behind a known guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The Notebook or RayCluster; else the Deployment, StatefulSet or Pod.
    pub id: ObjectId,
    /// Which part of it: empty, or `head`, `worker` of a RayCluster.
    pub part: String,
    /// The images of its containers, by container name, guards included.
    pub images: Vec<(String, String)>,
    /// Its guards.
    pub guards: Vec<Guard>,
    /// The ports on which something is taken to answer without asking who is there.
    pub unguarded: BTreeSet<u16>,
    /// Every way in from outside, the guarded ones too.
    pub paths: Vec<Path>,
    /// Whom its NetworkPolicies let in, by port.
    pub callers: Vec<Caller>,
}

/// A proxy in front of a workload, in its own pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The container.
    pub container: String,
    /// Its program.
    pub program: Program,
    /// Its image.
    pub image: String,
    /// The port it listens on.
    pub port: u16,
    /// The ports of its own pod that it forwards to.
    pub upstreams: BTreeSet<u16>,
    /// What it asks the authorizer, if it asks anything.
    pub review: Option<Review>,
    /// Where it stands and where that is configured.
    pub by: Vec<Hop>,
    /// Who the authorizer lets through, as far as the manifests say.
    pub admitted: Vec<Admitted>,
}

/// The guards that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// brancz/kube-rbac-proxy and its forks: authenticates by token review, authorizes by access review.
    KubeRbacProxy,
    /// openshift/oauth-proxy: a login of its own.
    OauthProxy,
    /// `KubeRay`'s security proxy: one token.
    SecurityProxy,
    /// Ours.
    Gatewright,
}

/// The question of a SubjectAccessReview.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Review {
    /// API group.
    pub group: String,
    /// Resource, as in `notebooks`.
    pub resource: String,
    /// Subresource; empty: none.
    pub subresource: String,
    /// Namespace; empty: all.
    pub namespace: String,
    /// Name; empty: all.
    pub name: String,
    /// The verbs it may ask for: one that is set, or those that methods map to.
    pub verbs: BTreeSet<String>,
}

/// What a guard that asks for the verbs of HTTP methods lets somebody do: `get` is for GET and HEAD, the others for what changes
/// something (brancz/kube-rbac-proxy `pkg/proxy/proxy.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look alone.
    Look,
    /// Write, and not look.
    Write,
    /// Look and write.
    Both,
}

/// A subject that a guard lets through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Admitted {
    /// Who.
    pub subject: Subject,
    /// With which of the guard's verbs.
    pub verbs: BTreeSet<String>,
    /// By which binding and role.
    pub by: Vec<Hop>,
}

// === impl Review ===

impl Review {
    /// Whether the verb is that of the request's method, so that looking and writing are two rights.
    pub fn is_by_method(&self) -> bool {
        self.verbs.contains(LOOKING) && self.verbs.len() > 1
    }

    /// What some of its verbs let somebody do; none where methods are not told apart.
    pub fn scope(&self, verbs: &BTreeSet<String>) -> Option<Scope> {
        let looks = verbs.contains(LOOKING);
        let writes = verbs.iter().any(|verb| verb != LOOKING);
        // Whoever passes by no verb in particular passes by all.
        let all = verbs.contains("*") && verbs.len() == 1;
        self.is_by_method().then_some(match (looks, writes) {
            _ if all => Scope::Both,
            (true, false) => Scope::Look,
            (false, _) => Scope::Write,
            (true, true) => Scope::Both,
        })
    }
}

/// A subject of Kubernetes' RBAC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// User, Group or `ServiceAccount`.
    pub kind: String,
    /// Namespace of a `ServiceAccount`; else empty.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// One way from outside to a port of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Where it begins.
    pub entry: Entry,
    /// The URL that people open, as `https://host/path`; what is unknown is left out.
    pub url: String,
    /// Every object on the way, from the entry on.
    pub hops: Vec<Hop>,
    /// The port of the pod it ends at.
    pub port: u16,
    /// Whether a guard answers there, by its index in the workload's guards.
    pub guard: Option<usize>,
    /// Whether the entry's gateway asks for a login on this way.
    pub login: LoginState,
    /// How the last hop, to the pod, is protected.
    pub hop: HopTls,
    /// What stops it today: a refused reference, a missing port, a policy. Empty: nothing.
    pub stopped: Vec<Hop>,
    /// The names of subjects a NetworkPolicy must let in for this way; empty for entries without known pods.
    pub via: Option<ObjectId>,
}

/// Where a way begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A listener of a Gateway.
    Gateway,
    /// An Ingress.
    Ingress,
    /// A Route of OpenShift.
    Route,
    /// A Service of type LoadBalancer, or with external addresses.
    LoadBalancer,
    /// A Service of type NodePort.
    NodePort,
    /// A port of the node itself: hostPort, hostNetwork.
    Host,
}

/// Whether a login is asked for at the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoginState {
    /// The entry's gateway asks.
    Asked,
    /// It is switched off for this way, or lets requests through when the service is down.
    Skipped,
    /// Nothing there is known to ask.
    None,
    /// The gateway is not in the manifests.
    Unknown,
}

/// How a hop to a pod is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HopTls {
    /// TLS, and the certificate is checked against a name.
    Verified(Hop),
    /// TLS whose certificate nobody checks.
    Unverified(Hop),
    /// Nothing makes it TLS.
    Plain,
    /// The entry passes on the caller's own TLS: the caller checks the certificate, and nobody in between can.
    Passed,
    /// What makes it TLS is not in the manifests.
    Unknown,
}

/// Who a NetworkPolicy (or its absence) lets in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// Who.
    pub who: Who,
    /// The answering ports they reach, guards' and unguarded ones.
    pub ports: BTreeSet<u16>,
    /// By which policy; empty: no policy closes the pod.
    pub by: Vec<Hop>,
}

/// Classes of callers inside the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Anybody, from anywhere.
    Everybody,
    /// The pods of a Gateway.
    Gateway(ObjectId),
    /// Any pod of the workload's own namespace.
    SameNamespace,
    /// Pods of the workload's own namespace with certain labels: whoever may label pods there can be one.
    SameNamespaceLabelled(String),
    /// A known workload of other people's code, with the labels it has.
    Workload(ObjectId),
    /// Pods of any other namespace.
    OtherNamespaces(String),
    /// Every pod of one namespace, given by its name.
    WholeNamespace(String),
    /// Pods of namespaces with certain labels.
    LabelledNamespaces(String),
    /// Pods with certain labels in a namespace given by its name: a named caller.
    Named(String),
    /// The workload's own pods.
    Itself,
    /// Addresses.
    Addresses(String),
}

/// One object on a way, and the field that leads on.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    /// The object.
    pub object: ObjectId,
    /// The field, as in `spec.rules[0].backendRefs[0]`; empty: the object as a whole.
    pub field: String,
    /// What it says, in a few words.
    pub says: String,
}
