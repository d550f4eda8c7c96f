//! Two connections that both left HTTP, joined: bytes pass both ways until both have ended.
//!
//! Nothing is read from the client before both sides have switched ([`Shared`]), so nothing can be sent to an upstream that has
//! not agreed.

use http::HeaderMap;
use http::header::{HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use crate::proxy::connection::Shared;
use crate::proxy::drain::Watch;

/// Whether an answer names one of the protocols that were asked for, and one alone.
pub fn is_asked_for(asked: &[HeaderValue], answer: &HeaderMap) -> bool {
    let mut named = answer.get_all(UPGRADE).iter();
    let (Some(named), None) = (named.next(), named.next()) else {
        return false;
    };
    let mut tokens = asked
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    tokens.any(|token| {
        let token = token.trim_ascii();
        !token.is_empty() && token.eq_ignore_ascii_case(named.as_bytes())
    })
}

/// Joins both sides as soon as both have switched, until the time for draining is up.
pub async fn join(client: OnUpgrade, upstream: OnUpgrade, shared: &Shared, watch: &Watch) {
    let joined = async {
        let (Ok(upstream), Ok(client)) = (upstream.await, client.await) else {
            return;
        };
        shared.switched();
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        // Either side may end its half first; what breaks one side ends both.
        let _ = copy_bidirectional(&mut client, &mut upstream).await;
    };
    tokio::select! {
        () = joined => {}
        () = watch.deadline() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_is_one_that_was_asked_for() {
        let asked = [
            HeaderValue::from_static("websocket, spdy/3.1"),
            HeaderValue::from_static("x"),
        ];
        let answer = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(UPGRADE, HeaderValue::from_static(value));
            }
            is_asked_for(&asked, &headers)
        };
        assert!(answer(&["WebSocket"]));
        assert!(answer(&["spdy/3.1"]));
        assert!(answer(&["x"]));
        assert!(!answer(&["spdy"]));
        assert!(!answer(&["websocket, x"]));
        assert!(!answer(&["websocket", "x"]));
        assert!(!answer(&[""]));
        assert!(!answer(&[]));
    }
}
