//! The guard's framing on arbitrary bytes of a connection.
//!
//! Never a panic. However the bytes are cut into reads, the same is found and the same passes. Every head that passes is one
//! to hyper's own parser too, with the same target, and holds nothing that two parsers could read differently.
#![no_main]

use gatewright::proxy::framing::{Bounds, Facts, Framing, Then};
use gatewright::proxy::options::Limits;
use libfuzzer_sys::fuzz_target;

/// What is found, what passes, and how it ends.
fn read(bytes: &[u8], pieces: impl Iterator<Item = usize>) -> (Vec<Facts>, Vec<u8>, Option<Then>) {
    let mut framing = Framing::new(Bounds::from(&Limits::default()));
    let (mut facts, mut passed, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = bytes;
    for piece in pieces {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        rest = later;
        waiting.extend_from_slice(now);
        loop {
            let judged = framing.judge(&waiting, |found| facts.push(found));
            passed.extend(waiting.drain(..judged.pass));
            match judged.then {
                Then::More => break,
                // The upstream says no: what follows is a request again.
                Then::Held => framing.stay(),
                then => return (facts, passed, Some(then)),
            }
            if waiting.is_empty() {
                break;
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    (facts, passed, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = read(bytes, std::iter::once(bytes.len()));
    let pieces = read(bytes, std::iter::repeat(usize::from(size).max(1)));
    assert_eq!(whole.0, pieces.0, "the cut makes a difference to what is found");
    assert_eq!(whole.1, pieces.1, "the cut makes a difference to what passes");
    assert!(bytes.starts_with(&whole.1), "what passes is not what came");
    let Some(first) = whole.0.first() else { return };
    let mut headers = [httparse::EMPTY_HEADER; 2000];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(&whole.1);
    assert!(matches!(parsed, Ok(httparse::Status::Complete(_))), "{parsed:?} of a head that passed");
    assert_eq!(request.path, Some(first.target.as_str()));
    let count = |name: &str| request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).count();
    assert!(count("host") <= 1);
    assert!(count("content-length") + count("transfer-encoding") <= 1, "two lengths passed");
});
