//! A client's connection, with the framing checked before hyper reads it.
//!
//! hyper sees the bytes of good requests and no others. In place of a head that is refused it sees a harmless one, so that the
//! refusal is answered behind the answers that are still under way, by the one table; why it is refused is not in the bytes but
//! in [`Shared`], where no client can write it. Behind a head that asks for another protocol nothing is read until both sides
//! have switched.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::framing::{Bounds, Facts, Framing, Then};
use super::metrics::Metrics;
use super::options::Limits;
use super::refusal::Refusal;

/// What hyper sees in place of a head that is refused.
const HARMLESS: &[u8] = b"GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";
/// What is kept of bytes that came before the switch to another protocol.
const HELD_BYTES: usize = 64 * 1024;
/// One read of a head that came in parts.
const READ_BYTES: usize = 8 * 1024;
/// How long, and how much, is read and dropped behind the last answer, so that the client can read that (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// What a connection and the answers on it know of each other.
#[derive(Debug, Default)]
pub struct Shared {
    turn: Mutex<Turn>,
    active: AtomicUsize,
    answered: AtomicUsize,
}

#[derive(Debug, Default)]
struct Turn {
    facts: VecDeque<Facts>,
    switch: Switch,
    /// Bytes that came before it was known which protocol they are written in.
    held: usize,
    waker: Option<Waker>,
}

/// What became of the wish for another protocol.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Switch {
    #[default]
    Open,
    Switched,
    Refused,
}

/// A stream whose requests are checked as they are read.
pub struct Checked<S> {
    stream: S,
    mode: Mode,
    framing: Framing,
    shared: Arc<Shared>,
    /// Checked, and not yet read by hyper.
    ready: BytesMut,
    /// Not yet checked: a part of a head, or what came behind an upgrade.
    kept: BytesMut,
    /// Whether `kept` has bytes that were not looked at.
    is_fresh: bool,
    clock: Clock,
    stalled: Option<Pin<Box<Sleep>>>,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Checked,
    /// A head asked for another protocol.
    Held,
    /// Bytes pass as they are.
    Open,
    /// A body breaks off, behind what was passed on.
    Broken(&'static str),
    /// A head was refused, or a body broke off: nothing more is read.
    Ended,
}

/// The deadlines of reading. One timer, set again only when it has run out: no request pays for it.
struct Clock {
    timer: Pin<Box<Sleep>>,
    head: Duration,
    body: Duration,
    keep_alive: Duration,
    /// Before the end of the first head.
    is_first: bool,
    /// Something came since the timer was set.
    is_touched: bool,
    is_waiting: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Head,
    Body,
    Request,
}

// === impl Shared ===

impl Shared {
    /// What is known of the next request. They are asked for in the order in which hyper reads them.
    pub fn next(&self) -> Option<Facts> {
        self.turn().facts.pop_front()
    }

    /// Both sides speak the other protocol now.
    pub fn switched(&self) {
        self.settle(Switch::Switched);
    }

    /// The other protocol was not agreed on. Whether requests may follow: not where bytes came that the client has written in
    /// that protocol.
    pub fn stays(&self) -> bool {
        let is_clean = self.turn().held == 0;
        if is_clean {
            self.settle(Switch::Refused);
        }
        is_clean
    }

    /// An answer is under way until what this gives is dropped: the connection is not idle.
    pub fn answering(self: &Arc<Self>, metrics: &Arc<Metrics>) -> Answering {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.answered.fetch_add(1, Ordering::Relaxed);
        metrics.active(1);
        Answering {
            shared: Arc::clone(self),
            metrics: Arc::clone(metrics),
        }
    }

    /// How many answers were begun.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether an answer is under way.
    pub fn is_answering(&self) -> bool {
        self.active.load(Ordering::Relaxed) > 0
    }

    fn settle(&self, switch: Switch) {
        let mut turn = self.turn();
        turn.switch = switch;
        let waker = turn.waker.take();
        drop(turn);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn turn(&self) -> std::sync::MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kept by an answer while it is under way.
#[derive(Debug)]
pub struct Answering {
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.shared.active.fetch_sub(1, Ordering::Relaxed);
        self.metrics.active(-1);
    }
}

// === impl Checked ===

impl<S> Checked<S> {
    /// A connection of HTTP/1.1 of which these bytes were read already.
    pub fn new(stream: S, read: BytesMut, limits: &Limits) -> Self {
        Self::with(stream, read, limits, Mode::Checked)
    }

    /// A connection whose bytes pass as they are, after these.
    pub fn unchecked(stream: S, read: BytesMut, limits: &Limits) -> Self {
        Self::with(stream, read, limits, Mode::Open)
    }

    fn with(stream: S, read: BytesMut, limits: &Limits, mode: Mode) -> Self {
        Self {
            stream,
            mode,
            framing: Framing::new(Bounds::from(limits)),
            shared: Arc::default(),
            ready: BytesMut::new(),
            is_fresh: !read.is_empty(),
            kept: read,
            clock: Clock {
                timer: Box::pin(sleep(limits.head_timeout)),
                head: limits.head_timeout,
                body: limits.body_idle_timeout,
                keep_alive: limits.keep_alive_timeout,
                is_first: true,
                is_touched: false,
                is_waiting: false,
            },
            stalled: None,
            linger: None,
        }
    }

    /// What the answers on this connection need.
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.shared.turn().facts.push_back(Facts::refused(refusal));
        self.ready.extend_from_slice(HARMLESS);
        self.kept = BytesMut::new();
        self.mode = Mode::Ended;
    }

    /// Goes on as the judge of the last bytes said.
    fn follow(&mut self, then: Then) {
        match then {
            Then::More => {}
            Then::Held => {
                self.mode = Mode::Held;
                self.shared.turn().held = self.kept.len();
            }
            Then::Refused(refusal) => self.refuse(refusal),
            Then::Broken(reason) => self.mode = Mode::Broken(reason),
        }
    }

    /// Judges what is kept.
    fn judge_kept(&mut self) {
        self.is_fresh = false;
        let shared = &self.shared;
        let judged = self.framing.judge(&self.kept, |facts| {
            shared.turn().facts.push_back(facts);
        });
        if judged.pass > 0 {
            self.ready.unsplit(self.kept.split_to(judged.pass));
            self.clock.is_first = false;
            self.clock.touch();
            if judged.then == Then::More && !self.kept.is_empty() {
                self.clock.begin_head();
            }
        }
        if self.kept.is_empty() {
            self.kept = BytesMut::new();
        }
        self.follow(judged.then);
    }

    /// Judges what was just read into hyper's own buffer: good bytes stay where they are.
    fn judge_read(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let shared = &self.shared;
        let read = &buffer.filled()[before..];
        let judged = self.framing.judge(read, |facts| {
            shared.turn().facts.push_back(facts);
        });
        if judged.pass > 0 {
            self.clock.is_first = false;
        }
        let rest = &read[judged.pass..];
        if !rest.is_empty() && matches!(judged.then, Then::More | Then::Held) {
            self.kept.extend_from_slice(rest);
            if judged.then == Then::More {
                self.clock.begin_head();
            }
        }
        buffer.set_filled(before + judged.pass);
        self.follow(judged.then);
    }

    fn awaited(&self) -> Awaited {
        if self.framing.is_in_body() {
            Awaited::Body
        } else if self.clock.is_first || !self.kept.is_empty() {
            Awaited::Head
        } else {
            Awaited::Request
        }
    }
}

impl Clock {
    /// A head has begun to come: its time runs from now, but that of the first from the beginning.
    fn begin_head(&mut self) {
        if !self.is_first {
            self.timer.as_mut().reset(Instant::now() + self.head);
        }
        self.is_touched = false;
        self.is_waiting = true;
    }

    fn touch(&mut self) {
        self.is_touched = true;
        self.is_waiting = false;
    }

    /// Ready when nothing came for too long. What is not a head may take up to twice its time.
    fn poll_over(&mut self, cx: &mut Context<'_>, awaited: Awaited, is_answering: bool) -> Poll<()> {
        if !self.is_waiting {
            self.is_waiting = true;
            self.is_touched = true;
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let period = match awaited {
                Awaited::Head => return Poll::Ready(()),
                Awaited::Body => self.body,
                Awaited::Request => self.keep_alive,
            };
            let is_active = self.is_touched || (awaited == Awaited::Request && is_answering);
            if !is_active {
                return Poll::Ready(());
            }
            self.is_touched = false;
            self.timer.as_mut().reset(Instant::now() + period);
        }
    }
}

impl<S: AsyncRead + Unpin> Checked<S> {
    /// Reads and judges. Whether this is the end of what is read.
    fn poll_checked(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        if self.is_fresh {
            self.judge_kept();
            return Poll::Ready(Ok(false));
        }
        let before = buffer.filled().len();
        let is_part = !self.kept.is_empty();
        let read = if is_part {
            self.poll_more(cx)
        } else {
            Pin::new(&mut self.stream)
                .poll_read(cx, buffer)
                .map_ok(|()| buffer.filled().len() - before)
        };
        match read {
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(true)),
            Poll::Ready(Ok(_)) if is_part => {
                self.judge_kept();
                Poll::Ready(Ok(false))
            }
            Poll::Ready(Ok(_)) => {
                self.clock.touch();
                self.judge_read(buffer, before);
                Poll::Ready(Ok(false))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let awaited = self.awaited();
                ready!(self.clock.poll_over(cx, awaited, self.shared.is_answering()));
                match awaited {
                    Awaited::Body => {
                        self.mode = Mode::Ended;
                        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
                    }
                    Awaited::Head if is_part => {
                        self.refuse(Refusal::TooSlow);
                        Poll::Ready(Ok(false))
                    }
                    Awaited::Head | Awaited::Request => Poll::Ready(Ok(true)),
                }
            }
        }
    }

    /// Keeps what comes until it is known which protocol it is written in. Whether this is the end of what is read.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut turn = self.shared.turn();
        match std::mem::take(&mut turn.switch) {
            Switch::Open => turn.waker = Some(cx.waker().clone()),
            Switch::Switched => {
                self.mode = Mode::Open;
                return Poll::Ready(Ok(false));
            }
            Switch::Refused => {
                self.mode = Mode::Checked;
                self.framing.stay();
                self.is_fresh = !self.kept.is_empty();
                self.clock.touch();
                return Poll::Ready(Ok(false));
            }
        }
        drop(turn);
        if self.kept.len() >= HELD_BYTES {
            return Poll::Pending;
        }
        let count = ready!(self.poll_more(cx))?;
        self.is_fresh = false;
        self.shared.turn().held = self.kept.len();
        Poll::Ready(Ok(count == 0))
    }

    /// Reads behind what is kept.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.kept.reserve(READ_BYTES);
        pin!(self.stream.read_buf(&mut self.kept)).poll(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Checked<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        loop {
            if !this.ready.is_empty() {
                let count = this.ready.len().min(buffer.remaining());
                buffer.put_slice(&this.ready[..count]);
                this.ready.advance(count);
                if this.ready.is_empty() {
                    this.ready = BytesMut::new();
                }
                return Poll::Ready(Ok(()));
            }
            let is_end = match this.mode {
                // hyper closes behind the answer; an end here would cut it.
                Mode::Ended => return Poll::Pending,
                Mode::Broken(reason) => {
                    this.mode = Mode::Ended;
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reason)));
                }
                Mode::Open if this.kept.is_empty() => {
                    return Pin::new(&mut this.stream).poll_read(cx, buffer);
                }
                Mode::Open => {
                    this.ready = std::mem::take(&mut this.kept);
                    false
                }
                Mode::Held => ready!(this.poll_held(cx))?,
                Mode::Checked => ready!(this.poll_checked(cx, buffer))?,
            };
            if is_end || buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Checked<S> {
    /// What came of a write. One that makes no headway for too long ends the connection, but where it was upgraded.
    fn poll_stalled<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() || self.mode == Mode::Open {
            self.stalled = None;
            return written;
        }
        let body = self.clock.body;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(body)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn has_unread(&self) -> bool {
        self.mode == Mode::Ended || self.framing.is_in_body() || !self.kept.is_empty()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Checked<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.clock.is_touched = true;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.poll_stalled(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.clock.is_touched = true;
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
        this.poll_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.poll_stalled(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
            ready!(this.poll_stalled(cx, shut))?;
            if this.mode == Mode::Open || !this.has_unread() {
                return Poll::Ready(Ok(()));
            }
            this.linger = Some((Box::pin(sleep(LINGER)), LINGER_BYTES));
        }
        // A socket that is closed with bytes unread resets the connection, and the answer may be lost with it.
        loop {
            this.kept.clear();
            let Poll::Ready(read) = this.poll_more(cx) else {
                break;
            };
            let Some((_, left)) = &mut this.linger else {
                break;
            };
            let count = read.unwrap_or(0);
            if count == 0 || count > *left {
                return Poll::Ready(Ok(()));
            }
            *left -= count;
        }
        match &mut this.linger {
            Some((timer, _)) => timer.as_mut().poll(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests;
