use std::str::FromStr;

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn rules(config: &str, compatibility: Compatibility) -> Rules {
    let file = file::read(config, true).unwrap();
    Rules::new(Some(&file), compatibility).unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_str(name).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn somebody() -> User {
    User {
        name: "somebody".into(),
        groups: vec!["ml".into()],
        ..User::default()
    }
}

fn asked(rules: &Rules, method: &str, target: &str, lines: &[(&str, &str)]) -> Result<Vec<String>, Refusal> {
    let target = Target::parse(target, rules.compares_paths())?;
    let questions = rules.questions(method, &target, &headers(lines), &somebody())?;
    assert!(!questions.is_empty());
    Ok(questions.iter().map(said).collect())
}

/// `verb namespace/group/version/resource/subresource/name`, or `verb path`.
fn said(question: &Attributes) -> String {
    match question {
        Attributes::NonResource { path, verb } => format!("{verb} {path}"),
        Attributes::Resource(of) => format!(
            "{} {}",
            of.verb,
            [
                &of.namespace,
                &of.group,
                &of.version,
                &of.resource,
                &of.subresource,
                &of.name
            ]
            .map(String::as_str)
            .join("|")
        ),
    }
}

#[track_caller]
fn asks(rules: &Rules, method: &str, target: &str, lines: &[(&str, &str)], expected: &[&str]) {
    let asked = asked(rules, method, target, lines);
    assert_eq!(
        asked,
        Ok(expected.iter().map(|line| (*line).to_owned()).collect()),
        "{method} {target} {lines:?}"
    );
}

const BOTH: [Compatibility; 2] = [Compatibility::None, Compatibility::OdhKubeRbacProxy];
const ALL: [Compatibility; 3] = [
    Compatibility::None,
    Compatibility::OdhKubeRbacProxy,
    Compatibility::KubeRbacProxy,
];

#[test]
fn without_a_file_requests_are_about_their_path() {
    let rules = Rules::new(None, Compatibility::None).unwrap();
    for (method, target, expected) in [
        ("GET", "/metrics", "get /metrics"),
        ("POST", "/files/a", "create /files/a"),
        ("PUT", "/files/a", "update /files/a"),
        ("PATCH", "/files/a", "patch /files/a"),
        ("DELETE", "/files/a", "delete /files/a"),
        ("HEAD", "/files/a", "* /files/a"),
        ("OPTIONS", "/files/a", "* /files/a"),
        ("TRACE", "/files/a", "* /files/a"),
        ("PURGE", "/files/a", "* /files/a"),
        ("get", "/files/a", "* /files/a"),
        ("GET", "/%6detrics?x=/y", "get /metrics"),
        ("GET", "/a%2Fb", "get /a/b"),
    ] {
        asks(&rules, method, target, &[], &[expected]);
    }
    assert!(!rules.compares_paths());
    assert!(rules.warnings()[0].contains("system:discovery"));
    // A file that says nothing of resources is the same.
    let rules = self::rules("authorization: {}\n", Compatibility::None);
    asks(&rules, "GET", "/metrics", &[], &["get /metrics"]);
    assert!(rules.warnings()[0].contains("/api/*"));
}

const NOTEBOOK: &str = "authorization:\n  resourceAttributes:\n    namespace: team-a\n    apiGroup: kubeflow.org\n    apiVersion: v1\n    \
                        resource: notebooks\n    name: nb1\n";

#[test]
fn a_resource() {
    for compatibility in ALL {
        let rules = rules(NOTEBOOK, compatibility);
        let of = "team-a|kubeflow.org|v1|notebooks||nb1";
        asks(&rules, "GET", "/lab", &[], &[&format!("get {of}")]);
        asks(&rules, "POST", "/api/kernels", &[], &[&format!("create {of}")]);
        asks(&rules, "HEAD", "/lab", &[], &[&format!("* {of}")]);
        assert_eq!(rules.warnings(), Vec::<String>::new());
        let with_verb = self::rules(&format!("{NOTEBOOK}    verb: get\n"), compatibility);
        let ignores = compatibility == Compatibility::KubeRbacProxy;
        let verb = |own: &str| format!("{} {of}", if ignores { own } else { "get" });
        asks(&with_verb, "POST", "/api/kernels", &[], &[&verb("create")]);
        asks(&with_verb, "HEAD", "/lab", &[], &[&verb("*")]);
        assert_eq!(with_verb.warnings().len(), usize::from(ignores));
    }
    let empty = rules("authorization:\n  resourceAttributes: {}\n", Compatibility::None);
    asks(&empty, "GET", "/lab", &[], &["get |||||"]);
}

fn rewritten(by: &str) -> Rules {
    let config = format!(
        "authorization:\n  rewrites: {{{by}}}\n  resourceAttributes:\n    apiVersion: v1\n    resource: namespaces\n    subresource: \
         metrics\n    namespace: \"{{{{ .Value }}}}\"\n"
    );
    rules(&config, Compatibility::None)
}

#[test]
fn values_of_the_query() {
    let rules = rewritten("byQueryParameter: {name: namespace}");
    let of = |namespace: &str| format!("get {namespace}||v1|namespaces|metrics|");
    for (target, namespaces) in [
        ("/q?namespace=team-a", &["team-a"][..]),
        ("/q?namespace=", &[""]),
        ("/q?namespace", &[""]),
        ("/q?namespace=team-a&namespace=team-b", &["team-a", "team-b"]),
        ("/q?x=1&namespace=team%2Da&y", &["team-a"]),
        ("/q?name%73pace=a+b", &["a b"]),
        ("/q?namespace=a=b", &["a=b"]),
        ("/q?namespace=%7B%7B.Value%7D%7D", &["{{.Value}}"]),
        ("/q?x=%zz&namespace=team-a&y=1;z=2", &["team-a"]),
        ("/q?NAMESPACE=b&namespace=team-a", &["team-a"]),
    ] {
        let expected = namespaces
            .iter()
            .map(|namespace| of(namespace))
            .collect::<Vec<_>>();
        assert_eq!(asked(&rules, "GET", target, &[]), Ok(expected), "{target}");
    }
    for target in [
        "/q",
        "/q?",
        "/q?other=1",
        "/q?namespace=team-a;x=1",
        "/q?namespace=%zz",
        // Another reader takes these for a second value.
        "/q?namespace=team-a&x=1;namespace=team-b",
        "/q?namespace=team-a&namespace=%zz",
        "/q?namespace=team-a&name%73pace=%z",
    ] {
        assert_eq!(
            asked(&rules, "GET", target, &[]),
            Err(Refusal::MissingValue),
            "{target}"
        );
    }
    let refused = asked(&rules, "GET", "/q?namespace=%ff", &[]);
    assert!(matches!(refused, Err(Refusal::Malformed(_))), "{refused:?}");
    let many = format!("/q?{}", "namespace=a&".repeat(MAX_VALUES + 1));
    assert!(matches!(
        asked(&rules, "GET", &many, &[]),
        Err(Refusal::Malformed(_))
    ));
}

#[test]
fn values_of_a_header() {
    let rules = rewritten("byHttpHeader: {name: X-Tenant}");
    let of = |namespace: &str| format!("get {namespace}||v1|namespaces|metrics|");
    for (lines, namespaces) in [
        (&[("X-Tenant", "team-a")][..], &["team-a"][..]),
        (&[("x-tENANT", "team-a")], &["team-a"]),
        (
            &[("X-Tenant", "team-a"), ("X-Tenant", "team-b")],
            &["team-a", "team-b"],
        ),
        (&[("X-Tenant", "team-a,team-b")], &["team-a,team-b"]),
        (&[("X-Tenant", "")], &[""]),
        (&[("X-Tenant", "team-a"), ("Connection", "X-Tenant")], &["team-a"]),
    ] {
        let expected = namespaces
            .iter()
            .map(|namespace| of(namespace))
            .collect::<Vec<_>>();
        assert_eq!(asked(&rules, "GET", "/h", lines), Ok(expected), "{lines:?}");
    }
    for lines in [
        &[][..],
        &[("X-Other", "team-a")],
        &[("X_Tenant", "team-a")],
        &[("X-Tenant", "team-a"), ("X_Tenant", "team-b")],
    ] {
        assert_eq!(
            asked(&rules, "GET", "/h", lines),
            Err(Refusal::MissingValue),
            "{lines:?}"
        );
    }
    let mut headers = HeaderMap::new();
    headers.insert("x-tenant", HeaderValue::from_bytes(b"caf\xe9").unwrap());
    let target = Target::parse("/h", false).unwrap();
    let refused = rules.questions("GET", &target, &headers, &somebody());
    assert!(matches!(refused, Err(Refusal::Malformed(_))), "{refused:?}");
}

#[test]
fn values_of_both_and_of_none() {
    let both = rewritten("byQueryParameter: {name: namespace}, byHttpHeader: {name: X-Tenant}");
    let (a, b) = (
        "get team-a||v1|namespaces|metrics|",
        "get team-b||v1|namespaces|metrics|",
    );
    asks(
        &both,
        "GET",
        "/qh?namespace=team-a",
        &[("X-Tenant", "team-b")],
        &[a, b],
    );
    asks(&both, "GET", "/qh", &[("X-Tenant", "team-a")], &[a]);
    asks(&both, "GET", "/qh?namespace=team-a", &[], &[a]);

    let none = rewritten("");
    assert_eq!(
        asked(&none, "GET", "/q?namespace=team-a", &[]),
        Err(Refusal::MissingValue)
    );
    assert!(none.warnings()[0].contains("400"));

    let alone = rules(
        "authorization:\n  rewrites:\n    byQueryParameter: {name: namespace}\n",
        Compatibility::None,
    );
    asks(&alone, "GET", "/q?namespace=team-b", &[], &["get /q"]);
    assert_eq!(alone.warnings().len(), 2);
}

const ENDPOINTS: &str = r#"authorization:
  endpoints:
  - path: /api/v1/jobs/*/events
    mappings:
    - methods: [post]
      resources:
      - rewrites: {byHttpHeader: {name: X-Tenant}}
        resourceAttributes: {namespace: "{{.FromHeader}}", apiGroup: kubeflow.org, resource: jobs, verb: create}
    - methods: [get]
      resources:
      - resourceAttributes: {namespace: team-a, apiGroup: kubeflow.org, resource: jobs, name: "j1"}
      - resourceAttributes: {namespace: team-a, apiGroup: kubeflow.org, resource: notebooks, name: nb1}
    - methods: [head, options]
      resources:
      - resourceAttributes: {namespace: team-a, apiGroup: kubeflow.org, resource: jobs}
  - path: /query
    mappings:
    - methods: [get]
      resources:
      - rewrites: {byQueryParameter: {name: ns}}
        resourceAttributes: {namespace: "{{.Value}}", resource: namespaces, subresource: "{{.FromMethod}}"}
  - path: /api/v1/jobs/7/events
    mappings:
    - methods: [put]
      resources:
      - resourceAttributes: {namespace: team-a, apiGroup: kubeflow.org, resource: jobs, verb: get}
  - path: /odd
    mappings:
    - methods: [purge]
      resources:
      - resourceAttributes: {namespace: team-a, apiGroup: kubeflow.org, resource: jobs}
"#;

const DEFAULT: &str =
    "  resourceAttributes: {namespace: team-a, apiGroup: kubeflow.org, resource: notebooks, name: nb1}\n";

#[test]
fn the_first_endpoint_decides() {
    let tenant = ("X-Tenant", "team-a");
    for compatibility in BOTH {
        let rules = rules(ENDPOINTS, compatibility);
        assert!(rules.compares_paths());
        let path = "/api/v1/jobs/7/events";
        asks(
            &rules,
            "POST",
            path,
            &[tenant],
            &["create team-a|kubeflow.org||jobs||"],
        );
        asks(
            &rules,
            "GET",
            path,
            &[],
            &[
                "get team-a|kubeflow.org||jobs||j1",
                "get team-a|kubeflow.org||notebooks||nb1",
            ],
        );
        asks(&rules, "HEAD", path, &[], &["head team-a|kubeflow.org||jobs||"]);
        asks(
            &rules,
            "OPTIONS",
            path,
            &[],
            &["options team-a|kubeflow.org||jobs||"],
        );
        asks(
            &rules,
            "GET",
            "/query?ns=team-a",
            &[],
            &["get team-a|||namespaces|get|"],
        );
        asks(&rules, "GET", "/query?ns=", &[], &["get |||namespaces|get|"]);
        for (method, target, lines, expected) in [
            ("POST", path, &[][..], Refusal::MissingValue),
            ("POST", path, &[("X-Tenant", "")], Refusal::MissingValue),
            ("GET", "/query", &[], Refusal::MissingValue),
            ("PUT", path, &[], Refusal::MethodNotPermitted),
            ("DELETE", path, &[tenant], Refusal::MethodNotPermitted),
        ] {
            assert_eq!(
                asked(&rules, method, target, lines),
                Err(expected),
                "{method} {target}"
            );
        }
        for (method, target, lines) in [
            ("POST", path, &[tenant, ("X-Tenant", "team-b")][..]),
            ("POST", path, &[tenant, tenant]),
            ("GET", "/query?ns=team-a&ns=team-b", &[]),
            ("POST", "/api/v1/jobs/7%2F8/events", &[tenant]),
            ("POST", "/secret/%2e%2e/api/v1/jobs/7/events", &[tenant]),
        ] {
            let refused = asked(&rules, method, target, lines);
            assert!(
                matches!(refused, Err(Refusal::Malformed(_))),
                "{target}: {refused:?}"
            );
        }
    }
}

#[test]
fn where_no_endpoint_matches() {
    let refused = |rules: &Rules, method: &str, target: &str| match asked(rules, method, target, &[]) {
        Err(Refusal::Forbidden { user, attributes }) => {
            assert_eq!(user, "somebody");
            said(&attributes)
        }
        other => panic!("{target}: {other:?}"),
    };
    let ours = rules(ENDPOINTS, Compatibility::None);
    assert_eq!(refused(&ours, "GET", "/elsewhere"), "get /elsewhere");
    assert_eq!(
        refused(&ours, "POST", "/api/v1/jobs/7/8/events"),
        "create /api/v1/jobs/7/8/events"
    );
    assert!(
        ours.warnings()
            .iter()
            .all(|warning| !warning.contains("discovery"))
    );
    let fork = rules(ENDPOINTS, Compatibility::OdhKubeRbacProxy);
    asks(&fork, "GET", "/elsewhere", &[], &["get /elsewhere"]);
    asks(
        &fork,
        "POST",
        "/api/v1/jobs/7/8/events",
        &[],
        &["create /api/v1/jobs/7/8/events"],
    );
    assert!(fork.warnings()[0].contains("discovery"));
    for compatibility in BOTH {
        let rules = rules(&format!("{ENDPOINTS}{DEFAULT}"), compatibility);
        asks(
            &rules,
            "GET",
            "/elsewhere",
            &[],
            &["get team-a|kubeflow.org||notebooks||nb1"],
        );
        // A slash more passes by no rule.
        let path = "/api/v1/jobs/7/events/";
        assert_eq!(refused(&rules, "POST", path), format!("create {path}"));
        assert_eq!(refused(&rules, "GET", "/query/?ns=team-a"), "get /query/");
    }
}

#[test]
fn a_method_without_a_verb() {
    let fork = rules(ENDPOINTS, Compatibility::OdhKubeRbacProxy);
    asks(&fork, "PURGE", "/odd", &[], &[" team-a|kubeflow.org||jobs||"]);
    let ours = rules(ENDPOINTS, Compatibility::None);
    let refused = asked(&ours, "PURGE", "/odd", &[]);
    let Err(Refusal::Forbidden { attributes, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(said(&attributes), " team-a|kubeflow.org||jobs||");
    let warnings = ours.warnings();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("authorization.endpoints[3].mappings[0].methods: \"purge\""),
        "{warnings:?}"
    );
}

#[test]
fn endpoints_are_refused_where_they_would_be_read_over() {
    let file = file::read(ENDPOINTS, true).unwrap();
    let faults = Rules::new(Some(&file), Compatibility::KubeRbacProxy).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].starts_with("authorization.endpoints: kube-rbac-proxy reads over endpoints"),
        "{faults:?}"
    );
}

const STATIC: &str = r"authorization:
  static:
  - user: {name: stranger}
    verb: get
    resourceRequest: false
    path: /static
  - user: {name: reader, groups: [no-such-group]}
    path: /groups
  - verb: get
    path: /for-all
  - user: {name: stranger}
    resourceRequest: true
    resource: notebooks
    namespace: team-a
    apiGroup: kubeflow.org
    verb: get
";

fn path(verb: &str, path: &str) -> Attributes {
    Attributes::NonResource {
        path: path.into(),
        verb: verb.into(),
    }
}

fn user(name: &str) -> User {
    User {
        name: name.into(),
        ..User::default()
    }
}

#[test]
fn static_rules_grant() {
    let notebook = |verb: &str, namespace: &str, name: &str| {
        Attributes::Resource(Resource {
            namespace: namespace.into(),
            verb: verb.into(),
            group: "kubeflow.org".into(),
            resource: "notebooks".into(),
            name: name.into(),
            ..Resource::default()
        })
    };
    for compatibility in ALL {
        let rules = rules(STATIC, compatibility);
        for (name, attributes, expected) in [
            ("stranger", path("get", "/static"), true),
            ("stranger", path("get", "/static/more"), false),
            ("stranger", path("create", "/static"), false),
            ("stranger", path("*", "/static"), false),
            ("reader", path("get", "/static"), false),
            ("reader", path("delete", "/groups"), true),
            ("stranger", path("get", "/groups"), false),
            ("anybody", path("get", "/for-all"), true),
            ("stranger", notebook("get", "team-a", "nb9"), true),
            ("stranger", notebook("delete", "team-a", "nb9"), false),
            ("stranger", notebook("get", "team-b", "nb9"), false),
            ("reader", notebook("get", "team-a", "nb9"), false),
        ] {
            assert_eq!(
                rules.grants(&user(name), &attributes),
                expected,
                "{name} {attributes:?}"
            );
        }
        assert!(
            rules
                .warnings()
                .iter()
                .any(|warning| warning.contains("static[1].user.groups"))
        );
    }
}

#[test]
fn static_rules_meet_what_was_rewritten() {
    let config = "authorization:\n  rewrites:\n    byQueryParameter: {name: namespace}\n  resourceAttributes:\n    resource: namespaces\n    \
                  namespace: \"{{ .Value }}\"\n  static:\n  - resourceRequest: true\n    resource: namespaces\n    namespace: team-x\n    \
                  verb: get\n";
    let rules = rules(config, Compatibility::None);
    let target = Target::parse("/q?namespace=team-x&namespace=team-y", false).unwrap();
    let questions = rules
        .questions("GET", &target, &HeaderMap::new(), &somebody())
        .unwrap();
    let granted = questions
        .iter()
        .map(|question| rules.grants(&somebody(), question))
        .collect::<Vec<_>>();
    assert_eq!(granted, [true, false]);
}

#[test]
fn members_of_a_group() {
    let config = "authorization:\n  static:\n  - user: {memberOf: [other, ml]}\n    path: /x\n";
    let rules = rules(config, Compatibility::None);
    assert!(rules.grants(&somebody(), &path("get", "/x")));
    assert!(!rules.grants(&user("somebody"), &path("get", "/x")));
    let file = file::read(config, true).unwrap();
    let faults = Rules::new(Some(&file), Compatibility::OdhKubeRbacProxy).unwrap_err();
    assert!(
        faults[0].starts_with("authorization.static[0].user.memberOf:"),
        "{faults:?}"
    );
}

#[test]
fn prometheus_is_the_forks_alone() {
    for compatibility in ALL {
        let rules = Rules::new(None, compatibility).unwrap();
        let is_fork = compatibility == Compatibility::OdhKubeRbacProxy;
        assert_eq!(rules.grants(&user(PROMETHEUS), &path("get", "/metrics")), is_fork);
        assert!(!rules.grants(&user(PROMETHEUS), &path("get", "/other")));
        assert!(!rules.grants(&user(PROMETHEUS), &path("create", "/metrics")));
        assert!(!rules.grants(&user("somebody"), &path("get", "/metrics")));
    }
}

proptest! {
    /// Whatever a request says, every question has the attributes that the file fixes.
    #[test]
    fn what_the_file_fixes_stays(query in "[a-z=&%;+{}.]{0,24}", tenant in "[ -~]{0,12}") {
        let rules = rewritten("byQueryParameter: {name: a}, byHttpHeader: {name: X-Tenant}");
        if let (Ok(target), Ok(value)) = (Target::parse(&format!("/q?{query}"), false), HeaderValue::from_str(&tenant)) {
            let mut headers = HeaderMap::new();
            headers.insert("x-tenant", value);
            for question in rules.questions("GET", &target, &headers, &somebody()).unwrap_or_default() {
                let Attributes::Resource(of) = question else { panic!() };
                prop_assert_eq!([&*of.verb, &*of.version, &*of.resource, &*of.subresource, &*of.name], ["get", "v1", "namespaces", "metrics", ""]);
            }
        }
    }
}
