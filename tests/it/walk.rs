//! The login, walked: the manifests that are emitted, in front of a real issuer, in a real Envoy.

mod authority;
mod background;
mod client;
mod contract;
mod issuer;
mod login_service;

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
