//! What a request shows of who sends it: arbitrary bytes in `Authorization` and `Sec-WebSocket-Protocol`.
//!
//! Never a panic. A token is one word of visible characters that stood in the header, or its decoded form; its Debug prints
//! none of it.
#![no_main]

use gatewright::proxy::credential;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<&[u8]>, Vec<&[u8]>, bool)| {
    let (authorizations, protocols, is_upgrade) = input;
    let mut headers = HeaderMap::new();
    for (name, values) in [(AUTHORIZATION, &authorizations), (SEC_WEBSOCKET_PROTOCOL, &protocols)] {
        for value in values.iter().take(4) {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(&name, value);
            }
        }
    }
    if let Ok(Some(found)) = credential::read(&headers, is_upgrade, 16 * 1024) {
        let token = found.token.reveal();
        assert!(!token.is_empty() && token.len() <= 16 * 1024);
        assert!(!token.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()), "{token:?}");
        assert!(headers.get_all(AUTHORIZATION).iter().count() <= 1, "two were shown and one was taken");
        if token.len() > 8 {
            assert!(!format!("{:?}", found.token).contains(token), "a token is printed");
        }
    }
});
