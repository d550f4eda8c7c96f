//! The list: one thing broken at a time, with what `verify` must say of it; and what must be nothing to it.

use gatewright::krm::results::Severity::{self, Error, Info, Warning};
use gatewright::verify::judgement::Rule::{self, *};

use super::edit::Change::{self, Add, Cut, Drop, Push, Replace, Set};

/// One thing broken.
pub(crate) struct Operator {
    /// What is broken, in words.
    pub(crate) name: &'static str,
    /// What it is at least: an error where something is exposed.
    pub(crate) severity: Severity,
    /// The rules one of which must be found.
    pub(crate) rules: &'static [Rule],
    /// The objects one of which the judgement must name, as `Kind name`.
    pub(crate) near: &'static [&'static str],
    /// How it is broken.
    pub(crate) changes: &'static [Change],
}

/// What must be found.
pub(crate) const OPERATORS: &[Operator] = &[
    // Who reaches the pods.
    Operator {
        name: "policy dropped",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn"],
        changes: &[Drop("NetworkPolicy notebooks-closed")],
    },
    Operator {
        name: "policy moved to another namespace",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn"],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/metadata/namespace",
            "elsewhere",
        )],
    },
    Operator {
        name: "policy selects one Notebook alone",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/podSelector",
            "{matchLabels: {notebook-name: scratch}}",
        )],
    },
    Operator {
        name: "policy selects all but one Notebook",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Push(
            "NetworkPolicy notebooks-closed",
            "/spec/podSelector/matchExpressions",
            "{key: notebook-name, operator: NotIn, values: [churn]}",
        )],
    },
    Operator {
        name: "policy selects a label that nothing sets",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/podSelector/matchExpressions/0/key",
            "notebook-nam",
        )],
    },
    Operator {
        name: "policy selects those without the label",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/podSelector/matchExpressions/0/operator",
            "DoesNotExist",
        )],
    },
    Operator {
        name: "policy is about egress alone",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/policyTypes",
            "[Egress]",
        )],
    },
    Operator {
        name: "caller of 8888 left out",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Cut("NetworkPolicy notebooks-closed", "/spec/ingress/1/from")],
    },
    Operator {
        name: "callers of 8888 an empty list",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/1/from",
            "[]",
        )],
    },
    Operator {
        name: "caller of 8888 by namespace alone",
        severity: Warning,
        rules: &[OpenPort, TooWide],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Cut(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/1/from/0/podSelector",
        )],
    },
    Operator {
        name: "caller of 8888 from any namespace",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/1/from/0/namespaceSelector",
            "{}",
        )],
    },
    Operator {
        name: "caller of 8888 from its own namespace",
        severity: Warning,
        rules: &[OpenPort, TooWide],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Cut(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/1/from/0/namespaceSelector",
        )],
    },
    Operator {
        name: "caller of 8888 with any labels from any namespace",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/1/from/0",
            "{namespaceSelector: {}}",
        )],
    },
    Operator {
        name: "caller of 8888 in a namespace chosen by a label",
        severity: Error,
        rules: &[OpenPort, TooWide],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[
            Set(
                "NetworkPolicy notebooks-closed",
                "/spec/ingress/1/from/0",
                "{namespaceSelector: {matchLabels: {team: green}}}",
            ),
            Add("{apiVersion: v1, kind: Namespace, metadata: {name: green, labels: {team: green}}}"),
        ],
    },
    Operator {
        name: "gateway reaches all ports",
        severity: Warning,
        rules: &[OpenPort, TooWide],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Cut("NetworkPolicy notebooks-closed", "/spec/ingress/0/ports")],
    },
    Operator {
        name: "gateway reaches 8888 in place of the guard",
        severity: Warning,
        rules: &[OpenPort, TooWide, Blocked],
        near: &[
            "Notebook churn",
            "NetworkPolicy notebooks-closed",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/0/ports/0/port",
            "8888",
        )],
    },
    Operator {
        name: "gateway reaches a range with 8888 in it",
        severity: Warning,
        rules: &[OpenPort, TooWide],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/0/ports/0/endPort",
            "9000",
        )],
    },
    Operator {
        name: "gateway does not reach the guard",
        severity: Warning,
        rules: &[Blocked],
        near: &[
            "NetworkPolicy notebooks-closed",
            "HTTPRoute nb-sales-analytics-churn-*",
            "Notebook churn",
        ],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/0/ports/0/port",
            "8444",
        )],
    },
    Operator {
        name: "gateway named by labels of another",
        severity: Warning,
        rules: &[Blocked],
        near: &[
            "NetworkPolicy notebooks-closed",
            "HTTPRoute nb-sales-analytics-churn-*",
            "Notebook churn",
        ],
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/0/from/0/podSelector/matchLabels",
            "{gateway.networking.k8s.io/gateway-name: other}",
        )],
    },
    Operator {
        name: "a rule for everybody",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[Push("NetworkPolicy notebooks-closed", "/spec/ingress", "{}")],
    },
    Operator {
        name: "a policy that admits everybody",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy allow"],
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {}, ingress: [{}], policyTypes: [Ingress]}}",
        )],
    },
    Operator {
        name: "a policy that admits the namespace",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy allow"],
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}], policyTypes: [Ingress]}}",
        )],
    },
    Operator {
        name: "a policy that admits the namespace to 8888",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy allow"],
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 8888}]}]}}",
        )],
    },
    Operator {
        name: "a policy that admits to a port by its name",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy allow"],
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: [{port: notebook-port}]}], policyTypes: [Ingress]}}",
        )],
    },
    Operator {
        name: "a policy that admits every namespace",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy allow"],
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
        )],
    },
    Operator {
        name: "a policy that admits all addresses",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy allow"],
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
        )],
    },
    Operator {
        name: "a policy that admits the pod network",
        severity: Warning,
        rules: &[OpenPort, TooWide],
        near: &["Notebook churn", "NetworkPolicy allow"],
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.128.0.0/14}}], ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
        )],
    },
    Operator {
        name: "a policy that admits another Notebook",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy allow"],
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{from: [{podSelector: {matchLabels: {notebook-name: scratch}}}]}], policyTypes: [Ingress]}}",
        )],
    },
    Operator {
        name: "a policy that admits by a label anybody can set",
        severity: Warning,
        rules: &[OpenPort, TooWide],
        near: &["Notebook churn", "NetworkPolicy allow"],
        changes: &[Add(
            r#"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {trusted: "true"}}}], ports: [{port: 8888}]}], policyTypes: [Ingress]}}"#,
        )],
    },
    Operator {
        name: "host network",
        severity: Error,
        rules: &[OpenPort, UnguardedRoute],
        near: &["Notebook churn"],
        changes: &[Set("Notebook churn", "/spec/template/spec/hostNetwork", "true")],
    },
    Operator {
        name: "8888 on the node",
        severity: Warning,
        rules: &[OpenPort, UnguardedRoute, Blocked],
        near: &["Notebook churn"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=churn]/ports/0/hostPort",
            "8888",
        )],
    },
    Operator {
        name: "policy of the login service gone",
        severity: Warning,
        rules: &[OpenPort, TooWide],
        near: &[
            "Deployment kube-auth-proxy",
            "NetworkPolicy kube-auth-proxy",
            "Service kube-auth-proxy",
        ],
        changes: &[Drop("NetworkPolicy kube-auth-proxy")],
    },
    Operator {
        name: "policy of the login service opened",
        severity: Warning,
        rules: &[OpenPort, TooWide],
        near: &["Deployment kube-auth-proxy", "NetworkPolicy kube-auth-proxy"],
        changes: &[Cut("NetworkPolicy kube-auth-proxy", "/spec/ingress/0/from")],
    },
    // What stands in front of the Notebook.
    Operator {
        name: "route to the Notebook's own Service",
        severity: Warning,
        rules: &[UnguardedRoute, Blocked, DanglingReference],
        near: &["HTTPRoute nb-sales-analytics-churn-*", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Set(
                "ReferenceGrant churn-kube-rbac-proxy-route",
                "/spec/to/0/name",
                "churn",
            ),
            Set(
                "HTTPRoute nb-sales-analytics-churn-*",
                "/spec/rules/0/backendRefs/0",
                r#"{group: "", kind: Service, name: churn, namespace: sales-analytics, port: 80}"#,
            ),
        ],
    },
    Operator {
        name: "route to the Notebook's own Service, and a policy that lets it",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["HTTPRoute nb-sales-analytics-churn-*", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Set(
                "ReferenceGrant churn-kube-rbac-proxy-route",
                "/spec/to/0/name",
                "churn",
            ),
            Set(
                "HTTPRoute nb-sales-analytics-churn-*",
                "/spec/rules/0/backendRefs/0",
                r#"{group: "", kind: Service, name: churn, namespace: sales-analytics, port: 80}"#,
            ),
        ],
    },
    Operator {
        name: "a second backend beside the guard",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["HTTPRoute nb-sales-analytics-churn-*", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Cut("ReferenceGrant churn-kube-rbac-proxy-route", "/spec/to/0/name"),
            Push(
                "HTTPRoute nb-sales-analytics-churn-*",
                "/spec/rules/0/backendRefs",
                r#"{group: "", kind: Service, name: churn, namespace: sales-analytics, port: 80, weight: 1}"#,
            ),
        ],
    },
    Operator {
        name: "requests mirrored past the guard",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["HTTPRoute nb-sales-analytics-churn-*", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Cut("ReferenceGrant churn-kube-rbac-proxy-route", "/spec/to/0/name"),
            Push(
                "HTTPRoute nb-sales-analytics-churn-*",
                "/spec/rules/0/filters",
                r#"{type: RequestMirror, requestMirror: {backendRef: {group: "", kind: Service, name: churn, namespace: sales-analytics, port: 80}}}"#,
            ),
        ],
    },
    Operator {
        name: "the guard's Service leads to 8888",
        severity: Warning,
        rules: &[UnguardedRoute, Blocked],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Set(
            "Service churn-kube-rbac-proxy",
            "/spec/ports/0/targetPort",
            "8888",
        )],
    },
    Operator {
        name: "the guard's Service leads to 8888 by name",
        severity: Warning,
        rules: &[UnguardedRoute, Blocked],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Set(
            "Service churn-kube-rbac-proxy",
            "/spec/ports/0/targetPort",
            "notebook-port",
        )],
    },
    Operator {
        name: "the guard's Service leads to 8888, and the policy with it",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[
            Set(
                "Service churn-kube-rbac-proxy",
                "/spec/ports/0/targetPort",
                "8888",
            ),
            Set(
                "NetworkPolicy notebooks-closed",
                "/spec/ingress/0/ports/0/port",
                "8888",
            ),
        ],
    },
    Operator {
        name: "the guard's Service selects another pod",
        severity: Warning,
        rules: &[UnguardedRoute, Blocked, DanglingReference],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "Service churn-kube-rbac-proxy",
            "Notebook scratch",
        ],
        changes: &[Set(
            "Service churn-kube-rbac-proxy",
            "/spec/selector",
            "{statefulset: scratch}",
        )],
    },
    Operator {
        name: "the guard's Service selects nothing",
        severity: Warning,
        rules: &[Blocked, DanglingReference],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Set(
            "Service churn-kube-rbac-proxy",
            "/spec/selector",
            "{statefulset: churm}",
        )],
    },
    Operator {
        name: "the guard's Service gone",
        severity: Warning,
        rules: &[Blocked, DanglingReference],
        near: &["HTTPRoute nb-sales-analytics-churn-*"],
        changes: &[Drop("Service churn-kube-rbac-proxy")],
    },
    Operator {
        name: "the guard's Service has another port",
        severity: Warning,
        rules: &[Blocked, DanglingReference],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Set("Service churn-kube-rbac-proxy", "/spec/ports/0/port", "9443")],
    },
    Operator {
        name: "the route asks for another port",
        severity: Warning,
        rules: &[Blocked, DanglingReference, GuardUnfit],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Set(
            "HTTPRoute nb-sales-analytics-churn-*",
            "/spec/rules/0/backendRefs/0/port",
            "9443",
        )],
    },
    Operator {
        name: "the route names another gateway",
        severity: Warning,
        rules: &[Blocked, DanglingReference, Unknown],
        near: &["HTTPRoute nb-sales-analytics-churn-*"],
        changes: &[Set(
            "HTTPRoute nb-sales-analytics-churn-*",
            "/spec/parentRefs/0/name",
            "other",
        )],
    },
    Operator {
        name: "NodePort to 8888",
        severity: Warning,
        rules: &[UnguardedRoute, Blocked],
        near: &["Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Set("Service churn", "/spec/type", "NodePort"),
        ],
    },
    Operator {
        name: "NodePort to 8888, and a policy that lets it",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Set("Service churn", "/spec/type", "NodePort"),
        ],
    },
    Operator {
        name: "LoadBalancer to 8888",
        severity: Warning,
        rules: &[UnguardedRoute, Blocked],
        near: &["Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Set("Service churn", "/spec/type", "LoadBalancer"),
        ],
    },
    Operator {
        name: "LoadBalancer to 8888, and a policy that lets it",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Set("Service churn", "/spec/type", "LoadBalancer"),
        ],
    },
    Operator {
        name: "external addresses to 8888",
        severity: Warning,
        rules: &[UnguardedRoute, Blocked],
        near: &["Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Set("Service churn", "/spec/externalIPs", "[192.0.2.7]"),
        ],
    },
    Operator {
        name: "external addresses to 8888, and a policy that lets them",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Set("Service churn", "/spec/externalIPs", "[192.0.2.7]"),
        ],
    },
    Operator {
        name: "Ingress to 8888",
        severity: Warning,
        rules: &[UnguardedRoute, Blocked],
        near: &["Ingress back-door", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: back-door, namespace: sales-analytics}, spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: churn, port: {number: 80}}}}]}}]}}",
            ),
        ],
    },
    Operator {
        name: "Ingress to 8888, and a policy that lets it",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["Ingress back-door", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: back-door, namespace: sales-analytics}, spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: churn, port: {number: 80}}}}]}}]}}",
            ),
        ],
    },
    Operator {
        name: "Ingress to 8888 as the default backend",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["Ingress back-door", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: back-door, namespace: sales-analytics}, spec: {defaultBackend: {service: {name: churn, port: {name: http}}}}}",
            ),
        ],
    },
    Operator {
        name: "OpenShift Route to 8888",
        severity: Warning,
        rules: &[UnguardedRoute, Blocked],
        near: &["Route back-door", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: route.openshift.io/v1, kind: Route, metadata: {name: back-door, namespace: sales-analytics}, spec: {host: churn.example.com, port: {targetPort: http}, to: {kind: Service, name: churn}}}",
            ),
        ],
    },
    Operator {
        name: "OpenShift Route to 8888, and a policy that lets it",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["Route back-door", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Add(
                "{apiVersion: route.openshift.io/v1, kind: Route, metadata: {name: back-door, namespace: sales-analytics}, spec: {host: churn.example.com, port: {targetPort: http}, to: {kind: Service, name: churn}}}",
            ),
        ],
    },
    Operator {
        name: "OpenShift Route with a second backend",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["Route back-door", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Add(
                "{apiVersion: route.openshift.io/v1, kind: Route, metadata: {name: back-door, namespace: sales-analytics}, spec: {host: churn.example.com, to: {kind: Service, name: churn-kube-rbac-proxy}, alternateBackends: [{kind: Service, name: churn}]}}",
            ),
        ],
    },
    Operator {
        name: "TCPRoute to 8888, and a policy that lets it",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["TCPRoute back-door", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Cut("ReferenceGrant churn-kube-rbac-proxy-route", "/spec/to/0/name"),
            Push(
                "ReferenceGrant churn-kube-rbac-proxy-route",
                "/spec/from",
                "{group: gateway.networking.k8s.io, kind: TCPRoute, namespace: opendatahub}",
            ),
            Add(
                "{apiVersion: gateway.networking.k8s.io/v1alpha2, kind: TCPRoute, metadata: {name: back-door, namespace: opendatahub}, spec: {parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: {gateway}, namespace: {gateway-namespace}}], rules: [{backendRefs: [{name: churn, namespace: sales-analytics, port: 80}]}]}}",
            ),
        ],
    },
    Operator {
        name: "TLSRoute to 8888, and a policy that lets it",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["TLSRoute back-door", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Cut("ReferenceGrant churn-kube-rbac-proxy-route", "/spec/to/0/name"),
            Push(
                "ReferenceGrant churn-kube-rbac-proxy-route",
                "/spec/from",
                "{group: gateway.networking.k8s.io, kind: TLSRoute, namespace: opendatahub}",
            ),
            Add(
                "{apiVersion: gateway.networking.k8s.io/v1alpha2, kind: TLSRoute, metadata: {name: back-door, namespace: opendatahub}, spec: {parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: {gateway}, namespace: {gateway-namespace}}], rules: [{backendRefs: [{name: churn, namespace: sales-analytics, port: 80}]}]}}",
            ),
        ],
    },
    Operator {
        name: "GRPCRoute to 8888, and a policy that lets it",
        severity: Error,
        rules: &[UnguardedRoute],
        near: &["GRPCRoute back-door", "Service churn"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Cut("ReferenceGrant churn-kube-rbac-proxy-route", "/spec/to/0/name"),
            Push(
                "ReferenceGrant churn-kube-rbac-proxy-route",
                "/spec/from",
                "{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: opendatahub}",
            ),
            Add(
                "{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: {name: back-door, namespace: opendatahub}, spec: {parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: {gateway}, namespace: {gateway-namespace}}], rules: [{backendRefs: [{name: churn, namespace: sales-analytics, port: 80}]}]}}",
            ),
        ],
    },
    Operator {
        name: "a second route, in the Notebook's namespace, where the gateway takes it",
        severity: Error,
        rules: &[UnguardedRoute, ForeignRoutes],
        near: &["HTTPRoute back-door", "Service churn", "Gateway {gateway}"],
        changes: &[
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: churn, namespace: sales-analytics}, spec: {selector: {statefulset: churn}, ports: [{name: http, port: 80, targetPort: 8888}]}}",
            ),
            Add(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: allow, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{ports: [{port: 8888}]}], policyTypes: [Ingress]}}",
            ),
            Set(
                "Gateway {gateway}",
                "/spec/listeners/0/allowedRoutes/namespaces",
                "{from: All}",
            ),
            Add(
                "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: back-door, namespace: sales-analytics}, spec: {parentRefs: [{name: {gateway}, namespace: {gateway-namespace}}], rules: [{backendRefs: [{name: churn, port: 80}]}]}}",
            ),
        ],
    },
    Operator {
        name: "a label that moves the pod from its Service",
        severity: Warning,
        rules: &[Blocked, DanglingReference, GuardUnfit],
        near: &[
            "Notebook churn",
            "Service churn-kube-rbac-proxy",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set("Notebook churn", "/metadata/labels", "{statefulset: other}")],
    },
    // The guard.
    Operator {
        name: "the guard gone",
        severity: Warning,
        rules: &[Blocked, DanglingReference, GuardUnfit, UnguardedRoute],
        near: &[
            "Notebook churn",
            "Service churn-kube-rbac-proxy",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Cut(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]",
        )],
    },
    Operator {
        name: "the guard another program",
        severity: Warning,
        rules: &[GuardUnfit, Unknown, UnguardedRoute, OpenPort, Blocked],
        near: &[
            "Notebook churn",
            "Service churn-kube-rbac-proxy",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[
            Set(
                "Notebook churn",
                "/spec/template/spec/containers/[name=kube-rbac-proxy]/image",
                "docker.io/library/nginx:1",
            ),
            Set(
                "Notebook churn",
                "/spec/template/spec/containers/[name=kube-rbac-proxy]/args",
                "[]",
            ),
            Set(
                "Notebook churn",
                "/spec/template/spec/containers/[name=kube-rbac-proxy]/name",
                "nginx",
            ),
        ],
    },
    Operator {
        name: "the guard forwards elsewhere in the pod",
        severity: Warning,
        rules: &[GuardUnfit],
        near: &["Notebook churn"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--upstream]",
            "--upstream=http://127.0.0.1:9999/",
        )],
    },
    Operator {
        name: "the guard forwards to another pod",
        severity: Warning,
        rules: &[GuardUnfit, UnguardedRoute],
        near: &["Notebook churn"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--upstream]",
            "--upstream=http://scratch.sales-analytics.svc:8888/",
        )],
    },
    Operator {
        name: "the guard forwards nowhere",
        severity: Warning,
        rules: &[GuardUnfit, UnguardedRoute],
        near: &["Notebook churn"],
        changes: &[Cut(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--upstream]",
        )],
    },
    Operator {
        name: "the guard listens on loopback",
        severity: Warning,
        rules: &[GuardUnfit, Blocked],
        near: &[
            "Notebook churn",
            "Service churn-kube-rbac-proxy",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--secure-listen]",
            "--secure-listen-address=127.0.0.1:8443",
        )],
    },
    Operator {
        name: "the guard listens on another port",
        severity: Warning,
        rules: &[GuardUnfit, Blocked, UnguardedRoute],
        near: &[
            "Notebook churn",
            "Service churn-kube-rbac-proxy",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--secure-listen]",
            "--secure-listen-address=0.0.0.0:9443",
        )],
    },
    Operator {
        name: "the guard listens without TLS",
        severity: Warning,
        rules: &[UnverifiedHop, GuardUnfit, Blocked],
        near: &[
            "Notebook churn",
            "Service churn-kube-rbac-proxy",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--secure-listen]",
            "--insecure-listen-address=0.0.0.0:8443",
        )],
    },
    Operator {
        name: "paths that the guard ignores",
        severity: Error,
        rules: &[GuardBypass],
        near: &["Notebook churn"],
        changes: &[Push(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args",
            r#""--ignore-paths=/api/*""#,
        )],
    },
    Operator {
        name: "paths that the guard ignores, as two words",
        severity: Error,
        rules: &[GuardBypass],
        near: &["Notebook churn"],
        changes: &[
            Push(
                "Notebook churn",
                "/spec/template/spec/containers/[name=kube-rbac-proxy]/args",
                "--ignore-paths",
            ),
            Push(
                "Notebook churn",
                "/spec/template/spec/containers/[name=kube-rbac-proxy]/args",
                r#""/*""#,
            ),
        ],
    },
    Operator {
        name: "the guard without its configuration",
        severity: Error,
        rules: &[Everybody, WrongReview, GuardBypass],
        near: &["Notebook churn"],
        changes: &[Cut(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--config-file]",
        )],
    },
    Operator {
        name: "the guard reads another file",
        severity: Warning,
        rules: &[GuardUnfit],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--config-file]",
            "--config-file=/etc/kube-rbac-proxy/other.yaml",
        )],
    },
    Operator {
        name: "the configuration gone",
        severity: Warning,
        rules: &[GuardUnfit, DanglingReference],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Drop("ConfigMap churn-kube-rbac-proxy-config")],
    },
    Operator {
        name: "the configuration under another key",
        severity: Warning,
        rules: &[GuardUnfit, DanglingReference],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[
            Cut("ConfigMap churn-kube-rbac-proxy-config", "/data/config-file.yaml"),
            Set(
                "ConfigMap churn-kube-rbac-proxy-config",
                "/data/other.yaml",
                r#""authorization: {}""#,
            ),
        ],
    },
    Operator {
        name: "the configuration not mounted",
        severity: Warning,
        rules: &[GuardUnfit],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Cut(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/volumeMounts/[name=kube-rbac-proxy-config]",
        )],
    },
    Operator {
        name: "the configuration of another Notebook",
        severity: Warning,
        rules: &[GuardUnfit, DanglingReference, WrongReview],
        near: &["Notebook churn"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/volumes/[name=kube-rbac-proxy-config]/configMap/name",
            "scratch-kube-rbac-proxy-config",
        )],
    },
    Operator {
        name: "the configuration without authorization",
        severity: Warning,
        rules: &[GuardUnfit, GuardBypass, WrongReview, Everybody],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Set(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#""{}""#,
        )],
    },
    Operator {
        name: "the configuration is not YAML",
        severity: Warning,
        rules: &[GuardUnfit, Unreadable, WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Set(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#""authorization: [""#,
        )],
    },
    Operator {
        name: "asks about another Notebook",
        severity: Error,
        rules: &[WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#"name: "churn""#,
            r#"name: "scratch""#,
        )],
    },
    Operator {
        name: "asks about another namespace",
        severity: Error,
        rules: &[WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#""sales-analytics""#,
            r#""supply""#,
        )],
    },
    Operator {
        name: "asks about no namespace",
        severity: Error,
        rules: &[WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            "    namespace: \"sales-analytics\"\n",
            "",
        )],
    },
    Operator {
        name: "asks about another kind",
        severity: Error,
        rules: &[WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#""notebooks""#,
            r#""services""#,
        )],
    },
    Operator {
        name: "asks about another group",
        severity: Error,
        rules: &[WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#""kubeflow.org""#,
            r#""apps""#,
        )],
    },
    Operator {
        name: "asks about all Notebooks",
        severity: Error,
        rules: &[WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            "    name: \"churn\"\n",
            "",
        )],
    },
    Operator {
        name: "asks by a name that is no field",
        severity: Error,
        rules: &[WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#"    name: "churn""#,
            r#"    resourceName: "churn""#,
        )],
    },
    Operator {
        name: "asks about a name that is read as true",
        severity: Error,
        rules: &[WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#"name: "churn""#,
            "name: yes",
        )],
    },
    Operator {
        name: "asks about a name that is read as a number",
        severity: Error,
        rules: &[WrongReview],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#"name: "churn""#,
            "name: 1e3",
        )],
    },
    Operator {
        name: "lets everybody through without asking",
        severity: Error,
        rules: &[GuardBypass, Everybody],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            "authorization:\n",
            "authorization:\n  static:\n  - resourceRequest: true\n    resource: notebooks\n    subresource: access\n    namespace: sales-analytics\n    verb: get\n",
        )],
    },
    Operator {
        name: "asks with what the visitor writes",
        severity: Error,
        rules: &[WrongReview, GuardBypass],
        near: &["Notebook churn", "ConfigMap churn-kube-rbac-proxy-config"],
        changes: &[
            Replace(
                "ConfigMap churn-kube-rbac-proxy-config",
                "/data/config-file.yaml",
                "authorization:\n",
                "authorization:\n  rewrites:\n    byQueryParameter:\n      name: nb\n",
            ),
            Replace(
                "ConfigMap churn-kube-rbac-proxy-config",
                "/data/config-file.yaml",
                r#"name: "churn""#,
                r#"name: "{{ .Value }}""#,
            ),
        ],
    },
    Operator {
        name: "two containers on the guard's port",
        severity: Warning,
        rules: &[GuardUnfit, Collision],
        near: &["Notebook churn"],
        changes: &[Push(
            "Notebook churn",
            "/spec/template/spec/containers",
            "{name: beside, image: quay.io/example/beside:1, ports: [{containerPort: 8443, protocol: TCP}]}",
        )],
    },
    Operator {
        name: "a second container that asks nobody, and a policy for it",
        severity: Error,
        rules: &[OpenPort],
        near: &["Notebook churn", "NetworkPolicy notebooks-closed"],
        changes: &[
            Push(
                "Notebook churn",
                "/spec/template/spec/containers",
                "{name: beside, image: quay.io/example/beside:1, ports: [{containerPort: 9090, protocol: TCP}]}",
            ),
            Push(
                "NetworkPolicy notebooks-closed",
                "/spec/ingress",
                "{from: [{podSelector: {}}], ports: [{port: 9090}]}",
            ),
        ],
    },
    // Accounts and credentials.
    Operator {
        name: "the account renamed",
        severity: Warning,
        rules: &[GuardCannotAsk, DanglingReference, ReadableCredential],
        near: &["Notebook churn", "ServiceAccount churn"],
        changes: &[Set("ServiceAccount churn", "/metadata/name", "churm")],
    },
    Operator {
        name: "the account gone",
        severity: Warning,
        rules: &[GuardCannotAsk, DanglingReference, ReadableCredential],
        near: &["Notebook churn"],
        changes: &[Drop("ServiceAccount churn")],
    },
    Operator {
        name: "the pod under another account",
        severity: Warning,
        rules: &[GuardCannotAsk],
        near: &["Notebook churn"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/serviceAccountName",
            "default",
        )],
    },
    Operator {
        name: "the right to review gone",
        severity: Warning,
        rules: &[GuardCannotAsk],
        near: &["Notebook churn", "ServiceAccount churn"],
        changes: &[Drop("ClusterRoleBinding nb-sales-analytics-churn-*")],
    },
    Operator {
        name: "the right to review another account's",
        severity: Warning,
        rules: &[GuardCannotAsk],
        near: &[
            "Notebook churn",
            "ClusterRoleBinding nb-sales-analytics-churn-*",
            "ServiceAccount churn",
        ],
        changes: &[Set(
            "ClusterRoleBinding nb-sales-analytics-churn-*",
            "/subjects/0/name",
            "other",
        )],
    },
    Operator {
        name: "the right to review in another namespace's account",
        severity: Warning,
        rules: &[GuardCannotAsk],
        near: &[
            "Notebook churn",
            "ClusterRoleBinding nb-sales-analytics-churn-*",
            "ServiceAccount churn",
        ],
        changes: &[Set(
            "ClusterRoleBinding nb-sales-analytics-churn-*",
            "/subjects/0/namespace",
            "supply",
        )],
    },
    Operator {
        name: "the right to review another role",
        severity: Warning,
        rules: &[GuardCannotAsk],
        near: &[
            "Notebook churn",
            "ClusterRoleBinding nb-sales-analytics-churn-*",
            "ServiceAccount churn",
        ],
        changes: &[Set(
            "ClusterRoleBinding nb-sales-analytics-churn-*",
            "/roleRef/name",
            "view",
        )],
    },
    Operator {
        name: "the right to review the whole cluster",
        severity: Warning,
        rules: &[TooWide, ReadableCredential],
        near: &[
            "Notebook churn",
            "ClusterRoleBinding nb-sales-analytics-churn-*",
            "ServiceAccount churn",
        ],
        changes: &[Set(
            "ClusterRoleBinding nb-sales-analytics-churn-*",
            "/roleRef/name",
            "cluster-admin",
        )],
    },
    Operator {
        name: "the account's token in every container",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn", "ServiceAccount churn"],
        changes: &[Set(
            "ServiceAccount churn",
            "/automountServiceAccountToken",
            "true",
        )],
    },
    Operator {
        name: "the account's token in every container by default",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn", "ServiceAccount churn"],
        changes: &[Cut("ServiceAccount churn", "/automountServiceAccountToken")],
    },
    Operator {
        name: "the account's token in every container, by the pod",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/automountServiceAccountToken",
            "true",
        )],
    },
    Operator {
        name: "the guard's token in the Notebook",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn"],
        changes: &[Push(
            "Notebook churn",
            "/spec/template/spec/containers/[name=churn]/volumeMounts",
            "{name: kube-rbac-proxy-token, mountPath: /token}",
        )],
    },
    Operator {
        name: "the guard's key in the Notebook",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn"],
        changes: &[Push(
            "Notebook churn",
            "/spec/template/spec/containers/[name=churn]/volumeMounts",
            "{name: kube-rbac-proxy-tls-certificates, mountPath: /key}",
        )],
    },
    Operator {
        name: "the guard's key in the Notebook by a volume of its own",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn"],
        changes: &[
            Push(
                "Notebook churn",
                "/spec/template/spec/volumes",
                "{name: key, secret: {secretName: churn-kube-rbac-proxy-tls}}",
            ),
            Push(
                "Notebook churn",
                "/spec/template/spec/containers/[name=churn]/volumeMounts",
                "{name: key, mountPath: /key}",
            ),
        ],
    },
    Operator {
        name: "the guard's key in the Notebook's environment",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=churn]/envFrom",
            "[{secretRef: {name: churn-kube-rbac-proxy-tls}}]",
        )],
    },
    Operator {
        name: "the guard's key as one variable",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn"],
        changes: &[Push(
            "Notebook churn",
            "/spec/template/spec/containers/[name=churn]/env",
            "{name: KEY, valueFrom: {secretKeyRef: {name: churn-kube-rbac-proxy-tls, key: tls.key}}}",
        )],
    },
    Operator {
        name: "a token in the Notebook by a volume of its own",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn"],
        changes: &[
            Push(
                "Notebook churn",
                "/spec/template/spec/volumes",
                "{name: own, projected: {sources: [{serviceAccountToken: {path: token}}]}}",
            ),
            Push(
                "Notebook churn",
                "/spec/template/spec/containers/[name=churn]/volumeMounts",
                "{name: own, mountPath: /token}",
            ),
        ],
    },
    Operator {
        name: "one process space for all containers",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/shareProcessNamespace",
            "true",
        )],
    },
    Operator {
        name: "the guard's key in an init container of the user's",
        severity: Error,
        rules: &[ReadableCredential],
        near: &["Notebook churn"],
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/initContainers",
            "[{name: setup, image: quay.io/example/setup:1, volumeMounts: [{name: kube-rbac-proxy-tls-certificates, mountPath: /key}]}]",
        )],
    },
    // Who is let in.
    Operator {
        name: "everybody who has a name",
        severity: Error,
        rules: &[Everybody],
        near: &["RoleBinding churn-notebook-access", "Notebook churn"],
        changes: &[Push(
            "RoleBinding churn-notebook-access",
            "/subjects",
            r#"{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}"#,
        )],
    },
    Operator {
        name: "everybody",
        severity: Error,
        rules: &[Everybody],
        near: &["RoleBinding churn-notebook-access", "Notebook churn"],
        changes: &[Push(
            "RoleBinding churn-notebook-access",
            "/subjects",
            r#"{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:unauthenticated"}"#,
        )],
    },
    Operator {
        name: "everybody, as a user",
        severity: Error,
        rules: &[Everybody],
        near: &["RoleBinding churn-notebook-access", "Notebook churn"],
        changes: &[Push(
            "RoleBinding churn-notebook-access",
            "/subjects",
            r#"{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:anonymous"}"#,
        )],
    },
    Operator {
        name: "every account of the cluster",
        severity: Warning,
        rules: &[Everybody, TooWide],
        near: &["RoleBinding churn-notebook-access", "Notebook churn"],
        changes: &[Push(
            "RoleBinding churn-notebook-access",
            "/subjects",
            r#"{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts"}"#,
        )],
    },
    Operator {
        name: "everybody who has a name, by a role for everything",
        severity: Error,
        rules: &[Everybody],
        near: &["ClusterRoleBinding all", "Notebook churn"],
        changes: &[
            Add(
                r#"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: all}, rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]}"#,
            ),
            Add(
                r#"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: all}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]}"#,
            ),
        ],
    },
    Operator {
        name: "everybody who has a name, in the namespace, by a role for everything",
        severity: Error,
        rules: &[Everybody],
        near: &["RoleBinding all", "Notebook churn"],
        changes: &[
            Add(
                r#"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: all}, rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]}"#,
            ),
            Add(
                r#"{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: all, namespace: sales-analytics}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: all}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]}"#,
            ),
        ],
    },
    Operator {
        name: "everybody, by a role that another grows into",
        severity: Error,
        rules: &[Everybody],
        near: &["ClusterRoleBinding all", "Notebook churn"],
        changes: &[
            Add(
                r#"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: part, labels: {part: "yes"}}, rules: [{apiGroups: [kubeflow.org], resources: [notebooks/access], verbs: ["*"]}]}"#,
            ),
            Add(
                r#"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: whole}, aggregationRule: {clusterRoleSelectors: [{matchLabels: {part: "yes"}}]}, rules: []}"#,
            ),
            Add(
                r#"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: all}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: whole}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]}"#,
            ),
        ],
    },
    Operator {
        name: "the role gone",
        severity: Info,
        rules: &[DanglingReference, Unknown],
        near: &["RoleBinding churn-notebook-access", "Role churn-notebook-access"],
        changes: &[Drop("Role churn-notebook-access")],
    },
    // The login.
    Operator {
        name: "the filter gone",
        severity: Error,
        rules: &[SkippedLogin],
        near: &["Gateway {gateway}", "HTTPRoute nb-sales-analytics-churn-*"],
        changes: &[Drop("EnvoyFilter data-science-authn-filter")],
    },
    Operator {
        name: "the filter in another namespace",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Set(
            "EnvoyFilter data-science-authn-filter",
            "/metadata/namespace",
            "elsewhere",
        )],
    },
    Operator {
        name: "the filter at another gateway",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Set(
            "EnvoyFilter data-science-authn-filter",
            "/spec/workloadSelector/labels",
            "{gateway.networking.k8s.io/gateway-name: other}",
        )],
    },
    Operator {
        name: "the check taken out of the filter",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Cut(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches/[patch.value.name=envoy.filters.http.ext_authz]",
        )],
    },
    Operator {
        name: "the check in sidecars alone",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Set(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches/[patch.value.name=envoy.filters.http.ext_authz]/match/context",
            "SIDECAR_INBOUND",
        )],
    },
    Operator {
        name: "the check removed by a later patch",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Push(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches",
            "{applyTo: HTTP_FILTER, match: {context: GATEWAY, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.ext_authz}}}}}, patch: {operation: REMOVE}}",
        )],
    },
    Operator {
        name: "the check lets through when it fails",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Set(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches/[patch.value.name=envoy.filters.http.ext_authz]/patch/value/typed_config/failure_mode_allow",
            "true",
        )],
    },
    Operator {
        name: "the check for no request",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Set(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches/[patch.value.name=envoy.filters.http.ext_authz]/patch/value/typed_config/filter_enabled",
            "{default_value: {numerator: 0}}",
        )],
    },
    Operator {
        name: "the check off on the Notebook's route",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Push(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches",
            r#"{applyTo: HTTP_ROUTE, match: {context: GATEWAY, routeConfiguration: {vhost: {route: {name: opendatahub.nb-sales-analytics-churn-6569e76310.0}}}}, patch: {operation: MERGE, value: {typed_per_filter_config: {envoy.filters.http.ext_authz: {"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true}}}}}"#,
        )],
    },
    Operator {
        name: "the check off on all routes",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Push(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches",
            r#"{applyTo: HTTP_ROUTE, match: {context: GATEWAY}, patch: {operation: MERGE, value: {typed_per_filter_config: {envoy.filters.http.ext_authz: {"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true}}}}}"#,
        )],
    },
    Operator {
        name: "the check off on all hosts",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter data-science-authn-filter",
        ],
        changes: &[Push(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches",
            r#"{applyTo: VIRTUAL_HOST, match: {context: GATEWAY}, patch: {operation: MERGE, value: {typed_per_filter_config: {envoy.filters.http.ext_authz: {"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true}}}}}"#,
        )],
    },
    Operator {
        name: "the check off by a second filter",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "EnvoyFilter other",
        ],
        changes: &[
            Set(
                "EnvoyFilter data-science-authn-filter",
                "/metadata/labels/beside",
                "other",
            ),
            Add(
                r#"{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: other, namespace: {gateway-namespace}}, spec: {configPatches: [{applyTo: HTTP_ROUTE, match: {context: GATEWAY}, patch: {operation: MERGE, value: {typed_per_filter_config: {envoy.filters.http.ext_authz: {"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true}}}}}]}}"#,
            ),
        ],
    },
    Operator {
        name: "the check asks another service",
        severity: Warning,
        rules: &[DanglingReference],
        near: &["Gateway {gateway}", "EnvoyFilter data-science-authn-filter"],
        changes: &[Set(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches/[patch.value.name=envoy.filters.http.ext_authz]/patch/value/typed_config/http_service/server_uri/cluster",
            "outbound|8443||other.{gateway-namespace}.svc.cluster.local",
        )],
    },
    Operator {
        name: "the login service gone",
        severity: Warning,
        rules: &[DanglingReference],
        near: &[
            "Gateway {gateway}",
            "EnvoyFilter data-science-authn-filter",
            "SecurityPolicy odh-gateway-authn-filter",
            "HTTPRoute oauth-callback-route",
        ],
        changes: &[Drop("Service kube-auth-proxy")],
    },
    Operator {
        name: "the policy of the login gone",
        severity: Error,
        rules: &[SkippedLogin],
        near: &["Gateway {gateway}", "HTTPRoute nb-sales-analytics-churn-*"],
        changes: &[Drop("SecurityPolicy odh-gateway-authn-filter")],
    },
    Operator {
        name: "the policy of the login at another gateway",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "SecurityPolicy odh-gateway-authn-filter",
        ],
        changes: &[Set(
            "SecurityPolicy odh-gateway-authn-filter",
            "/spec/targetRefs/0/name",
            "other",
        )],
    },
    Operator {
        name: "the policy of the login asks nobody",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "SecurityPolicy odh-gateway-authn-filter",
        ],
        changes: &[Cut("SecurityPolicy odh-gateway-authn-filter", "/spec/extAuth")],
    },
    Operator {
        name: "the policy of the login lets through when it fails",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "SecurityPolicy odh-gateway-authn-filter",
        ],
        changes: &[Set(
            "SecurityPolicy odh-gateway-authn-filter",
            "/spec/extAuth/failOpen",
            "true",
        )],
    },
    Operator {
        name: "another policy at the Notebook's route",
        severity: Error,
        rules: &[SkippedLogin],
        near: &["HTTPRoute nb-sales-analytics-churn-*", "SecurityPolicy own"],
        changes: &[
            Set(
                "SecurityPolicy odh-gateway-authn-filter",
                "/metadata/labels/beside",
                "own",
            ),
            Add(
                "{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: SecurityPolicy, metadata: {name: own, namespace: opendatahub}, spec: {authorization: {defaultAction: Allow}, targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: nb-sales-analytics-churn-6569e76310}]}}",
            ),
        ],
    },
    Operator {
        name: "the policy of the login's own routes at the listener",
        severity: Error,
        rules: &[SkippedLogin],
        near: &[
            "Gateway {gateway}",
            "HTTPRoute nb-sales-analytics-churn-*",
            "SecurityPolicy odh-gateway-authn-filter-login",
        ],
        changes: &[Set(
            "SecurityPolicy odh-gateway-authn-filter-login",
            "/spec/targetRefs/0",
            "{group: gateway.networking.k8s.io, kind: Gateway, name: {gateway}, sectionName: https}",
        )],
    },
    Operator {
        name: "a Notebook behind the login's own route",
        severity: Error,
        rules: &[SkippedLogin, UnguardedRoute],
        near: &["HTTPRoute oauth-callback-route", "Service churn-kube-rbac-proxy"],
        changes: &[
            Set(
                "HTTPRoute oauth-callback-route",
                "/spec/rules/0/backendRefs/0",
                r#"{group: "", kind: Service, name: churn-kube-rbac-proxy, namespace: sales-analytics, port: 8443}"#,
            ),
            Push(
                "ReferenceGrant churn-kube-rbac-proxy-route",
                "/spec/from",
                "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: {gateway-namespace}}",
            ),
        ],
    },
    // The gateway.
    Operator {
        name: "routes of all namespaces",
        severity: Error,
        rules: &[ForeignRoutes],
        near: &["Gateway {gateway}"],
        changes: &[Set(
            "Gateway {gateway}",
            "/spec/listeners/0/allowedRoutes/namespaces",
            "{from: All}",
        )],
    },
    Operator {
        name: "routes of namespaces with a label",
        severity: Warning,
        rules: &[ForeignRoutes, TooWide],
        near: &["Gateway {gateway}"],
        changes: &[Set(
            "Gateway {gateway}",
            "/spec/listeners/0/allowedRoutes/namespaces",
            r#"{from: Selector, selector: {matchLabels: {routes: "yes"}}}"#,
        )],
    },
    Operator {
        name: "routes of every namespace by a selector",
        severity: Error,
        rules: &[ForeignRoutes],
        near: &["Gateway {gateway}"],
        changes: &[Set(
            "Gateway {gateway}",
            "/spec/listeners/0/allowedRoutes/namespaces/selector",
            "{}",
        )],
    },
    Operator {
        name: "routes of the users' namespace",
        severity: Error,
        rules: &[ForeignRoutes],
        near: &["Gateway {gateway}"],
        changes: &[Push(
            "Gateway {gateway}",
            "/spec/listeners/0/allowedRoutes/namespaces/selector/matchExpressions/0/values",
            "sales-analytics",
        )],
    },
    Operator {
        name: "routes of its own namespace alone",
        severity: Warning,
        rules: &[Blocked, DanglingReference],
        near: &["Gateway {gateway}", "HTTPRoute nb-sales-analytics-churn-*"],
        changes: &[Set(
            "Gateway {gateway}",
            "/spec/listeners/0/allowedRoutes/namespaces",
            "{from: Same}",
        )],
    },
    Operator {
        name: "a listener more, for all namespaces",
        severity: Error,
        rules: &[ForeignRoutes],
        near: &["Gateway {gateway}"],
        changes: &[Push(
            "Gateway {gateway}",
            "/spec/listeners",
            "{name: other, port: 8443, protocol: HTTPS, allowedRoutes: {namespaces: {from: All}}, tls: {mode: Terminate, certificateRefs: [{name: other}]}}",
        )],
    },
    Operator {
        name: "a listener without TLS",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &["Gateway {gateway}"],
        changes: &[Set(
            "Gateway {gateway}",
            "/spec/listeners/0",
            "{name: https, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [{gateway-namespace}, opendatahub]}]}}}}",
        )],
    },
    Operator {
        name: "the grant for all Services",
        severity: Warning,
        rules: &[TooWide],
        near: &["ReferenceGrant churn-kube-rbac-proxy-route"],
        changes: &[Cut(
            "ReferenceGrant churn-kube-rbac-proxy-route",
            "/spec/to/0/name",
        )],
    },
    Operator {
        name: "the grant for routes of another namespace too",
        severity: Warning,
        rules: &[TooWide],
        near: &["ReferenceGrant churn-kube-rbac-proxy-route"],
        changes: &[Push(
            "ReferenceGrant churn-kube-rbac-proxy-route",
            "/spec/from",
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: supply}",
        )],
    },
    Operator {
        name: "the grant gone",
        severity: Warning,
        rules: &[Blocked, DanglingReference],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "ReferenceGrant churn-kube-rbac-proxy-route",
        ],
        changes: &[Drop("ReferenceGrant churn-kube-rbac-proxy-route")],
    },
    Operator {
        name: "the grant for another Service",
        severity: Warning,
        rules: &[Blocked, DanglingReference],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "ReferenceGrant churn-kube-rbac-proxy-route",
        ],
        changes: &[Set(
            "ReferenceGrant churn-kube-rbac-proxy-route",
            "/spec/to/0/name",
            "other",
        )],
    },
    Operator {
        name: "the grant for another namespace",
        severity: Warning,
        rules: &[Blocked, DanglingReference, TooWide],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "ReferenceGrant churn-kube-rbac-proxy-route",
        ],
        changes: &[Set(
            "ReferenceGrant churn-kube-rbac-proxy-route",
            "/spec/from/0/namespace",
            "supply",
        )],
    },
    Operator {
        name: "the grant for another kind of route",
        severity: Warning,
        rules: &[Blocked, DanglingReference, TooWide],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "ReferenceGrant churn-kube-rbac-proxy-route",
        ],
        changes: &[Set(
            "ReferenceGrant churn-kube-rbac-proxy-route",
            "/spec/from/0/kind",
            "GRPCRoute",
        )],
    },
    // Hops.
    Operator {
        name: "certificate not checked",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "DestinationRule nb-sales-analytics-churn-*",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "DestinationRule nb-sales-analytics-churn-*",
            "/spec/trafficPolicy/portLevelSettings/0/tls/insecureSkipVerify",
            "true",
        )],
    },
    Operator {
        name: "no TLS to the guard",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "DestinationRule nb-sales-analytics-churn-*",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "DestinationRule nb-sales-analytics-churn-*",
            "/spec/trafficPolicy/portLevelSettings/0/tls",
            "{mode: DISABLE}",
        )],
    },
    Operator {
        name: "certificate checked by no authority",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "DestinationRule nb-sales-analytics-churn-*",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Cut(
            "DestinationRule nb-sales-analytics-churn-*",
            "/spec/trafficPolicy/portLevelSettings/0/tls/caCertificates",
        )],
    },
    Operator {
        name: "certificate checked for no name",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "DestinationRule nb-sales-analytics-churn-*",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[
            Cut(
                "DestinationRule nb-sales-analytics-churn-*",
                "/spec/trafficPolicy/portLevelSettings/0/tls/subjectAltNames",
            ),
            Cut(
                "DestinationRule nb-sales-analytics-churn-*",
                "/spec/trafficPolicy/portLevelSettings/0/tls/sni",
            ),
        ],
    },
    Operator {
        name: "certificate checked for another name",
        severity: Warning,
        rules: &[UnverifiedHop, GuardUnfit, Blocked, DanglingReference],
        near: &[
            "DestinationRule nb-sales-analytics-churn-*",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "DestinationRule nb-sales-analytics-churn-*",
            "/spec/trafficPolicy/portLevelSettings/0/tls/subjectAltNames/0",
            "scratch.sales-analytics.svc",
        )],
    },
    Operator {
        name: "the rule for another port",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "DestinationRule nb-sales-analytics-churn-*",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "DestinationRule nb-sales-analytics-churn-*",
            "/spec/trafficPolicy/portLevelSettings/0/port/number",
            "9443",
        )],
    },
    Operator {
        name: "the rule for another host",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "DestinationRule nb-sales-analytics-churn-*",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "DestinationRule nb-sales-analytics-churn-*",
            "/spec/host",
            "other.sales-analytics.svc.cluster.local",
        )],
    },
    Operator {
        name: "the rule where the gateway does not look",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "DestinationRule nb-sales-analytics-churn-*",
            "HTTPRoute nb-sales-analytics-churn-*",
        ],
        changes: &[Set(
            "DestinationRule nb-sales-analytics-churn-*",
            "/metadata/namespace",
            "elsewhere",
        )],
    },
    Operator {
        name: "the rule gone",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Drop("DestinationRule nb-sales-analytics-churn-*")],
    },
    Operator {
        name: "the policy of the hop gone",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Drop("BackendTLSPolicy churn-kube-rbac-proxy")],
    },
    Operator {
        name: "the policy of the hop for another Service",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Set(
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "/spec/targetRefs/0/name",
            "other",
        )],
    },
    Operator {
        name: "the policy of the hop for another port",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Set(
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "/spec/targetRefs/0/sectionName",
            "other",
        )],
    },
    Operator {
        name: "the policy of the hop in another namespace",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Set(
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "/metadata/namespace",
            "elsewhere",
        )],
    },
    Operator {
        name: "the policy of the hop for another name",
        severity: Warning,
        rules: &[UnverifiedHop, GuardUnfit, Blocked, DanglingReference],
        near: &[
            "HTTPRoute nb-sales-analytics-churn-*",
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[
            Set(
                "BackendTLSPolicy churn-kube-rbac-proxy",
                "/spec/validation/hostname",
                "scratch.sales-analytics.svc",
            ),
            Set(
                "BackendTLSPolicy churn-kube-rbac-proxy",
                "/spec/validation/subjectAltNames/0/hostname",
                "scratch.sales-analytics.svc",
            ),
        ],
    },
    Operator {
        name: "the certificate gone",
        severity: Info,
        rules: &[DanglingReference, GuardUnfit, Unknown],
        near: &[
            "Notebook churn",
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "Service churn-kube-rbac-proxy",
        ],
        changes: &[Drop("Certificate churn-kube-rbac-proxy")],
    },
    Operator {
        name: "the certificate for another name",
        severity: Warning,
        rules: &[DanglingReference, GuardUnfit, Blocked, UnverifiedHop],
        near: &[
            "Notebook churn",
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "Service churn-kube-rbac-proxy",
            "Certificate churn-kube-rbac-proxy",
        ],
        changes: &[Set(
            "Certificate churn-kube-rbac-proxy",
            "/spec/dnsNames",
            "[scratch.sales-analytics.svc]",
        )],
    },
    Operator {
        name: "the certificate into another Secret",
        severity: Info,
        rules: &[DanglingReference, GuardUnfit, Unknown],
        near: &[
            "Notebook churn",
            "BackendTLSPolicy churn-kube-rbac-proxy",
            "Service churn-kube-rbac-proxy",
            "Certificate churn-kube-rbac-proxy",
        ],
        changes: &[Set(
            "Certificate churn-kube-rbac-proxy",
            "/spec/secretName",
            "other",
        )],
    },
    Operator {
        name: "the certificate no longer asked for",
        severity: Info,
        rules: &[DanglingReference, GuardUnfit, Unknown],
        near: &["Notebook churn", "Service churn-kube-rbac-proxy"],
        changes: &[Cut(
            "Service churn-kube-rbac-proxy",
            "/metadata/annotations/service.beta.openshift.io~1serving-cert-secret-name",
        )],
    },
    Operator {
        name: "the rule of the login service gone",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "Gateway {gateway}",
            "EnvoyFilter data-science-authn-filter",
            "Service kube-auth-proxy",
            "HTTPRoute oauth-callback-route",
        ],
        changes: &[Drop("DestinationRule kube-auth-proxy")],
    },
    Operator {
        name: "the rule of the login service checks nothing",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &["DestinationRule kube-auth-proxy"],
        changes: &[Set(
            "DestinationRule kube-auth-proxy",
            "/spec/trafficPolicy/portLevelSettings/0/tls/insecureSkipVerify",
            "true",
        )],
    },
    Operator {
        name: "the policy of the login service's hop gone",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &[
            "Gateway {gateway}",
            "EnvoyFilter data-science-authn-filter",
            "SecurityPolicy odh-gateway-authn-filter",
            "Service kube-auth-proxy",
            "HTTPRoute oauth-callback-route",
        ],
        changes: &[Drop("BackendTLSPolicy kube-auth-proxy")],
    },
    Operator {
        name: "the identity provider not checked",
        severity: Error,
        rules: &[UnverifiedHop],
        near: &["Deployment kube-auth-proxy"],
        changes: &[Set(
            "Deployment kube-auth-proxy",
            "/spec/template/spec/containers/0/args/[^--ssl-insecure]",
            "--ssl-insecure-skip-verify=true",
        )],
    },
];

/// A change that means nothing for access.
pub(crate) struct Harmless {
    /// What is changed, in words.
    pub(crate) name: &'static str,
    /// How.
    pub(crate) changes: &'static [Change],
}

/// What must not be found.
pub(crate) const HARMLESS: &[Harmless] = &[
    Harmless {
        name: "a label more on the policy",
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/metadata/labels/team",
            "green",
        )],
    },
    Harmless {
        name: "an annotation more on the route",
        changes: &[Set(
            "HTTPRoute nb-sales-analytics-churn-*",
            "/metadata/annotations/note",
            "text",
        )],
    },
    Harmless {
        name: "a label more on the Notebook",
        changes: &[Set("Notebook churn", "/metadata/labels", "{team: green}")],
    },
    Harmless {
        name: "a label more on the guard's Service",
        changes: &[Set(
            "Service churn-kube-rbac-proxy",
            "/metadata/labels/team",
            "green",
        )],
    },
    Harmless {
        name: "the kind of Service left out",
        changes: &[Cut("Service churn-kube-rbac-proxy", "/spec/type")],
    },
    Harmless {
        name: "the protocol of the port left out",
        changes: &[Cut("Service churn-kube-rbac-proxy", "/spec/ports/0/protocol")],
    },
    Harmless {
        name: "the target as a number",
        changes: &[Set(
            "Service churn-kube-rbac-proxy",
            "/spec/ports/0/targetPort",
            "8443",
        )],
    },
    Harmless {
        name: "the policy's types left out",
        changes: &[Cut("NetworkPolicy notebooks-closed", "/spec/policyTypes")],
    },
    Harmless {
        name: "the policy's protocol left out",
        changes: &[Cut(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/0/ports/0/protocol",
        )],
    },
    Harmless {
        name: "the policy's port by name",
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/0/ports/0/port",
            "kube-rbac-proxy",
        )],
    },
    Harmless {
        name: "the policy's namespace by an expression",
        changes: &[Set(
            "NetworkPolicy notebooks-closed",
            "/spec/ingress/0/from/0/namespaceSelector",
            "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [{gateway-namespace}]}]}",
        )],
    },
    Harmless {
        name: "the policy for every pod of the namespace",
        changes: &[Set("NetworkPolicy notebooks-closed", "/spec/podSelector", "{}")],
    },
    Harmless {
        name: "a policy more that admits nobody",
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: sales-analytics}, spec: {podSelector: {}, policyTypes: [Ingress]}}",
        )],
    },
    Harmless {
        name: "a policy more about egress",
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: out, namespace: sales-analytics}, spec: {podSelector: {}, policyTypes: [Egress]}}",
        )],
    },
    Harmless {
        name: "a policy more that admits the gateway to the guard",
        changes: &[Add(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: again, namespace: sales-analytics}, spec: {podSelector: {matchLabels: {notebook-name: churn}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {gateway-namespace}}}, podSelector: {matchLabels: {gateway.networking.k8s.io/gateway-name: {gateway}}}}], ports: [{port: 8443}]}], policyTypes: [Ingress]}}",
        )],
    },
    Harmless {
        name: "the caller of 8888 gone",
        changes: &[Cut("NetworkPolicy notebooks-closed", "/spec/ingress/1")],
    },
    Harmless {
        name: "the weight of the backend left out",
        changes: &[Cut(
            "HTTPRoute nb-sales-analytics-churn-*",
            "/spec/rules/0/backendRefs/0/weight",
        )],
    },
    Harmless {
        name: "the kind of the backend left out",
        changes: &[Cut(
            "HTTPRoute nb-sales-analytics-churn-*",
            "/spec/rules/0/backendRefs/0/kind",
        )],
    },
    Harmless {
        name: "the group of the backend left out",
        changes: &[Cut(
            "HTTPRoute nb-sales-analytics-churn-*",
            "/spec/rules/0/backendRefs/0/group",
        )],
    },
    Harmless {
        name: "the kind of the parent left out",
        changes: &[
            Cut("HTTPRoute nb-sales-analytics-churn-*", "/spec/parentRefs/0/kind"),
            Cut("HTTPRoute nb-sales-analytics-churn-*", "/spec/parentRefs/0/group"),
        ],
    },
    Harmless {
        name: "a longer path",
        changes: &[Set(
            "HTTPRoute nb-sales-analytics-churn-*",
            "/spec/rules/0/matches/0/path/value",
            "/notebook/sales-analytics/churn/",
        )],
    },
    Harmless {
        name: "a timeout on the route",
        changes: &[Set(
            "HTTPRoute nb-sales-analytics-churn-*",
            "/spec/rules/0/timeouts",
            "{request: 0s}",
        )],
    },
    Harmless {
        name: "the guard's address without a host",
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--secure-listen]",
            "--secure-listen-address=:8443",
        )],
    },
    Harmless {
        name: "the guard's upstream by name",
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--upstream]",
            "--upstream=http://localhost:8888/",
        )],
    },
    Harmless {
        name: "the guard louder",
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args/[^--v=]",
            "--v=4",
        )],
    },
    Harmless {
        name: "the guard allows some paths alone",
        changes: &[Push(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/args",
            r#""--allow-paths=/notebook/*""#,
        )],
    },
    Harmless {
        name: "the guard's image by tag",
        changes: &[Set(
            "Notebook churn",
            "/spec/template/spec/containers/[name=kube-rbac-proxy]/image",
            "quay.io/brancz/kube-rbac-proxy:v0.21.0",
        )],
    },
    Harmless {
        name: "the configuration in another order",
        changes: &[Set(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            r#""authorization: {resourceAttributes: {name: churn, subresource: access, resource: notebooks, apiGroup: kubeflow.org, apiVersion: v1, namespace: sales-analytics}}""#,
        )],
    },
    Harmless {
        name: "a comment in the configuration",
        changes: &[Replace(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/config-file.yaml",
            "authorization:\n",
            "# who may open it\nauthorization:\n",
        )],
    },
    Harmless {
        name: "a key more in the configuration",
        changes: &[Set(
            "ConfigMap churn-kube-rbac-proxy-config",
            "/data/readme",
            "text",
        )],
    },
    Harmless {
        name: "an image pull secret",
        changes: &[Set("ServiceAccount churn", "/imagePullSecrets", "[{name: pull}]")],
    },
    Harmless {
        name: "one person more",
        changes: &[Push(
            "RoleBinding churn-notebook-access",
            "/subjects",
            "{apiGroup: rbac.authorization.k8s.io, kind: User, name: kim@example.com}",
        )],
    },
    Harmless {
        name: "a role for all Notebooks of the namespace",
        changes: &[Cut("Role churn-notebook-access", "/rules/0/resourceNames")],
    },
    Harmless {
        name: "one group more",
        changes: &[Push(
            "RoleBinding churn-notebook-access",
            "/subjects",
            "{apiGroup: rbac.authorization.k8s.io, kind: Group, name: data-science}",
        )],
    },
    Harmless {
        name: "a variable more in the Notebook",
        changes: &[Push(
            "Notebook churn",
            "/spec/template/spec/containers/[name=churn]/env",
            "{name: MORE, value: text}",
        )],
    },
    Harmless {
        name: "a volume more in the Notebook",
        changes: &[
            Push(
                "Notebook churn",
                "/spec/template/spec/volumes",
                "{name: scratch, emptyDir: {}}",
            ),
            Push(
                "Notebook churn",
                "/spec/template/spec/containers/[name=churn]/volumeMounts",
                "{name: scratch, mountPath: /scratch}",
            ),
        ],
    },
    Harmless {
        name: "a configuration of the user's in the Notebook",
        changes: &[
            Push(
                "Notebook churn",
                "/spec/template/spec/volumes",
                "{name: own, configMap: {name: own}}",
            ),
            Push(
                "Notebook churn",
                "/spec/template/spec/containers/[name=churn]/volumeMounts",
                "{name: own, mountPath: /own}",
            ),
        ],
    },
    Harmless {
        name: "a sidecar of the user's that listens nowhere",
        changes: &[Push(
            "Notebook churn",
            "/spec/template/spec/containers",
            "{name: sync, image: quay.io/example/sync:1}",
        )],
    },
    Harmless {
        name: "a headless Service",
        changes: &[Add(
            "{apiVersion: v1, kind: Service, metadata: {name: peers, namespace: sales-analytics}, spec: {clusterIP: None, selector: {statefulset: churn}, ports: [{port: 80, targetPort: 8888}]}}",
        )],
    },
    Harmless {
        name: "a listener with a hostname",
        changes: &[Set(
            "Gateway {gateway}",
            "/spec/listeners/0/hostname",
            "ai.example.com",
        )],
    },
    Harmless {
        name: "replicas of the login service",
        changes: &[Set("Deployment kube-auth-proxy", "/spec/replicas", "3")],
    },
    Harmless {
        name: "the filter's timeout",
        changes: &[Set(
            "EnvoyFilter data-science-authn-filter",
            "/spec/configPatches/[patch.value.name=envoy.filters.http.ext_authz]/patch/value/typed_config/http_service/server_uri/timeout",
            "10s",
        )],
    },
    Harmless {
        name: "the policy's timeout",
        changes: &[Set(
            "SecurityPolicy odh-gateway-authn-filter",
            "/spec/extAuth/timeout",
            "10s",
        )],
    },
    Harmless {
        name: "another object altogether",
        changes: &[Add(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: other, namespace: sales-analytics}, data: {text: text}}",
        )],
    },
    Harmless {
        name: "another application in its own namespace",
        changes: &[
            Add(
                "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: quay.io/example/web:1, ports: [{containerPort: 8080}]}]}}}}",
            ),
            Add(
                "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}}",
            ),
        ],
    },
];
