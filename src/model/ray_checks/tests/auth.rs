//! Tokens and versions, by tables of documents and what is said of them.

use serde_json::{Value, json};

use super::{said, table};
use crate::input::ray::Kind;

const KUBERAY: &str = "1.7";

/// ray-project/kuberay `ray-operator/controllers/ray/utils/validation_test.go`, `TestValidateRayClusterSpecRayVersionForAuth`.
#[test]
fn validate_ray_cluster_spec_ray_version_for_auth() {
    let rows: [(&str, bool, Option<&str>); 8] = [
        ("2.52.0", false, None),
        ("2.52.0", true, Some("Ray's tokens need Ray 2.55 or later")),
        ("2.55.0", true, None),
        ("3.0.0", false, None),
        ("3.0.0", true, None),
        ("2.50.0", false, Some("Ray's tokens need Ray 2.52 or later")),
        ("invalid-version", false, Some("is no version of Ray")),
        ("", false, Some("is missing: Ray's tokens need Ray 2.52 or later")),
    ];
    for (version, kubernetes, wrong) in rows {
        let changes = [
            ("$/rayVersion", json!(version)),
            (
                "$/authOptions",
                json!({"mode": "token", "enableK8sTokenAuth": kubernetes}),
            ),
        ];
        let said = said(Kind::RayCluster, &json!({"kubeRay": KUBERAY}), &changes);
        match wrong {
            None => assert_eq!(said, Vec::<String>::new(), "{version} {kubernetes}"),
            Some(text) => {
                assert_eq!(said.len(), 1, "{version}: {said:#?}");
                assert!(
                    said[0].starts_with("error: spec.rayVersion: ") && said[0].contains(text),
                    "{said:#?}"
                );
            }
        }
    }
}

/// The same file's `TestValidateRayClusterSpec_Auth`.
#[test]
fn validate_ray_cluster_spec_auth() {
    let auth = |options: Value| [("$/authOptions", options)];
    table(
        Kind::RayCluster,
        &json!({"kubeRay": KUBERAY}),
        &[
            (
                &auth(json!({"mode": "token", "enableK8sTokenAuth": true, "secretName": "my-secret"})),
                &["error: spec.authOptions.secretName: stands beside enableK8sTokenAuth"],
            ),
            (&auth(json!({"mode": "token", "enableK8sTokenAuth": true})), &[]),
            (&auth(json!({"mode": "token", "secretName": "my-secret"})), &[]),
        ],
    );
}

#[test]
fn options_without_a_mode_are_refused_for_a_secret_that_nobody_asks_for() {
    for options in [
        json!({}),
        json!({"secretName": "s"}),
        json!({"enableK8sTokenAuth": true}),
    ] {
        let said = said(
            Kind::RayCluster,
            &json!({"kubeRay": KUBERAY}),
            &[("$/authOptions", options)],
        );
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(
            said[0].starts_with("error: spec.authOptions.mode: is missing"),
            "{said:#?}"
        );
        assert!(said[0].ends_with("(write \"token\")"), "{said:#?}");
    }
    table(
        Kind::RayCluster,
        &json!({"kubeRay": KUBERAY}),
        &[
            (&[("$/authOptions", json!({"mode": "disabled"}))], &[]),
            (
                &[(
                    "$/authOptions",
                    json!({"mode": "disabled", "enableK8sTokenAuth": true}),
                )],
                &["error: spec.authOptions.mode: enableK8sTokenAuth needs mode: token"],
            ),
            (
                &[("$/authOptions", json!({"mode": "Token"}))],
                &["error: spec.authOptions.mode: must be token or disabled"],
            ),
        ],
    );
}

#[test]
fn kubernetes_tokens_are_refused_for_jobs_and_services() {
    for (kind, path) in [
        (Kind::RayJob, "spec.rayClusterSpec.authOptions.enableK8sTokenAuth"),
        (
            Kind::RayService,
            "spec.rayClusterConfig.authOptions.enableK8sTokenAuth",
        ),
    ] {
        let own = [(
            "$/authOptions",
            json!({"mode": "token", "enableK8sTokenAuth": true}),
        )];
        table(kind, &json!({"kubeRay": KUBERAY}), &[(&own, &["error: ", path])]);
        // Said by the Platform it is the same.
        table(
            kind,
            &json!({"kubeRay": KUBERAY, "rayTokens": "Kubernetes"}),
            &[(&[], &["error: ", path])],
        );
    }
}

#[test]
fn each_field_has_its_first_kuberay() {
    let token = |more: Value| {
        let mut options = json!({"mode": "token"});
        options
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        ("$/authOptions", options)
    };
    let group = "$/workerGroupSpecs/0";
    let (resources, labels) = (format!("{group}/resources"), format!("{group}/labels"));
    let rows: [(&str, &str, (&str, Value), &str); 9] = [
        ("1.4", "1.5", token(json!({})), "spec.authOptions"),
        (
            "1.5",
            "1.6",
            token(json!({"secretName": "s"})),
            "spec.authOptions.secretName",
        ),
        (
            "1.6",
            "1.7",
            token(json!({"enableK8sTokenAuth": true})),
            "spec.authOptions.enableK8sTokenAuth",
        ),
        (
            "1.6",
            "1.7",
            ("$/tlsOptions", json!({"enabled": true})),
            "spec.tlsOptions",
        ),
        (
            "1.6",
            "1.7",
            ("$/networkPolicy", json!({"mode": "DenyAllIngress"})),
            "spec.networkPolicy",
        ),
        (
            "1.2",
            "1.3",
            ("$/gcsFaultToleranceOptions", json!({"redisAddress": "r:6379"})),
            "spec.gcsFaultToleranceOptions",
        ),
        (
            "1.6",
            "1.7",
            ("$/gcsFaultToleranceOptions", json!({"backend": "rocksdb"})),
            "spec.gcsFaultToleranceOptions.backend",
        ),
        (
            "1.4",
            "1.5",
            (&resources, json!({"CPU": "1"})),
            "spec.workerGroupSpecs[0].resources",
        ),
        (
            "1.4",
            "1.5",
            (&labels, json!({"zone": "a"})),
            "spec.workerGroupSpecs[0].labels",
        ),
    ];
    for (old, new, change, path) in rows {
        let old = json!({"kubeRay": old});
        table(
            Kind::RayCluster,
            &old,
            &[(
                std::slice::from_ref(&change),
                &[&format!("error: {path}: KubeRay knows this from")],
            )],
        );
        table(Kind::RayCluster, &json!({"kubeRay": new}), &[(&[change], &[])]);
    }
}

#[test]
fn tokens_of_the_platform_ask_for_versions_too() {
    table(
        Kind::RayCluster,
        &json!({"kubeRay": "1.5", "rayTokens": "Secret"}),
        &[(
            &[],
            &["error: spec.authOptions: the Platform's rayTokens needs KubeRay 1.6"],
        )],
    );
    table(
        Kind::RayCluster,
        &json!({"kubeRay": KUBERAY, "rayTokens": "Kubernetes"}),
        &[
            (&[], &[]),
            (
                &[("$/rayVersion", json!("2.54.0"))],
                &["error: spec.rayVersion: ", "2.55"],
            ),
            // The document's own word holds.
            (
                &[
                    ("$/rayVersion", json!("2.9.0")),
                    ("$/authOptions", json!({"mode": "disabled"})),
                ],
                &[],
            ),
        ],
    );
}

#[test]
fn a_version_is_read_from_the_image_and_proposed() {
    let image = |image: &str| {
        [
            ("$/rayVersion", json!(null)),
            ("$/headGroupSpec/template/spec/containers/0/image", json!(image)),
        ]
    };
    let digest = format!("rayproject/ray:2.53.0-py311@sha256:{}", "1".repeat(64));
    table(
        Kind::RayCluster,
        &json!({"kubeRay": KUBERAY, "rayTokens": "Secret"}),
        &[
            (
                &image("rayproject/ray:2.53.0"),
                &["error: spec.rayVersion: is missing", "(write \"2.53.0\")"],
            ),
            (&image(&digest), &["(write \"2.53.0-py311\")"]),
            (
                &image("docker.io/rayproject/ray:2.9.3"),
                &["the head's image is an older one"],
            ),
            (
                &image("rayproject/ray:latest"),
                &["is missing: Ray's tokens", "which it runs"],
            ),
            (
                &image("quay.io/example/mine:2.53.0"),
                &["is missing: Ray's tokens", "which it runs"],
            ),
        ],
    );
    // Without tokens nobody asks.
    table(
        Kind::RayCluster,
        &json!({}),
        &[(&image("rayproject/ray:2.53.0"), &[])],
    );
}

#[test]
fn variables_do_not_contradict_the_options() {
    let head = "$/headGroupSpec/template/spec/containers/0/env";
    let worker = "$/workerGroupSpecs/0/template/spec/containers/0/env";
    let autoscaler = "$/autoscalerOptions/env";
    let env = |path: &'static str, name: &str, value: &str| [(path, json!([{"name": name, "value": value}]))];
    let secret = |path: &'static str, name: &str| {
        let from = json!({"secretKeyRef": {"name": name, "key": "auth_token"}});
        [(path, json!([{"name": "RAY_AUTH_TOKEN", "valueFrom": from}]))]
    };
    table(
        Kind::RayCluster,
        &json!({}),
        &[
            (&env(head, "RAY_AUTH_MODE", "disabled"), &[]),
            (
                &env(head, "RAY_AUTH_MODE", "token"),
                &["has the head ask for tokens"],
            ),
            (
                &env(worker, "RAY_AUTH_MODE", "token"),
                &["error: spec.workerGroupSpecs[0]", "has the workers ask"],
            ),
            (
                &env(autoscaler, "RAY_AUTH_MODE", "token"),
                &["error: spec.autoscalerOptions.env[0]: has the autoscaler"],
            ),
            (
                &env(head, "RAY_AUTH_TOKEN", "x"),
                &["is a token that Ray asks nobody for"],
            ),
            (
                &env(head, "RAY_ENABLE_K8S_TOKEN_AUTH", "true"),
                &["ask the API server"],
            ),
            (&env(head, "RAY_ENABLE_K8S_TOKEN_AUTH", "false"), &[]),
            (&env(head, "RAY_AUTH_MODES", "token"), &[]),
        ],
    );
    table(
        Kind::RayCluster,
        &json!({"kubeRay": KUBERAY, "rayTokens": "Secret"}),
        &[
            (&env(head, "RAY_AUTH_MODE", "token"), &[]),
            (
                &env(head, "RAY_AUTH_MODE", "disabled"),
                &["has the head ask for no token"],
            ),
            (
                &env(head, "RAY_AUTH_TOKEN", "x"),
                &["is another token than that of authOptions"],
            ),
            (
                &secret(head, "other"),
                &["is another token than that of authOptions"],
            ),
            (&secret(head, "rc"), &[]),
            (
                &env(worker, "RAY_ENABLE_K8S_TOKEN_AUTH", "1"),
                &["ask the API server"],
            ),
        ],
    );
    table(
        Kind::RayCluster,
        &json!({"kubeRay": KUBERAY, "rayTokens": "Kubernetes"}),
        &[
            (&env(head, "RAY_ENABLE_K8S_TOKEN_AUTH", "true"), &[]),
            (
                &env(head, "RAY_ENABLE_K8S_TOKEN_AUTH", "false"),
                &["compare tokens"],
            ),
            (&secret(head, "rc"), &["in place of the ServiceAccount's own"]),
            (
                &env(head, "RAY_AUTH_MODE", ""),
                &["has the head ask for no token"],
            ),
            (
                &[(
                    head,
                    json!([{"name": "RAY_AUTH_MODE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
                )],
                &["from elsewhere"],
            ),
        ],
    );
}
