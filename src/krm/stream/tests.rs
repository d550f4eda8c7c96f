use super::*;

fn source(text: &str) -> Source {
    Source {
        name: "f.yaml".into(),
        text: text.into(),
    }
}

fn names(text: &str) -> Vec<String> {
    frame(&source(text))
        .unwrap()
        .items
        .into_iter()
        .map(|item| item.head.id.name)
        .collect()
}

const A: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

#[test]
fn documents_are_split_at_markers_and_empty_ones_do_not_count() {
    let text = format!(
        "# head\n---\n{A}---\n# nothing\n---   # again\n{}...\n--- {{apiVersion: v1, kind: X, metadata: {{name: c}}}}\n",
        A.replace("name: a", "name: b")
    );
    assert_eq!(names(&text), ["a", "b", "c"]);
    assert_eq!(names(""), [""; 0]);
    assert_eq!(
        names("\u{feff}%YAML 1.2\n---\napiVersion: v1\nkind: X\nmetadata: {name: d}\n"),
        ["d"]
    );
}

#[test]
fn a_resource_list_is_opened_in_block_flow_and_json() {
    let block = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- apiVersion: v1\n  kind: A\n  metadata:\n    name: a\n- {apiVersion: v1, kind: B, metadata: {name: b}}\nfunctionConfig:\n  apiVersion: v1\n  kind: C\n  metadata: {name: c}\n";
    let json = "{\"kind\":\"ResourceList\",\"apiVersion\":\"config.kubernetes.io/v1beta1\",\"items\":[{\"apiVersion\":\"v1\",\"kind\":\"A\",\"metadata\":{\"name\":\"a\"}},{\"apiVersion\":\"v1\",\"kind\":\"B\",\"metadata\":{\"name\":\"b\"}}],\"functionConfig\":{\"apiVersion\":\"v1\",\"kind\":\"C\",\"metadata\":{\"name\":\"c\"}}}";
    for text in [block, json] {
        let stream = frame(&source(text)).unwrap();
        assert_eq!(
            stream
                .items
                .iter()
                .map(|item| item.head.id.name.as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        let list = stream.resource_list.unwrap();
        assert_eq!(list.function_config.unwrap().head.id.name, "c");
    }
}

#[test]
fn lists_are_opened_wherever_they_are() {
    let text = format!(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: kubeflow.org/v1\n  kind: NotebookList\n  items:\n  - apiVersion: kubeflow.org/v1\n    kind: Notebook\n    metadata: {{name: hidden}}\n---\n{A}"
    );
    assert_eq!(names(&text), ["hidden", "a"]);
}

#[test]
fn what_cannot_be_framed_says_where() {
    let fails = |text: &str| frame(&source(text)).unwrap_err();
    let list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n";
    assert!(fails(&format!("{list}---\n{A}")).message.contains("only one"));
    assert!(
        fails(&format!("{A}---\n{list}"))
            .message
            .contains("only document")
    );
    assert!(fails(&list.replace("/v1", "/v7")).message.contains("v7"));
    assert!(
        fails("kind: A\nmetadata: {name: x}\n")
            .message
            .contains("apiVersion")
    );
    assert!(fails(&list.replace("[]", "[{")).message.contains("never closed"));
    assert!(
        fails(&list.replace("items: []", "items:\n- \"x"))
            .message
            .contains("never closed")
    );
    assert_eq!(fails("a: 1\n---\n- x\n").offset, 0);
}

#[test]
fn what_an_orchestrator_wraps_may_lack_a_kind() {
    let list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- resources: [a.yaml]\n  metadata:\n    annotations: {internal.config.kubernetes.io/path: kustomization.yaml}\n";
    assert_eq!(names(list), [""]);
}
