//! The whole proxy on loopback, byte by byte: a client, an upstream that answers as its path says, an API server by script.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::*;
use crate::proxy::api::scripted::{Say, Scripted, here};
use crate::proxy::authenticate::Authenticator;
use crate::proxy::authorize::Authorizer;
use crate::proxy::drain::{self, Drain};
use crate::proxy::options::Compatibility;
use crate::proxy::paths::Paths;
use crate::proxy::rules::Rules;

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

struct World {
    address: std::net::SocketAddr,
    /// What came to the upstream: one text for each of its connections.
    seen: Arc<Mutex<Vec<String>>>,
    drain: Drain,
    app: Arc<App>,
    /// Lets the upstream go on where its answer waits.
    go: Arc<Notify>,
    _api: Scripted,
}

/// `good` is somebody; whatever ends with `/denied` is not for them.
async fn world(change: impl FnOnce(&mut Options)) -> World {
    let api = Scripted::start(|asked| {
        if asked.is_token_review() {
            let is_good = asked.token() == "good";
            let user = json!({"username": "dana", "groups": ["a", "b"]});
            return Say::Status(json!({"authenticated": is_good, "user": user}));
        }
        let path = asked.body["spec"]["nonResourceAttributes"]["path"]
            .as_str()
            .unwrap();
        Say::Status(json!({"allowed": !path.ends_with("/denied")}))
    })
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut options = here(options_limits());
    options.identity_headers.enabled = true;
    options.upstream.authority = listener.local_addr().unwrap().to_string();
    change(&mut options);
    let go = Arc::new(Notify::new());
    tokio::spawn(upstream(listener, Arc::clone(&seen), Arc::clone(&go)));
    let metrics = Arc::new(Metrics::default());
    let authenticator = Authenticator::new(&options, api.api(), Arc::clone(&metrics))
        .await
        .unwrap();
    let authorizer = Authorizer::new(&options, api.api(), Arc::clone(&metrics));
    let paths = Paths::new(&options.allow_paths, &options.ignore_paths).unwrap();
    let rules = Rules::new(None, Compatibility::None).unwrap();
    let gate = Gate::new(
        paths,
        rules,
        authenticator,
        authorizer,
        options.limits.token_bytes,
    );
    let (audit, _) = Audit::new(0).unwrap();
    let app = Arc::new(App {
        gate,
        upstream: Upstream::new(&options.upstream, None).unwrap(),
        options,
        metrics,
        audit,
    });
    let (drain, watch) = drain::channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listen(listener, None, Arc::clone(&app), watch));
    World {
        address,
        seen,
        drain,
        app,
        go,
        _api: api,
    }
}

fn options_limits() -> crate::proxy::options::Limits {
    crate::proxy::options::Limits {
        head_timeout: Duration::from_millis(300),
        ..crate::proxy::options::Limits::default()
    }
}

async fn upstream(listener: TcpListener, seen: Arc<Mutex<Vec<String>>>, go: Arc<Notify>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let at = {
            let mut seen = seen.lock().unwrap();
            seen.push(String::new());
            seen.len() - 1
        };
        tokio::spawn(upstream_connection(
            stream,
            Arc::clone(&seen),
            at,
            Arc::clone(&go),
        ));
    }
}

async fn upstream_connection(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    at: usize,
    go: Arc<Notify>,
) {
    let mut open = String::new();
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        seen.lock().unwrap()[at].push_str(&text);
        open.push_str(&text);
        let Some(end) = open.find("\r\n\r\n") else {
            continue;
        };
        let path = open.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = &open[end + 4..];
        let is_whole = body.len() >= 5 || !open.to_ascii_lowercase().contains("content-length: 5");
        let is_ended = body.ends_with("\r\n\r\n") || !open.to_ascii_lowercase().contains("chunked");
        if !(is_whole && is_ended) {
            continue;
        }
        open.clear();
        let say: &[&str] = match path.as_str() {
            "/cut" => &["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "END"],
            "/two" => &[
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            ],
            "/nonsense" => &["SSH-2.0-x\r\n\r\n"],
            "/badname" => &["HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 0\r\n\r\n"],
            "/hangup" => &["END"],
            "/slow" => &["GO", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"],
            "/parts" => &["HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf", "GO", "half"],
            "/events" => &[
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n",
                "GO",
                "data: 2\n\n",
                "END",
            ],
            "/trailers" => &[
                "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n",
            ],
            "/hints" => &[
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            ],
            "/ws" => &[
                "GO",
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                "ECHO",
            ],
            "/other-protocol" => &[
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: spdy\r\n\r\n",
                "ECHO",
            ],
            "/unasked" => &[
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                "ECHO",
            ],
            _ => &[
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\nX-Upstream: seen\r\n\r\nok",
            ],
        };
        for piece in say {
            match *piece {
                "END" => return,
                "GO" => go.notified().await,
                "ECHO" => {
                    let (mut reader, mut writer) = stream.split();
                    let mut bytes = [0; 4096];
                    loop {
                        let count = reader.read(&mut bytes).await.unwrap_or(0);
                        if count == 0 {
                            let _ = writer.write_all(b"BYE").await;
                            return;
                        }
                        seen.lock().unwrap()[at].push_str(&String::from_utf8_lossy(&bytes[..count]));
                        writer.write_all(&bytes[..count]).await.unwrap();
                    }
                }
                text => stream.write_all(text.as_bytes()).await.unwrap(),
            }
        }
    }
}

// === impl World ===

impl World {
    async fn client(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Everything that comes until the connection ends, to requests that end it.
    async fn all(&self, sent: &str) -> String {
        let mut client = self.client().await;
        client.write_all(sent.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let reading = client.read_to_end(&mut bytes);
        let ended = tokio::time::timeout(Duration::from_secs(5), reading).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        ended
            .unwrap_or_else(|_| panic!("{sent:?} leaves the connection open: {text}"))
            .unwrap();
        text
    }

    /// What came to the upstream, as soon as that ends with this.
    async fn until_seen(&self, end: &str) -> String {
        for _ in 0..500 {
            let seen = self.seen();
            if seen.ends_with(end) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no {end:?} in {:?}", self.seen());
    }

    fn seen(&self) -> String {
        self.seen.lock().unwrap().concat()
    }
}

/// What comes until it ends with this.
async fn until(client: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.ends_with(end) {
        let reading = tokio::time::timeout(Duration::from_secs(5), client.read(&mut bytes)).await;
        let count = reading
            .unwrap_or_else(|_| panic!("no {end:?} in {text:?}"))
            .unwrap();
        assert!(count > 0, "no {end:?} in {text:?}");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    text
}

fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: proxy.test\r\nAuthorization: Bearer good\r\n{lines}\r\n")
}

fn post(path: &str, lines: &str, body: &str) -> String {
    get(path, lines).replacen("GET", "POST", 1) + body
}

const CLOSE: &str = "Connection: close\r\n";

#[tokio::test]
async fn a_request_goes_through_with_its_identity() {
    let world = world(|_| {}).await;
    let text = world
        .all(&get(
            "/a%2Fb?x=%zz",
            "X-Remote_User: admin\r\nX-Keep: 1\r\nConnection: close, X-Remote-User\r\n",
        ))
        .await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(
        text.contains("X-Upstream: seen\r\n") && text.ends_with("\r\n\r\nok"),
        "{text}"
    );
    assert!(!text.contains("Keep-Alive"), "{text}");
    let seen = world.seen();
    let mut lines: Vec<&str> = seen.split("\r\n").filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.remove(0), "GET /a%2Fb?x=%zz HTTP/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "Host: proxy.test",
            "X-Forwarded-For: 127.0.0.1",
            "X-Keep: 1",
            "X-Remote-Groups: a|b|system:authenticated",
            "X-Remote-User: dana"
        ]
    );
}

#[tokio::test]
async fn requests_of_a_connection_are_judged_one_by_one() {
    let world = world(|_| {}).await;
    let nobody = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
    let sent = [
        &get("/a", ""),
        nobody,
        &get("/denied", ""),
        &get("/c", ""),
        &get("/d", CLOSE),
    ]
    .concat();
    let text = world.all(&sent).await;
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["200", "401", "403", "200", "200"]);
    assert!(text.contains("Forbidden (user=dana, verb=get, resource=, subresource=)\n"));
    let seen = world.seen();
    assert!(!seen.contains("/b") && !seen.contains("/denied"), "{seen}");
    // One connection to the upstream is enough.
    assert_eq!(world.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_malformed_is_answered_behind_what_was_not() {
    let world = world(|_| {}).await;
    let text = world
        .all(&[&get("/a", ""), "GET /b HTTP/1.1\nHost: h\n\n", &get("/c", "")].concat())
        .await;
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(text.contains("okHTTP/1.1 400 Bad Request\r\n"), "{text}");
    assert!(text.contains("Connection: close\r\n"), "{text}");
    assert!(text.ends_with("400 Bad Request"), "{text}");
    assert!(!world.seen().contains("/c"));
    let slow = world.all("GET /a HTTP/1.1\r\nHost").await;
    assert!(slow.starts_with("HTTP/1.1 408 "), "{slow}");
    let long = world.all(&get(&format!("/{}", "a".repeat(70_000)), "")).await;
    assert!(
        long.starts_with("HTTP/1.1 414 "),
        "{}",
        &long[..80.min(long.len())]
    );
    let big = world
        .all(&get("/a", &format!("X: {}\r\n", "b".repeat(1_100_000))))
        .await;
    assert!(big.starts_with("HTTP/1.1 431 "), "{}", &big[..80.min(big.len())]);
    let connect = world.all("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(connect.starts_with("HTTP/1.1 404 "), "{connect}");
}

#[tokio::test]
async fn large_heads_pass() {
    let world = world(|_| {}).await;
    let many: String = (0..1000).map(|at| format!("X-{at}: v\r\n")).collect();
    let text = world.all(&get("/a", &(many + CLOSE))).await;
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    let big = format!("X: {}\r\n{CLOSE}", "b".repeat(300_000));
    assert!(world.all(&get("/a", &big)).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn bodies_pass() {
    let world = world(|_| {}).await;
    let chunked = post(
        "/a",
        &format!("Transfer-Encoding: chunked\r\nTrailer: X-Sum, X-Remote-User\r\n{CLOSE}"),
        "5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Remote-User: admin\r\n\r\n",
    );
    assert!(world.all(&chunked).await.starts_with("HTTP/1.1 200 "));
    let seen = world.seen();
    assert!(seen.contains("5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), "{seen}");
    assert!(!seen.contains("admin"), "{seen}");
    for request in [
        post("/b", &format!("Content-Length: 5\r\n{CLOSE}"), "hello"),
        get("/c", &format!("Content-Length: 5\r\n{CLOSE}")) + "howdy",
        get("/d", &format!("Transfer-Encoding: chunked\r\n{CLOSE}")) + "3\r\nhey\r\n0\r\n\r\n",
        post("/e", CLOSE, ""),
    ] {
        let text = world.all(&request).await;
        assert!(text.starts_with("HTTP/1.1 200 "), "{request}: {text}");
    }
    let seen = world.seen();
    assert!(
        seen.contains("\r\n\r\nhello")
            && seen.contains("\r\n\r\nhowdy")
            && seen.contains("3\r\nhey\r\n0\r\n\r\n"),
        "{seen}"
    );
    assert!(seen.contains("Content-Length: 0\r\n"), "{seen}");
}

#[tokio::test]
async fn bodies_that_nobody_reads() {
    let world = world(|_| {}).await;
    // A small one is read away, and the connection stays.
    let sent = [
        post("/denied", "Content-Length: 5\r\n", "hello"),
        get("/a", CLOSE),
    ]
    .concat();
    let text = world.all(&sent).await;
    assert!(
        text.starts_with("HTTP/1.1 403 ") && text.contains("HTTP/1.1 200 "),
        "{text}"
    );
    let large = post("/denied", "Content-Length: 400000\r\n", &"x".repeat(400_000));
    let text = world.all(&large).await;
    assert!(
        text.starts_with("HTTP/1.1 403 ") && text.contains("Connection: close\r\n"),
        "{text}"
    );
    let expects = post("/denied", "Content-Length: 5\r\nExpect: 100-continue\r\n", "");
    let text = world.all(&expects).await;
    assert!(
        text.starts_with("HTTP/1.1 403 ") && text.contains("Connection: close\r\n"),
        "{text}"
    );
    let other = post("/a", "Content-Length: 5\r\nExpect: tea\r\n", "hello");
    assert!(world.all(&other).await.starts_with("HTTP/1.1 417 "));
    let broken = post("/a", "Transfer-Encoding: chunked\r\n", "zz\r\n");
    let text = world.all(&broken).await;
    assert!(
        text.starts_with("HTTP/1.1 400 ") && text.contains("Connection: close\r\n"),
        "{text}"
    );
}

#[tokio::test]
async fn the_body_is_asked_for_behind_the_decision() {
    let world = world(|_| {}).await;
    let mut client = world.client().await;
    let head = post("/a", "Content-Length: 5\r\nExpect: 100-continue\r\n", "");
    client.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(
        until(&mut client, "\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.write_all(b"hello").await.unwrap();
    assert!(until(&mut client, "ok").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn answers_of_which_nothing_good_comes() {
    let world = world(|_| {}).await;
    for path in ["/two", "/nonsense", "/badname", "/hangup", "/unasked"] {
        let text = world.all(&get(path, CLOSE)).await;
        assert!(
            text.starts_with("HTTP/1.1 502 ") && text.ends_with("\r\n\r\n"),
            "{path}: {text}"
        );
    }
    // A body that was read to its end leaves the connection as it is.
    let sent = post("/hangup", "Content-Length: 5\r\n", "hello") + &get("/a", CLOSE);
    let text = world.all(&sent).await;
    assert!(
        text.starts_with("HTTP/1.1 502 ") && text.contains("HTTP/1.1 200 "),
        "{text}"
    );
    // Sent once to a fresh connection, and not again.
    assert_eq!(world.seen().matches("/hangup").count(), 2);
    let text = world.all(&get("/cut", "")).await;
    assert!(
        text.starts_with("HTTP/1.1 200 ") && text.ends_with("\r\n\r\nhalf"),
        "{text}"
    );
}

#[tokio::test]
async fn answers_pass_as_they_come() {
    let world = world(|_| {}).await;
    for (path, first, last) in [
        ("/parts", "half", "halfhalf"),
        ("/events", "data: 1\n\n\r\n", "0\r\n\r\n"),
    ] {
        let mut client = world.client().await;
        client.write_all(get(path, "").as_bytes()).await.unwrap();
        let early = until(&mut client, first).await;
        world.go.notify_one();
        let rest = until(&mut client, &last[last.len() - 4..]).await;
        assert!((early + &rest).ends_with(last), "{path}: {rest}");
    }
    let text = world
        .all(&get("/trailers", &format!("TE: trailers\r\n{CLOSE}")))
        .await;
    assert!(text.contains("4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n"), "{text}");
    let text = world.all(&get("/hints", CLOSE)).await;
    assert!(
        text.starts_with("HTTP/1.1 200 ") && text.ends_with("ok"),
        "{text}"
    );
}

#[tokio::test]
async fn both_sides_switch_before_a_byte_crosses() {
    let world = world(|_| {}).await;
    let mut client = world.client().await;
    client
        .write_all((get("/ws", UPGRADE) + "EARLY").as_bytes())
        .await
        .unwrap();
    let seen = world.until_seen("\r\n\r\n").await;
    assert!(
        seen.contains("Upgrade: websocket\r\n") && !seen.contains("EARLY"),
        "{seen}"
    );
    world.go.notify_one();
    let text = until(&mut client, "EARLY").await;
    assert!(
        text.starts_with("HTTP/1.1 101 ") && text.contains("Upgrade: websocket\r\n"),
        "{text}"
    );
    client.write_all(b"\x01late").await.unwrap();
    assert_eq!(until(&mut client, "late").await, "\x01late");
    // One half ends, the other speaks on.
    client.shutdown().await.unwrap();
    assert_eq!(until(&mut client, "BYE").await, "BYE");
    assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0);
}

#[tokio::test]
async fn where_no_protocol_is_switched() {
    let world = world(|_| {}).await;
    // The upstream answers otherwise, or nobody was asked: the connection stays.
    let nobody = format!("GET /ws HTTP/1.1\r\nHost: h\r\n{UPGRADE}\r\n");
    for (request, status) in [
        (get("/a", UPGRADE), "200"),
        (nobody, "401"),
        (get("/other-protocol", UPGRADE), "502"),
    ] {
        let mut client = world.client().await;
        client.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = [0; 4096];
        let count = client.read(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")) && !text.contains("close"),
            "{text}"
        );
        client.write_all(get("/next", CLOSE).as_bytes()).await.unwrap();
        assert!(until(&mut client, "ok").await.contains("HTTP/1.1 200 "));
    }
    // Where the client went on in the other protocol already, nothing it wrote is read as a request.
    let early = format!("{}{}", get("/a", UPGRADE), get("/smuggled", ""));
    let text = world.all(&early).await;
    assert!(
        text.starts_with("HTTP/1.1 200 ") && text.contains("Connection: close\r\n"),
        "{text}"
    );
    assert!(!world.seen().contains("smuggled"));
    assert!(
        world
            .all(&get("/ws", "Connection: Upgrade\r\nUpgrade: h2c\r\n"))
            .await
            .starts_with("HTTP/1.1 400 ")
    );
}

#[tokio::test]
async fn a_timeout_is_until_the_head() {
    let world = world(|options| options.upstream.timeout = Some(Duration::from_millis(50))).await;
    assert!(world.all(&get("/slow", CLOSE)).await.starts_with("HTTP/1.1 502 "));
    let mut client = world.client().await;
    client.write_all(get("/parts", CLOSE).as_bytes()).await.unwrap();
    until(&mut client, "half").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The answer that came too late waits too.
    world.go.notify_waiters();
    assert_eq!(until(&mut client, "half").await, "half");
}

#[tokio::test]
async fn the_upstreams_path_and_host() {
    let world = world(|options| options.upstream.path_prefix = "/base".into()).await;
    let text = world
        .all("GET /a?x HTTP/1.0\r\nAuthorization: Bearer good\r\n\r\n")
        .await;
    assert!(text.contains(" 200 OK\r\n"), "{text}");
    let seen = world.seen();
    assert!(seen.starts_with("GET /base/a?x HTTP/1.1\r\n"), "{seen}");
    assert!(
        seen.contains(&format!("Host: {}\r\n", world.app.options.upstream.authority)),
        "{seen}"
    );
}

#[tokio::test]
async fn a_client_of_http2_without_tls() {
    let world = world(|_| {}).await;
    let stream = world.client().await;
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<
        _,
        _,
        http_body_util::Empty<bytes::Bytes>,
    >(TokioExecutor::new(), hyper_util::rt::TokioIo::new(stream))
    .await
    .unwrap();
    tokio::spawn(connection);
    let ask = |path: &str, lines: &[(&'static str, &'static str)]| {
        let mut request = http::Request::new(http_body_util::Empty::new());
        *request.uri_mut() = format!("http://proxy.test{path}").parse().unwrap();
        request
            .headers_mut()
            .insert("authorization", "Bearer good".parse().unwrap());
        for (name, value) in lines {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        request
    };
    let asked = ask(
        "/a?x",
        &[
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("x_remote_user", "admin"),
            ("host", "proxy.test"),
        ],
    );
    let response = sender.send_request(asked).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = http_body_util::BodyExt::collect(response.into_body())
        .await
        .unwrap();
    assert_eq!(body.to_bytes(), "ok");
    let seen = world.seen();
    for line in [
        "GET /a?x HTTP/1.1\r\n",
        "Host: proxy.test\r\n",
        "Cookie: a=1; b=2\r\n",
        "X-Remote-User: dana\r\n",
    ] {
        assert!(seen.contains(line), "{seen}");
    }
    assert!(!seen.contains("admin"), "{seen}");
    for (lines, status) in [(&[("host", "other.test")][..], 400), (&[("te", "trailers")], 200)] {
        assert_eq!(
            sender.send_request(ask("/b", lines)).await.unwrap().status(),
            status,
            "{lines:?}"
        );
    }
    assert_eq!(
        sender.send_request(ask("/denied", &[])).await.unwrap().status(),
        403
    );
}

#[tokio::test]
async fn draining_finishes_what_runs() {
    let world = world(|_| {}).await;
    let mut idle = world.client().await;
    idle.write_all(get("/a", "").as_bytes()).await.unwrap();
    until(&mut idle, "ok").await;
    let mut switched = world.client().await;
    switched.write_all(get("/ws", UPGRADE).as_bytes()).await.unwrap();
    world.go.notify_one();
    until(&mut switched, "\r\n\r\n").await;
    let mut busy = world.client().await;
    busy.write_all(get("/slow", "").as_bytes()).await.unwrap();
    while !world.seen().contains("/slow") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let draining = tokio::spawn(world.drain.drain(Duration::from_secs(20)));
    // Idle: ended at once.
    assert_eq!(idle.read(&mut [0; 10]).await.unwrap(), 0);
    world.go.notify_one();
    let text = until(&mut busy, "late").await;
    assert!(text.contains("Connection: close\r\n"), "{text}");
    // An upgraded connection is waited for.
    switched.write_all(b"still").await.unwrap();
    assert_eq!(until(&mut switched, "still").await, "still");
    assert!(!draining.is_finished());
    assert!(TcpStream::connect(world.address).await.is_err());
    drop(switched);
    assert!(
        tokio::time::timeout(Duration::from_secs(5), draining)
            .await
            .unwrap()
            .unwrap()
    );
}
