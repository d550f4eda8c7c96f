use http::HeaderValue;

use super::*;
use crate::proxy::rules::file;

const ENDPOINTS: &str = "\
authorization:
  resourceAttributes: {apiGroup: kubeflow.org, resource: notebooks, namespace: team-a, name: lab, verb: get}
  static:
  - {user: {name: monitor}, resourceRequest: true, verb: get}
  endpoints:
  - path: /api/v1/jobs
    mappings:
    - methods: [post]
      resources:
      - rewrites: {byHttpHeader: {name: X-Tenant}}
        resourceAttributes: {namespace: '{{ .FromHeader }}', resource: jobs, apiGroup: batch, verb: create}
";

fn asked_of(
    text: &str,
    method: &str,
    target: &str,
    headers: &[(&'static str, &'static str)],
    user: &str,
) -> Explanation {
    let file = file::read(text, true).unwrap();
    let rules = Rules::new(Some(&file), Compatibility::None).unwrap();
    let paths = Paths::new(&[], &["/open/*".to_owned()]).unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    let user = User {
        name: user.into(),
        groups: vec!["system:authenticated".into()],
        ..User::default()
    };
    let asked = Asked {
        method,
        target,
        headers: &map,
        user: &user,
    };
    explain(&asked, &paths, &rules, Compatibility::None)
}

#[test]
fn questions_name_their_rule_and_their_command() {
    let explained = asked_of(
        ENDPOINTS,
        "POST",
        "/api/v1/jobs",
        &[("x-tenant", "team b")],
        "dana",
    );
    let Outcome::Asked { rule, reviews } = &explained.outcome else {
        panic!("{explained:?}");
    };
    assert_eq!(rule.as_deref(), Some("authorization.endpoints[0]"));
    assert_eq!(
        reviews[0].kubectl,
        "kubectl auth can-i create jobs.batch '--namespace=team b' --as=dana --as-group=system:authenticated"
    );
    assert_eq!(
        reviews[0].spec,
        json!({
            "resourceAttributes": {"namespace": "team b", "verb": "create", "group": "batch", "resource": "jobs"},
            "user": "dana",
            "groups": ["system:authenticated"],
        })
    );
    assert_eq!(reviews[0].granted_by, None);
}

#[test]
fn what_a_static_rule_grants_is_not_asked() {
    let explained = asked_of(ENDPOINTS, "PUT", "/notebook", &[], "monitor");
    let Outcome::Asked { rule, reviews } = &explained.outcome else {
        panic!("{explained:?}");
    };
    assert_eq!(rule.as_deref(), Some("authorization.resourceAttributes"));
    assert_eq!(reviews[0].granted_by.as_deref(), Some("authorization.static[0]"));
    assert!(
        explained
            .to_text()
            .contains("notebooks.kubeflow.org/lab --namespace=team-a")
    );
    assert!(
        explained
            .to_text()
            .contains("not asked: authorization.static[0] grants it")
    );
}

#[test]
fn refusals_have_the_status_of_the_answer() {
    for (method, target, headers, status, rule) in [
        ("CONNECT", "host:443", &[][..], 404, None),
        ("GET", "*", &[], 404, None),
        ("GET", "//x", &[], 307, None),
        ("GET", "/a%2fb", &[], 400, None),
        (
            "POST",
            "/api/v1/jobs",
            &[],
            400,
            Some("authorization.endpoints[0]"),
        ),
        (
            "GET",
            "/api/v1/jobs",
            &[("x-tenant", "a")],
            403,
            Some("authorization.endpoints[0]"),
        ),
    ] {
        let explained = asked_of(ENDPOINTS, method, target, headers, "dana");
        let Outcome::Refused {
            status: got,
            rule: of,
            ..
        } = &explained.outcome
        else {
            panic!("{explained:?}");
        };
        assert_eq!((*got, of.as_deref()), (status, rule), "{method} {target}");
    }
}

#[test]
fn ignored_paths_ask_nobody() {
    let explained = asked_of(ENDPOINTS, "DELETE", "/open/x?y", &[], "");
    assert_eq!(explained.outcome, Outcome::Forwarded { by: "--ignore-paths" });
    let json: Value = serde_json::from_str(&explained.to_json()).unwrap();
    assert_eq!(json["outcome"], "forwarded");
}

#[test]
fn words_for_a_shell_are_quoted() {
    assert_eq!(quoted("*"), "'*'");
    assert_eq!(quoted("it's"), "'it'\\''s'");
    assert_eq!(quoted(""), "''");
    assert_eq!(quoted("--as=a@b.c"), "--as=a@b.c");
}
