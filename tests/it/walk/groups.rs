//! Who may log in: the groups that the Auth lists, and nobody else, whatever they prove.

use serde_json::json;

use super::browser::{Browser, PAGE};
use super::definitions::{Definitions, HOST};
use super::envoy::Envoy;
use super::gateway::Controller;
use super::stage::Stage;

#[test]
fn somebody_of_no_group_that_is_listed_is_refused_with_a_good_login() {
    let controller = Controller::Istio("1.30");
    let definitions = Definitions {
        allowed: &["odh-admins", "ops,team"],
        ..controller.definitions()
    };
    let Some(stage) = Stage::new(definitions, |_| {}) else {
        return;
    };
    let bootstrap = controller.bootstrap(&stage).unwrap();
    let envoy = Envoy::start("1.38.3", bootstrap, stage.folder.path());
    let gateway = stage.gateway(envoy.address());
    let issuer = &stage.issuer;
    let page = |groups: &[&str]| {
        issuer.control(&json!({ "groups": groups }));
        let mut browser = Browser::new(&gateway, (issuer.url(), issuer.target()));
        let before = stage.portal.heads().len();
        let answer = browser.open("/deep").unwrap().answer;
        (answer.status, stage.portal.heads().len() - before)
    };
    assert_eq!(page(&["team a", "odh-admins"]), (200, 1));
    // A name with a comma in it is one name.
    assert_eq!(page(&["ops,team"]), (200, 1));
    for others in [
        &["team a"][..],
        &[],
        &["odh-admins2", "ODH-ADMINS"],
        &["ops", "team"],
    ] {
        assert_eq!(page(others), (403, 0), "{others:?}");
    }
    // A program with a good token.
    let with = |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("Host", HOST),
            ("Connection", "close"),
            ("Accept", "application/json"),
            ("Authorization", &bearer),
        ];
        let before = stage.portal.heads().len();
        let status = gateway.exchange("GET", "/", &headers, b"").unwrap().status;
        (status, stage.portal.heads().len() - before)
    };
    let token = |groups: &[&str]| {
        let claims =
            json!({ "sub": "bob", "email": "bob@example.test", "email_verified": true, "groups": groups });
        issuer.sign(&claims, false)
    };
    assert_eq!(with(&token(&["odh-admins"])), (200, 1));
    assert_eq!(with(&token(&["team a"])), (403, 0));
    // Workloads are of other groups.
    let workload = stage
        .plane
        .output(&["create", "token", "pipeline", "-n", "analytics"], b"");
    assert_eq!(with(workload.trim()), (403, 0));
    // Sessions too: the group is asked for at every request, not at the login alone.
    let mut browser = Browser::new(&gateway, (issuer.url(), issuer.target()));
    issuer.control(&json!({ "groups": ["odh-admins"] }));
    assert_eq!(browser.open("/").unwrap().answer.status, 200);
    issuer.control(&json!({ "groups": ["team a"] }));
    std::thread::sleep(super::checks::OLD);
    let answer = browser.ask("GET", "/", &[PAGE]).unwrap();
    assert_ne!(answer.status, 200, "refreshed, and still let in");
}
