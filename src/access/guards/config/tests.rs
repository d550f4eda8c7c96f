//! What Go makes of words.

use super::*;
use crate::krm::yaml::Piece;

#[test]
fn words_become_texts_as_go_writes_them() {
    for (word, text) in [
        ("yes", "true"),
        ("Off", "false"),
        ("1e3", "1000"),
        ("1e21", "1e+21"),
        ("0.00001", "1e-05"),
        ("1.50", "1.5"),
        ("017", "15"),
        ("123", "123"),
        ("~", ""),
        ("null", ""),
        ("'yes'", "yes"),
        ("nb", "nb"),
    ] {
        let value = Piece::new(word, 0..word.len(), 0).value().unwrap();
        assert_eq!(go_text(&value), text, "{word}");
    }
}

#[test]
fn verbs_of_every_fork() {
    let file = serde_json::json!({"authorization": {"resourceAttributes": {
        "namespace": "a", "name": "b", "resource": "c", "verb": "list"
    }}});
    let asked = |verbs| read(&file, verbs).review.unwrap().verbs;
    assert_eq!(asked(Verbs::Configured), BTreeSet::from(["list".to_owned()]));
    assert!(!asked(Verbs::OfMethods).contains("list") && asked(Verbs::OfMethods).contains("*"));
    assert_eq!(asked(Verbs::Either).len(), METHODS.len() + 1);
}

#[test]
fn no_authorization_at_all() {
    for file in [
        serde_json::json!({}),
        serde_json::json!({"authorization": null}),
        Value::Null,
    ] {
        assert_eq!(
            read(&file, Verbs::Either).faults,
            [(String::new(), What::AsksNothing)]
        );
    }
}

#[test]
fn questions_of_single_paths_are_held_too() {
    let file = serde_json::json!({"authorization": {
        "resourceAttributes": {"namespace": "a", "name": "b", "resource": "c"},
        "endpoints": [{"path": "/x", "mappings": [{"methods": ["get"], "resources": [
            {"resourceAttributes": {"namespace": "a", "resource": "d"}}
        ]}]}]
    }});
    let config = read(&file, Verbs::Either);
    assert_eq!(config.further.len(), 1);
    assert!(matches!(config.faults.as_slice(), [(_, What::AllNames { .. })]));
}
