use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::proxy::api::scripted::{Request, Say, Scripted, here, somebody};
use crate::proxy::credential::Shown;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn shown(token: &str) -> Credential {
    Credential {
        token: Token::new(token),
        shown: Shown::Bearer,
    }
}

fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))
}

fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

/// Tokens that begin with `good-` are somebody's.
fn model(request: &Request) -> Say {
    match request.token().strip_prefix("good-") {
        Some(name) => somebody(name),
        None => Say::Status(json!({"error": "invalid bearer token"})),
    }
}

async fn authenticator(server: &Scripted, limits: Limits) -> (Authenticator, Arc<Metrics>) {
    with(server, here(limits)).await
}

async fn with(server: &Scripted, options: Options) -> (Authenticator, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::default());
    let authenticator = Authenticator::new(&options, server.api(), Arc::clone(&metrics))
        .await
        .unwrap();
    (authenticator, metrics)
}

#[tokio::test]
async fn a_good_token_is_asked_about_once() {
    let server = Scripted::start(model).await;
    let (authenticator, metrics) = authenticator(&server, Limits::default()).await;
    for _ in 0..3 {
        let known = authenticator
            .authenticate(Some(&shown("good-ann")), None, PEER)
            .await
            .unwrap();
        assert_eq!(known.by, By::TokenReview);
        assert_eq!(known.user.name, "ann");
        assert_eq!(
            known.user.groups,
            ["team", AUTHENTICATED],
            "the group of everybody who is known comes last"
        );
    }
    assert!(server.asked()[0].is_token_review());
    assert_eq!(server.count(), 1);
    assert_eq!(metrics.counted(Event::TokenReview), 1);
    assert_eq!(metrics.counted(Event::TokenCacheHit), 2);
}

#[tokio::test]
async fn the_group_of_everybody_is_not_added_twice() {
    for (groups, name, wanted) in [
        (json!([AUTHENTICATED, "a"]), "ann", vec![AUTHENTICATED, "a"]),
        (json!(["a"]), "ann", vec!["a", AUTHENTICATED]),
        (json!([UNAUTHENTICATED]), "ann", vec![UNAUTHENTICATED]),
        (json!([]), ANONYMOUS, vec![]),
    ] {
        let say = Say::Status(json!({"authenticated": true, "user": {"username": name, "groups": groups}}));
        let server = Scripted::start(move |_| say.clone()).await;
        let (authenticator, _) = authenticator(&server, Limits::default()).await;
        let known = authenticator
            .authenticate(Some(&shown("t")), None, PEER)
            .await
            .unwrap();
        assert_eq!(known.user.groups, wanted);
    }
}

#[tokio::test]
async fn what_cannot_be_good_is_refused_without_a_question() {
    let server = Scripted::start(model).await;
    let (authenticator, _) = authenticator(&server, Limits::default()).await;
    assert!(matches!(
        authenticator.authenticate(None, None, PEER).await,
        Err(Refusal::Unauthenticated(_))
    ));
    let ended = jwt(&json!({"exp": now() - 3600}));
    for token in ["", "two words", "caf\u{e9}", "a\tb", &"a".repeat(200_000), &ended] {
        let refusal = authenticator.authenticate(Some(&shown(token)), None, PEER).await;
        assert!(matches!(refusal, Err(Refusal::Unauthenticated(_))), "{token:.20}");
    }
    assert_eq!(server.count(), 0);
    // Clocks differ, and what only looks like a JWT is the API server's to judge.
    for token in [
        jwt(&json!({"exp": now() - 20})),
        jwt(&json!({"exp": "yesterday"})),
        jwt(&json!({})),
        "a.b.c".to_owned(),
        "a.b".to_owned(),
    ] {
        let before = server.count();
        assert!(
            authenticator
                .authenticate(Some(&shown(&token)), None, PEER)
                .await
                .is_err()
        );
        assert_eq!(server.count(), before + 1, "{token}");
    }
}

#[tokio::test]
async fn a_refused_token_is_remembered_for_two_seconds_at_most() {
    let is_made = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let made = Arc::clone(&is_made);
    let server = Scripted::start(move |_| {
        if made.load(Ordering::SeqCst) {
            somebody("new")
        } else {
            Say::Status(json!({}))
        }
    })
    .await;
    let limits = Limits {
        refused_token_ttl: Duration::from_hours(1),
        ..Limits::default()
    };
    let (authenticator, metrics) = authenticator(&server, limits).await;
    let begin = Instant::now();
    for _ in 0..3 {
        assert!(
            authenticator
                .authenticate(Some(&shown("made-later")), None, PEER)
                .await
                .is_err()
        );
    }
    assert_eq!(server.count(), 1);
    assert_eq!(metrics.counted(Event::TokenCacheRefused), 2);
    is_made.store(true, Ordering::SeqCst);
    while authenticator
        .authenticate(Some(&shown("made-later")), None, PEER)
        .await
        .is_err()
    {
        assert!(begin.elapsed() < Duration::from_secs(4), "still refused");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn nobody_is_let_in_while_nobody_can_be_asked_and_that_is_not_remembered() {
    let turn = AtomicUsize::new(0);
    let server = Scripted::start(move |_| match turn.fetch_add(1, Ordering::SeqCst) {
        0 => Say::Body(403, String::new()),
        1 => Say::Body(200, "no JSON".into()),
        _ => somebody("ann"),
    })
    .await;
    let (authenticator, metrics) = authenticator(&server, Limits::default()).await;
    for _ in 0..2 {
        let refusal = authenticator.authenticate(Some(&shown("t")), None, PEER).await;
        assert_eq!(refusal, Err(Refusal::AuthenticationUnavailable));
    }
    assert!(
        authenticator
            .authenticate(Some(&shown("t")), None, PEER)
            .await
            .is_ok()
    );
    assert_eq!(metrics.counted(Event::TokenReviewFailed), 2);
}

#[tokio::test]
async fn a_user_is_forgotten_when_the_token_ends() {
    let server = Scripted::start(|_| somebody("ann")).await;
    let (authenticator, _) = authenticator(&server, Limits::default()).await;
    let ended = shown(&jwt(&json!({"exp": now() - 1})));
    for times in 1..3 {
        authenticator
            .authenticate(Some(&ended), None, PEER)
            .await
            .unwrap();
        assert_eq!(
            server.count(),
            times,
            "the API server still takes it, and is asked each time"
        );
    }
    let good = shown(&jwt(&json!({"exp": now() + 3600})));
    for _ in 0..2 {
        authenticator.authenticate(Some(&good), None, PEER).await.unwrap();
    }
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn many_with_one_token_ask_once() {
    let server = Scripted::start(|_| Say::After(Duration::from_millis(50), Box::new(somebody("ann")))).await;
    let (authenticator, _) = authenticator(&server, Limits::default()).await;
    let authenticator = Arc::new(authenticator);
    let mut all = Vec::new();
    for _ in 0..50 {
        let authenticator = Arc::clone(&authenticator);
        all.push(tokio::spawn(async move {
            authenticator.authenticate(Some(&shown("one")), None, PEER).await
        }));
    }
    for one in all {
        assert_eq!(one.await.unwrap().unwrap().user.name, "ann");
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn made_up_tokens_delay_a_new_user_by_less_than_two_round_trips() {
    const TRIP: Duration = Duration::from_millis(300);
    let server = Scripted::start(|request| Say::After(TRIP, Box::new(model(request)))).await;
    let (authenticator, _) = authenticator(&server, Limits::default()).await;
    let authenticator = Arc::new(authenticator);
    for number in 0..60 {
        let authenticator = Arc::clone(&authenticator);
        tokio::spawn(async move {
            authenticator
                .authenticate(Some(&shown(&format!("junk{number}"))), None, PEER)
                .await
        });
    }
    tokio::time::sleep(TRIP / 10).await;
    let begin = Instant::now();
    authenticator
        .authenticate(Some(&shown("good-ann")), None, PEER)
        .await
        .unwrap();
    assert!(begin.elapsed() < TRIP * 3, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn made_up_tokens_take_no_more_room_and_push_nobody_out() {
    let server = Scripted::start(model).await;
    let limits = Limits {
        token_entries: 32,
        token_cache_bytes: 32 * 1024,
        ..Limits::default()
    };
    let (authenticator, _) = authenticator(&server, limits).await;
    authenticator
        .authenticate(Some(&shown("good-ann")), None, PEER)
        .await
        .unwrap();
    for number in 0..300 {
        assert!(
            authenticator
                .authenticate(Some(&shown(&format!("j{number}"))), None, PEER)
                .await
                .is_err()
        );
    }
    assert_eq!(authenticator.known.count().await, 1);
    let before = server.count();
    authenticator
        .authenticate(Some(&shown("good-ann")), None, PEER)
        .await
        .unwrap();
    assert_eq!(server.count(), before, "still known");
    for number in 0..300 {
        authenticator
            .authenticate(Some(&shown(&format!("good-{number}"))), None, PEER)
            .await
            .unwrap();
    }
    assert!(authenticator.known.count().await <= 32);
}

#[tokio::test]
async fn the_certificate_comes_before_the_token() {
    let server = Scripted::start(model).await;
    let (ours, theirs) = (authority(), authority());
    let path = server.folder.join("clients.crt");
    #[expect(clippy::disallowed_methods, reason = "the file is read")]
    std::fs::write(&path, ours.pem()).unwrap();
    let mut options = here(Limits::default());
    let (without, _) = with(&server, options.clone()).await;
    options.tls.client_ca_file = Some(path);
    let (authenticator, _) = with(&server, options).await;

    let carol = [client_certificate(&ours)];
    let known = authenticator
        .authenticate(Some(&shown("good-ann")), Some(&carol), PEER)
        .await
        .unwrap();
    assert_eq!((known.user.name.as_str(), known.by), ("carol", By::Certificate));
    assert_eq!(known.user.groups, ["viewers", AUTHENTICATED]);
    assert_eq!(server.count(), 0);

    let foreign = [client_certificate(&theirs)];
    let refusal = authenticator.authenticate(None, Some(&foreign), PEER).await;
    assert!(matches!(refusal, Err(Refusal::Unauthenticated(_))));
    let known = authenticator
        .authenticate(Some(&shown("good-ann")), Some(&foreign), PEER)
        .await
        .unwrap();
    assert_eq!((known.user.name.as_str(), known.by), ("ann", By::TokenReview));

    let refusal = without.authenticate(None, Some(&carol), PEER).await;
    assert!(
        matches!(refusal, Err(Refusal::Unauthenticated(_))),
        "without --client-ca-file it is nothing"
    );
}

type Authority = rcgen::CertifiedIssuer<'static, rcgen::KeyPair>;

fn authority() -> Authority {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap()
}

fn client_certificate(issuer: &Authority) -> CertificateDer<'static> {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "carol");
    params
        .distinguished_name
        .push(rcgen::DnType::OrganizationName, "viewers");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = rcgen::KeyPair::generate().unwrap();
    params.signed_by(&key, issuer).unwrap().der().clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever tokens come in whatever order: who is remembered is who a model names that remembers nothing.
    #[test]
    fn remembered_is_as_asked(stream in prop::collection::vec("(good-)?[ab]{1,2}", 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Scripted::start(model).await;
            let (authenticator, _) = authenticator(&server, Limits::default()).await;
            for token in &stream {
                let name = authenticator.authenticate(Some(&shown(token)), None, PEER).await.ok();
                let name = name.map(|known| known.user.name.clone());
                prop_assert_eq!(name.as_deref(), token.strip_prefix("good-"), "{}", token);
            }
            Ok(())
        })?;
    }
}
