//! The login page, walked once by a person in a real browser.
//!
//! The other checks ask what is answered, byte by byte. What a browser makes of the answers is its own affair: which
//! cookies it keeps and sends, what it lets a script see, where a fragment goes. `tests/parts/login/browser.mjs` walks,
//! and says what it saw; here is what it should see.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use super::definitions::HOST;
use super::gateway::Controller;
use super::issuer::script;
use super::upstream::{ANSWERED, BETWEEN_EVENTS};
use super::{envoy, set, stage};
use crate::parts;
use crate::program::{Folder, run};

/// The deep links, as they are typed. The fragment is never sent.
const FIRST: &str = "https://gw.example.test/notebook/analytics/churn/lab/tree/a%20b.ipynb?x=1";
const SECOND: &str = "https://gw.example.test/notebook/analytics/churn/lab?y=2&z=%2F";
/// How a token begins, wherever it stands.
const TOKEN: &str = "eyJ";

/// What a script is given by paths of the login service, first where it does not follow and then where it does: by whom the
/// answer is, or that there is none. One that leads to another host is shown to no script.
const GIVEN: [(&str, &str, &str); 11] = [
    ("/oauth2/userinfo", "portal", "portal"),
    ("/oauth2/auth", "portal", "portal"),
    ("/oauth2/unknown", "portal", "portal"),
    ("/oauth2/sign_in", HIDDEN, NONE),
    ("/oauth2/start", HIDDEN, NONE),
    ("/oauth2/callback", "500", "500"),
    (FORGED, HIDDEN, NONE),
    ("/ping", "portal", "portal"),
    ("/ready", "portal", "portal"),
    ("/robots.txt", "portal", "portal"),
    ("/oauth2/static/css/bulma.min.css", "portal", "portal"),
];
/// An answer that leads on, of which a script sees that alone.
const HIDDEN: &str = "opaqueredirect";
const NONE: &str = "TypeError: Failed to fetch";
/// Where a script makes up a login's end. The code is its own.
const FORGED: &str = "/oauth2/callback?code=1&state=2%3A%2F";

/// What was seen, by step.
struct Seen {
    steps: BTreeMap<String, Value>,
    issuer: String,
}

#[test]
fn a_person_logs_in_in_a_browser_from_deep_link_to_deep_link() {
    if !parts::needs_browser() {
        return;
    }
    let Some((stage, envoy)) = set(Controller::Istio("1.30"), "1.38.3") else {
        return;
    };
    stage.issuer.control(&json!({ "page": true }));
    let seen = walk(&stage, &envoy);
    seen.certificates();
    seen.deep_link();
    seen.cookies();
    seen.second_tab();
    seen.scripts();
    seen.login_service();
    seen.streams();
    seen.scripts_sign_out();
    seen.link_signs_out();
    seen.two_tabs();
}

fn walk(stage: &stage::Stage, envoy: &envoy::Envoy) -> Seen {
    let pictures = Folder::new("chromium");
    let mut command = Command::new("node");
    command
        .arg(script("browser.mjs"))
        .arg("--chromium")
        .arg(parts::find("chromium").unwrap())
        .args(["--gateway", &envoy.address().to_string()])
        .args(["--issuer", stage.issuer.url()])
        .arg("--certificate")
        .arg(stage.folder.write("listener.crt", stage.certificate()))
        .arg("--certificate")
        .arg(stage.issuer.certificate())
        .args(["--stranger", &format!("https://{}/", stage.portal.address())])
        .arg("--failure")
        .arg(pictures.path().join("page"))
        .env("GATEWRIGHT_LOGIN_PACKAGES", parts::login_packages());
    let answer = run(command, b"");
    if answer.code != 0 {
        std::mem::forget(pictures); // somebody will want to look at them
        let steps: String = answer
            .stdout
            .lines()
            .map(|line| format!("{}\n", short(line)))
            .collect();
        panic!(
            "{steps}{}\nenvoy: {}\n{}",
            answer.stderr,
            envoy.log(),
            stage.login.log()
        );
    }
    let steps = answer.stdout.lines().map(|line| {
        let seen: Value = serde_json::from_str(line).unwrap();
        (seen["step"].as_str().unwrap().to_owned(), seen)
    });
    Seen {
        steps: steps.collect(),
        issuer: stage.issuer.url().to_owned(),
    }
}

/// The start of a line; whole pages are in some.
fn short(line: &str) -> String {
    line.chars().take(600).collect()
}

/// The head of the request that an application got, as the page shows it.
fn head(page: &Value) -> String {
    let text = page["text"].as_str().unwrap_or_default();
    let told: Value =
        serde_json::from_str(text).unwrap_or_else(|_| panic!("not an application's page: {page}"));
    told["head"].as_str().unwrap().to_owned()
}

/// The page is the application's, and was wanted at this address by this person, with what is left of its fragment.
fn lands(page: &Value, url: &str, fragment: &str, name: &str) {
    assert_eq!(page["status"], 200, "{page}");
    assert_eq!(page["url"], format!("{url}{fragment}"));
    let head = head(page);
    let path = url.strip_prefix("https://gw.example.test").unwrap();
    assert!(head.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{head}");
    assert!(
        head.contains(&format!("\r\nx-auth-request-user: {name}\r\n")),
        "{head}"
    );
}

/// The gateway's cookies by name.
fn names(seen: &Value) -> Vec<&str> {
    let cookies = seen["cookies"].as_array().unwrap().iter();
    cookies.map(|cookie| cookie["name"].as_str().unwrap()).collect()
}

/// Whether there is a session, or a part of one. Logins that were begun leave a cookie each, for a quarter of an hour.
fn has_session(seen: &Value) -> bool {
    names(seen).iter().any(|name| !name.ends_with("_csrf"))
}

/// A script finds neither a token nor a code in what a page leaves lying about.
fn untraced(seen: &Value) {
    for trace in seen["traces"].as_array().unwrap() {
        let trace = trace.as_str().unwrap();
        assert!(!trace.contains(TOKEN), "{trace}");
        assert!(trace.ends_with(FORGED) || !trace.contains("code="), "{trace}");
    }
}

// === impl Seen ===

impl Seen {
    /// What was seen in a step. One that is missing was not walked.
    fn step(&self, name: &str) -> &Value {
        let steps: Vec<&String> = self.steps.keys().collect();
        self.steps
            .get(name)
            .unwrap_or_else(|| panic!("no step {name:?} in {steps:?}"))
    }

    /// The issuer's form, to which a page led that nobody may see yet.
    fn asks(&self, page: &Value, url: &str, fragment: &str) {
        assert_eq!(page["status"], 200, "{page}");
        assert_eq!((&page["title"], &page["field"]), (&json!("Log in"), &json!(true)));
        let through: Vec<&str> = page["through"]
            .as_array()
            .unwrap()
            .iter()
            .map(|url| url.as_str().unwrap())
            .collect();
        let wanted = url.split('?').next().unwrap();
        // Straight from the page to the issuer, and there to its form.
        assert_eq!(through[..2], [wanted, &format!("{}/auth", self.issuer)]);
        assert_eq!(through.len(), 3, "{through:?}");
        let form = page["url"].as_str().unwrap();
        assert!(
            form.starts_with(&format!("{}/interaction/", self.issuer)),
            "{form}"
        );
        assert!(form.ends_with(fragment), "{form}");
    }

    /// The browser takes the certificates that it was told of, and no others.
    fn certificates(&self) {
        let refused = &self.step("a certificate that is not named")["refused"];
        let refused = refused.as_str().unwrap_or("not refused");
        assert!(refused.contains("ERR_CERT_AUTHORITY_INVALID"), "{refused}");
    }

    fn deep_link(&self) {
        // A fragment goes along with redirects, as far as the issuer's page; its form sends it nowhere.
        self.asks(self.step("a deep link"), FIRST, "#cell");
        lands(self.step("the name is sent"), FIRST, "", "alice");
    }

    fn cookies(&self) {
        let seen = self.step("what is kept");
        // Nothing is left of the login but the session.
        assert_eq!(names(seen), ["_oauth2_proxy"]);
        let session = &seen["cookies"][0];
        for (name, value) in [
            ("httpOnly", json!(true)),
            ("secure", json!(true)),
            ("sameSite", json!("Lax")),
            ("path", json!("/")),
        ] {
            assert_eq!(session[name], value, "{name} of {session}");
        }
        let domain = session["domain"].as_str().unwrap();
        assert_eq!(domain.trim_start_matches('.'), HOST);
        assert_eq!(seen["script"], "");
        untraced(seen);
    }

    fn second_tab(&self) {
        let seen = self.step("a second tab");
        lands(seen, SECOND, "#other", "alice");
        assert_eq!(seen["through"].as_array().unwrap().len(), 1, "{seen}");
    }

    fn scripts(&self) {
        let seen = self.step("a script asks");
        assert_eq!(seen["status"], 200, "{seen}");
        assert!(head(seen).contains("\r\nx-auth-request-user: alice\r\n"));
        let seen = self.step("a script asks without a session");
        assert_eq!(
            (&seen["status"], &seen["type"], &seen["redirected"]),
            (&json!(401), &json!("basic"), &json!(false)),
            "{seen}"
        );
    }

    /// Whatever a script asks the login service, it is not given a token.
    fn login_service(&self) {
        let seen = self.step("a script asks the login service");
        let answers = seen["answers"].as_array().unwrap();
        let given: Vec<(&str, &str)> = answers
            .iter()
            .map(|answer| (answer["path"].as_str().unwrap(), given(answer)))
            .collect();
        let wanted: Vec<(&str, &str)> = GIVEN
            .iter()
            .flat_map(|(path, manual, follow)| [(*path, *manual), (*path, *follow)])
            .collect();
        assert_eq!(given, wanted);
        answers.iter().for_each(silent);
        untraced(seen);
    }

    fn streams(&self) {
        let seen = self.step("a WebSocket");
        assert_eq!(seen["messages"], json!(["hello 5", "aaaaa 70000", "end 3"]));
        assert_eq!((&seen["code"], &seen["wasClean"]), (&json!(1000), &json!(true)));
        let seen = self.step("events");
        assert_eq!(seen["data"], json!(["0", "1", "2"]), "{seen}");
        let time = |at: usize| seen["times"][at].as_u64().unwrap();
        // Kept back until the end, all would come at once.
        assert!(
            u128::from(time(2) - time(0)) > BETWEEN_EVENTS.as_millis(),
            "{seen}"
        );
    }

    /// A script can end the session, and learns nothing by it.
    fn scripts_sign_out(&self) {
        for (redirect, wanted) in [("manual", HIDDEN), ("follow", NONE)] {
            let seen = self.step(&format!("a script signs out, {redirect}"));
            assert_eq!(given(&seen["answer"]), wanted);
            silent(&seen["answer"]);
            untraced(seen);
            assert!(!has_session(seen), "{seen}");
            assert_eq!(seen["after"]["status"], 401);
            let again = self.step(&format!("the deep link after that, {redirect}"));
            // The issuer asks nothing. Without a form, the fragment goes all the way.
            lands(again, FIRST, "#cell", "alice");
        }
    }

    fn link_signs_out(&self) {
        let seen = self.step("the link to sign out");
        assert_eq!(seen["title"], "Logged out");
        assert!(!has_session(seen), "{seen}");
        self.asks(self.step("the deep link after the link"), FIRST, "#cell");
    }

    fn two_tabs(&self) {
        let pages = &self.step("two tabs at the login")["tabs"];
        self.asks(&pages[0], FIRST, "#cell");
        self.asks(&pages[1], SECOND, "#other");
        let seen = self.step("two tabs logged in");
        lands(&seen["tabs"][0], FIRST, "", "bob");
        lands(&seen["tabs"][1], SECOND, "", "bob");
        assert_eq!(names(seen), ["_oauth2_proxy"]);
    }
}

/// By whom an answer is, or why a script does not know.
fn given(answer: &Value) -> &str {
    let (by, kind) = (&answer["headers"][ANSWERED], &answer["type"]);
    match (answer["refused"].as_str(), by.as_str(), kind.as_str()) {
        (Some(why), ..) => why,
        (_, Some(name), _) => name,
        (_, _, Some(HIDDEN)) => HIDDEN,
        _ if answer["status"] == 500 => "500",
        _ => panic!("nobody's: {answer}"),
    }
}

/// Neither the address, nor a header, nor the body that a script was given has a token in it. An application tells what it
/// got; that is how these tests look at it, and no answer of the login service.
fn silent(answer: &Value) {
    let mut shown = answer.clone();
    if shown["headers"][ANSWERED].is_string() {
        shown["text"] = Value::Null;
    }
    assert!(!shown.to_string().contains(TOKEN), "{shown}");
}
