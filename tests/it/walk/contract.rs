//! The double of the login service is asked everything that the real one was asked, and has to answer the same.
//!
//! `fixtures/kube-auth-proxy/recording.json` holds what was asked and answered. Sessions, codes and tokens in it are
//! placeholders: each is made for real, by logging in at a real issuer, and by a real API server for `ServiceAccount`s. Of
//! pages the recording keeps the title alone; of the lengths of sessions the double has those that a limit sets, and comes
//! near the others (`NEAR`). With `GATEWRIGHT_KUBE_AUTH_PROXY` the real program is asked instead, and lengths of bodies
//! count as well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::authority::Authority;
use super::client::Answer;
use super::issuer::{CLIENT, CLIENT_SECRET, Issuer};
use super::login_service::{LoginService, free_address, real};
use crate::control_plane::{self, ControlPlane};
use crate::parts;
use crate::program::Folder;

const RECORDING: &str = include_str!("../../../fixtures/kube-auth-proxy/recording.json");
const HOST: &str = "gw.example.test";
const CALLBACK: &str = "https://gw.example.test/oauth2/callback";
const SECRETS: [&str; 2] = [
    "0123456789abcdef0123456789abcdef",
    "another-secret-another-secret-32",
];
/// What the recording leaves out of answers.
const LEFT_OUT: [&str; 3] = ["date", "connection", "content-length"];
/// How much longer or shorter a session may be than the recorded one, in hundredths: another issuer's tokens, another packing.
const NEAR: usize = 20;
/// Ages are counted in whole seconds: what is to be older than two, or three, of them.
const OVER_TWO_SECONDS: Duration = Duration::from_millis(3200);
const OVER_THREE_SECONDS: Duration = Duration::from_millis(4200);
/// Any state that no login has.
const NO_STATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// All groups of the large session, joined.
const MANY_GROUPS: usize = 4797;

#[test]
fn the_double_answers_as_the_real_kube_auth_proxy_was_recorded() {
    if !parts::needs_login() {
        return;
    }
    let Some(plane) = control_plane::shared() else {
        return;
    };
    let recording: Value = serde_json::from_str(RECORDING).unwrap();
    let cases = recording["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 147);
    let mut replay = Replay::new(&recording, plane);
    for case in cases {
        replay.case(case);
    }
    let differences = replay.differences;
    assert_eq!(replay.replayed, cases.len());
    assert!(differences.is_empty(), "{}", table(&differences));
}

/// What was recorded and what came instead: case, field, recorded, got.
type Difference = [String; 4];

fn table(differences: &[Difference]) -> String {
    let mut text = format!("{} differences\n", differences.len());
    for [case, field, recorded, got] in differences {
        let _ = write!(
            text,
            "{case} | {field}\n    recorded {recorded}\n    got      {got}\n"
        );
    }
    text
}

/// Values of placeholders.
type Values = BTreeMap<&'static str, String>;

/// A login that has begun: what the browser holds, and what comes back from the issuer.
#[derive(Clone, Default)]
struct Login {
    cookie: String,
    csrf: String,
    state: String,
    code: String,
}

/// The replay, and what one case leaves for the next.
struct Replay<'a> {
    about: &'a Value,
    plane: &'a ControlPlane,
    folder: Folder,
    authority: Authority,
    issuer: Issuer,
    /// The service that runs, and the profile whose flags it has.
    running: Option<(String, LoginService)>,
    /// Cookies of a session that any profile with the first secret takes.
    session: String,
    /// Cookies of the last callback.
    last: Vec<(String, String)>,
    /// Two cookies that are too old for their profile.
    old: [String; 2],
    login: Login,
    tabs: [Login; 2],
    /// The case that runs has changed the issuer's settings.
    disturbed: bool,
    replayed: usize,
    differences: Vec<Difference>,
}

// === impl Replay ===

impl<'a> Replay<'a> {
    fn new(recording: &'a Value, plane: &'a ControlPlane) -> Self {
        let folder = Folder::new("contract");
        let authority = Authority::new("contract");
        let issuer = Issuer::start(&authority, &folder, &[CALLBACK]);
        let signed = authority.sign(&["localhost"]);
        folder.write("tls.crt", &signed.certificate);
        folder.write("tls.key", &signed.key);
        plane.namespaces(["anyns"]);
        let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": "robot", "namespace": "anyns" } });
        plane.on(&["apply", "--server-side"], &[account]);
        Self {
            about: &recording["about"],
            plane,
            folder,
            authority,
            issuer,
            running: None,
            session: String::new(),
            last: Vec::new(),
            old: Default::default(),
            login: Login::default(),
            tabs: Default::default(),
            disturbed: false,
            replayed: 0,
            differences: Vec::new(),
        }
    }

    fn case(&mut self, case: &Value) {
        let (name, profile) = (case["name"].as_str().unwrap(), case["profile"].as_str().unwrap());
        if self.running.as_ref().is_none_or(|(other, _)| other != profile) {
            self.start(profile);
        }
        let mut values = self.prepare(name, &case["request"]);
        let answer = self.ask(name, &case["request"], &values);
        values.remove("SESSION");
        values.remove("CSRF");
        self.compare(name, &case["answer"], &answer, values);
        if self.disturbed {
            let undisturbed = json!({ "offline": false, "groups": ["odh-admins", "team a"] });
            self.issuer.control(&undisturbed);
            self.disturbed = false;
        }
        if answer.status == 302 && name.contains("callback") {
            self.last = cookies(&answer);
        }
        self.replayed += 1;
    }

    // --- The service ---

    fn start(&mut self, profile: &str) {
        self.running = None; // the one before ends first
        let address = free_address();
        let secret = SECRETS[usize::from(profile == "other-secret")];
        let environment = [
            ("OAUTH2_PROXY_CLIENT_ID", CLIENT),
            ("OAUTH2_PROXY_CLIENT_SECRET", CLIENT_SECRET),
            ("OAUTH2_PROXY_COOKIE_SECRET", secret),
        ];
        let service = LoginService::start(
            &self.arguments(profile, address),
            &environment,
            (address, "localhost", self.authority.pem()),
            &self.folder.path().join(format!("{profile}.log")),
        );
        self.running = Some((profile.to_owned(), service));
        self.age(profile);
    }

    /// The flags of a profile, read from the recording.
    fn arguments(&self, profile: &str, address: SocketAddr) -> Vec<String> {
        let profiles = &self.about["profiles"];
        let lines = |name: &str| -> Vec<&str> {
            let lines = profiles[name].as_array().unwrap().iter();
            lines.map(|line| line.as_str().unwrap()).collect()
        };
        let is = |argument: &str, flag: &str| argument.split('=').next() == Some(flag);
        let mut arguments: Vec<String> = Vec::new();
        for line in lines("base").into_iter().chain(lines(profile)) {
            let mut words = line.split(' ');
            match words.next().unwrap() {
                flag if flag.starts_with("--") => {
                    if words.next() == Some("(replaces") {
                        arguments.retain(|other| !is(other, flag.split('=').next().unwrap()));
                    }
                    arguments.push(flag.replace("{ISSUER}", self.issuer.url()));
                }
                "without" => {
                    let gone: Vec<&str> = words.filter(|word| word.starts_with("--")).collect();
                    arguments.retain(|other| !gone.iter().any(|flag| is(other, flag)));
                }
                // Said in `start`, or nothing to do.
                "TLS" | "another" | "(base)" => {}
                _ => panic!("what is {line:?}?"),
            }
        }
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let kubeconfig = self.plane.folder().join("kubeconfig");
        arguments.extend([
            format!("--https-address={address}"),
            format!("--metrics-address={}", free_address()),
            format!("--tls-cert-file={}", file("tls.crt")),
            format!("--tls-key-file={}", file("tls.key")),
            format!("--provider-ca-file={}", self.issuer.authority().display()),
            format!("--kubeconfig={}", kubeconfig.display()),
        ]);
        arguments
    }

    fn service(&self) -> &LoginService {
        &self.running.as_ref().unwrap().1
    }

    // --- What a case needs ---

    /// Sessions of the profiles in which time has to pass.
    fn age(&mut self, profile: &str) {
        match profile {
            "odh-refresh" => {
                self.issuer.control(&json!({ "rotate": true }));
                self.old[0] = self.new_session();
                self.issuer.control(&json!({ "idTokenSeconds": 3 }));
                self.old[1] = self.new_session();
                std::thread::sleep(OVER_THREE_SECONDS);
            }
            "odh-expire" => {
                self.old[0] = self.new_session();
                std::thread::sleep(OVER_THREE_SECONDS);
            }
            "odh-norefresh-exp" => {
                self.issuer.control(&json!({ "idTokenSeconds": 2 }));
                self.old[0] = self.new_session();
                std::thread::sleep(OVER_TWO_SECONDS);
            }
            _ => return,
        }
        self.issuer.reset();
        if profile == "odh-refresh" {
            self.issuer.control(&json!({ "rotate": true }));
        }
    }

    /// Brings about what a case is about, and gives the values of its request's placeholders.
    fn prepare(&mut self, name: &str, request: &Value) -> Values {
        let text = request.to_string();
        let mut values = Values::from([
            ("ISSUER", self.issuer.url().to_owned()),
            (
                "ISSUER_ESC",
                self.issuer.url().replace(':', "%3A").replace('/', "%2F"),
            ),
        ]);
        match name {
            "callback_large_session" => self.disturb(&json!({ "groups": many_groups() })),
            "group_callback_denied" => self.disturb(&json!({ "groups": ["others"] })),
            "issuer_down_login"
            | "issuer_down_session"
            | "session_expired_refresh_failed"
            | "session_expired_refresh_failed_json" => self.disturb(&json!({ "offline": true })),
            _ => {}
        }
        if text.contains("{STATE_HASH}") {
            self.prepare_login(name, &text);
            values.insert("STATE_HASH", self.login.state.clone());
            values.insert("STATE8", self.login.state[..8].to_owned());
            values.insert("CODE", self.login.code.clone());
            values.insert("CSRF", self.login.csrf.clone());
        }
        if name == "issuer_down_callback" {
            self.disturb(&json!({ "offline": true }));
        }
        if text.contains("{SESSION}") {
            values.insert("SESSION", self.prepare_session(name));
        }
        for (name, value) in &self.last {
            let part = name.strip_prefix("_oauth2_proxy_");
            if let Some(part) = part.and_then(|part| part.parse::<usize>().ok()) {
                let placeholders = ["SESSION_PART_0", "SESSION_PART_1", "SESSION_PART_2"];
                values.insert(placeholders[part], value.clone());
            }
        }
        if text.contains("{JWT}") || name == "basic_with_jwt_user" {
            values.insert("JWT", self.token(name));
        }
        if text.contains("{SA_TOKEN}") {
            values.insert("SA_TOKEN", self.account_token(&[]));
        }
        if text.contains("{SA_TOKEN_AUD_VAULT}") {
            values.insert("SA_TOKEN_AUD_VAULT", self.account_token(&["--audience=vault"]));
        }
        values
    }

    /// Changes the issuer for one case.
    fn disturb(&mut self, settings: &Value) {
        self.issuer.control(settings);
        self.disturbed = true;
    }

    fn prepare_login(&mut self, name: &str, request: &str) {
        match name {
            "callback_replay" => {} // the one before, again
            "callback_state_mismatch" => {
                self.login = self.logged_in();
                self.login.csrf = self.begun().0.csrf;
            }
            "hardened_callback_tab1" => {
                self.tabs = [self.logged_in(), self.logged_in()];
                self.login = self.tabs[0].clone();
            }
            "hardened_callback_tab2" => self.login = self.tabs[1].clone(),
            _ if request.contains("{CODE}") => self.login = self.logged_in(),
            _ if request.contains("{CSRF}") => self.login = self.begun().0,
            _ => {
                self.login = Login {
                    state: NO_STATE.to_owned(),
                    ..Login::default()
                }
            }
        }
    }

    fn prepare_session(&mut self, name: &str) -> String {
        match name {
            "session_refreshed"
            | "session_refresh_token_reused"
            | "session_cookie_expired"
            | "session_token_expired_no_refresh" => self.old[0].clone(),
            "session_expired_refresh_failed" | "session_expired_refresh_failed_json" => self.old[1].clone(),
            "minimal_session" => {
                let session = self.last.iter().find(|(name, _)| name == "_oauth2_proxy");
                session.unwrap().1.clone()
            }
            _ => {
                if self.session.is_empty() {
                    self.session = self.new_session();
                }
                if name != "session_tampered" {
                    return self.session.clone();
                }
                // The first letter: all of its bits count.
                let other = if self.session.starts_with('A') { 'B' } else { 'A' };
                format!("{other}{}", &self.session[1..])
            }
        }
    }

    /// A token of the issuer, as the case wants it.
    fn token(&self, case: &str) -> String {
        let mut claims = json!({ "sub": "alice", "email": "alice@example.test", "email_verified": true,
            "preferred_username": "alice", "groups": ["odh-admins", "team a"] });
        let mut foreign = false;
        match case {
            "bearer_expired" | "bearer_expired_json" => {
                claims["iat"] = json!(1_700_000_000);
                claims["exp"] = json!(1_700_003_600);
            }
            "bearer_wrong_audience" => claims["aud"] = json!("other"),
            "bearer_audience_list" => claims["aud"] = json!(["other", CLIENT]),
            "bearer_wrong_issuer" => claims["iss"] = json!("https://other.example.test"),
            "bearer_foreign_key" => foreign = true,
            "bearer_no_email_claim" => {
                claims.as_object_mut().unwrap().remove("email");
            }
            "bearer_email_not_verified" => claims["email_verified"] = json!(false),
            "bearer_no_groups" => {
                claims.as_object_mut().unwrap().remove("groups");
            }
            "bearer_groups_with_comma" => claims["groups"] = json!(["a,b", "c"]),
            "group_bearer_denied" | "group_bearer_denied_json" => claims["groups"] = json!(["others"]),
            "email_double_at" => claims["email"] = json!("a@evil.test@corp.test"),
            "bearer_valid"
            | "bearer_lower_case"
            | "bearer_two_spaces"
            | "bearer_comma_joined"
            | "basic_with_jwt_user" => {}
            _ => panic!("which token is {case} about?"),
        }
        self.issuer.sign(&claims, foreign)
    }

    fn account_token(&self, more: &[&str]) -> String {
        let mut command = vec!["create", "token", "robot", "--namespace=anyns"];
        command.extend(more);
        self.plane.output(&command, b"").trim().to_owned()
    }

    /// A login up to the issuer's page, whose address comes second.
    fn begun(&self) -> (Login, String) {
        let headers = [("Host", HOST), ("Content-Length", "0"), ("Connection", "close")];
        let target = self.service().target();
        let answer = target.exchange("GET", "/oauth2/start", &headers, b"").unwrap();
        let location = answer.header("location").unwrap().to_owned();
        let (cookie, csrf) = cookies(&answer).remove(0);
        let state = location.split("state=").nth(1).unwrap()[..NO_STATE.len()].to_owned();
        let login = Login {
            cookie,
            csrf,
            state,
            code: String::new(),
        };
        (login, location)
    }

    /// A login up to the callback, which has not been asked.
    fn logged_in(&self) -> Login {
        let (login, location) = self.begun();
        let back = self.issuer.log_in(&location);
        let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
        Login {
            code: code.to_owned(),
            ..login
        }
    }

    /// The cookie of a new session.
    fn new_session(&self) -> String {
        let login = self.logged_in();
        let path = format!("/oauth2/callback?code={}&state={}%3A%2F", login.code, login.state);
        let cookie = format!("{}={}", login.cookie, login.csrf);
        let headers = [("Host", HOST), ("Cookie", &cookie), ("Connection", "close")];
        let answer = self
            .service()
            .target()
            .exchange("GET", &path, &headers, b"")
            .unwrap();
        let session = cookies(&answer)
            .into_iter()
            .find(|(name, _)| name == "_oauth2_proxy");
        session
            .unwrap_or_else(|| panic!("{answer:?}\n{}", self.service().log()))
            .1
    }

    // --- Asking and comparing ---

    fn ask(&self, name: &str, request: &Value, values: &Values) -> Answer {
        let mut headers = vec![("host", HOST.to_owned()), ("content-length", "0".to_owned())];
        for header in request["headers"].as_array().unwrap() {
            let (field, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
            let value = match (name, field) {
                // Recorded with the token that it had then.
                ("basic_with_jwt_user", "authorization") => {
                    format!("Basic {}", base64(&format!("{}:", values["JWT"])))
                }
                ("hardened_callback_tab1" | "hardened_callback_tab2", "cookie") => {
                    let cookie = |login: &Login| format!("{}={}", login.cookie, login.csrf);
                    format!("{}; {}", cookie(&self.tabs[0]), cookie(&self.tabs[1]))
                }
                ("hardened_csrf_limit", "cookie") => {
                    let mut number = 0;
                    let numbered = |part: &str| {
                        number += 1;
                        format!("{part}_state{number:03}")
                    };
                    let parts: Vec<&str> = value.split("_{STATE8}").collect();
                    let (last, parts) = parts.split_last().unwrap();
                    parts.iter().copied().map(numbered).collect::<String>() + last
                }
                _ => filled(value, values),
            };
            headers.push((field, value));
        }
        headers.push(("x-envoy-internal", "true".to_owned()));
        headers.push(("x-envoy-expected-rq-timeout-ms", "5000".to_owned()));
        headers.push(("connection", "close".to_owned()));
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let path = filled(request["path"].as_str().unwrap(), values);
        let method = request["method"].as_str().unwrap();
        let answer = self.service().target().exchange(method, &path, &headers, b"");
        answer.unwrap_or_else(|error| panic!("{name}: {error}\n{}", self.service().log()))
    }

    fn compare(&mut self, case: &str, recorded: &Value, got: &Answer, mut values: Values) {
        let mut differ = |field: &str, recorded: &str, got: &str| {
            let difference = [case, field, recorded, got].map(str::to_owned);
            self.differences.push(difference);
        };
        if recorded["status"] != got.status {
            differ("status", &recorded["status"].to_string(), &got.status.to_string());
        }
        let expected: Vec<(&str, &str)> = recorded["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|header| (header[0].as_str().unwrap(), header[1].as_str().unwrap()))
            .collect();
        let headers: Vec<&(String, String)> = got
            .headers
            .iter()
            .filter(|(name, _)| !LEFT_OUT.contains(&name.to_ascii_lowercase().as_str()))
            .collect();
        let names = |names: Vec<&str>| names.join(", ");
        let expected_names = names(expected.iter().map(|(name, _)| *name).collect());
        let got_names = names(headers.iter().map(|(name, _)| name.as_str()).collect());
        if expected_names == got_names {
            for ((name, expected), (_, value)) in expected.iter().zip(headers) {
                if !matches(expected, value, &mut values) {
                    differ(name, &filled(expected, &values), value);
                }
            }
        } else {
            differ("names of headers", &expected_names, &got_names);
        }
        let body = got.text();
        if let Some(expected) = recorded["body"].as_str()
            && !matches(expected, &body, &mut values)
        {
            differ("body", &filled(expected, &values), &body);
        }
        if let Some(expected) = recorded["html_title"].as_str() {
            let title = body
                .split("<title>")
                .nth(1)
                .and_then(|rest| rest.split("</title>").next());
            if title.map(str::trim) != Some(expected) {
                differ("title", expected, title.unwrap_or(&body));
            }
        }
        if let Some(length) = recorded["body_length"].as_u64()
            && (body.is_empty() || (real().is_some() && length != body.len() as u64))
        {
            differ("length of body", &length.to_string(), &body.len().to_string());
        }
        if let Some(lengths) = recorded["set_cookie_value_lengths"].as_object() {
            let got = cookies(got);
            let whole: u64 = lengths.values().filter_map(Value::as_u64).sum();
            let near = usize::try_from(whole).unwrap() * NEAR / 100;
            for (at, (name, length)) in lengths.iter().enumerate() {
                let length = usize::try_from(length.as_u64().unwrap()).unwrap();
                let found = got.get(at).filter(|(other, _)| other == name);
                let found = found.map_or(0, |(_, value)| value.len());
                let is_cut = at + 1 < lengths.len();
                let allowed = if is_cut { 0 } else { near };
                if found.abs_diff(length) > allowed {
                    differ(
                        &format!("length of {name}"),
                        &length.to_string(),
                        &found.to_string(),
                    );
                }
            }
        }
    }
}

/// The cookies that an answer sets: names and values.
fn cookies(answer: &Answer) -> Vec<(String, String)> {
    let cookie = |line: &str| {
        let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    answer.all("set-cookie").into_iter().map(cookie).collect()
}

/// Two groups and 120 more, which are so long that their session does not fit into one cookie.
fn many_groups() -> Vec<String> {
    let mut groups = vec!["odh-admins".to_owned(), "team a".to_owned()];
    // Half of each name does not pack, however it is tried.
    groups.extend((1..=120_u64).map(|number| {
        let unlike = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let others = number.wrapping_mul(0xC2B2_AE3D_27D4_EB4F) >> 44;
        format!("group-of-people-n{unlike:016x}{others:05x}")
    }));
    let missing = MANY_GROUPS - groups.join(",").len();
    groups.last_mut().unwrap().push_str(&"x".repeat(missing));
    groups
}

/// A recorded text with the values that are known in their places.
fn filled(text: &str, values: &Values) -> String {
    let mut text = text.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// Whether a text is what was recorded. A placeholder without a value takes what may stand there, and keeps it: the same
/// stands wherever the placeholder is again.
fn matches(recorded: &str, got: &str, values: &mut Values) -> bool {
    let recorded = filled(recorded, values);
    let Some((before, rest)) = recorded.split_once('{').filter(|(_, rest)| rest.contains('}')) else {
        return recorded == got;
    };
    let Some(got) = got.strip_prefix(before) else {
        return false;
    };
    let (placeholder, after) = rest.split_once('}').unwrap();
    if placeholder.starts_with("GROUPS: ") {
        let groups = many_groups().join(",");
        return got
            .strip_prefix(&groups)
            .is_some_and(|got| matches(after, got, values));
    }
    let base64url = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let (name, exact, extra) = match placeholder {
        "STATE_HASH" => ("STATE_HASH", Some(43), ""),
        "CODE_CHALLENGE" => ("CODE_CHALLENGE", Some(43), ""),
        "NONCE_HASH" => ("NONCE_HASH", Some(43), ""),
        "CSRF" => ("CSRF", None, "=|"),
        "SESSION" => ("SESSION", None, "=|"),
        "SESSION_PART_0" => ("SESSION_PART_0", None, "=|"),
        "SESSION_PART_1" => ("SESSION_PART_1", None, "=|"),
        "SESSION_PART_2" => ("SESSION_PART_2", None, "=|"),
        "JWT" => ("JWT", None, "."),
        "ACCESS_TOKEN" => ("ACCESS_TOKEN", None, ""),
        // JSON, or a list of names: no placeholder.
        _ => return recorded == format!("{before}{got}"),
    };
    let end = got
        .find(|letter| !base64url(letter) && !extra.contains(letter))
        .unwrap_or(got.len());
    let end = exact.unwrap_or(end).min(end);
    let (value, got) = got.split_at(end);
    if value.is_empty() || exact.is_some_and(|exact| exact != value.len()) {
        return false;
    }
    values.insert(name, value.to_owned());
    if name == "STATE_HASH" {
        values.insert("STATE8", value[..8].to_owned());
    }
    matches(after, got, values)
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for bytes in text.as_bytes().chunks(3) {
        let number = (0..3).fold(0, |number, at| {
            number << 8 | usize::from(bytes.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let letter = LETTERS[number >> (18 - 6 * at) & 63];
            encoded.push(if at <= bytes.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    encoded
}
