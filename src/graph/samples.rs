//! Answers made by hand, for the tests of every format.

use std::collections::BTreeSet;

use super::picture::{Collapse, Picture, Wanted};
use super::subject::Name;
use crate::access::answer::{
    Access, Admitted, Caller, Entry, Gateway, Guard, Hop, HopTls, Login, LoginState, Path, Program, Review,
    Subject, Who, Workload,
};
use crate::krm::object_id::ObjectId;
use crate::verify::judgement::{Judgement, Rule};

/// What strangers may call things.
pub(super) const HOSTILE: [&str; 6] = [
    "</script><script>window.broken=1</script>",
    "\"]; end --> x[\"",
    "a\nb\u{202E}c\u{7}",
    "<img src=x onerror=window.broken=1>",
    "end",
    "שלום-🦀-日本語-&lt;#quot;`**b**`",
];

pub(super) fn id(api: &str, kind: &str, namespace: &str, name: &str) -> ObjectId {
    ObjectId::new(api, kind, namespace, name)
}

pub(super) fn hop(object: &ObjectId, field: &str, says: &str) -> Hop {
    Hop {
        object: object.clone(),
        field: field.to_owned(),
        says: says.to_owned(),
    }
}

fn set<T: Ord>(all: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    all.into_iter().collect()
}

pub(super) fn subject(kind: &str, name: &str) -> Subject {
    Subject {
        kind: kind.to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
    }
}

pub(super) fn gateway_id() -> ObjectId {
    id(
        "gateway.networking.k8s.io/v1",
        "Gateway",
        "openshift-ingress",
        "data-science-gateway",
    )
}

pub(super) fn gateway() -> Gateway {
    let filter = id(
        "networking.istio.io/v1alpha3",
        "EnvoyFilter",
        "openshift-ingress",
        "data-science-authn-filter",
    );
    Gateway {
        id: gateway_id(),
        known: true,
        hosts: set(["data-science.apps.example.com".to_owned()]),
        login: Some(Login {
            by: hop(&filter, "spec.configPatches[0]", "asks kube-auth-proxy"),
            service: Some(id("v1", "Service", "openshift-ingress", "kube-auth-proxy")),
            groups: set(["data-science".to_owned(), "platform".to_owned()]),
        }),
    }
}

fn bare(namespace: &str, name: &str) -> Workload {
    Workload {
        id: id("kubeflow.org/v1", "Notebook", namespace, name),
        part: String::new(),
        images: vec![(name.to_owned(), "quay.io/example/jupyter:1".to_owned())],
        guards: Vec::new(),
        unguarded: set([8888]),
        paths: Vec::new(),
        callers: Vec::new(),
    }
}

fn path(workload: &ObjectId, port: u16, guard: Option<usize>) -> Path {
    let route = id(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        "opendatahub",
        &format!("nb-{}-{}", workload.namespace, workload.name),
    );
    let service = id("v1", "Service", &workload.namespace, &workload.name);
    Path {
        entry: Entry::Gateway,
        url: format!(
            "https://data-science.apps.example.com/notebook/{}/{}",
            workload.namespace, workload.name
        ),
        hops: vec![
            hop(&gateway_id(), "spec.listeners[0]", "HTTPS on 443"),
            hop(&route, "spec.rules[0].backendRefs[0]", "to the Service"),
            hop(&service, "spec.ports[0]", "selects the pod"),
            hop(workload, "spec.template.spec.containers[1]", "answers"),
        ],
        port,
        guard,
        login: LoginState::Asked,
        hop: if guard.is_some() {
            HopTls::Verified(hop(&service, "", "BackendTLSPolicy"))
        } else {
            HopTls::Plain
        },
        stopped: Vec::new(),
        via: Some(gateway_id()),
    }
}

/// A Notebook behind its guard.
pub(super) fn guarded(namespace: &str, name: &str, people: &[Subject]) -> Workload {
    let mut workload = bare(namespace, name);
    let object = workload.id.clone();
    let binding = id(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        namespace,
        &format!("{name}-users"),
    );
    let policy = id(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        namespace,
        "notebooks-closed",
    );
    workload.guards.push(Guard {
        container: "kube-rbac-proxy".to_owned(),
        program: Program::KubeRbacProxy,
        image: "quay.io/example/kube-rbac-proxy:1".to_owned(),
        port: 8443,
        upstreams: set([8888]),
        review: Some(Review {
            group: "kubeflow.org".to_owned(),
            resource: "notebooks".to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            verbs: set(["get".to_owned()]),
            ..Review::default()
        }),
        by: vec![hop(
            &object,
            "spec.template.spec.containers[1]",
            "kube-rbac-proxy",
        )],
        admitted: people
            .iter()
            .map(|subject| Admitted {
                subject: subject.clone(),
                verbs: set(["get".to_owned()]),
                by: vec![hop(&binding, "subjects[0]", "binds the Role of the Notebook")],
            })
            .collect(),
    });
    workload.paths.push(path(&object, 8443, Some(0)));
    workload.callers = vec![
        Caller {
            who: Who::Gateway(gateway_id()),
            ports: set([8443]),
            by: vec![hop(&policy, "spec.ingress[0]", "the gateway's pods")],
        },
        Caller {
            who: Who::Named("Notebook controller".to_owned()),
            ports: set([8888]),
            by: vec![hop(&policy, "spec.ingress[1]", "culling")],
        },
    ];
    workload
}

/// A Notebook that anybody in its namespace reaches, and a route that leads past any guard.
pub(super) fn open(namespace: &str, name: &str) -> Workload {
    let mut workload = bare(namespace, name);
    workload.paths.push(path(&workload.id, 8888, None));
    workload.callers.push(Caller {
        who: Who::SameNamespace,
        ports: set([8888]),
        by: Vec::new(),
    });
    workload
}

/// The head of a Ray cluster as it comes.
pub(super) fn ray(namespace: &str, name: &str) -> Workload {
    let mut workload = bare(namespace, name);
    workload.id = id("ray.io/v1", "RayCluster", namespace, name);
    "head".clone_into(&mut workload.part);
    workload.unguarded = set([8265, 10001, 6379, 8080]);
    workload.callers = vec![Caller {
        who: Who::Everybody,
        ports: workload.unguarded.clone(),
        by: Vec::new(),
    }];
    workload
}

/// Something of everything.
pub(super) fn access() -> Access {
    let science = subject("Group", "data-science");
    let mut stopped = guarded("team-b", "forecast", &[subject("Group", "team-b")]);
    for path in &mut stopped.paths {
        path.stopped.push(hop(
            &id(
                "gateway.networking.k8s.io/v1beta1",
                "ReferenceGrant",
                "team-b",
                "none",
            ),
            "",
            "no ReferenceGrant allows it",
        ));
    }
    Access {
        gateways: vec![gateway()],
        workloads: vec![
            guarded("analytics", "churn", &[science.clone(), subject("User", "dana")]),
            guarded("analytics", "demand", &[science]),
            open("analytics", "scratch"),
            stopped,
            ray("team-b", "training"),
        ],
    }
}

/// What is wrong with that.
pub(super) fn judgements() -> Vec<Judgement> {
    let scratch = id("kubeflow.org/v1", "Notebook", "analytics", "scratch");
    let role = id(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "",
        "everybody-edits-routes",
    );
    let judgement = |rule, at: Hop, message: &str| Judgement {
        rule,
        at,
        message: message.to_owned(),
        way: Vec::new(),
        advice: "Close it.".to_owned(),
    };
    vec![
        judgement(
            Rule::OpenPort,
            hop(&scratch, "spec.template.spec.containers[0]", ""),
            "port 8888 answers any pod of analytics without asking",
        ),
        judgement(
            Rule::ForeignRoutes,
            hop(&role, "rules[0]", ""),
            "whoever edits routes takes addresses of the gateway",
        ),
    ]
}

/// Names that nobody should have.
pub(super) fn odd() -> Access {
    let mut access = Access {
        gateways: vec![gateway()],
        workloads: Vec::new(),
    };
    for name in HOSTILE {
        access.gateways[0].hosts.insert(name.to_owned());
        let mut workload = guarded(
            name,
            name,
            &[subject("User", name), subject("Group", &format!("{name} group"))],
        );
        workload.paths[0].url = format!("https://{name}/notebook/{name}");
        workload.callers.push(Caller {
            who: Who::OtherNamespaces(name.to_owned()),
            ports: set([8888, 8443]),
            by: vec![hop(&workload.id, name, name)],
        });
        access.workloads.push(workload);
    }
    access
}

/// So many Notebooks in so many namespaces, every fiftieth of them open.
pub(super) fn many(notebooks: usize, namespaces: usize) -> Access {
    let workload = |number: usize| {
        let namespace = format!("team-{:03}", number % namespaces);
        let name = format!("nb-{number:05}");
        if number % 50 == 7 {
            open(&namespace, &name)
        } else {
            let owner = subject("User", &format!("person-{number:05}"));
            guarded(&namespace, &name, &[owner, subject("Group", &namespace)])
        }
    };
    let mut workloads: Vec<Workload> = (0..notebooks).map(workload).collect();
    workloads.sort_by(|a, b| a.id.cmp(&b.id));
    Access {
        gateways: vec![gateway()],
        workloads,
    }
}

/// A file and line for nearly everything.
pub(super) fn place(hop: &Hop) -> Option<(String, usize)> {
    // Secrets of the cluster's own and the like are in no file.
    if hop.object.name == "kube-auth-proxy" {
        return None;
    }
    Some((
        format!("{}/{}.yaml", hop.object.namespace, hop.object.name),
        hop.field.len() + 1,
    ))
}

pub(super) fn drawn(
    access: &Access,
    judgements: &[Judgement],
    subjects: &[&str],
    collapse: Collapse,
) -> Picture {
    let wanted = Wanted {
        subjects: subjects.iter().map(|name| Name::parse(name).unwrap()).collect(),
        collapse,
    };
    Picture::of(access, judgements, &place, &wanted)
}
