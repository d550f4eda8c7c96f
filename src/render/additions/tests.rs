use proptest::prelude::*;

use super::*;
use crate::krm::stream::{Stream, frame};

const HEAD: &str = "apiVersion: ray.io/v1\nkind: RayCluster\n";

/// What stands in each place of a document: nothing, null in its spellings, empty, and with things of the user's, in every style.
const METADATA: [&str; 7] = [
    "metadata: {name: a}\n",
    "metadata: {name: a, annotations: }\n",
    "metadata:\n  name: a\n  annotations: # none\n",
    "metadata:\n  annotations: ~\n  name: a\n",
    "metadata:\n  annotations: {}\n  name: a\n",
    "metadata:\n  annotations:\n    x: y # y\n    # more\n  name: a\n",
    "metadata:\n  name: a\n  annotations: {x: y,\n    z: a}\n",
];
const OPTIONS: [&str; 8] = [
    "",
    "  options:\n",
    "  options: ~ # none\n",
    "  options: {}\n",
    "  options:\n    env: []\n",
    "  options:\n    env:\n    - name: mine\n    # end\n    size: 1\n",
    "  options: {size: 1}\n",
    "  options:\n    size: |+\n      1\n\n",
];
const CONTAINERS: [&str; 5] = [
    "  containers:\n  - name: ray\n    env:\n    - {name: A, value: b}\n  - name: side\n",
    "  containers:\n    - env:\n        - name: A\n          value: b\n      name: ray # Ray\n      text: >-\n        x\n        y\n",
    "  containers:\n  - name: ray\n    env: ~\n",
    "  containers: [{name: ray, env: [{name: A}]}, {name: b}]\n",
    "  containers:\n  -\n    name: ray\n    # no environment\n",
];
const SCALARS: [&str; 8] = [
    "",
    "  flag: true # why\n",
    "  flag: false\n",
    "  flag:\n",
    "  flag: ''\n",
    "  flag: # a mapping\n    # with comments\n    a: b # b\n    c:\n    - d\n",
    "  flag: |+\n    x\n\n    y\n\n",
    "  flag:\n  - a\n  - {b: c,\n     d: e}\n",
];
const LAST: [&str; 3] = ["", "  end: 1\n", "# end\n"];

fn additions(second: bool) -> Vec<Addition> {
    let value = if second { "two" } else { "one" };
    let container = |rest: &[&str]| {
        let mut path = keys(["spec", "containers"]);
        path.push(Step::Index(0));
        path.extend(keys(rest.iter().copied()));
        path
    };
    let mut all = vec![
        Addition::value(keys(["metadata", "annotations", "ours.dev/x"]), json!("true")),
        Addition::value(keys(["spec", "params", "host"]), json!(value)),
        Addition::value(keys(["spec", "params", "deep", "port"]), json!("1")),
        Addition::items(
            keys(["spec", "options", "env"]),
            "name",
            vec![json!({"name": "OURS", "value": value})],
        ),
        Addition::items(
            keys(["spec", "options", "mounts"]),
            "mountPath",
            vec![json!({"mountPath": "/a", "name": "x"})],
        ),
        Addition::items(
            container(&["env"]),
            "name",
            vec![json!({"name": "OURS", "value": "x\ny"})],
        ),
        Addition::value(container(&["security", "user"]), json!(1)),
        Addition::value(keys(["spec", "flag"]), json!(false)),
        Addition::items(
            keys(["spec", "containers"]),
            "name",
            vec![
                json!({"name": "guard", "args": [value]}),
                json!({"name": "guard-2"}),
            ],
        ),
    ];
    if second {
        all.remove(1);
    }
    all
}

fn read(text: &str) -> (Source, Stream) {
    let source = Source {
        name: "f".into(),
        text: text.into(),
    };
    let stream = frame(&source).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (source, stream)
}

fn apply(source: &Source, splices: Option<Vec<Splice>>) -> String {
    match splices {
        Some(splices) => crate::krm::splice::apply(&source.text, 0..source.text.len(), &splices),
        None => source.text.clone(),
    }
}

fn run(text: &str, additions: &[Addition]) -> Result<String, Vec<Finding>> {
    let (source, stream) = read(text);
    let item = stream.items.last().unwrap();
    let value = item
        .piece(&source)
        .value()
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    Ok(apply(&source, edits(&source, item, &value, additions)?))
}

fn put_in(text: &str, additions: &[Addition]) -> String {
    run(text, additions).unwrap_or_else(|findings| panic!("{:#?}\n{text}", lines(&findings)))
}

fn lines(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(Finding::to_line).collect()
}

fn value_of(text: &str) -> Value {
    let (source, stream) = read(text);
    stream.items.last().unwrap().piece(&source).value().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_was_put_in_comes_out_to_the_byte(
        metadata in prop::sample::select(&METADATA[..]), options in prop::sample::select(&OPTIONS[..]),
        containers in prop::sample::select(&CONTAINERS[..]), scalar in prop::sample::select(&SCALARS[..]),
        last in prop::sample::select(&LAST[..]), order in any::<bool>(), windows in any::<bool>(), wrapped in 0..4_u8,
        json in any::<bool>(), cut in any::<bool>(),
    ) {
        let spec = if order { [options, scalar, containers] } else { [scalar, containers, options] };
        let mut text = format!("{HEAD}{metadata}spec:\n{}{last}", spec.concat());
        if json {
            text = value_of(&text).to_string();
        }
        if wrapped == 1 {
            text = format!("apiVersion: v1\nkind: List\nitems: [{}]\n", value_of(&text));
        } else if wrapped > 1 && !json {
            let inner: String = text.lines().map(|line| format!("    {line}\n")).collect();
            let lead = if wrapped == 2 { "  - " } else { "  -\n    " };
            text = format!("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{lead}{}", inner.trim_start());
        }
        if windows {
            text = text.replace('\n', "\r\n");
        }
        if cut && !text.ends_with("\n\n") && !text.ends_with("\n\r\n") {
            text = text.trim_end_matches(['\r', '\n']).to_owned();
        }
        let first = additions(false);
        let on = put_in(&text, &first);
        prop_assert_ne!(&on, &text);
        let value = value_of(&on);
        let value = if wrapped == 1 { value["items"].get(0).cloned().unwrap_or(value) } else { value };
        for addition in &first {
            let found = at(&value, &addition.path).cloned().unwrap_or_default();
            match &addition.what {
                What::Value(wanted) => prop_assert_eq!(&found, wanted),
                What::Items { items, .. } | What::Instead { items, .. } => {
                    let found = found.as_array().unwrap();
                    prop_assert_eq!(&found[found.len() - items.len()..], &items[..]);
                }
            }
        }
        prop_assert_eq!(&put_in(&on, &first), &on);
        // Other additions later are what they would have been at first.
        prop_assert_eq!(&put_in(&on, &additions(true)), &put_in(&text, &additions(true)));
        prop_assert_eq!(&put_in(&on, &[]), &text);
    }
}

const PLAIN: &str = "apiVersion: ray.io/v1\nkind: RayCluster\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: ray\n  - name: side\n  groups:\n  - groupName: small\n  - groupName: large\n";

fn of_group(index: usize) -> Addition {
    let mut path = keys(["spec", "groups"]);
    path.push(Step::Index(index));
    path.extend(keys(["env"]));
    Addition::items(path, "name", vec![json!({"name": "OURS"})])
}

#[test]
fn the_users_own_edits_around_ours_stay() {
    let wanted = [
        Addition::value(keys(["spec", "params", "host"]), json!("x")),
        Addition::items(
            keys(["spec", "options", "env"]),
            "name",
            vec![json!({"name": "OURS"})],
        ),
        of_group(0),
        of_group(1),
    ];
    let on = put_in(PLAIN, &wanted);
    let changed = on
        .replace("    host: x\n", "    host: x\n    theirs: y\n")
        .replace(
            "  - groupName: small\n",
            "  - groupName: tiny\n  - groupName: small\n",
        )
        .replacen("    - name: OURS\n", "    - name: OURS\n    - name: theirs\n", 1);
    assert_ne!(changed, on);
    let off = put_in(&changed, &[]);
    assert_eq!(
        off,
        "apiVersion: ray.io/v1\nkind: RayCluster\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: ray\n  - name: side\n  \
         groups:\n  - groupName: tiny\n  - groupName: small\n    env:\n    - name: theirs\n  - groupName: large\n  params:\n    \
         theirs: y\n"
    );
    // A group that is gone took its addition along.
    let from = on.find("  - groupName: large").unwrap();
    let to = on.find("  params:").unwrap();
    let gone = format!("{}{}", &on[..from], &on[to..]);
    assert_eq!(put_in(&gone, &[]), PLAIN.replace("  - groupName: large\n", ""));
}

#[test]
fn an_edit_within_ours_is_said_with_its_field() {
    let wanted = [
        Addition::value(keys(["spec", "params", "host"]), json!("x")),
        Addition::items(
            keys(["spec", "containers"]),
            "name",
            vec![json!({"name": "guard", "args": ["a"]})],
        ),
    ];
    let on = put_in(PLAIN, &wanted);
    let changed = on.replace("host: x", "host: z").replace("- a\n", "- b\n");
    let findings = lines(&run(&changed, &wanted).unwrap_err());
    assert_eq!(findings.len(), 2, "{findings:#?}");
    assert!(
        findings[0].contains("spec.params.host: was changed by hand")
            && findings[0].contains("(found \"z\")"),
        "{findings:#?}"
    );
    assert!(
        findings[1].contains("spec.containers: guard was changed by hand"),
        "{findings:#?}"
    );
    assert_eq!(lines(&run(&changed, &[]).unwrap_err()).len(), 2);
}

#[test]
fn an_annotation_that_somebody_changed_is_theirs() {
    let wanted = [
        Addition::value(keys(["metadata", "annotations", "switch"]), json!("true")),
        of_group(0),
    ];
    let on = put_in(PLAIN, &wanted);
    let changed = on.replace("switch: \"true\"", "switch: \"false\"");
    assert_ne!(changed, on);
    let theirs = PLAIN.replace(
        "  name: a\n",
        "  name: a\n  annotations:\n    switch: \"false\"\n",
    );
    assert_eq!(put_in(&changed, &[]), theirs);
    let gone = on.replace("    switch: \"true\"\n", "");
    assert_eq!(
        put_in(&gone, &[]),
        PLAIN.replace("  name: a\n", "  name: a\n  annotations:\n")
    );
}

#[test]
fn a_record_that_cannot_be_read_is_an_error() {
    let on = put_in(PLAIN, &[of_group(0)]);
    let from = on.find(ADDED).unwrap();
    let to = from + on[from..].find('\n').unwrap();
    for record in [
        "x",
        "'{}'",
        "'{\"added\":[{\"at\":[]}]}'",
        "'{\"added\":[],\"made\":3}'",
    ] {
        let text = format!("{}{ADDED}: {record}{}", &on[..from], &on[to..]);
        let findings = lines(&run(&text, &[]).unwrap_err());
        assert!(findings[0].contains("cannot be read"), "{record}: {findings:#?}");
    }
}

#[test]
fn a_name_of_the_users_own_is_not_ours() {
    let wanted = [Addition::items(
        keys(["spec", "containers"]),
        "name",
        vec![json!({"name": "side"})],
    )];
    let findings = lines(&run(PLAIN, &wanted).unwrap_err());
    assert!(
        findings[0].contains("spec.containers[1].name: stands under a name that is needed"),
        "{findings:#?}"
    );
}

#[test]
fn a_secret_goes_and_is_written_down_nowhere() {
    let path = || {
        let mut path = keys(["spec", "containers"]);
        path.push(Step::Index(0));
        path.extend(keys(["env"]));
        path
    };
    let wanted = [Addition::instead(
        path(),
        "name",
        vec![json!({"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}})],
    )];
    for env in [
        "    env:\n    - name: TOKEN\n      value: hunter2\n    - name: OTHER\n",
        "    env:\n    - name: TOKEN\n      value: hunter2\n",
        "    env: [{name: OTHER}, {name: TOKEN, value: hunter2}]\n",
    ] {
        let text = PLAIN.replace("  - name: ray\n", &format!("  - name: ray\n{env}"));
        let on = put_in(&text, &wanted);
        assert!(!on.contains("hunter2"), "{on}");
        assert_eq!(put_in(&on, &wanted), on);
        let off = put_in(&on, &[]);
        assert!(!off.contains("TOKEN"), "{off}");
        assert_eq!(off.contains("OTHER"), env.contains("OTHER"));
        let (source, stream) = read(&on);
        let value = value_of(&on);
        let lost = original(&source, &stream.items[0], &value).unwrap().unwrap().lost;
        assert_eq!(
            lost,
            [Lost {
                path: "spec.containers[0].env".into(),
                name: "TOKEN".into()
            }]
        );
    }
    // Where none stood, none is gone.
    let on = put_in(PLAIN, &wanted);
    assert_eq!(put_in(&on, &[]), PLAIN);
    assert!(!on.contains("lost"), "{on}");
}

#[test]
fn what_cannot_be_edited_is_said() {
    for text in [
        "apiVersion: ray.io/v1\nkind: A\nmetadata: {name: a}\nx: &x {a: b}\nspec:\n  params: *x\n",
        "apiVersion: ray.io/v1\nkind: A\nmetadata: {name: a}\nspec:\n  params: text\n",
        "apiVersion: ray.io/v1\nkind: A\nmetadata: {name: a}\nx: &x {params: {a: b}}\nspec:\n  <<: *x\n",
        "apiVersion: ray.io/v1\nkind: A\nmetadata: {name: a}\nspec: &s\n  host: &h\n  - a\n  other: *h\n  params:\n    host: *h\n",
    ] {
        let wanted = [
            Addition::value(keys(["spec", "params", "host"]), json!("x")),
            Addition::value(keys(["spec", "host"]), json!("x")),
        ];
        let findings = lines(&run(text, &wanted).unwrap_err());
        assert!(findings[0].contains("in place"), "{findings:#?}");
    }
}
