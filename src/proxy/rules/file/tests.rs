use proptest::prelude::*;

use crate::config::kube_rbac_proxy::{Authorization, ResourceAttributes};
use crate::krm::yaml::{Quoting, to_block};

use super::*;

#[track_caller]
fn faults(text: &str, strict: bool) -> Vec<String> {
    read(text, strict).unwrap_err()
}

/// The faults, by how they begin.
#[track_caller]
fn says(text: &str, strict: bool, beginnings: &[&str]) {
    let faults = faults(text, strict);
    assert_eq!(faults.len(), beginnings.len(), "{faults:#?}");
    for (fault, beginning) in faults.iter().zip(beginnings) {
        assert!(fault.starts_with(beginning), "{fault}\n{beginning}");
    }
}

#[test]
fn what_the_generator_writes_is_read_back() {
    let file = ConfigFile {
        authorization: Authorization::of(ResourceAttributes {
            namespace: "yes".into(),
            api_group: "kubeflow.org".into(),
            api_version: "v1".into(),
            resource: "notebooks".into(),
            subresource: Some("access".into()),
            verb: None,
            name: "1e3".into(),
        }),
    };
    let text = to_block(&serde_json::to_value(&file).unwrap(), Quoting::Always);
    assert_eq!(
        text,
        "authorization:\n  resourceAttributes:\n    namespace: \"yes\"\n    apiGroup: \"kubeflow.org\"\n    apiVersion: \"v1\"\n    \
         resource: \"notebooks\"\n    subresource: \"access\"\n    name: \"1e3\"\n"
    );
    for strict in [true, false] {
        assert_eq!(read(&text, strict).unwrap(), file);
    }
}

#[test]
fn all_keys_are_read() {
    let text = "authorization:\n  rewrites: {byQueryParameter: {name: ns}, byHttpHeader: {name: X-Tenant}}\n  resourceAttributes: {namespace: \
                '{{ .Value }}', apiGroup: g, apiVersion: v, resource: r, subresource: s, verb: get, name: nb}\n  static:\n  - user: {name: u, \
                groups: [g], memberOf: [m]}\n    verb: get\n    namespace: ns\n    apiGroup: g\n    resource: r\n    subresource: s\n    name: nb\n    \
                resourceRequest: true\n  - path: /x\n  endpoints:\n  - path: /x/*\n    mappings:\n    - methods: [get]\n      resources:\n      - \
                rewrites: {byHttpHeader: {name: X-Tenant}}\n        resourceAttributes: {namespace: '{{ .FromHeader }}'}\n";
    let file = read(text, true).unwrap();
    let value = serde_json::to_value(&file).unwrap();
    let again = read(&to_block(&value, Quoting::WhereNeeded), true).unwrap();
    assert_eq!(file, again);
    assert_eq!(value["authorization"]["static"][0]["user"]["memberOf"][0], "m");
    assert_eq!(
        value["authorization"]["endpoints"][0]["mappings"][0]["methods"][0],
        "get"
    );
}

#[test]
fn strict_knows_every_key() {
    let text = "authorization:\n  resourceAtributes: {resource: x}\n  more: [1]\nother: true\n";
    says(
        text,
        true,
        &[
            "line 2: authorization.resourceAtributes: no such key; did you mean `resourceAttributes`?",
            "line 3: authorization.more: no such key; what can stand here: rewrites, resourceAttributes, static, endpoints",
            "line 4: other: no such key; what can stand here: authorization",
        ],
    );
    let file = read(text, false).unwrap();
    assert_eq!(file.authorization, Authorization::default());
}

#[test]
fn tolerant_takes_what_go_takes() {
    let text = "Authorization:\n  ResourceAttributes: {namespace: 123, name: true, apigroup: g, verb: null}\n  static: null\n";
    let attributes = read(text, false)
        .unwrap()
        .authorization
        .resource_attributes
        .unwrap();
    assert_eq!(attributes.namespace, "123");
    assert_eq!(attributes.name, "true");
    assert_eq!(attributes.api_group, "g");
    assert_eq!(attributes.verb, None);
    says(
        "authorization:\n  resourceAttributes: {name: a}\n  ResourceAttributes: {name: b}\n",
        false,
        &["line 3: authorization.ResourceAttributes: `resourceAttributes` is written twice"],
    );
    says(
        "authorization:\n  resourceAttributes:\n    namespace: 123\n    verb:\n  static:\n",
        true,
        &[
            "line 3: authorization.resourceAttributes.namespace: 123; a text belongs here",
            "line 4: authorization.resourceAttributes.verb: nothing is written behind it",
            "line 5: authorization.static: nothing is written behind it",
        ],
    );
}

#[test]
fn a_file_without_authorization_is_none() {
    for strict in [true, false] {
        says("{}\n", strict, &["line 1: authorization: is not there"]);
        says(
            "authorization:\n",
            strict,
            &["line 1: authorization: nothing is written behind it"],
        );
        says(
            "authorization: null\n",
            strict,
            &["line 1: authorization: nothing is written behind it"],
        );
        says(
            "- a\n",
            strict,
            &["line 1: the file: there is a list; keys with values belong here"],
        );
        assert!(read("", strict).is_err());
        assert!(read("# nothing\n", strict).is_err());
    }
}

#[test]
fn what_is_no_yaml_has_its_line() {
    for strict in [true, false] {
        says("authorization: [\n", strict, &["line "]);
        says(
            "authorization:\n  static: []\n  static: []\n",
            strict,
            &["line 3: "],
        );
        says(
            "authorization:\n  resourceAttributes: text\n",
            strict,
            &["line 2: authorization.resourceAttributes: \"text\"; keys with values belong here"],
        );
        says(
            "authorization:\n  static:\n  -\n",
            strict,
            &["line 3: authorization.static[0]: nothing is written behind the dash"],
        );
        assert!(read("authorization: {}\n---\nauthorization: {}\n", strict).is_err());
    }
    let long = format!("authorization: {{}}\n#{}", "x".repeat(MAX_BYTES));
    assert!(faults(&long, true)[0].contains("are more than"));
    let bomb = format!(
        "a: &a [{0}]\nb: &b [{1}]\nc: &c [{2}]\nd: &d [{3}]\nauthorization: {{static: [{4}]}}\n",
        "x,".repeat(99),
        "*a,".repeat(99),
        "*b,".repeat(99),
        "*c,".repeat(99),
        "*d,".repeat(99)
    );
    says(&bomb, true, &["line 2: an alias stands for text elsewhere"]);
    let alias = "authorization:\n  resourceAttributes: {namespace: &a team-a, name: *a}\n";
    says(alias, true, &["line 2: an alias"]);
    let attributes = read(alias, false)
        .unwrap()
        .authorization
        .resource_attributes
        .unwrap();
    assert_eq!(attributes.name, "team-a");
}

#[test]
fn all_faults_are_said_at_once() {
    let text = r#"authorization:
  rewrites:
    byQueryParameter: {name: ""}
    byHttpHeader: {name: "X Tenant"}
  resourceAttributes:
    namespace: "{{ .Value"
    name: "{{ .Nope }}"
    resource: "{{ .FromHeader }}"
    verb: "{{ .Value }}"
  static:
  - resourceRequest: true
    path: /x
  - user: {name: u}
  - user: {groups: [ml]}
    path: /y
  endpoints:
  - mappings:
    - methods: [get]
      resources: [{}]
  - path: /a
    mappings:
    - resources: [{}]
    - methods: ["ge t"]
  - path: a/../b
  - path: /b
    mappings:
    - methods: [get]
      resources:
      - resourceAttributes: {namespace: "{{ .FromHeader }}"}
      - rewrites: {byHttpHeader: {name: ""}}
"#;
    says(
        text,
        true,
        &[
            "line 3: authorization.rewrites.byQueryParameter.name: is empty",
            "line 4: authorization.rewrites.byHttpHeader.name: \"X Tenant\" is no header's name",
            "line 6: authorization.resourceAttributes.namespace: a `{{` has no `}}`",
            "line 7: authorization.resourceAttributes.name: `{{.Nope}}` is not understood",
            "line 8: authorization.resourceAttributes.resource: nothing fills `.FromHeader` here",
            "line 9: authorization.resourceAttributes.verb: is no template here",
            "line 12: authorization.static[0].path: \"/x\" in a rule about a resource",
            "line 13: authorization.static[1]: says neither",
            "line 14: authorization.static[2].user.groups: groups are looked at by no program",
            "line 17: authorization.endpoints[0].path: is empty",
            "line 22: authorization.endpoints[1].mappings[0].methods: is empty",
            "line 23: authorization.endpoints[1].mappings[1].methods[0]: \"ge t\" is no method",
            "line 23: authorization.endpoints[1].mappings[1].resources: is empty",
            "line 24: authorization.endpoints[2].path: \"a/../b\" is no path",
            "line 24: authorization.endpoints[2].mappings: is empty",
            "line 29: authorization.endpoints[3].mappings[0].resources[0].resourceAttributes.namespace: nothing fills",
            "line 30: authorization.endpoints[3].mappings[0].resources[1].rewrites.byHttpHeader.name: \"\" is no header",
        ],
    );
}

proptest! {
    #[test]
    fn nothing_panics(text in "(authorization:\n  (static|endpoints|rewrites|resourceAttributes):)?[ a-z:\n\\-{}\\[\\],\"&*.]{0,60}", strict: bool) {
        if let Err(faults) = read(&text, strict) {
            prop_assert!(!faults.is_empty());
        }
    }
}
