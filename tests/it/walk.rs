//! The login, walked: the manifests that are emitted, in front of a real issuer, in a real Envoy.

mod authority;
mod background;
mod browser;
mod checks;
mod chromium;
mod client;
mod contract;
mod definitions;
mod envoy;
mod issuer;
mod login_service;
mod relay;
mod stage;
mod upstream;

use serde_json::json;

use crate::parts;
use crate::program::Folder;

#[test]
fn the_issuer_answers_and_signs() {
    if !parts::needs_login() {
        return;
    }
    let folder = Folder::new("issuer");
    let authority = authority::Authority::new("issuers");
    let issuer = issuer::Issuer::start(&authority, &folder, &["https://gw.example.test/oauth2/callback"]);
    assert_eq!(issuer.control(&json!({ "user": "bob" }))["user"], "bob");
    assert_eq!(issuer.sign(&json!({ "sub": "bob" }), false).split('.').count(), 3);
    assert_eq!(issuer.reset()["user"], "alice");
    let stranger = authority::Authority::new("issuers");
    let target = client::Target::new(issuer.target().address(), "127.0.0.1", Some(stranger.pem()));
    assert!(target.connect().is_err());
}

/// A walk: the version of Istio that manifests are for, the version of Envoy that takes them, and which checks fail.
struct Istio {
    version: &'static str,
    envoy: &'static str,
    known: &'static [&'static str],
}

/// kube-auth-proxy's own check of addresses: it takes no `//`, wherever it stands.
const VALIDATOR: &[&str] = &[
    "login: ends at /app?next=https://x.test",
    "login: ends at //double//slash",
];

/// A stage, and an Envoy on it that was told what a version of Istio makes of the manifests.
fn set(version: &'static str, envoy: &str) -> Option<(stage::Stage, envoy::Envoy)> {
    let definitions = definitions::Definitions {
        implementation: "Istio",
        version,
        issuer: String::new(),
        allowed: &["system:authenticated"],
        refresh: "2s",
    };
    let stage = stage::Stage::new(definitions, |_| {})?;
    let told =
        crate::istiod::configuration(&stage.rendered, definitions::ISTIO, definitions::GATEWAY, version)
            .unwrap();
    let bootstrap = envoy::bootstrap(&told, &stage.surroundings());
    let envoy = envoy::Envoy::start(envoy, bootstrap, stage.folder.path());
    Some((stage, envoy))
}

fn walked(walk: &Istio) {
    let Some((stage, envoy)) = set(walk.version, walk.envoy) else {
        return;
    };
    let only = std::env::var("WALK_ONLY").unwrap_or_default();
    let failed = checks::walk(&stage, &envoy, |name| name.contains(&only));
    for (name, why) in &failed {
        println!("FAILED {name}: {why}");
    }
    println!(
        "{} checks; envoy: {}\n{}",
        checks::all().len(),
        envoy.log(),
        stage.login.log()
    );
    let failed: Vec<&str> = failed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(failed, walk.known);
}

#[test]
fn istio_1_27() {
    walked(&Istio {
        version: "1.27",
        envoy: "1.36.4",
        known: VALIDATOR,
    });
}

#[test]
fn istio_1_28() {
    walked(&Istio {
        version: "1.28",
        envoy: "1.36.4",
        known: VALIDATOR,
    });
}

#[test]
fn istio_1_30() {
    walked(&Istio {
        version: "1.30",
        envoy: "1.38.3",
        known: VALIDATOR,
    });
}

#[test]
fn istio_1_30_in_the_newest_envoy() {
    walked(&Istio {
        version: "1.30",
        envoy: "1.40.0",
        known: VALIDATOR,
    });
}
