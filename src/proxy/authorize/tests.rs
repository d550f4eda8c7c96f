use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::proxy::api::scripted::{Request, Say, Scripted, here};
use crate::proxy::attributes::Resource;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn user(name: &str) -> Arc<User> {
    Arc::new(User {
        name: name.into(),
        groups: vec!["team".into()],
        ..User::default()
    })
}

fn notebook(name: &str) -> Attributes {
    Attributes::Resource(Resource {
        namespace: "space".into(),
        verb: "get".into(),
        group: "kubeflow.org".into(),
        resource: "notebooks".into(),
        name: name.into(),
        ..Resource::default()
    })
}

fn name_of(request: &Request) -> &str {
    request.body["spec"]["resourceAttributes"]["name"]
        .as_str()
        .unwrap()
}

fn yes(is_yes: bool) -> Say {
    Say::Status(json!({"allowed": is_yes}))
}

fn authorizer(server: &Scripted, limits: Limits) -> (Authorizer, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::default());
    let options = here(limits);
    (
        Authorizer::new(&options, server.api(), Arc::clone(&metrics)),
        metrics,
    )
}

#[tokio::test]
async fn one_objects_answer_is_never_anothers() {
    let server = Scripted::start(|request| yes(name_of(request) == "mine")).await;
    let (authorizer, metrics) = authorizer(&server, Limits::default());
    let ann = user("ann");
    for _ in 0..3 {
        assert_eq!(
            authorizer.authorize(&ann, &[notebook("mine")], PEER).await,
            Ok(())
        );
        let refused = Refusal::Forbidden {
            user: "ann".into(),
            attributes: notebook("theirs"),
        };
        assert_eq!(
            authorizer.authorize(&ann, &[notebook("theirs")], PEER).await,
            Err(refused)
        );
    }
    assert_eq!(server.count(), 2, "each is asked about once");
    assert_eq!(metrics.counted(Event::SubjectAccessReview), 2);
    assert_eq!(metrics.counted(Event::DecisionCacheHit), 4);
}

#[tokio::test]
async fn all_must_be_allowed_and_the_first_no_ends_it() {
    let server = Scripted::start(|request| yes(name_of(request) != "b")).await;
    let (authorizer, _) = authorizer(&server, Limits::default());
    let all = [notebook("a"), notebook("b"), notebook("c")];
    let refused = Refusal::Forbidden {
        user: "ann".into(),
        attributes: notebook("b"),
    };
    assert_eq!(authorizer.authorize(&user("ann"), &all, PEER).await, Err(refused));
    let asked: Vec<_> = server
        .asked()
        .iter()
        .map(|request| name_of(request).to_owned())
        .collect();
    assert_eq!(asked, ["a", "b"]);
}

#[tokio::test]
async fn many_at_once_ask_once() {
    let server = Scripted::start(|_| Say::After(Duration::from_millis(50), Box::new(yes(true)))).await;
    let (authorizer, _) = authorizer(&server, Limits::default());
    let authorizer = Arc::new(authorizer);
    let mut all = Vec::new();
    for _ in 0..40 {
        let authorizer = Arc::clone(&authorizer);
        all.push(tokio::spawn(async move {
            authorizer.authorize(&user("ann"), &[notebook("a")], PEER).await
        }));
    }
    for one in all {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn an_outage_lets_nobody_in_and_is_not_remembered() {
    let server = Scripted::start(|_| Say::Body(403, String::new())).await;
    let (authorizer, metrics) = authorizer(&server, Limits::default());
    let refused = Refusal::AuthorizationUnavailable {
        user: "ann".into(),
        attributes: notebook("a"),
    };
    for times in 1..3 {
        assert_eq!(
            authorizer.authorize(&user("ann"), &[notebook("a")], PEER).await,
            Err(refused.clone())
        );
        assert_eq!(server.count(), times);
    }
    assert_eq!(metrics.counted(Event::SubjectAccessReviewFailed), 2);
}

#[tokio::test]
async fn what_is_granted_later_works_when_the_no_has_ended() {
    let server = Scripted::start({
        let turn = std::sync::atomic::AtomicUsize::new(0);
        move |_| yes(turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0)
    })
    .await;
    let limits = Limits {
        denied_ttl: Duration::from_millis(50),
        ..Limits::default()
    };
    let (authorizer, _) = authorizer(&server, limits);
    assert!(
        authorizer
            .authorize(&user("ann"), &[notebook("a")], PEER)
            .await
            .is_err()
    );
    assert!(
        authorizer
            .authorize(&user("ann"), &[notebook("a")], PEER)
            .await
            .is_err()
    );
    assert_eq!(server.count(), 1);
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(
        authorizer.authorize(&user("ann"), &[notebook("a")], PEER).await,
        Ok(())
    );
}

#[tokio::test]
async fn a_yes_outlives_an_outage_where_that_is_wanted() {
    let server = Scripted::start({
        let turn = std::sync::atomic::AtomicUsize::new(0);
        move |_| match turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => yes(true),
            _ => Say::Body(403, String::new()),
        }
    })
    .await;
    let limits = Limits {
        allowed_ttl: Duration::ZERO,
        stale_if_error: Duration::from_mins(1),
        ..Limits::default()
    };
    let (authorizer, metrics) = authorizer(&server, limits);
    for _ in 0..2 {
        assert_eq!(
            authorizer.authorize(&user("ann"), &[notebook("a")], PEER).await,
            Ok(())
        );
    }
    assert_eq!(metrics.counted(Event::StaleAnswer), 1);
    assert!(
        authorizer
            .authorize(&user("bob"), &[notebook("a")], PEER)
            .await
            .is_err()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever is asked in whatever order: what is remembered is what a model says that remembers nothing.
    #[test]
    fn remembered_is_as_asked(stream in prop::collection::vec((0_u8..4, 0_u8..3, any::<bool>(), 0_u8..3), 1..60),
                              rights in prop::collection::btree_set((0_u8..4, 0_u8..3, any::<bool>(), 0_u8..3), 0..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let granted: BTreeSet<String> = rights.iter().map(|right| spec(*right).1).collect();
            let server = Scripted::start(move |request| yes(granted.contains(&request.body["spec"].to_string()))).await;
            let (authorizer, _) = authorizer(&server, Limits::default());
            for one in &stream {
                let ((user, attributes), _) = spec(*one);
                let is_let_in = authorizer.authorize(&user, &[attributes], PEER).await.is_ok();
                prop_assert_eq!(is_let_in, rights.contains(one), "{:?}", one);
            }
            prop_assert!(server.count() <= stream.iter().collect::<BTreeSet<_>>().len());
            Ok(())
        })?;
    }
}

/// A question, and the specification that is sent for it, written out here by hand.
fn spec((who, what, in_group, extra): (u8, u8, bool, u8)) -> ((Arc<User>, Attributes), String) {
    let user = User {
        name: format!("user{who}"),
        uid: String::new(),
        groups: if in_group { vec!["g".into()] } else { Vec::new() },
        extra: if extra == 0 {
            std::collections::BTreeMap::new()
        } else {
            [("k".to_owned(), vec![format!("v{extra}")])].into()
        },
    };
    let mut sent = json!({"resourceAttributes": {"namespace": "space", "verb": "get", "group": "kubeflow.org",
                                                 "resource": "notebooks", "name": format!("n{what}")},
                          "user": user.name});
    if in_group {
        sent["groups"] = json!(["g"]);
    }
    if extra > 0 {
        sent["extra"] = json!({"k": [format!("v{extra}")]});
    }
    ((Arc::new(user), notebook(&format!("n{what}"))), sent.to_string())
}
