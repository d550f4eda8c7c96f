//! The login, walked: the manifests that are emitted, in front of a real issuer, in a real Envoy.

mod authority;
mod background;
mod client;
mod contract;
mod issuer;
mod login_service;

use std::time::Duration;

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
    assert_eq!(issuer.state()["counts"]["authorizations"], 0);
    // Read as it comes, until the other side ends.
    let mut connection = issuer.target().connect().unwrap();
    connection.patience(Duration::from_secs(5));
    let headers = [("Host", "127.0.0.1"), ("Connection", "close")];
    connection
        .send(&client::request("GET", "/control", &headers, b""))
        .unwrap();
    assert_eq!(connection.head().unwrap().status, 200);
    let mut body = Vec::new();
    while let Some(more) = connection.bytes().ok().filter(|more| !more.is_empty()) {
        body.extend(more);
    }
    assert!(body.ends_with(b"}"), "{}", String::from_utf8_lossy(&body));
    let stranger = authority::Authority::new("issuers");
    let target = client::Target::new(issuer.target().address(), "127.0.0.1", Some(stranger.pem()));
    assert!(target.connect().is_err());
}
