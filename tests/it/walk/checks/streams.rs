//! What lasts longer than a request: `WebSockets`, event streams, uploads.

use std::time::Instant;

use super::super::client::request;
use super::super::definitions::NOTEBOOK;
use super::super::upstream::{BETWEEN_EVENTS, SOCKET_ACCEPT, SOCKET_KEY};
use super::{Check, Found, HOST, Walk, check, ensure, head, status};

pub(super) fn checks() -> Vec<Check> {
    vec![
        check("streams: a WebSocket opens and echoes", |walk| {
            socket(walk, "/ws")
        }),
        check("streams: a Notebook's WebSocket opens and echoes", |walk| {
            socket(walk, &format!("{NOTEBOOK}/api/kernels/1/channels?session_id=2"))
        }),
        check("streams: events arrive one by one", events),
        check("streams: an upload arrives whole", |walk| {
            let cookie = walk.session()?;
            let body = vec![b'x'; 3_000_000];
            let length = body.len().to_string();
            let headers = [
                ("Host", HOST),
                ("Connection", "close"),
                ("Cookie", &cookie),
                ("Content-Length", &length),
            ];
            let answer = walk.gateway.exchange("PUT", "/files/large", &headers, &body);
            let answer = answer.map_err(|why| why.to_string())?;
            head(&answer)?;
            let told: serde_json::Value =
                serde_json::from_slice(&answer.body).map_err(|why| why.to_string())?;
            let arrived = told["body"].as_str().map_or(0, str::len);
            ensure(arrived == body.len(), || format!("{arrived} bytes"))
        }),
        check(
            "streams: several requests on one connection are asked about one by one",
            |walk| {
                let cookie = walk.session()?;
                let mut connection = walk.connect()?;
                let fail = |why: std::io::Error| why.to_string();
                let with = [("Host", HOST), ("Cookie", cookie.as_str())];
                let without = [("Host", HOST), super::JSON];
                for (headers, wanted) in [(&with, 200), (&without, 401), (&with, 200)] {
                    connection
                        .send(&request("GET", "/", headers, b""))
                        .map_err(fail)?;
                    status(&connection.answer("GET").map_err(fail)?, wanted)?;
                }
                Ok(())
            },
        ),
    ]
}

fn socket(walk: &Walk<'_>, path: &str) -> Found {
    let cookie = walk.session()?;
    let fail = |why: std::io::Error| why.to_string();
    let mut connection = walk.connect()?;
    let headers = [
        ("Host", HOST),
        ("Cookie", cookie.as_str()),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", SOCKET_KEY),
        ("Origin", "https://gw.example.test"),
    ];
    connection
        .send(&request("GET", path, &headers, b""))
        .map_err(fail)?;
    let answer = connection.head().map_err(fail)?;
    status(&answer, 101)?;
    let accept = answer.header("sec-websocket-accept");
    ensure(accept == Some(SOCKET_ACCEPT), || format!("{accept:?}"))?;
    for sent in [&b"\x81\x05hello"[..], b"\x82\x03abc"] {
        connection.send(sent).map_err(fail)?;
        let back = connection.take(sent.len()).map_err(fail)?;
        ensure(back == sent, || format!("{back:?}"))?;
    }
    Ok(())
}

fn events(walk: &Walk<'_>) -> Found {
    let cookie = walk.session()?;
    let fail = |why: std::io::Error| why.to_string();
    let mut connection = walk.connect()?;
    let headers = [
        ("Host", HOST),
        ("Cookie", cookie.as_str()),
        ("Accept", "text/event-stream"),
    ];
    connection
        .send(&request("GET", "/events", &headers, b""))
        .map_err(fail)?;
    status(&connection.head().map_err(fail)?, 200)?;
    let mut last: Option<Instant> = None;
    for number in 0..3 {
        let event = connection.chunk().map_err(fail)?.unwrap_or_default();
        let event = String::from_utf8_lossy(&event).into_owned();
        ensure(event == format!("data: {number}\n\n"), || event)?;
        // Kept back until the end, all would come at once.
        if let Some(last) = last {
            ensure(last.elapsed() > BETWEEN_EVENTS / 2, || {
                format!("{:?}", last.elapsed())
            })?;
        }
        last = Some(Instant::now());
    }
    Ok(())
}
