//! An API server that answers as it is told, for tests: HTTP/1.1 on loopback, byte by byte.
#![expect(clippy::disallowed_methods, reason = "tests write the files that are read")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Api, Patience};
use crate::proxy::options;

/// What a review is answered with.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// A status and a body.
    Body(u16, String),
    /// 201 with this `status`.
    Status(Value),
    /// Nothing, for so long; then the connection ends.
    Hang(Duration),
    /// The connection ends.
    HangUp,
    /// This, after so long.
    After(Duration, Box<Say>),
}

type Script = dyn Fn(&Request) -> Say + Send + Sync;

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

/// The server. It ends with its runtime.
pub(crate) struct Scripted {
    pub(crate) asked: Arc<Mutex<Vec<Request>>>,
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
}

// === impl Request ===

impl Request {
    pub(crate) fn is_token_review(&self) -> bool {
        self.path.ends_with("/tokenreviews")
    }

    pub(crate) fn token(&self) -> &str {
        self.body["spec"]["token"].as_str().unwrap()
    }
}

// === impl Scripted ===

impl Scripted {
    pub(crate) async fn start(script: impl Fn(&Request) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let folder = std::env::temp_dir().join(format!("gatewright-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let served = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&served)));
            }
        });
        Self { asked, port, folder }
    }

    /// Writes a kubeconfig whose user has this much more, and gives its options.
    pub(crate) fn kubeconfig(&self, user: &Value) -> options::Api {
        let config = json!({
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "it", "user": "us"}}],
            "clusters": [{"name": "it", "cluster": {"server": format!("http://127.0.0.1:{}/behind", self.port)}}],
            "users": [{"name": "us", "user": user}],
        });
        let path = self.folder.join("kubeconfig");
        std::fs::write(&path, config.to_string()).unwrap();
        options::Api {
            kubeconfig: Some(path),
            ..options::Api::default()
        }
    }

    /// A client of it that does not wait long.
    pub(crate) fn api(&self) -> Arc<Api> {
        Arc::new(Api::with_patience(&self.kubeconfig(&json!({"token": "our-own"})), hasty()).unwrap())
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// The same tries as ever, in a fiftieth of the time.
pub(crate) fn hasty() -> Patience {
    Patience {
        pause: Duration::from_millis(10),
        whole: Duration::from_secs(2),
        ..Patience::default()
    }
}

/// Somebody, as a TokenReview's status.
pub(crate) fn somebody(name: &str) -> Say {
    Say::Status(json!({"authenticated": true, "user": {"username": name, "groups": ["team"]}}))
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, asked: Arc<Mutex<Vec<Request>>>) {
    let mut bytes = Vec::new();
    loop {
        let Some((request, rest)) = read(&mut stream, bytes).await else {
            return;
        };
        bytes = rest;
        let mut say = script(&request);
        asked.lock().unwrap().push(request);
        if let Say::After(pause, then) = say {
            tokio::time::sleep(pause).await;
            say = *then;
        }
        let (status, body) = match say {
            Say::Body(status, body) => (status, body),
            Say::Status(status) => (201, json!({"status": status}).to_string()),
            Say::Hang(pause) => {
                tokio::time::sleep(pause).await;
                return;
            }
            Say::HangUp | Say::After(..) => return,
        };
        let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, mut bytes: Vec<u8>) -> Option<(Request, Vec<u8>)> {
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            let headers: BTreeMap<_, _> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length = headers
                .get("content-length")
                .map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = serde_json::from_slice(&bytes[end + 4..end + 4 + length]).unwrap_or_default();
                return Some((
                    Request { path, headers, body },
                    bytes[end + 4 + length..].to_vec(),
                ));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Options with these limits and nothing else that matters here.
pub(crate) fn here(limits: options::Limits) -> options::Options {
    options::Options {
        secure_listen_address: None,
        insecure_listen_address: Some("127.0.0.1:0".into()),
        upstream: options::Upstream {
            tls: false,
            authority: "127.0.0.1:1".into(),
            path_prefix: String::new(),
            force_h2c: false,
            ca_file: None,
            client_certificate: None,
            timeout: None,
        },
        config_file: None,
        strict_config: true,
        allow_paths: Vec::new(),
        ignore_paths: Vec::new(),
        proxy_endpoints_port: None,
        tls: options::Tls::default(),
        authentication: options::Authentication {
            token_audiences: Vec::new(),
            oidc: None,
            oidc_and_token_review: false,
        },
        identity_headers: options::IdentityHeaders::default(),
        api: options::Api::default(),
        http2: options::Http2::default(),
        compatibility: options::Compatibility::None,
        limits,
        verbosity: 0,
    }
}
