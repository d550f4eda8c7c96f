//! What the design document of the gateway asks for, and where each of it is shown. `INSTA_UPDATE=always` writes
//! `snapshots/requirements.md`; what that says is looked up here: the golden case, its words, the test.

use std::path::{Path, PathBuf};

/// A requirement, in our words, and what shows it.
struct Row {
    id: &'static str,
    asks: &'static str,
    /// Golden cases, each with words of its snapshot. Line breaks stand as they are.
    shown: &'static [(&'static str, &'static str)],
    /// Tests: file of `tests/it`, and name.
    tests: &'static [(&'static str, &'static str)],
    /// What is not shown.
    not_yet: &'static str,
}

const ROWS: [Row; 22] = [
    Row {
        id: "FR-001",
        asks: "a GatewayClass `odh-gateway-class` of OpenShift's controller",
        shown: &[
            (
                "gateway-of-the-design-document",
                "kind: GatewayClass\nmetadata:\n  name: odh-gateway-class\n",
            ),
            (
                "gateway-of-the-design-document",
                "  controllerName: openshift.io/gateway-controller/v1\n",
            ),
        ],
        tests: &[],
        not_yet: "",
    },
    Row {
        id: "FR-002",
        asks: "a Gateway `odh-gateway` in `openshift-ingress`",
        shown: &[(
            "gateway-of-the-design-document",
            "kind: Gateway\nmetadata:\n  name: odh-gateway\n  namespace: openshift-ingress\n",
        )],
        tests: &[],
        not_yet: "",
    },
    Row {
        id: "FR-003",
        asks: "port 443, TLS ends there",
        shown: &[
            ("gateway-load-balancer", "    port: 443\n    protocol: HTTPS\n"),
            ("gateway-load-balancer", "      mode: Terminate\n"),
        ],
        tests: &[],
        not_yet: "",
    },
    Row {
        id: "FR-004",
        asks: "routing by host name",
        shown: &[
            ("gateway-load-balancer", "    hostname: rh-ai.apps.example.com\n"),
            ("gateway-hostname", "    hostname: data.example.org\n"),
            (
                "gateway-openshift",
                "  hostnames:\n  - data-science-gateway.apps.example.com\n",
            ),
        ],
        tests: &[],
        not_yet: "a host for each service: all are paths of one host",
    },
    Row {
        id: "FR-005",
        asks: "the gateway asks the login service about every request (`ext_authz`, kube-auth-proxy)",
        shown: &[
            (
                "gateway-openshift",
                "        name: envoy.filters.http.ext_authz\n",
            ),
            ("gateway-openshift", "          failure_mode_allow: false\n"),
            ("gateway-kubernetes-envoy-gateway", "    failOpen: false\n"),
        ],
        tests: &[
            ("fence", "whatever_the_input_says"),
            (
                "gateway_faults",
                "refreshed_cookies_reach_the_browser_and_forged_headers_nobody",
            ),
            ("walk", "istio_1_26"),
            ("walk", "istio_1_30"),
            ("walk", "envoy_gateway_1_9"),
            ("walk/mutations", "without_any_line_of_the_filter_a_check_fails"),
            (
                "walk/contract",
                "the_double_answers_as_the_real_kube_auth_proxy_was_recorded",
            ),
        ],
        not_yet: "kube-auth-proxy itself, wherever `GATEWRIGHT_KUBE_AUTH_PROXY` does not name one: a double of it, which answers as \
                  that was recorded, stands in",
    },
    Row {
        id: "FR-006",
        asks: "two ways to log in: OpenShift's OAuth server, OIDC",
        shown: &[
            ("gateway-openshift", "        - --provider=openshift\n"),
            ("gateway-oidc", "        - --provider=oidc\n"),
        ],
        tests: &[
            ("fence", "modes_change_and_what_protects_does_not"),
            ("walk", "istio_1_30"),
            (
                "walk/chromium",
                "a_person_logs_in_in_a_browser_from_deep_link_to_deep_link",
            ),
        ],
        not_yet: "a login by OpenShift's OAuth server, which runs on OpenShift alone; what is walked is OIDC",
    },
    Row {
        id: "FR-007",
        asks: "OpenShift mode: client and client secret by themselves",
        shown: &[
            (
                "gateway-openshift",
                "kind: OAuthClient\nmetadata:\n  name: data-science\n",
            ),
            ("gateway-openshift", "        - --client-id=data-science\n"),
            ("gateway-external-secrets", "      property: clientSecret\n"),
        ],
        tests: &[],
        not_yet: "the secret on the OAuthClient: it is set in the cluster, by hand; it is never in git",
    },
    Row {
        id: "FR-008",
        asks: "OIDC mode: issuer, client and secret by Auth",
        shown: &[
            (
                "gateway-of-the-design-document",
                "        - --oidc-issuer-url=https://sso.example.com/realms/ai\n",
            ),
            (
                "gateway-of-the-design-document",
                "        - --client-id=ai-platform\n",
            ),
            (
                "gateway-of-the-design-document",
                "          secretName: oidc-client-secret\n",
            ),
        ],
        tests: &[],
        not_yet: "",
    },
    Row {
        id: "FR-009",
        asks: "the mode is found out, or said",
        shown: &[
            ("gateway-mode-of-the-cluster", "        - --provider=oidc\n"),
            ("auth-mode-missing", "nothing says how people log in"),
            (
                "auth-mode-contradicts-cluster",
                "one of them is not this cluster's",
            ),
        ],
        tests: &[],
        not_yet: "",
    },
    Row {
        id: "FR-010",
        asks: "certificates by cert-manager",
        shown: &[
            ("gateway-certificate-cert-manager", "    name: letsencrypt\n"),
            ("gateway-certificate-self-signed", "  selfSigned: {}\n"),
        ],
        tests: &[],
        not_yet: "",
    },
    Row {
        id: "FR-011",
        asks: "an own certificate in a Secret",
        shown: &[
            ("gateway-certificate-provided", "        name: bought-tls\n"),
            (
                "gateway-certificate-does-not-cover",
                "it does not cover data-science-gateway.apps.example.com",
            ),
        ],
        tests: &[],
        not_yet: "",
    },
    Row {
        id: "FR-012",
        asks: "all Routes become HTTPRoutes on the gateway",
        shown: &[(
            "gateway-with-notebooks",
            "kind: HTTPRoute\nmetadata:\n  name: nb-team-churn\n",
        )],
        tests: &[],
        not_yet: "workloads other than Notebooks",
    },
    Row {
        id: "FR-013",
        asks: "oauth-proxy becomes kube-rbac-proxy",
        shown: &[("legacy-full", "name: kube-rbac-proxy\n")],
        tests: &[],
        not_yet: "workloads other than Notebooks",
    },
    Row {
        id: "FR-014",
        asks: "the token in `x-forwarded-token`",
        shown: &[(
            "gateway-openshift",
            "headers:replace(\"x-forwarded-token\", token)\n",
        )],
        tests: &[("walk", "istio_1_30"), ("walk", "envoy_gateway_1_9")],
        not_yet: "in Notebooks, which are not to have it: their guard takes it",
    },
    Row {
        id: "FR-015",
        asks: "the person in `x-forwarded-user`",
        shown: &[(
            "gateway-openshift",
            "headers:replace(\"x-forwarded-user\", user)\n",
        )],
        tests: &[("walk", "istio_1_30"), ("walk", "envoy_gateway_1_9")],
        not_yet: "",
    },
    Row {
        id: "FR-016",
        asks: "the login service answers by TLS",
        shown: &[
            ("gateway-openshift", "        - --https-address=0.0.0.0:8443\n"),
            (
                "gateway-openshift",
                "    service.beta.openshift.io/serving-cert-secret-name: kube-auth-proxy-tls\n",
            ),
            (
                "gateway-openshift",
                "        - kube-auth-proxy.openshift-ingress.svc\n",
            ),
        ],
        tests: &[
            ("istiod", "every_hop_is_verified_by_its_own_name"),
            ("envoy_gateway", "every_hop_is_verified_by_its_own_name"),
            ("walk", "istio_1_30"),
            ("walk/mutations", "without_any_line_of_the_filter_a_check_fails"),
        ],
        not_yet: "",
    },
    Row {
        id: "FR-017",
        asks: "OIDC without its configuration: nothing is exposed, and the state says `AwaitingOIDCConfiguration`",
        shown: &[
            ("gateway-fenced", "  state: AwaitingOIDCConfiguration\n"),
            ("gateway-fenced-auth", "  state: AwaitingOIDCConfiguration\n"),
            ("gateway-fenced-fail", "exit 1\n"),
        ],
        tests: &[
            ("fence", "what_protects_stays_while_the_configuration_is_away"),
            ("fence", "whatever_the_input_says"),
            ("fence", "where_it_is_to_fail_it_changes_nothing"),
        ],
        not_yet: "the condition on the object in the cluster",
    },
    Row {
        id: "NFR-001",
        asks: "highly available",
        shown: &[
            (
                "gateway-openshift",
                "kind: PodDisruptionBudget\nmetadata:\n  name: kube-auth-proxy\n",
            ),
            ("gateway-openshift", "  podDisruptionBudget: |\n"),
            ("gateway-two-pods", "  replicas: 2\n"),
        ],
        tests: &[("gateway_faults", "a_drain_never_takes_everybody_out")],
        not_yet: "",
    },
    Row {
        id: "NFR-002",
        asks: "grows with the load",
        shown: &[
            ("gateway-openshift", "kind: HorizontalPodAutoscaler\n"),
            ("gateway-openshift", "  horizontalPodAutoscaler: |\n"),
        ],
        tests: &[],
        not_yet: "",
    },
    Row {
        id: "NFR-003",
        asks: "can be extended",
        shown: &[],
        tests: &[("overlay", "what_the_overlay_says_arrives")],
        not_yet: "",
    },
    Row {
        id: "NFR-004",
        asks: "the login service's image by digest",
        shown: &[
            (
                "login-image-held",
                "        image: quay.io/example/kube-auth-proxy@sha256:0123",
            ),
            ("login-image-by-tag", "must name the image by digest"),
        ],
        tests: &[],
        not_yet: "",
    },
    Row {
        id: "NFR-005",
        asks: "twice is once",
        shown: &[],
        tests: &[
            ("fence", "whatever_the_input_says"),
            ("determinism", "twice_the_same_bytes"),
        ],
        not_yet: "",
    },
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn written() -> String {
    let mut text = String::from(
        "# What the gateway's design document asks for\n\nWritten by `tests/it/requirements.rs`, which looks up what stands here: \
         each case is a folder of `fixtures/fn/`, and the words are in its snapshot.\n\n| | asks for | shown by | not yet |\n|---|---|---|---|\n",
    );
    for row in &ROWS {
        let case = |(case, words): &(&str, &str)| format!("`{case}`: `{}`", in_a_cell(words));
        let tests = row.tests.iter().map(|(file, name)| test(file, name));
        let shown: Vec<String> = row.shown.iter().map(case).chain(tests).collect();
        let not_yet = if row.not_yet.is_empty() {
            String::new()
        } else {
            format!("not yet: {}", row.not_yet)
        };
        text.push_str(&format!(
            "| {} | {} | {} | {not_yet} |\n",
            row.id,
            row.asks,
            shown.join("<br>")
        ));
    }
    text
}

/// Words of a snapshot, in a cell of a table.
pub(crate) fn in_a_cell(words: &str) -> String {
    words
        .trim()
        .replace('\n', " ")
        .replace("  ", " ")
        .replace("  ", " ")
        .replace('|', "\\|")
}

/// A test, in a cell of a table.
pub(crate) fn test(file: &str, name: &str) -> String {
    format!("test `{}::{name}`", file.replace('/', "::"))
}

/// What is wrong with words that are said to be in the snapshot of a golden case.
pub(crate) fn missing(case: &str, words: &str) -> Option<String> {
    let input = root().join("fixtures/fn").join(case).join("input.yaml");
    let snapshot = root().join("snapshots/fn").join(format!("{case}.snap"));
    if !input.is_file() || !snapshot.is_file() {
        return Some(format!("no case {case}"));
    }
    (!read(&snapshot).contains(words)).then(|| format!("{case} has no {words:?}"))
}

/// Whether there is a test: a file of `tests/it`, and a name.
pub(crate) fn is_test(file: &str, name: &str) -> bool {
    let text = read(&root().join("tests/it").join(format!("{file}.rs")));
    text.contains(&format!("#[test]\nfn {name}()")) || text.contains(&format!("#[test]\n    fn {name}("))
}

/// A document that is written by `INSTA_UPDATE=always` and compared otherwise.
pub(crate) fn is_up_to_date(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, text).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == text,
        "{} is not what the rows give; INSTA_UPDATE=always writes it",
        path.display()
    );
}

#[test]
fn what_is_said_to_be_shown_is_shown() {
    let mut wrong = Vec::new();
    for row in &ROWS {
        assert!(
            !row.shown.is_empty() || !row.tests.is_empty() || !row.not_yet.is_empty(),
            "{} says nothing",
            row.id
        );
        let said = row.shown.iter().filter_map(|(case, words)| missing(case, words));
        let tests = row
            .tests
            .iter()
            .filter(|(file, name)| !is_test(file, name))
            .map(|(file, name)| format!("no test {file}::{name}"));
        wrong.extend(said.chain(tests).map(|what| format!("{}: {what}", row.id)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_is_up_to_date() {
    is_up_to_date("snapshots/requirements.md", &written());
}
