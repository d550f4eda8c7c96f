#![expect(clippy::disallowed_methods, reason = "tests write the files that are read")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::proxy::metrics::Event;

/// An issuer on loopback: discovery and keys over TLS, and the keys to sign with.
struct Issued {
    url: String,
    ca_file: std::path::PathBuf,
    published: Arc<Mutex<Vec<Value>>>,
    is_away: Arc<AtomicBool>,
    looks: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

struct Signer {
    kid: &'static str,
    key: KeyPair,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self { kid, key }
    }

    fn jwk(&self) -> Value {
        let point = self.key.public_key_raw();
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid,
               "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])})
    }

    fn token(&self, claims: &Value) -> Token {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.kid.to_owned());
        let key = EncodingKey::from_ec_der(&self.key.serialize_der());
        Token::new(jsonwebtoken::encode(&header, claims, &key).unwrap())
    }
}

impl Issued {
    async fn start(name: &str, keys: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}/realm",
            listener.local_addr().unwrap().port()
        );
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let ca_file = std::env::temp_dir().join(format!("gatewright-{}-{name}.pem", std::process::id()));
        std::fs::write(&ca_file, own.cert.pem()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(super::super::tls::provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![own.cert.der().clone()],
                PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let (published, is_away, looks) = (Arc::new(Mutex::new(keys)), Arc::default(), Arc::default());
        let served = Self {
            url,
            ca_file,
            published,
            is_away,
            looks,
            metrics: Arc::default(),
        };
        let (url, keys, away, looks) = (
            served.url.clone(),
            Arc::clone(&served.published),
            Arc::clone(&served.is_away),
            Arc::clone(&served.looks),
        );
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                if AtomicBool::load(&away, Ordering::SeqCst) {
                    continue;
                }
                let Ok(mut stream) = acceptor.accept(tcp).await else {
                    continue;
                };
                let mut head = vec![0; 4096];
                let length = stream.read(&mut head).await.unwrap_or_default();
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let body = if head.starts_with("GET /realm/.well-known/openid-configuration ") {
                    json!({"issuer": url, "jwks_uri": format!("{url}/keys?now")})
                } else if head.starts_with("GET /realm/keys?now ") {
                    AtomicUsize::fetch_add(&looks, 1, Ordering::SeqCst);
                    json!({"keys": *keys.lock().unwrap()})
                } else {
                    json!({})
                };
                let body = body.to_string();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        served
    }

    fn options(&self) -> options::Oidc {
        options::Oidc {
            issuer: self.url.clone(),
            client_id: "client".into(),
            username_claim: "email".into(),
            groups_claim: "groups".into(),
            username_prefix: String::new(),
            groups_prefix: String::new(),
            algorithms: vec!["ES256".into()],
            ca_file: Some(self.ca_file.clone()),
        }
    }

    fn issuer(&self) -> Issuer {
        Issuer::new(&self.options(), Arc::clone(&self.metrics)).unwrap()
    }

    fn claims(&self) -> Value {
        json!({"iss": self.url, "aud": "client", "sub": "dana-subject", "email": "dana@example.test",
               "email_verified": true, "groups": ["ml", "viewers"], "exp": NOW + 600})
    }
}

impl Drop for Issued {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ca_file);
    }
}

const NOW: u64 = 1_800_000_000;

#[tokio::test]
async fn a_token_of_the_issuer_names_a_user() {
    let signer = Signer::new("one");
    let issued = Issued::start("names", vec![json!({"kty": "new"}), signer.jwk()]).await;
    let issuer = issued.issuer();
    let token = signer.token(&issued.claims());
    assert!(issuer.is_named_by(&token));
    let Ok(IdToken::Known(user, end)) = issuer.verify(&token, NOW).await else {
        panic!("refused");
    };
    assert_eq!(user.name, "dana@example.test");
    assert_eq!(
        user.groups,
        ["ml", "viewers"],
        "and not the group of everybody who is known"
    );
    assert_eq!(end, NOW + 600);
    assert_eq!(issued.metrics.counted(Event::KeysFetched), 1);
}

#[tokio::test]
async fn what_is_not_signed_as_configured_is_nobodys() {
    let (signer, other) = (Signer::new("one"), Signer::new("one"));
    let issued = Issued::start("signed", vec![signer.jwk()]).await;
    let issuer = issued.issuer();
    let good = signer.token(&issued.claims());
    let text = good.reveal();
    let (head, signature) = text.rsplit_once('.').unwrap();
    let header = |alg: &str| URL_SAFE_NO_PAD.encode(json!({"alg": alg, "kid": "one"}).to_string());
    let claims = URL_SAFE_NO_PAD.encode(issued.claims().to_string());
    for (why, token) in [
        ("another key", other.token(&issued.claims()).reveal().to_owned()),
        ("no signature", format!("{head}.")),
        (
            "another text",
            format!("{}.{claims}x.{signature}", header("ES256")),
        ),
        ("alg none", format!("{}.{claims}.", header("none"))),
        (
            "a shared secret",
            format!("{}.{claims}.{signature}", header("HS256")),
        ),
        (
            "an algorithm that is not listed",
            format!("{}.{claims}.{signature}", header("ES384")),
        ),
        ("opaque", "opaque".to_owned()),
    ] {
        let answer = issuer.verify(&Token::new(token), NOW).await;
        assert!(matches!(answer, Ok(IdToken::Nobody(_))), "{why}: {answer:?}");
    }
    let strict = options::Oidc {
        algorithms: vec!["RS256".into()],
        ..issued.options()
    };
    let strict = Issuer::new(&strict, Arc::default()).unwrap();
    assert!(matches!(strict.verify(&good, NOW).await, Ok(IdToken::Nobody(_))));
}

#[tokio::test]
async fn a_new_key_is_looked_for_and_not_for_every_stranger() {
    let (first, second) = (Signer::new("one"), Signer::new("two"));
    let issued = Issued::start("rotated", vec![first.jwk(), second.jwk()]).await;
    let issuer = issued.issuer();
    assert!(matches!(
        issuer.verify(&first.token(&issued.claims()), NOW).await,
        Ok(IdToken::Known(..))
    ));
    assert!(matches!(
        issuer.verify(&second.token(&issued.claims()), NOW).await,
        Ok(IdToken::Known(..))
    ));
    for kid in ["a", "b", "c"] {
        let made_up = Signer::new(kid).token(&issued.claims());
        assert!(matches!(
            issuer.verify(&made_up, NOW).await,
            Ok(IdToken::Nobody(_))
        ));
    }
    assert_eq!(
        issued.looks.load(Ordering::SeqCst),
        1,
        "none within half a minute"
    );
    issued.is_away.store(true, Ordering::SeqCst);
    assert!(matches!(
        issuer.verify(&first.token(&issued.claims()), NOW).await,
        Ok(IdToken::Known(..))
    ));
}

#[tokio::test]
async fn until_the_issuer_was_reached_nobody_can_be_asked() {
    let signer = Signer::new("one");
    let issued = Issued::start("away", vec![signer.jwk()]).await;
    issued.is_away.store(true, Ordering::SeqCst);
    let issuer = issued.issuer();
    let token = signer.token(&issued.claims());
    assert!(issuer.verify(&token, NOW).await.is_err());
    issued.is_away.store(false, Ordering::SeqCst);
    for _ in 0..100 {
        if issuer.verify(&token, NOW).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it came back and was not reached");
}

#[tokio::test]
async fn an_issuer_that_says_to_be_another_is_not_believed() {
    let signer = Signer::new("one");
    let issued = Issued::start("other", vec![signer.jwk()]).await;
    let options = options::Oidc {
        issuer: format!("{}/", issued.url),
        ..issued.options()
    };
    let issuer = Issuer::new(&options, Arc::default()).unwrap();
    let mut claims = issued.claims();
    claims["iss"] = json!(options.issuer);
    assert!(issuer.verify(&signer.token(&claims), NOW).await.is_err());
}

#[test]
fn what_the_options_cannot_mean_is_said_at_start() {
    let good = options::Oidc {
        issuer: "https://issuer.test".into(),
        client_id: "client".into(),
        username_claim: "email".into(),
        groups_claim: "groups".into(),
        username_prefix: String::new(),
        groups_prefix: String::new(),
        algorithms: vec!["RS256".into()],
        ca_file: None,
    };
    for (options, says) in [
        (
            options::Oidc {
                issuer: "http://127.0.0.1:1".into(),
                ..good.clone()
            },
            "issuer.url: Invalid value: \"http://127.0.0.1:1\": URL scheme must be https",
        ),
        (
            options::Oidc {
                client_id: String::new(),
                ..good.clone()
            },
            "--oidc-clientID",
        ),
        (
            options::Oidc {
                algorithms: vec!["HS256".into()],
                ..good.clone()
            },
            "\"HS256\"",
        ),
        (
            options::Oidc {
                algorithms: vec!["none".into()],
                ..good.clone()
            },
            "\"none\"",
        ),
        (
            options::Oidc {
                ca_file: Some("/no/such".into()),
                ..good
            },
            "--oidc-ca-file",
        ),
    ] {
        let error = Issuer::new(&options, Arc::default()).err().unwrap();
        assert!(
            error.starts_with("failed to instantiate OIDC authenticator: ") && error.contains(says),
            "{error}"
        );
    }
}

#[test]
fn claims_name_a_user_or_nobody() {
    let oidc = options::Oidc {
        issuer: "https://i".into(),
        client_id: "client".into(),
        username_claim: "email".into(),
        groups_claim: "groups".into(),
        username_prefix: "o:".into(),
        groups_prefix: "g:".into(),
        algorithms: Vec::new(),
        ca_file: None,
    };
    let with = |change: &[(&str, Value)]| {
        let mut claims = json!({"iss": "https://i", "aud": "client", "email": "dana@a", "exp": NOW + 1});
        for (key, value) in change {
            claims[*key] = value.clone();
        }
        claims::user(&claims, &oidc, NOW)
            .ok()
            .map(|(user, _)| (user.name, user.groups))
    };
    let dana = |groups: &[&str]| {
        Some((
            "o:dana@a".to_owned(),
            groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>(),
        ))
    };
    for (change, wanted) in [
        (vec![], dana(&[])),
        (vec![("groups", json!("one"))], dana(&["g:one"])),
        (vec![("groups", json!(["one", "two"]))], dana(&["g:one", "g:two"])),
        (vec![("groups", json!(null))], dana(&[])),
        (vec![("groups", json!(7))], None),
        (vec![("groups", json!(["one", 2]))], None),
        (vec![("email_verified", json!(true))], dana(&[])),
        (vec![("email_verified", json!(false))], None),
        (vec![("email_verified", json!("true"))], None),
        (vec![("email", json!(""))], None),
        (vec![("email", json!(null))], None),
        (vec![("aud", json!(["other", "client"]))], dana(&[])),
        (vec![("aud", json!("other"))], None),
        (vec![("aud", json!(["other"]))], None),
        (vec![("aud", json!(null))], None),
        (vec![("iss", json!("https://i/"))], None),
        (vec![("exp", json!(NOW))], None),
        (vec![("exp", json!(null))], None),
        (vec![("exp", json!("2999"))], None),
        (vec![("nbf", json!(NOW + 299))], dana(&[])),
        (vec![("nbf", json!(NOW + 301))], None),
        (vec![("nbf", json!("now"))], None),
    ] {
        assert_eq!(with(&change), wanted, "{change:?}");
    }
}
