//! The bytes of HTTP/1.1 heads and bodies, read strictly in front of hyper. Pure.
//!
//! Whatever two parsers could read differently ends here: hyper accepts Content-Length beside Transfer-Encoding and bare LF, and
//! drops a fragment from the target. What passes goes on byte for byte. Specification: RFC 9112 with every choice made for the
//! strict reading; what stock proxies answer to each is in the recordings.

use http::uri::PathAndQuery;
use memchr::memchr;

use super::options::Limits;
use super::refusal::{Part, Refusal};

mod chunks;
mod head;

use chunks::Chunks;

/// How much of a head is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Of the target, bytes.
    pub target_bytes: usize,
    /// Of all, bytes.
    pub head_bytes: usize,
    /// Headers, in number.
    pub headers: usize,
}

/// What is known of a request before hyper has read it. One for each, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The target, byte for byte as the request line has it.
    pub target: PathAndQuery,
    /// Whether it asks for another protocol: `Connection: upgrade` with an `Upgrade`.
    pub asks_upgrade: bool,
    /// Why it is answered without being looked at further.
    pub refusal: Option<Refusal>,
}

/// What may be done with bytes that came.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    /// So many from the first on are passed on.
    pub pass: usize,
    /// What holds for those behind.
    pub then: Then,
}

/// What holds for the bytes behind those that pass.
#[derive(Debug, PartialEq, Eq)]
pub enum Then {
    /// They are the beginning of a head: they come again with those that follow.
    More,
    /// They are kept until it is known which protocol they are written in.
    Held,
    /// They are a head that is refused; nothing after it is read.
    Refused(Refusal),
    /// The body that they continue breaks off.
    Broken(&'static str),
}

/// The state between the bytes of one connection.
#[derive(Debug)]
pub struct Framing {
    bounds: Bounds,
    state: State,
    scan: Scan,
}

#[derive(Debug)]
enum State {
    Head,
    Sized(u64),
    Chunked(Chunks),
    /// Behind a head that asks for another protocol.
    Asked,
}

/// How far the search for a head's end has come, from the head's first byte.
#[derive(Debug, Default)]
struct Scan {
    seen: usize,
    line: usize,
    lines: usize,
}

/// What a head says of the body behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    None,
    Sized(u64),
    Chunked,
}

// === impl Framing ===

impl Framing {
    /// Before a connection's first byte.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: State::Head,
            scan: Scan::default(),
        }
    }

    /// Whether the next byte belongs to a body.
    pub fn is_in_body(&self) -> bool {
        matches!(self.state, State::Sized(_) | State::Chunked(_))
    }

    /// The protocol was not switched: what follows is a head.
    pub fn stay(&mut self) {
        if matches!(self.state, State::Asked) {
            self.state = State::Head;
        }
    }

    /// Judges bytes that continue those that passed. `found` is told of every head among them.
    pub fn judge(&mut self, bytes: &[u8], mut found: impl FnMut(Facts)) -> Judged {
        let mut pass = 0;
        loop {
            let rest = &bytes[pass..];
            let then = match &mut self.state {
                State::Asked => Then::Held,
                _ if rest.is_empty() => Then::More,
                State::Head => match self.scan.end(rest, &self.bounds) {
                    Ok(None) => Then::More,
                    Ok(Some(end)) => match head::read(&rest[..end], &self.bounds) {
                        Ok((facts, body)) => {
                            self.scan = Scan::default();
                            self.state = match body {
                                _ if facts.asks_upgrade => State::Asked,
                                Body::None | Body::Sized(0) => State::Head,
                                Body::Sized(length) => State::Sized(length),
                                Body::Chunked => State::Chunked(Chunks::default()),
                            };
                            found(facts);
                            pass += end;
                            continue;
                        }
                        Err(refusal) => Then::Refused(refusal),
                    },
                    Err(refusal) => Then::Refused(refusal),
                },
                State::Sized(left) => {
                    let length = u64::try_from(rest.len()).unwrap_or(u64::MAX).min(*left);
                    *left -= length;
                    if *left == 0 {
                        self.state = State::Head;
                    }
                    pass += usize::try_from(length).unwrap_or(rest.len());
                    continue;
                }
                State::Chunked(chunks) => match chunks.take(rest) {
                    Ok((taken, is_over)) => {
                        if is_over {
                            self.state = State::Head;
                        }
                        pass += taken;
                        continue;
                    }
                    Err((taken, reason)) => {
                        pass += taken;
                        Then::Broken(reason)
                    }
                },
            };
            return Judged { pass, then };
        }
    }
}

// === impl Scan ===

impl Scan {
    /// Where a head ends, behind its empty line. The same bytes give the same answer however they were cut into reads.
    fn end(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<usize>, Refusal> {
        if bytes.first().is_some_and(|first| !head::is_token(&[*first])) {
            return Err(Refusal::Malformed("the request line begins with no method"));
        }
        while let Some(found) = bytes
            .get(self.seen..bytes.len().min(self.bound(bounds)))
            .and_then(|open| memchr(b'\n', open))
        {
            let at = self.seen + found;
            if at == 0 || bytes[at - 1] != b'\r' {
                return Err(Refusal::Malformed("a line ends without CR"));
            }
            if at == self.line + 1 {
                return Ok(Some(at + 1));
            }
            self.lines += 1;
            if self.lines > bounds.headers + 1 {
                return Err(Refusal::TooLarge(Part::Headers));
            }
            self.seen = at + 1;
            self.line = at + 1;
        }
        if bytes.len() > self.bound(bounds) {
            let part = if self.lines == 0 {
                Part::Target
            } else {
                Part::Headers
            };
            return Err(Refusal::TooLarge(part));
        }
        self.seen = bytes.len();
        Ok(None)
    }

    /// How far is looked: the first line has a bound of its own.
    fn bound(&self, bounds: &Bounds) -> usize {
        if self.lines == 0 {
            // Beside the target: a method, two blanks and the version.
            bounds.head_bytes.min(bounds.target_bytes + 64)
        } else {
            bounds.head_bytes
        }
    }
}

// === impl Bounds ===

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            target_bytes: limits.target_bytes,
            head_bytes: limits.head_bytes,
            headers: limits.headers,
        }
    }
}

// === impl Facts ===

impl Facts {
    /// Of a head that is refused. Its target is not looked at.
    pub fn refused(refusal: Refusal) -> Self {
        Self {
            target: PathAndQuery::from_static("/"),
            asks_upgrade: false,
            refusal: Some(refusal),
        }
    }
}

#[cfg(test)]
mod tests;
