//! What goes wrong by a hair's breadth: each trap is shown to be one, and what is emitted is shown not to be in it.

use serde_json::{Value, json};

use super::browser::PAGE;
use super::checks;
use super::client::Answer;
use super::definitions::{HOST, NOTEBOOK};
use super::envoy::{self, Envoy};
use super::gateway::Controller;
use super::mutations::{CHECK, LUA, LUA_BEFORE, NAMED, Told};
use super::stage::Stage;

const VERSION: &str = "1.36.4";

/// A stage, and what Envoy is told where Lua hides the path.
fn set() -> Option<(Stage, Value)> {
    let controller = Controller::Istio("1.28");
    let stage = Stage::new(controller.definitions(), |_| {})?;
    let told = controller.bootstrap(&stage)?;
    Some((stage, told))
}

/// What somebody without a session is answered, how often the guard heard of it, and whether the login service was asked.
fn strangers(stage: &Stage, told: Value, path: &str) -> (Answer, usize, bool) {
    let envoy = Envoy::start(VERSION, told, stage.folder.path());
    let before = stage.guard.heads().len();
    let headers = [("Host", HOST), ("Connection", "close")];
    let answer = stage
        .gateway(envoy.address())
        .exchange("GET", path, &headers, b"");
    (
        answer.unwrap(),
        stage.guard.heads().len() - before,
        envoy.asked() > 0,
    )
}

/// Envoy chooses the route anew when a script has changed the path, and where there is no route nobody is asked.
#[test]
fn a_script_that_moves_the_path_skips_the_check_and_nobody_gets_in() {
    let Some((stage, told)) = set() else {
        return;
    };
    // Without a route for `/`.
    let mut emitted = told;
    Told(&mut emitted)
        .routes()
        .retain(|route| route["match"]["prefix"] != "/");
    let (answer, reached, asked) = strangers(&stage, emitted.clone(), NOTEBOOK);
    assert_eq!((answer.status, reached, asked), (401, 0, true));
    // The route is chosen anew: nobody is asked, and who is not named is refused all the same.
    let mut moved = emitted;
    for script in [LUA_BEFORE, LUA] {
        Told(&mut moved).filter(script)["clear_route_cache"] = json!(true);
    }
    let (answer, reached, asked) = strangers(&stage, moved.clone(), NOTEBOOK);
    assert_eq!((answer.status, reached, asked), (403, 0, false));
    // The trap itself.
    let mut bare = moved;
    Told(&mut bare).filters().retain(|filter| filter["name"] != NAMED);
    let (answer, reached, asked) = strangers(&stage, bare, NOTEBOOK);
    assert_eq!((answer.status, reached, asked), (200, 1, false));
}

/// Envoy lets a request pass when a script fails.
#[test]
fn a_script_that_fails_lets_nothing_in_that_was_out() {
    let Some((stage, told)) = set() else {
        return;
    };
    let fail = json!({ "inline_string": "function envoy_on_request(handle) error('of a script') end" });
    let mut before = told.clone();
    Told(&mut before).filter(LUA_BEFORE)["default_source_code"] = fail.clone();
    let mut after = told.clone();
    Told(&mut after).filter(LUA)["default_source_code"] = fail.clone();
    let mut both = before.clone();
    Told(&mut both).filter(LUA)["default_source_code"] = fail;
    let closed = |name: &str| name.ends_with("lets nobody in without a login");
    let forged = |name: &str| name.starts_with("forged: ") || name.ends_with("gives no token to a script");
    // Where only the second fails, the path is never put back, and nobody can log in.
    for (failing, people) in [(before, true), (after, false), (both.clone(), true)] {
        let envoy = Envoy::start(VERSION, failing, stage.folder.path());
        let failed = checks::walk(&stage, &envoy, |name| closed(name) || people && forged(name));
        assert_eq!(failed, Vec::new());
    }
    // The trap itself: the login service sees a path that it answers by itself.
    Told(&mut both).filters().retain(|filter| filter["name"] != NAMED);
    let (answer, _, asked) = strangers(&stage, both, "/robots.txt");
    assert_eq!((answer.status, asked), (200, true));
}

/// All patterns in one are too large a program for Envoy, and it would run without any of it.
#[test]
fn one_large_pattern_is_refused_by_envoy() {
    let Some((stage, told)) = set() else {
        return;
    };
    assert_eq!(envoy::refusal(VERSION, &told), None);
    let mut large = told;
    let mut told = Told(&mut large);
    let early = &mut told.manager()["early_header_mutation_extensions"][0]["typed_config"]["mutations"];
    let patterns: Vec<String> = early
        .as_array()
        .unwrap()
        .iter()
        .map(|mutation| {
            mutation["remove_on_match"]["key_matcher"]["safe_regex"]["regex"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    *early =
        json!([{ "remove_on_match": { "key_matcher": { "safe_regex": { "regex": patterns.join("|") } } } }]);
    let why = envoy::refusal(VERSION, &large).unwrap();
    assert!(why.contains("RE2 program size"), "{why}");
    drop(stage);
}

/// The check is off where the login's own paths lead to the login service. A route of somebody else that takes such a path, by
/// a header that people's browsers send, keeps it: also where Envoy chooses routes anew after a script.
#[test]
fn a_route_of_another_on_a_path_of_the_login_is_asked_about() {
    for (version, of_envoy) in [("1.26", "1.36.4"), ("1.28", "1.36.4"), ("1.30", "1.38.3")] {
        let controller = Controller::Istio(version);
        let Some(stage) = Stage::new(controller.definitions(), |_| {}) else {
            return;
        };
        let mut told = controller.bootstrap(&stage).unwrap();
        for route in Told(&mut told).login_routes() {
            let switches = route["typed_per_filter_config"].as_object().unwrap();
            assert!(switches.contains_key(CHECK) && switches.contains_key(NAMED));
        }
        let routes = Told(&mut told).routes().clone();
        let portal = routes
            .iter()
            .find(|route| route["match"]["prefix"] == "/")
            .unwrap();
        for path in [
            "/oauth2/start",
            "/oauth2/callback",
            "/oauth2/sign_in",
            "/oauth2/sign_out",
        ] {
            let mut another = portal.clone();
            another["name"] = json!(format!("another{path}"));
            // More particular than the login's, so it goes first.
            another["match"] = json!({ "path": path, "headers": [
                { "name": "accept", "string_match": { "exact": PAGE.1 } }] });
            Told(&mut told).routes().insert(0, another);
        }
        let envoy = Envoy::start(of_envoy, told, stage.folder.path());
        let before = stage.portal.heads().len();
        for path in [
            "/oauth2/start",
            "/oauth2/callback?code=1&state=2",
            "/oauth2/sign_in",
            "/oauth2/sign_out",
        ] {
            let headers = [
                ("Host", HOST),
                ("Connection", "close"),
                ("Cookie", "_oauth2_proxy_csrf=1"),
                PAGE,
            ];
            let answer = stage
                .gateway(envoy.address())
                .exchange("GET", path, &headers, b"")
                .unwrap();
            assert!(
                [302, 403].contains(&answer.status),
                "{version} {path}: {}",
                answer.status
            );
        }
        assert_eq!(stage.portal.heads().len(), before, "{version}");
    }
}
