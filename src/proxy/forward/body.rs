//! Bodies: passed on as they come, both ways.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::HeaderName;
use hyper::body::{Frame, Incoming, SizeHint};
use thiserror::Error;

use crate::proxy::connection::Answering;
use crate::proxy::headers::Names;
use crate::proxy::refusal::Refusal;
use crate::proxy::upstream::Lease;

/// Why a body ends before its end. The other side sees its own end early too.
#[derive(Debug, Error)]
pub enum BodyError {
    /// The side that sends it broke off.
    #[error("the body was cut")]
    Cut(#[source] hyper::Error),
    /// Nothing came for too long.
    #[error("the body stood still for too long")]
    Silent,
}

/// A request's body, on its way to the upstream.
pub struct Outgoing {
    incoming: Option<Incoming>,
    names: Option<Arc<Names>>,
    fault: Fault,
}

/// What became of a request's body, for the answer.
#[derive(Debug, Clone, Default)]
pub struct Fault(Option<Arc<AtomicU8>>);

const UNREAD: u8 = 0;
const CUT: u8 = 1;
const SLOW: u8 = 2;
const READ: u8 = 3;

/// An answer's body.
pub struct Body {
    content: Content,
    /// The connection is busy with it until it is gone.
    answering: Option<Answering>,
}

enum Content {
    Whole(Option<Bytes>),
    Passing(Passing),
}

/// An upstream's answer.
struct Passing {
    incoming: Incoming,
    lease: Option<Lease>,
    is_over: bool,
}

// === impl Outgoing ===

impl Outgoing {
    /// No body.
    pub fn empty() -> Self {
        Self {
            incoming: None,
            names: None,
            fault: Fault::default(),
        }
    }

    /// A body whose trailers say nothing of who calls.
    pub fn new(incoming: Incoming, names: Arc<Names>) -> Self {
        if hyper::body::Body::is_end_stream(&incoming) {
            return Self::empty();
        }
        Self {
            incoming: Some(incoming),
            names: Some(names),
            fault: Fault(Some(Arc::default())),
        }
    }

    /// Tells, later, what became of the body.
    pub fn fault(&self) -> Fault {
        self.fault.clone()
    }
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let Some(incoming) = &mut this.incoming else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(mut frame))) => {
                if let (Some(trailers), Some(names)) = (frame.trailers_mut(), &this.names) {
                    let identity = trailers.keys().filter(|name| names.is_identity(name));
                    for name in identity.cloned().collect::<Vec<HeaderName>>() {
                        trailers.remove(name);
                    }
                }
                if incoming.is_end_stream() {
                    this.fault.set(READ);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.fault.note(&error);
                Poll::Ready(Some(Err(BodyError::Cut(error))))
            }
            Poll::Ready(None) => {
                this.fault.set(READ);
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming
            .as_ref()
            .is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.incoming {
            Some(incoming) => incoming.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

// === impl Fault ===

impl Fault {
    fn note(&self, error: &hyper::Error) {
        let io = error
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>());
        let is_slow = io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut);
        self.set(if is_slow { SLOW } else { CUT });
    }

    fn set(&self, state: u8) {
        if let Some(fault) = &self.0 {
            fault.store(state, Ordering::Relaxed);
        }
    }

    fn state(&self) -> u8 {
        self.0
            .as_ref()
            .map_or(READ, |fault| fault.load(Ordering::Relaxed))
    }

    /// Whether a part of it is still to come.
    pub fn is_unread(&self) -> bool {
        self.state() == UNREAD
    }

    /// Why the request is answered by us after all.
    pub fn refusal(&self) -> Option<Refusal> {
        match self.state() {
            CUT => Some(Refusal::Malformed("the body breaks off or is malformed")),
            SLOW => Some(Refusal::TooSlow),
            _ => None,
        }
    }
}

// === impl Body ===

impl Body {
    /// A body of our own.
    pub fn whole(bytes: Bytes) -> Self {
        Self {
            content: Content::Whole((!bytes.is_empty()).then_some(bytes)),
            answering: None,
        }
    }

    /// The upstream's, and the connection that it comes on. It may be silent for as long as it likes: a log that is followed and
    /// a cell that computes are.
    pub fn passing(incoming: Incoming, lease: Option<Lease>) -> Self {
        Self {
            content: Content::Passing(Passing {
                incoming,
                lease,
                is_over: false,
            }),
            answering: None,
        }
    }

    /// The same, keeping the client's connection busy.
    #[must_use]
    pub fn answering(mut self, answering: Answering) -> Self {
        self.answering = Some(answering);
        self
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Passing(passing) => passing.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Passing(passing) => passing.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Content::Passing(passing) => passing.incoming.size_hint(),
        }
    }
}

// === impl Passing ===

impl Passing {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = hyper::body::Body::poll_frame(Pin::new(&mut self.incoming), cx);
        let Poll::Ready(frame) = polled else {
            return Poll::Pending;
        };
        self.is_over = frame.is_none();
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Cut)))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if (self.is_over || hyper::body::Body::is_end_stream(&self.incoming))
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }
}
