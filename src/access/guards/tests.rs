//! Guards of the real operators, of our own output, and of configurations that miss by a word.

use super::*;
use crate::access::tests::{file, objects, pods};
use crate::cluster::object::Object;

/// The guards and faults of every pod.
fn all(objects: &[Object]) -> Vec<Found> {
    let world = World::new(objects);
    let guards = Guards::new(&world);
    pods(objects).iter().map(|pod| guards.find(pod)).collect()
}

fn recorded(case: &str) -> Found {
    let objects = file(&format!("fixtures/odh-notebook-controller/{case}/live-1.yaml"));
    let found = all(&objects);
    assert_eq!(found.len(), 1, "{case}");
    found.into_iter().next().unwrap()
}

fn whats(found: &Found) -> Vec<&What> {
    found.faults.iter().map(|fault| &fault.what).collect()
}

/// A Notebook behind kube-rbac-proxy, with everything it needs.
const WHOLE: &str = r"
apiVersion: kubeflow.org/v1
kind: Notebook
metadata: {name: nb, namespace: team}
spec:
  template:
    spec:
      serviceAccountName: nb
      containers:
      - {name: nb, image: jupyter}
      - name: guard
        image: example/kube-rbac-proxy
        args:
        - --secure-listen-address=0.0.0.0:8443
        - --upstream=http://127.0.0.1:8888/
        - --proxy-endpoints-port=8444
        - --config-file=/etc/guard/config.yaml
        - --tls-cert-file=/etc/tls/tls.crt
        volumeMounts:
        - {name: config, mountPath: /etc/guard}
        - {name: tls, mountPath: /etc/tls}
        - {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}
      volumes:
      - {name: config, configMap: {name: nb-config}}
      - {name: tls, secret: {secretName: nb-tls}}
      - {name: token, projected: {sources: [{serviceAccountToken: {path: token}}]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: nb-config, namespace: team}
data:
  config.yaml: |
    authorization:
      resourceAttributes:
        apiGroup: kubeflow.org
        resource: notebooks
        namespace: team
        name: nb
---
apiVersion: v1
kind: Service
metadata:
  name: nb
  namespace: team
  annotations: {service.beta.openshift.io/serving-cert-secret-name: nb-tls}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: nb, namespace: team}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: nb}
roleRef: {kind: ClusterRole, name: system:auth-delegator}
subjects: [{kind: ServiceAccount, name: nb, namespace: team}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: nb, namespace: team}
rules: [{apiGroups: [kubeflow.org], resources: [notebooks], resourceNames: [nb], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: nb, namespace: team}
roleRef: {kind: Role, name: nb}
subjects: [{kind: User, name: dana}]
";

fn changed(from: &str, to: &str) -> Found {
    assert!(WHOLE.contains(from), "{from}");
    all(&objects(&WHOLE.replace(from, to)))
        .into_iter()
        .next()
        .unwrap()
}

#[test]
fn a_guard_with_all_it_needs_has_no_fault() {
    let found = changed("nb", "nb");
    assert_eq!(found.faults, []);
    assert_eq!(found.health, BTreeSet::from([8444]));
    let [guard] = found.guards.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((guard.port, &guard.upstreams), (8443, &BTreeSet::from([8888])));
    assert_eq!(guard.program, Program::KubeRbacProxy);
    assert_eq!(guard.admitted.len(), 1);
    assert_eq!(guard.admitted[0].subject.name, "dana");
    assert_eq!(guard.review.as_ref().unwrap().name, "nb");
    let ours = changed(
        "image: example/kube-rbac-proxy",
        "image: example.com/gatewright:1",
    );
    assert_eq!(ours.guards[0].program, Program::Gatewright);
}

#[test]
fn our_own_program_is_known_by_its_word_and_honours_the_verb() {
    let ours = |more: &[&str]| {
        let words: String = more.iter().map(|word| format!("        - {word}\n")).collect();
        let text = WHOLE.replace(
            "        args:\n",
            &format!("        args:\n        - proxy\n{words}"),
        );
        let text = text.replace(
            "        namespace: team\n",
            "        namespace: team\n        verb: get\n",
        );
        all(&objects(&text)).into_iter().next().unwrap()
    };
    let verbs = |found: &Found| found.guards[0].review.as_ref().unwrap().verbs.clone();
    let plain = ours(&[]);
    assert_eq!(plain.guards[0].program, Program::Gatewright);
    assert_eq!(plain.faults, []);
    assert_eq!(verbs(&plain), BTreeSet::from(["get".to_owned()]));
    let compatible = ours(&["--compatibility=kube-rbac-proxy"]);
    assert!(verbs(&compatible).contains("create"), "{:?}", verbs(&compatible));
    let fork = ours(&["--compatibility=odh-kube-rbac-proxy"]);
    assert_eq!(verbs(&fork), BTreeSet::from(["get".to_owned()]));
    // Its switches take no value from the next word.
    let switched = ours(&["--strict-config", "--oidc-and-token-review"]);
    assert_eq!(switched.guards.len(), 1, "{switched:?}");
}

#[test]
fn our_own_output_has_no_fault() {
    for name in [
        "notebooks",
        "platform-kubernetes-istio",
        "platform-kubernetes-envoy-gateway",
        "platform-openshift",
        "platform-openshift-oidc",
        "platform-beside-operator",
    ] {
        let objects = file(&format!("examples/.expected/{name}.yaml"));
        let found = all(&objects);
        let guards: usize = found.iter().map(|found| found.guards.len()).sum();
        assert!(guards > 0 || name.contains("beside"), "{name}");
        for found in found {
            let faults: Vec<_> = found
                .faults
                .iter()
                .filter(|fault| !matches!(fault.what, What::Unread(_)))
                .collect();
            assert_eq!(faults, Vec::<&Fault>::new(), "{name}");
        }
        assert_eq!(Rights::new(&World::new(&objects)).unknown(), [], "{name}");
    }
}

#[test]
fn the_real_controllers_guard_shares_its_token() {
    let found = recorded("01-auth-on");
    assert_eq!(found.guards.len(), 1);
    assert!(
        matches!(
            whats(&found).as_slice(),
            [What::SharedToken {
                only_reviews: true,
                ..
            }]
        ),
        "{:?}",
        whats(&found)
    );
    assert!(recorded("02-auth-absent").guards.is_empty());
}

#[test]
fn names_that_yaml_takes_for_something_else() {
    let read = |case: &str| -> Vec<(String, String)> {
        recorded(case)
            .faults
            .iter()
            .filter_map(|fault| match &fault.what {
                What::ReadAs { field, read, .. } => Some((field.clone(), read.clone())),
                _ => None,
            })
            .collect()
    };
    let pair = |field: &str, read: &str| (field.to_owned(), read.to_owned());
    assert_eq!(read("18-name-yes"), [pair("name", "true")]);
    assert_eq!(read("20-name-null"), [pair("name", "")]);
    // A number as a text is the same text.
    assert_eq!(read("21-namespace-1e3"), []);
    // The copies of the recordings quote what they found bare here.
    let bare = objects(
        &WHOLE
            .replace(
                "        namespace: team\n        name: nb",
                "        namespace: team\n        name: 1e3",
            )
            .replace(
                "metadata: {name: nb, namespace: team}\nspec:",
                "metadata: {name: '1e3', namespace: team}\nspec:",
            ),
    );
    assert_eq!(
        whats(&all(&bare)[0]),
        [&What::ReadAs {
            field: "name".to_owned(),
            read: "1000".to_owned(),
            meant: "1e3".to_owned()
        }]
    );
}

#[test]
fn a_guard_that_forwards_where_nothing_listens() {
    let found = recorded("46-port-8787");
    assert!(
        whats(&found).contains(&&What::NothingListens(8888)),
        "{:?}",
        whats(&found)
    );
    let moved = changed(
        "{name: nb, image: jupyter}",
        "{name: nb, image: jupyter, env: [{name: NOTEBOOK_ARGS, value: \"--ServerApp.port=9999 --x\"}]}",
    );
    assert_eq!(whats(&moved), [&What::NothingListens(8888)]);
}

#[test]
fn a_name_or_an_image_makes_no_guard() {
    for (from, to) in [
        ("- --secure-listen-address=0.0.0.0:8443\n", "- --v=0\n"),
        ("        - --upstream=http://127.0.0.1:8888/\n", ""),
        (
            "--secure-listen-address=0.0.0.0:8443",
            "--secure-listen-address=$(NOT_SAID_SERVICE_HOST)",
        ),
    ] {
        assert!(changed(from, to).guards.is_empty(), "{to}");
    }
    let elsewhere = changed("http://127.0.0.1:8888/", "http://other:8888/");
    assert!(elsewhere.guards.is_empty() && elsewhere.quiet.contains(&8443));
    let loopback = changed("address=0.0.0.0:8443", "address=127.0.0.1:8443");
    assert!(loopback.guards.is_empty() && whats(&loopback).contains(&&What::LoopbackOnly));
}

#[test]
fn arguments_in_every_spelling() {
    for (from, to) in [
        (
            "- --secure-listen-address=0.0.0.0:8443",
            "- --secure-listen-address\n        - :8443",
        ),
        (
            "--upstream=http://127.0.0.1:8888/",
            "--upstream=http://localhost:8888",
        ),
        (
            "--upstream=http://127.0.0.1:8888/",
            "--upstream=http://[::1]:8888",
        ),
        (
            "        args:\n",
            "        command:\n        - /kube-rbac-proxy\n        args:\n",
        ),
        ("        args:\n", "        command:\n"),
        (
            "        args:\n        - --secure-listen-address=0.0.0.0:8443\n",
            "        env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, {name: AT, value: \"$(IP):8443\"}]\n        args:\n        - --secure-listen-address=$(AT)\n",
        ),
    ] {
        let found = changed(from, to);
        assert_eq!(
            (found.guards.len(), found.faults.as_slice()),
            (1, [].as_slice()),
            "{to}"
        );
        assert_eq!(found.guards[0].port, 8443, "{to}");
    }
}

#[test]
fn what_lets_through_unasked() {
    let skip = |paths: &[&str]| What::SkipsPaths(Some(paths.iter().map(|&path| path.to_owned()).collect()));
    let upstream = "        - --upstream=http://127.0.0.1:8888/\n";
    let with = |flag: &str| changed(upstream, &format!("{upstream}        - {flag}\n"));
    assert_eq!(
        whats(&with("--ignore-paths=/metrics,/api/*")),
        [&skip(&["/metrics", "/api/*"])]
    );
    assert_eq!(
        whats(&with("--ignore-paths=$(A_SERVICE_PATHS)")),
        [&What::SkipsPaths(None)]
    );
    assert_eq!(
        whats(&with("--insecure-listen-address=:8080")),
        [&What::PlainListener(8080)]
    );
    assert_eq!(with("--insecure-listen-address=:8080").guards.len(), 2);
    assert_eq!(
        whats(&with("--insecure-listen-address=127.0.0.1:8080")),
        Vec::<&What>::new()
    );
    let static_rule = |rule: &str| {
        changed(
            "    authorization:\n",
            &format!("    authorization:\n      static:\n      - {rule}\n"),
        )
    };
    let open = static_rule("{resourceRequest: true, user: {groups: [admins]}}");
    assert_eq!(whats(&open), [&What::StaticForEverybody]);
    let names: Vec<&str> = open.guards[0]
        .admitted
        .iter()
        .map(|one| one.subject.name.as_str())
        .collect();
    assert_eq!(names, ["system:authenticated", "dana"]);
    let one = static_rule("{resourceRequest: true, user: {name: eve}, verb: get}");
    assert_eq!((one.faults.len(), one.guards[0].admitted.len()), (0, 2));
    let other = static_rule("{resourceRequest: true, resource: pods}");
    assert_eq!(other.faults, []);
}

#[test]
fn what_asks_the_wrong_thing() {
    let only = |from: &str, to: &str| {
        let found = changed(from, to);
        assert_eq!(found.faults.len(), 1, "{to}: {:?}", whats(&found));
        found.faults[0].what.clone()
    };
    assert!(matches!(
        only("        name: nb\n", "        name: nc\n"),
        What::OtherObject { .. }
    ));
    assert!(matches!(
        only(
            "        namespace: team\n        name: nb",
            "        namespace: other\n        name: nb"
        ),
        What::OtherObject { .. }
    ));
    assert!(matches!(
        only("resource: notebooks\n", "resource: pods\n"),
        What::OtherObject { .. }
    ));
    assert!(matches!(
        only("apiGroup: kubeflow.org\n", "apiGroup: \"\"\n"),
        What::OtherObject { .. }
    ));
    let dropped = only("        name: nb\n", "        resourceName: nb\n");
    assert!(
        matches!(&dropped, What::AllNames { dropped: Some(key), .. } if key == "resourceName"),
        "{dropped:?}"
    );
    assert!(matches!(
        only("        namespace: team\n        name: nb", "        name: nb"),
        What::AllNamespaces { .. }
    ));
    // Keys in any case are keys.
    assert_eq!(
        changed("apiGroup: kubeflow.org", "APIGroup: kubeflow.org").faults,
        []
    );
    assert!(matches!(
        only("      resourceAttributes:\n", "      attributes:\n"),
        What::AsksByPath
    ));
    let by_client = changed(
        "        name: nb\n",
        "        name: \"{{ .Value }}\"\n      rewrites: {byHttpHeader: {name: x}}\n",
    );
    assert!(whats(&by_client).contains(&&What::ClientNames("name".to_owned())));
}

#[test]
fn what_does_not_fit() {
    let only = |from: &str, to: &str| {
        let found = changed(from, to);
        assert_eq!(found.faults.len(), 1, "{to}: {:?}", whats(&found));
        found.faults[0].what.clone()
    };
    assert!(matches!(
        only("configMap: {name: nb-config}", "configMap: {name: gone}"),
        What::ConfigMissing(_)
    ));
    assert!(matches!(
        only("  config.yaml: |", "  other.yaml: |"),
        What::ConfigMissing(_)
    ));
    assert!(matches!(
        only("- {name: config, configMap", "- {name: konfig, configMap"),
        What::ConfigMissing(_)
    ));
    assert!(matches!(
        only("configMap: {name: nb-config}", "secret: {secretName: nb-config}"),
        What::Unread(_)
    ));
    assert!(matches!(
        only("secretName: nb-tls", "secretName: nb-other"),
        What::Unread(_)
    ));
    assert!(matches!(
        only("        - --tls-cert-file=/etc/tls/tls.crt\n", ""),
        What::NoCertificate
    ));
    assert!(matches!(
        only(
            "{name: nb, image: jupyter}",
            "{name: nb, image: jupyter, ports: [{containerPort: 8888}, {containerPort: 8443}]}"
        ),
        What::PortTaken { port: 8443, .. }
    ));
    let mounted = changed(
        "{name: config, mountPath: /etc/guard}",
        "{name: config, mountPath: /etc/guard/config.yaml, subPath: config.yaml}",
    );
    assert_eq!(mounted.faults, []);
    let items = changed(
        "configMap: {name: nb-config}",
        "configMap: {name: nb-config, items: [{key: config.yaml, path: else.yaml}]}",
    );
    assert!(matches!(whats(&items).as_slice(), [What::ConfigMissing(_)]));
}

#[test]
fn what_cannot_ask() {
    let only = |from: &str, to: &str| {
        let found = changed(from, to);
        assert_eq!(found.faults.len(), 1, "{to}: {:?}", whats(&found));
        found.faults[0].what.clone()
    };
    let delegator = "roleRef: {kind: ClusterRole, name: system:auth-delegator}";
    assert!(matches!(
        only(delegator, "roleRef: {kind: ClusterRole, name: view}"),
        What::CannotAsk { .. }
    ));
    assert!(matches!(
        only(delegator, "roleRef: {kind: ClusterRole, name: of-the-cluster}"),
        What::Unread(_)
    ));
    assert!(matches!(
        only(
            "[{kind: ServiceAccount, name: nb, namespace: team}]",
            "[{kind: ServiceAccount, name: nc, namespace: team}]"
        ),
        What::CannotAsk { .. }
    ));
    let group = changed(
        "[{kind: ServiceAccount, name: nb, namespace: team}]",
        "[{kind: Group, name: \"system:serviceaccounts:team\"}]",
    );
    assert_eq!(group.faults, []);
    assert!(matches!(
        only(
            "        - {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}\n",
            ""
        ),
        What::NoToken(_)
    ));
}

#[test]
fn who_else_reads_its_credentials() {
    let shared = |from: &str, to: &str| whats(&changed(from, to)).into_iter().cloned().collect::<Vec<_>>();
    assert!(matches!(
        shared(
            "automountServiceAccountToken: false",
            "automountServiceAccountToken: true"
        )
        .as_slice(),
        [What::SharedToken { .. }]
    ));
    let nb = "{name: nb, image: jupyter}";
    assert!(matches!(
        shared(
            nb,
            "{name: nb, image: jupyter, volumeMounts: [{name: tls, mountPath: /x}]}"
        )
        .as_slice(),
        [What::SharedSecret { .. }]
    ));
    assert!(matches!(
        shared(
            nb,
            "{name: nb, image: jupyter, envFrom: [{secretRef: {name: nb-tls}}]}"
        )
        .as_slice(),
        [What::SharedSecret { .. }]
    ));
    assert!(matches!(
        shared(
            nb,
            "{name: nb, image: jupyter, volumeMounts: [{name: token, mountPath: /x}]}"
        )
        .as_slice(),
        [What::SharedToken { .. }]
    ));
    assert_eq!(
        shared(
            "serviceAccountName: nb\n",
            "serviceAccountName: nb\n      shareProcessNamespace: true\n"
        ),
        [What::SharedProcesses]
    );
}

#[test]
fn everybody_is_seen_by_the_groups() {
    let found = changed(
        "[{kind: User, name: dana}]",
        "[{kind: Group, name: \"system:authenticated\"}]",
    );
    let [fault] = found.faults.as_slice() else {
        panic!("{:?}", whats(&found))
    };
    assert!(matches!(&fault.what, What::Everybody(subject) if subject.name == "system:authenticated"));
    assert_eq!(fault.at.object.kind, "RoleBinding");
}

#[test]
fn rays_guards() {
    // opendatahub-io/kuberay: no namespace, and a key that is dropped. Its certificate is Ray's own.
    let config = objects(
        &WHOLE
            .replace(
                "        namespace: team\n        name: nb\n",
                "        resourceName: nb-head-svc\n",
            )
            .replace(
                "apiGroup: kubeflow.org\n        resource: notebooks",
                "apiGroup: \"\"\n        resource: services",
            )
            .replace("kind: Notebook", "kind: RayCluster")
            .replace("kubeflow.org/v1", "ray.io/v1")
            .replace("spec:\n  template:\n", "spec:\n headGroupSpec:\n  template:\n")
            .replace("8888", "8265"),
    );
    let found = all(&config);
    let whats: Vec<&What> = found.iter().flat_map(whats).collect();
    assert!(
        matches!(
            whats.as_slice(),
            [
                What::AllNames { dropped: Some(_), .. },
                What::AllNamespaces { .. }
            ]
        ),
        "{whats:?}"
    );
}

#[test]
fn oauth_proxies() {
    let text = r#"
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: rc, namespace: team}
spec:
  headGroupSpec:
    template:
      spec:
        serviceAccountName: rc
        containers:
        - {name: ray-head, image: ray}
        - name: oauth-proxy
          image: example/oauth-proxy
          args:
          - --https-address=:8443
          - --provider=openshift
          - --openshift-service-account=rc
          - --upstream=http://localhost:8265
          - --tls-cert=/etc/tls/private/tls.crt
          - --cookie-secret=$(COOKIE)
          - --openshift-delegate-urls={"/":{"resource":"pods","namespace":"team","verb":"get"}}
"#;
    let found = all(&objects(text)).remove(0);
    assert_eq!((found.guards.len(), found.guards[0].port), (1, 8443));
    assert_eq!(found.guards[0].program, Program::OauthProxy);
    let has = |what: fn(&What) -> bool| found.faults.iter().any(|fault| what(&fault.what));
    assert!(has(|what| *what == What::EveryLogin));
    assert!(has(|what| matches!(what, What::OtherObject { .. })));
    assert!(has(|what| matches!(what, What::CannotAsk { .. })));
    let sar = text.replace(
        r#"- --openshift-delegate-urls={"/":{"resource":"pods","namespace":"team","verb":"get"}}"#,
        r#"- --openshift-sar={"resource":"rayclusters","resourceAPIGroup":"ray.io","namespace":"team","resourceName":"rc","verb":"get"}"#,
    );
    assert_eq!(all(&objects(&sar))[0].faults, []);
    let skipping = sar.replace("--provider=openshift", "--skip-auth-regex=^/metrics");
    assert!(matches!(
        all(&objects(&skipping))[0].faults[0].what,
        What::SkipsPaths(Some(_))
    ));
}

/// Open Data Hub's operator gives a head an account of its own, whatever stands in the template.
#[test]
fn beside_the_operator_the_account_is_the_operators() {
    let text = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: guards}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:auth-delegator}
subjects: [{kind: ServiceAccount, name: rc-oauth-proxy-sa, namespace: team}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config, namespace: team}
data:
  config-file.yaml: '{"authorization": {"resourceAttributes": {"namespace": "team", "apiGroup": "ray.io", "resource": "rayclusters", "name": "rc"}}}'
---
apiVersion: ray.io/v1
kind: RayCluster
metadata: {name: rc, namespace: team, annotations: {odh.ray.io/secure-trusted-network: "true"}}
spec:
  headGroupSpec:
    template:
      spec:
        serviceAccountName: robot
        automountServiceAccountToken: false
        containers:
        - {name: ray-head, image: ray}
        - name: kube-rbac-proxy-dashboard
          image: example/kube-rbac-proxy
          args:
          - --secure-listen-address=0.0.0.0:8453
          - --upstream=http://127.0.0.1:8265/
          - --config-file=/etc/config/config-file.yaml
          - --tls-cert-file=/etc/tls/tls.crt
          - --tls-private-key-file=/etc/tls/tls.key
          volumeMounts:
          - {name: config, mountPath: /etc/config}
          - {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}
        volumes:
        - {name: config, configMap: {name: config}}
        - {name: token, projected: {sources: [{serviceAccountToken: {path: token}}]}}
"#;
    let refused = |text: &str| -> Vec<String> {
        let found = all(&objects(text)).remove(0);
        let accounts = found.faults.into_iter().filter_map(|fault| match fault.what {
            What::CannotAsk { account, .. } => Some(account.name),
            _ => None,
        });
        accounts.collect()
    };
    assert_eq!(refused(text), Vec::<String>::new());
    let robot = |text: String| assert_eq!(refused(&text), ["robot"], "{text}");
    // Not switched on, and guards that stand where no operator is.
    robot(text.replace("\"true\"", "\"false\""));
    robot(text.replace("0.0.0.0:8453", "0.0.0.0:8443"));
    let unbound = text.replace(
        "{kind: ServiceAccount, name: rc-oauth-proxy-sa",
        "{kind: ServiceAccount, name: other",
    );
    assert_eq!(refused(&unbound), ["rc-oauth-proxy-sa"]);
}

#[test]
fn security_proxies() {
    let text = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: ray}
spec:
  template:
    spec:
      containers:
      - {name: api, image: api, ports: [{containerPort: 8888}]}
      - name: proxy
        image: kuberay/security-proxy
        env:
        - {name: HTTP_LOCAL_PORT, value: "8988"}
        - {name: SECURITY_TOKEN, value: "12345"}
        - {name: SECURITY_PREFIX, value: "/"}
"#;
    let found = all(&objects(text)).remove(0);
    assert_eq!(found.guards[0].program, Program::SecurityProxy);
    assert_eq!(found.guards[0].upstreams, BTreeSet::from([8888]));
    assert_eq!(whats(&found), [&What::PlainListener(8988), &What::LiteralToken]);
    let grpc = text.replace(
        "        - {name: SECURITY_TOKEN",
        "        - {name: ENABLE_GRPC, value: \"True\"}\n        - {name: GRPC_REMOTE_PORT, value: \"9887\"}\n        - {name: SECURITY_TOKEN",
    );
    let guards = all(&objects(&grpc)).remove(0).guards;
    let ports: Vec<u16> = guards.iter().map(|guard| guard.port).collect();
    assert_eq!(ports, [8988, 8987]);
    assert_eq!(guards[1].upstreams, BTreeSet::from([8888, 9887]));
    let open = text.replace("value: \"/\"", "value: \"/api\"");
    let found = all(&objects(&open)).remove(0);
    assert!(
        whats(&found)
            .iter()
            .any(|what| matches!(what, What::SkipsPaths(Some(_))))
    );
}

#[test]
fn a_command_that_starts_something_else_makes_no_guard() {
    for command in [
        r#"["/usr/bin/socat", "TCP-LISTEN:8443,fork", "TCP:127.0.0.1:8888"]"#,
        r#"["/bin/sh", "-c", "exec socat TCP-LISTEN:8443,fork TCP:127.0.0.1:8888"]"#,
        r#"["/bin/sh", "-c", "exec kube-rbac-proxy $0 $@"]"#,
        r#"["$(PROGRAM)"]"#,
        r#"["/etc/guard/kube-rbac-proxy"]"#,
    ] {
        let found = changed(
            "        args:\n",
            &format!("        command: {command}\n        args:\n"),
        );
        assert!(found.guards.is_empty(), "{command}");
        assert_eq!(found.open, BTreeSet::from([8443, 8888]), "{command}");
        assert!(matches!(whats(&found).as_slice(), [What::Unread(_)]), "{command}");
    }
    let own = changed(
        "        args:\n",
        "        command: [/usr/local/bin/kube-rbac-proxy]\n        args:\n",
    );
    assert_eq!((own.guards.len(), own.faults), (1, vec![]));
}

#[test]
fn others_than_the_api_server_vouch_for_callers() {
    let upstream = "        - --upstream=http://127.0.0.1:8888/\n";
    for flag in [
        "oidc-issuer=https://evil.example",
        "kubeconfig=/tmp/evil",
        "client-ca-file=/tmp/ca",
    ] {
        let found = changed(upstream, &format!("{upstream}        - --{flag}\n"));
        assert!(
            whats(&found)
                .iter()
                .any(|what| matches!(what, What::OtherVoucher(_))),
            "{flag}"
        );
    }
    let api = changed(
        "        args:\n",
        "        env: [{name: KUBERNETES_SERVICE_HOST, value: evil.example}]\n        args:\n",
    );
    assert!(matches!(whats(&api).as_slice(), [What::OtherVoucher(_)]));
}

#[test]
fn what_stands_behind_the_end_of_flags_is_no_flag() {
    let found = changed("        args:\n", "        args:\n        - --\n");
    assert!(found.guards.is_empty());
    let config = "        - --config-file=/etc/guard/config.yaml\n";
    let cut = changed(config, &format!("        - --\n{config}"));
    assert!(whats(&cut).contains(&&What::AsksByPath));
}

/// A guard whose configuration is in the projected sources; with a second ConfigMap that asks nothing.
fn projected(sources: &str) -> Found {
    let volume = format!("projected: {{sources: [{sources}]}}");
    let text = format!(
        "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: open, namespace: team}}\ndata: {{config.yaml: 'authorization: {{}}'}}\n",
        WHOLE.replace("configMap: {name: nb-config}", &volume)
    );
    all(&objects(&text)).remove(0)
}

#[test]
fn the_last_of_projected_sources_counts() {
    let found = projected("{configMap: {name: nb-config}}, {configMap: {name: open}}");
    assert!(whats(&found).contains(&&What::AsksByPath), "{:?}", whats(&found));
    let found = projected("{configMap: {name: open}}, {configMap: {name: nb-config}}");
    assert_eq!(found.faults, []);
    let found = projected("{configMap: {name: nb-config}}, {secret: {name: not-there}}");
    assert!(found.guards.is_empty());
    let found = projected(
        "{configMap: {name: nb-config}}, {secret: {name: x, items: [{key: a, path: ./config.yaml}]}}",
    );
    assert!(found.guards.is_empty());
    let found = projected("{secret: {name: x}}, {configMap: {name: nb-config}}");
    assert_eq!((found.guards.len(), found.faults), (1, vec![]));
}

#[test]
fn a_configuration_that_is_not_known_is_no_guard() {
    for volume in [
        "secret: {secretName: not-there}",
        "emptyDir: {}",
        "hostPath: {path: /etc}",
        "configMap: {name: gone, optional: true}",
        "persistentVolumeClaim: {claimName: x}",
    ] {
        let found = changed("configMap: {name: nb-config}", volume);
        assert!(found.guards.is_empty(), "{volume}");
        assert_eq!(found.open, BTreeSet::from([8443, 8888]), "{volume}");
        assert_eq!(found.faults.len(), 1, "{volume}");
    }
    // A pod does not start without its ConfigMap; that it is not there is said.
    let gone = changed("configMap: {name: nb-config}", "configMap: {name: gone}");
    assert_eq!(gone.guards.len(), 1);
    assert!(matches!(whats(&gone).as_slice(), [What::ConfigMissing(_)]));
    let expression = changed(
        "{name: config, mountPath: /etc/guard}",
        "{name: config, mountPath: /etc/guard, subPathExpr: $(X)}",
    );
    assert!(expression.guards.is_empty());
    let elsewhere = changed(
        "--config-file=/etc/guard/config.yaml",
        "--config-file=/etc/guard/../open/config.yaml",
    );
    assert!(elsewhere.guards.is_empty());
    let same = changed(
        "--config-file=/etc/guard/config.yaml",
        "--config-file=/etc/x/..//guard/./config.yaml",
    );
    assert_eq!((same.guards.len(), same.faults), (1, vec![]));
}

#[test]
fn a_configuration_in_a_secret_is_read() {
    let secret = |body: &str| {
        let text = WHOLE.replace("configMap: {name: nb-config}", "secret: {secretName: s}");
        let text = format!(
            "{text}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: team}}\n{body}\n"
        );
        all(&objects(&text)).remove(0)
    };
    let open = secret("stringData: {config.yaml: 'authorization: {}'}");
    assert_eq!(whats(&open), [&What::AsksByPath]);
    // authorization: {}
    let coded = secret("data: {config.yaml: YXV0aG9yaXphdGlvbjoge30K}");
    assert_eq!(whats(&coded), [&What::AsksByPath]);
    assert!(secret("data: {config.yaml: '!!'}").guards.is_empty());
    assert!(secret("data: {}").guards.is_empty());
}

#[test]
fn a_configuration_that_go_reads_otherwise() {
    let twice = "    authorization:\n      resourceAttributes: {namespace: team}\n    authorization:\n";
    assert!(changed("    authorization:\n", twice).guards.is_empty());
    let documents = "    authorization: {}\n    ---\n    authorization:\n";
    assert!(changed("    authorization:\n", documents).guards.is_empty());
    for key in [
        "resourceattributes",
        "re\u{17f}ourceAttributes",
        "RESOURCEATTRIBUTES",
    ] {
        let found = changed(
            "      resourceAttributes:\n",
            &format!(
                "      {key}: {{namespace: other, name: x, resource: pods}}\n      resourceAttributes:\n"
            ),
        );
        assert!(
            matches!(whats(&found).as_slice(), [What::KeyTwice(_)]),
            "{key}: {:?}",
            whats(&found)
        );
    }
}
