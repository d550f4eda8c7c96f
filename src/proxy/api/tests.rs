#![expect(clippy::disallowed_methods, reason = "tests write the files that are read")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use serde_json::json;

use super::scripted::{Say, Scripted, hasty, somebody};
use super::*;
use crate::proxy::attributes::Resource;

fn token() -> Token {
    Token::new("a-callers-token")
}

fn path(path: &str) -> Attributes {
    Attributes::NonResource {
        path: path.into(),
        verb: "get".into(),
    }
}

async fn reviewed(say: Say) -> (Result<TokenAnswer, Unavailable>, usize) {
    let server = Scripted::start(move |_| say.clone()).await;
    let answer = server.api().review_token(&token(), &[]).await;
    (answer, server.count())
}

async fn allowed(say: Say) -> (Result<AccessAnswer, Unavailable>, usize) {
    let server = Scripted::start(move |_| say.clone()).await;
    let user = User {
        name: "ann".into(),
        ..User::default()
    };
    let answer = server.api().review_access(&user, &path("/metrics")).await;
    (answer, server.count())
}

fn nobody(answer: &Result<TokenAnswer, Unavailable>) -> bool {
    matches!(answer, Ok(TokenAnswer::Nobody(_)))
}

#[tokio::test]
async fn what_is_sent_is_what_client_go_sends() {
    let server = Scripted::start(|_| Say::Status(json!({}))).await;
    let api = server.api();
    api.review_token(&token(), &["one".into(), "two".into()])
        .await
        .unwrap();
    let user = User {
        name: "ann".into(),
        uid: "u1".into(),
        groups: vec!["b".into(), "a".into()],
        extra: [("k".into(), vec!["v".into()])].into(),
    };
    api.review_access(&user, &path("/metrics")).await.unwrap();
    let resource = Resource {
        namespace: "n".into(),
        resource: "notebooks".into(),
        verb: "get".into(),
        ..Resource::default()
    };
    api.review_access(&User::default(), &Attributes::Resource(resource))
        .await
        .unwrap();

    let asked = server.asked();
    assert_eq!(
        asked[0].path,
        "/behind/apis/authentication.k8s.io/v1/tokenreviews"
    );
    assert_eq!(asked[0].headers["authorization"], "Bearer our-own");
    assert_eq!(
        asked[0].body,
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
               "spec": {"token": "a-callers-token", "audiences": ["one", "two"]}})
    );
    assert_eq!(
        asked[1].path,
        "/behind/apis/authorization.k8s.io/v1/subjectaccessreviews"
    );
    assert_eq!(
        asked[1].body["spec"],
        json!({"nonResourceAttributes": {"path": "/metrics", "verb": "get"}, "user": "ann", "uid": "u1",
               "groups": ["b", "a"], "extra": {"k": ["v"]}})
    );
    assert_eq!(
        asked[2].body["spec"],
        json!({"resourceAttributes": {"namespace": "n", "verb": "get", "resource": "notebooks"}})
    );
}

#[tokio::test]
async fn a_server_that_may_recover_is_asked_five_times_and_then_nobody_is_let_in() {
    for say in [
        Say::Body(500, "{}".into()),
        Say::Body(429, "{}".into()),
        Say::Body(504, "{}".into()),
        Say::HangUp,
    ] {
        let (answer, asked) = reviewed(say.clone()).await;
        assert!(answer.is_err(), "{say:?}");
        assert_eq!(asked, 5, "{say:?}");
        let (answer, asked) = allowed(say.clone()).await;
        assert!(answer.is_err(), "{say:?}");
        assert_eq!(asked, 5, "{say:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_no_to_us_is_asked_once() {
    for status in [403, 404, 400, 502, 503] {
        let (answer, asked) = reviewed(Say::Body(status, String::new())).await;
        assert!(answer.is_err() && asked == 1, "{status}: {asked}");
    }
    // What is no review is no answer either, whatever its status.
    for body in [
        "no JSON",
        "[]",
        "\"x\"",
        r#"{"kind": "Status", "status": {"authenticated": true}}"#,
        r#"{"status": {"authenticated": "true", "user": {"username": "ann"}}}"#,
        r#"{"status": {"authenticated": true, "allowed": true, "user": {"username": 7}}}"#,
    ] {
        let (answer, asked) = reviewed(Say::Body(200, body.into())).await;
        assert!(answer.is_err() && asked == 1, "{body}");
    }
    for body in [
        "no JSON",
        r#"{"status": {"allowed": "true"}}"#,
        r#"{"kind": "TokenReview", "status": {"allowed": true}}"#,
    ] {
        let (answer, asked) = allowed(Say::Body(200, body.into())).await;
        assert!(answer.is_err() && asked == 1, "{body}");
    }
}

#[tokio::test]
async fn a_server_that_recovers_is_heard() {
    let turns = AtomicUsize::new(0);
    let server = Scripted::start(move |_| match turns.fetch_add(1, Ordering::SeqCst) {
        0 => Say::Body(500, String::new()),
        1 => Say::HangUp,
        2 => Say::Body(429, String::new()),
        _ => somebody("ann"),
    })
    .await;
    let answer = server.api().review_token(&token(), &[]).await;
    assert!(matches!(answer, Ok(TokenAnswer::Known(user)) if user.name == "ann" && user.groups == ["team"]));
    assert_eq!(server.count(), 4);
}

#[tokio::test]
async fn a_server_that_hangs_delays_and_no_more() {
    let server = Scripted::start(|_| Say::Hang(Duration::from_mins(1))).await;
    let patience = Patience {
        whole: Duration::from_millis(150),
        ..hasty()
    };
    let api = Api::with_patience(&server.kubeconfig(&json!({})), patience).unwrap();
    let begin = Instant::now();
    assert!(api.review_token(&token(), &[]).await.is_err());
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_slow_server_only_delays() {
    let (answer, _) = reviewed(Say::After(Duration::from_millis(200), Box::new(somebody("ann")))).await;
    assert!(matches!(answer, Ok(TokenAnswer::Known(_))));
}

#[tokio::test]
async fn nobody_at_the_address_is_an_error_at_once() {
    let server = Scripted::start(|_| Say::HangUp).await;
    let options = server.kubeconfig(&json!({}));
    let text = std::fs::read_to_string(options.kubeconfig.as_ref().unwrap()).unwrap();
    let dead = text.replace(&format!("127.0.0.1:{}", server.port), "127.0.0.1:1");
    std::fs::write(options.kubeconfig.as_ref().unwrap(), dead).unwrap();
    let api = Api::with_patience(&options, Patience::default()).unwrap();
    let begin = Instant::now();
    let error = api.review_token(&token(), &[]).await.unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert!(!error.to_string().contains("a-callers-token"), "{error}");
}

#[tokio::test]
async fn only_a_clear_yes_is_a_yes() {
    let user = json!({"username": "ann"});
    for status in [
        json!({}),
        json!({"authenticated": false, "user": user}),
        json!({"authenticated": null, "user": user}),
        json!({"user": user}),
        json!({"authenticated": true}),
        json!({"authenticated": true, "user": {}}),
        json!({"authenticated": true, "user": {"username": ""}}),
        json!({"authenticated": true, "user": {"username": null, "groups": ["system:masters"]}}),
        json!({"authenticated": true, "user": user, "error": "could not be checked"}),
        json!({"authenticated": false, "error": "invalid bearer token"}),
    ] {
        let (answer, asked) = reviewed(Say::Status(status.clone())).await;
        assert!(nobody(&answer) && asked == 1, "{status}: {answer:?}");
    }
    let (answer, _) = reviewed(Say::Body(200, "{}".into())).await;
    assert!(nobody(&answer));
    let full = json!({"authenticated": true, "error": "", "user": {"username": "ann", "groups": null, "extra": {"a": null}}});
    let (answer, _) = reviewed(Say::Status(full)).await;
    assert!(
        matches!(answer, Ok(TokenAnswer::Known(_))),
        "what is null is empty"
    );

    for (status, yes) in [
        (json!({}), false),
        (json!({"allowed": false}), false),
        (json!({"denied": true}), false),
        (json!({"allowed": true, "denied": true}), false),
        (json!({"allowed": true}), true),
        (
            json!({"allowed": true, "evaluationError": "role not found"}),
            true,
        ),
        (
            json!({"allowed": false, "evaluationError": "role not found"}),
            false,
        ),
    ] {
        let (answer, _) = allowed(Say::Status(status.clone())).await;
        let wanted = if yes {
            AccessAnswer::Allowed
        } else {
            AccessAnswer::Denied
        };
        assert_eq!(answer, Ok(wanted), "{status}");
    }
}

#[tokio::test]
async fn audiences_are_asked_for_and_must_meet() {
    let say = |audiences: serde_json::Value| {
        Say::Status(json!({"authenticated": true, "user": {"username": "ann"}, "audiences": audiences}))
    };
    let wanted = vec!["app".to_owned(), "other".to_owned()];
    for (granted, audiences, known) in [
        (json!(["app"]), wanted.clone(), true),
        (json!(["elsewhere", "other"]), wanted.clone(), true),
        (json!(["elsewhere"]), wanted.clone(), false),
        (json!([]), wanted.clone(), true),
        (json!(null), wanted.clone(), true),
        (json!(["elsewhere"]), Vec::new(), true),
    ] {
        let answer = say(granted.clone());
        let server = Scripted::start(move |_| answer.clone()).await;
        let answer = server.api().review_token(&token(), &audiences).await;
        assert_eq!(
            matches!(answer, Ok(TokenAnswer::Known(_))),
            known,
            "{granted} for {audiences:?}"
        );
        let sent = &server.asked()[0].body["spec"];
        assert_eq!(sent.get("audiences").is_some(), !audiences.is_empty());
    }
}

#[tokio::test]
async fn a_token_that_is_replaced_on_disk_is_used() {
    let server = Scripted::start(|_| somebody("ann")).await;
    let file = server.folder.join("token");
    std::fs::write(&file, "first\n").unwrap();
    let patience = Patience {
        reread: Duration::from_millis(50),
        ..hasty()
    };
    let api = Api::with_patience(&server.kubeconfig(&json!({"tokenFile": "token"})), patience).unwrap();
    api.review_token(&token(), &[]).await.unwrap();
    std::fs::write(&file, "second\n").unwrap();
    tokio::time::sleep(Duration::from_millis(80)).await;
    api.review_token(&token(), &[]).await.unwrap();
    // What cannot be a token is not taken, nor is nothing.
    std::fs::write(&file, "").unwrap();
    tokio::time::sleep(Duration::from_millis(80)).await;
    api.review_token(&token(), &[]).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    tokio::time::sleep(Duration::from_millis(80)).await;
    api.review_token(&token(), &[]).await.unwrap();
    let sent: Vec<_> = server
        .asked()
        .iter()
        .map(|request| request.headers["authorization"].clone())
        .collect();
    assert_eq!(
        sent,
        ["Bearer first", "Bearer second", "Bearer second", "Bearer second"]
    );
}

#[tokio::test]
async fn a_server_that_knows_us_no_more_makes_us_look_at_the_file_at_once() {
    let server = Scripted::start(|request| match request.headers["authorization"].as_str() {
        "Bearer second" => somebody("ann"),
        _ => Say::Body(401, String::new()),
    })
    .await;
    let file = server.folder.join("token");
    std::fs::write(&file, "first").unwrap();
    let api = Api::with_patience(&server.kubeconfig(&json!({"tokenFile": "token"})), hasty()).unwrap();
    std::fs::write(&file, "second").unwrap();
    assert!(matches!(
        api.review_token(&token(), &[]).await,
        Ok(TokenAnswer::Known(_))
    ));
    assert_eq!(server.count(), 2);

    let (answer, asked) = reviewed(Say::Body(401, String::new())).await;
    assert!(answer.is_err() && asked == 2, "once more and no further: {asked}");
}

#[test]
fn a_kubeconfig_that_would_do_something_else_is_refused() {
    let with = |cluster: serde_json::Value, user: serde_json::Value| {
        let config = json!({
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "it", "user": "us"}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "us", "user": user}],
        });
        kubeconfig::Kubeconfig::read(&config.to_string(), std::path::Path::new("/folder")).map(|_| ())
    };
    let server = json!({"server": "https://a"});
    assert_eq!(with(server.clone(), json!({"token": "x"})), Ok(()));
    for (cluster, user, says) in [
        (server.clone(), json!({"exec": {"command": "aws"}}), "exec"),
        (
            server.clone(),
            json!({"auth-provider": {"name": "gcp"}}),
            "auth-provider",
        ),
        (server.clone(), json!({"as": "admin"}), "as of"),
        (
            server.clone(),
            json!({"username": "a", "password": "SECRET"}),
            "username",
        ),
        (server.clone(), json!({"client-certificate": "a"}), "client-key"),
        (
            json!({"server": "https://a", "proxy-url": "http://p"}),
            json!({}),
            "proxy-url",
        ),
        (json!({}), json!({}), "server"),
        (
            json!({"server": "https://a", "certificate-authority-data": "%%"}),
            json!({}),
            "base64",
        ),
        (
            json!({"server": "https://a", "certificate-authority": "ca", "insecure-skip-tls-verify": true}),
            json!({}),
            "contradict",
        ),
        (server, json!({"token": ["SECRET"]}), "token"),
    ] {
        let error = with(cluster, user).unwrap_err();
        assert!(error.contains(says) && !error.contains("SECRET"), "{error}");
    }
    let error = kubeconfig::Kubeconfig::read("current-context: [SECRET", std::path::Path::new("/"))
        .err()
        .unwrap();
    assert!(!error.contains("SECRET"), "{error}");
}

#[test]
fn where_there_is_no_cluster_the_message_says_what_to_do() {
    let nowhere = cluster::Cluster::of_pod(
        None,
        Some("443".into()),
        std::path::Path::new("/x"),
        Duration::ZERO,
    );
    assert!(nowhere.err().unwrap().contains("--kubeconfig"));
    let options = options::Api {
        kubeconfig: Some("/no/such/file".into()),
        ..options::Api::default()
    };
    let error = Api::with_patience(&options, hasty()).unwrap_err();
    assert_eq!(
        error,
        "failed to load kubeconfig: unable to build rest config based on provided path to kubeconfig file: \
         stat /no/such/file: no such file or directory"
    );
}

#[tokio::test]
async fn the_pod_has_its_account_in_a_folder() {
    let server = Scripted::start(|_| somebody("ann")).await;
    let issued = rcgen::generate_simple_self_signed(vec!["kubernetes".to_owned()]).unwrap();
    std::fs::write(server.folder.join("ca.crt"), issued.cert.pem()).unwrap();
    std::fs::write(server.folder.join("token"), "mounted").unwrap();
    let here = cluster::Cluster::of_pod(
        Some("fd00::1".into()),
        Some("6443".into()),
        &server.folder,
        Duration::ZERO,
    );
    let here = here.unwrap();
    assert_eq!(
        (here.origin.host.as_str(), here.origin.port, here.origin.tls),
        ("fd00::1", 6443, true)
    );
    assert_eq!(here.authorization(false).unwrap(), "Bearer mounted");
    assert!(here.tls().unwrap().is_some());
    assert!(here.new_tls().is_none(), "the same authority");
    std::fs::write(server.folder.join("ca.crt"), "half a cert").unwrap();
    assert!(here.new_tls().is_none(), "the last good one stays");
    let other = rcgen::generate_simple_self_signed(vec!["kubernetes".to_owned()]).unwrap();
    std::fs::write(server.folder.join("ca.crt"), other.cert.pem()).unwrap();
    assert!(here.new_tls().is_some());
}
