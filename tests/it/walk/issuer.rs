//! The issuer of `tests/parts/login/issuer.mjs`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::authority::Authority;
use super::background::Background;
use super::client::Target;
use crate::parts;
use crate::program::Folder;

/// The client that it knows.
pub(crate) const CLIENT: &str = "odh";
/// Its secret.
pub(crate) const CLIENT_SECRET: &str = "a-client-secret-of-tests";

/// An issuer that runs.
pub(crate) struct Issuer {
    program: Background,
    authority: PathBuf,
    certificate: PathBuf,
    target: Target,
    url: String,
}

/// Where the scripts of `tests/parts/login` are.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/parts/login")
        .join(name)
}

// === impl Issuer ===

impl Issuer {
    /// Starts one that sends people back to these addresses. Its certificate is of this authority, whose own it leaves in a
    /// file; the folder is for these files.
    pub(crate) fn start(authority: &Authority, folder: &Folder, redirects: &[&str]) -> Self {
        let signed = authority.sign(&["127.0.0.1", "localhost"]);
        let write = |name: &str, text: &str| folder.write(name, text).to_str().unwrap().to_owned();
        let certificate = write("issuer/tls.crt", &signed.certificate);
        let key = write("issuer/tls.key", &signed.key);
        let authority_file = folder.write("issuer/ca.crt", authority.pem());
        let script = script("issuer.mjs");
        let mut command = vec!["node", script.to_str().unwrap()];
        command.extend(["--certificate", &certificate, "--key", &key]);
        command.extend(["--client-id", CLIENT, "--client-secret", CLIENT_SECRET]);
        for redirect in redirects {
            command.extend(["--redirect-uri", redirect]);
        }
        let packages = parts::login_packages();
        let environment = [("GATEWRIGHT_LOGIN_PACKAGES", packages.to_str().unwrap())];
        let log = folder.path().join("issuer.log");
        let program = Background::start(&command, &environment, &log);
        let url: String = program.wait(|| {
            let log = program.log();
            let line: Value = serde_json::from_str(log.lines().next()?).ok()?;
            Some(line["issuer"].as_str()?.to_owned())
        });
        let address: SocketAddr = url.strip_prefix("https://").unwrap().parse().unwrap();
        Self {
            program,
            authority: authority_file,
            certificate: PathBuf::from(certificate),
            target: Target::new(address, "127.0.0.1", Some(authority.pem())),
            url,
        }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How to connect to it.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The file with the authority of its certificate.
    pub(crate) fn authority(&self) -> &Path {
        &self.authority
    }

    /// The file with its certificate.
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// What it has printed.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    /// Changes settings; the script names them. The answer is that of `state`.
    pub(crate) fn control(&self, settings: &Value) -> Value {
        self.ask("POST", "/control", &settings.to_string())
    }

    /// Settings and counts as at the start.
    pub(crate) fn reset(&self) -> Value {
        self.ask("POST", "/control/reset", "{}")
    }

    /// Settings, and under `counts` what it was asked.
    pub(crate) fn state(&self) -> Value {
        self.ask("GET", "/control", "")
    }

    /// A token of claims, with its own key or (`foreign`) with one that is not its own.
    pub(crate) fn sign(&self, claims: &Value, foreign: bool) -> String {
        let wanted = serde_json::json!({ "claims": claims, "foreign": foreign });
        let answer = self.ask("POST", "/control/sign", &wanted.to_string());
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Logs in at this address of its own with a browser that was never here before, and gives the address to which the
    /// browser is sent back.
    pub(crate) fn log_in(&self, url: &str) -> String {
        let mut cookies = BTreeMap::new();
        let mut url = url.to_owned();
        while let Some(path) = url.strip_prefix(&self.url) {
            let jar: Vec<String> = cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let host = self.target.address().to_string();
            let headers = [
                ("Host", host.as_str()),
                ("Cookie", &jar.join("; ")),
                ("Connection", "close"),
            ];
            let answer = self.target.exchange("GET", path, &headers, b"").unwrap();
            for line in answer.all("set-cookie") {
                let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
                cookies.insert(name.to_owned(), value.to_owned());
            }
            let next = answer.header("location");
            let next = next.unwrap_or_else(|| panic!("{} of {url}: {}", answer.status, answer.text()));
            url = match next.strip_prefix('/') {
                Some(path) => format!("{}/{path}", self.url),
                None => next.to_owned(),
            };
        }
        url
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let length = body.len().to_string();
        let host = self.target.address().to_string();
        let headers = [
            ("Host", host.as_str()),
            ("Content-Length", &length),
            ("Connection", "close"),
        ];
        let answer = self
            .target
            .exchange(method, path, &headers, body.as_bytes())
            .unwrap();
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), self.log());
        serde_json::from_slice(&answer.body).unwrap()
    }
}
