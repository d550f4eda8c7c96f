use super::*;
use crate::proxy::options::{
    Api, Authentication, Compatibility, Http2, IdentityHeaders, Limits, Options, Tls, url,
};

fn options() -> Options {
    Options {
        secure_listen_address: Some("0.0.0.0:8443".into()),
        insecure_listen_address: None,
        upstream: url::upstream("http://127.0.0.1:8888/").unwrap().0,
        config_file: None,
        strict_config: true,
        allow_paths: Vec::new(),
        ignore_paths: Vec::new(),
        proxy_endpoints_port: None,
        tls: Tls {
            certificate: Some(("tls.crt".into(), "tls.key".into())),
            ..Tls::default()
        },
        authentication: Authentication {
            token_audiences: Vec::new(),
            oidc: None,
            oidc_and_token_review: false,
        },
        identity_headers: IdentityHeaders::default(),
        api: Api::default(),
        http2: Http2::default(),
        compatibility: Compatibility::None,
        limits: Limits::default(),
        verbosity: 0,
    }
}

fn oidc() -> Oidc {
    Oidc {
        issuer: "https://issuer.test".into(),
        client_id: "app".into(),
        username_claim: "email".into(),
        groups_claim: "groups".into(),
        username_prefix: String::new(),
        groups_prefix: String::new(),
        algorithms: vec!["RS256".into()],
        ca_file: None,
    }
}

/// The one error, and that it says what to write.
#[track_caller]
fn one(options: &Options, says: &str) {
    let errors = errors(options);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains(says), "{errors:?}");
}

#[test]
fn what_fits_together_is_silent() {
    assert_eq!(errors(&options()), Vec::<String>::new());
    assert_eq!(warnings(&options()), Vec::<String>::new());
}

#[test]
fn an_address_is_needed_with_a_port() {
    let mut wrong = options();
    wrong.secure_listen_address = None;
    one(
        &wrong,
        "no listen address provided: write --secure-listen-address=",
    );
    for address in [
        "8443",
        "host",
        "::1:8443",
        "host:https",
        "host:",
        "host:70000",
        "http://host:1",
    ] {
        wrong.secure_listen_address = Some(address.into());
        one(&wrong, "write HOST:PORT");
    }
    for address in [":8443", "localhost:8443", "[::]:8443", "0.0.0.0:0"] {
        wrong.secure_listen_address = Some(address.into());
        assert!(errors(&wrong).is_empty(), "{address}");
    }
}

#[test]
fn an_issuer_speaks_https_and_its_tokens_are_for_somebody() {
    let mut wrong = options();
    let mut issuer = oidc();
    issuer.issuer = "http://127.0.0.1:1".into();
    wrong.authentication.oidc = Some(issuer);
    one(&wrong, "URL scheme must be https");
    let mut issuer = oidc();
    issuer.client_id = String::new();
    wrong.authentication.oidc = Some(issuer);
    one(&wrong, "--oidc-clientID");
    let mut issuer = oidc();
    issuer.username_claim = String::new();
    wrong.authentication.oidc = Some(issuer);
    one(&wrong, "--oidc-username-claim");
    // A key that both sides know is none that an issuer signs with.
    let mut issuer = oidc();
    issuer.algorithms = vec!["HS256".into()];
    wrong.authentication.oidc = Some(issuer);
    one(&wrong, "--oidc-sign-alg=HS256");
}

#[test]
fn identity_headers_have_names_of_their_own() {
    for (user, groups, separator, says) in [
        ("", "x-groups", "|", "not a header's name"),
        ("x user", "x-groups", "|", "not a header's name"),
        ("Host", "x-groups", "|", "for something else"),
        ("x-user", "Authorization", "|", "for something else"),
        ("x-who", "X_Who", "|", "write two names"),
        ("x-user", "x-groups", "\n", "separator"),
        ("x-user", "x-groups", "", "separator"),
    ] {
        let mut wrong = options();
        wrong.identity_headers.user = user.into();
        wrong.identity_headers.groups = groups.into();
        wrong.identity_headers.separator = separator.into();
        one(&wrong, says);
    }
}

#[test]
fn what_has_no_effect_is_said() {
    let mut odd = options();
    odd.secure_listen_address = None;
    odd.insecure_listen_address = Some("0.0.0.0:8080".into());
    odd.proxy_endpoints_port = Some(8444);
    odd.tls.client_ca_file = Some("ca.crt".into());
    let said = warnings(&odd);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("clear text"), "{said:?}");
    odd.insecure_listen_address = Some("127.0.0.1:8080".into());
    assert_eq!(warnings(&odd).len(), 2);

    let mut odd = options();
    odd.tls.certificate = None;
    odd.tls.client_ca_file = Some("ca.crt".into());
    odd.authentication.oidc = Some(oidc());
    assert_eq!(warnings(&odd).len(), 2);
    odd.authentication.oidc_and_token_review = true;
    assert_eq!(warnings(&odd).len(), 1);
}
