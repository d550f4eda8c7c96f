//! How many questions are asked for those who are not known yet: for each peer, and for all.
//!
//! What is remembered costs nothing and does not come here. A question holds a place while it is asked. There are
//! [`Bounds::places`] of them, and no one peer has more than [`Bounds::own`]; who gets none waits in its peer's line, and the
//! lines are served in turn. So:
//!
//! - Whatever one peer asks, another finds places free, or gets the very next one.
//! - 60 made-up tokens on their way delay a new user not at all, from the same peer or another. Behind the same peer each
//!   further [`Bounds::own`] delay by one round trip to the API server.
//! - A gateway is one peer with everybody behind it: a hundred new users at once are 64 questions and then 36. None is refused.
//!
//! Why not a rate for each peer, as client-go has one for all (5 a second, bursts of 10)? A rate that lets a gateway's
//! users in is no bound for a stranger, and one that stops a stranger locks out the gateway's users: a minute of their morning
//! is what 10 and 5 make of a hundred. A number of places bounds what the API server has to do at a time, and its own
//! priority and fairness bounds the rest. Whoever wants a rate says `--kube-api-qps` and `--kube-api-burst`: then each of the two
//! kinds of question has that one, and the lines are served in turn as ever.
//!
//! Tokens are asked about in the peer's name, access in the user's: they have a budget each, and who is known does not wait
//! behind those who are not. The addresses of one IPv6 network are one peer, as anybody has 2^64 of them.
//!
//! Who waits longer than [`Bounds::wait`], or finds a full line, is refused with
//! [`super::refusal::Refusal::TooManyQuestions`]: 429 with `Retry-After`. Not 503: the API server may be well, and not 401: the
//! token may be good. Peers without a question are forgotten, so their number is bounded by the lines.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// client-go's burst, where only a rate is given (`rest/config.go`).
const DEFAULT_BURST: u32 = 10;

/// In whose name a question is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(Name);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Peer(IpAddr),
    User(Arc<str>),
}

/// How much is asked at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Questions on their way.
    pub places: usize,
    /// Of one peer.
    pub own: usize,
    /// Waiting.
    pub line: usize,
    /// Of one peer.
    pub own_line: usize,
    /// For how long.
    pub wait: Duration,
}

/// Places for questions.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    bounds: Bounds,
    state: Mutex<State>,
}

struct State {
    taken: usize,
    waiting: usize,
    peers: BTreeMap<Origin, Peer>,
    /// Who has somebody waiting, the next one first.
    turns: VecDeque<Origin>,
    rate: Option<Rate>,
}

#[derive(Default)]
struct Peer {
    taken: usize,
    line: VecDeque<oneshot::Sender<Place>>,
}

/// A token bucket.
struct Rate {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Instant,
}

/// A place for one question; it is free again when this is dropped.
pub struct Place {
    budget: Budget,
    origin: Origin,
}

/// There is no place, and there was none for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

// === impl Origin ===

impl Origin {
    /// A peer: its address, or its network.
    pub fn peer(address: IpAddr) -> Self {
        Self(Name::Peer(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            v4 @ IpAddr::V4(_) => v4,
        }))
    }

    /// A user.
    pub fn user(name: &str) -> Self {
        Self(Name::User(name.into()))
    }
}

// === impl Bounds ===

impl Default for Bounds {
    fn default() -> Self {
        Self {
            places: 128,
            own: 64,
            line: 4096,
            own_line: 1024,
            wait: Duration::from_secs(5),
        }
    }
}

// === impl Rate ===

impl Rate {
    fn new(qps: u32, burst: u32) -> Option<Self> {
        let burst = f64::from(if burst == 0 { DEFAULT_BURST.max(qps) } else { burst });
        (qps > 0).then(|| Self {
            per_second: f64::from(qps),
            burst,
            left: burst,
            at: Instant::now(),
        })
    }

    fn take(&mut self) -> bool {
        let now = Instant::now();
        self.left = self
            .burst
            .min(self.left + (now - self.at).as_secs_f64() * self.per_second);
        self.at = now;
        let is_there = self.left >= 1.0;
        if is_there {
            self.left -= 1.0;
        }
        is_there
    }

    /// Until the next one is there.
    fn pause(&self) -> Duration {
        Duration::from_secs_f64(((1.0 - self.left) / self.per_second).clamp(0.001, 60.0))
    }
}

// === impl Budget ===

impl Budget {
    /// A budget; `qps` 0 for no rate.
    pub fn new(bounds: Bounds, qps: u32, burst: u32) -> Self {
        let state = State {
            taken: 0,
            waiting: 0,
            peers: BTreeMap::new(),
            turns: VecDeque::new(),
            rate: Rate::new(qps, burst),
        };
        Self(Arc::new(Inner {
            bounds,
            state: Mutex::new(state),
        }))
    }

    /// Waits for a place.
    pub async fn place(&self, origin: Origin) -> Result<Place, TooMany> {
        let end = Instant::now() + self.0.bounds.wait;
        let mut place = self.line_up(origin)?;
        loop {
            let pause = self.serve();
            let next = pause.map_or(end, |pause| end.min(Instant::now() + pause));
            match tokio::time::timeout_at(next, &mut place).await {
                Ok(place) => return place.map_err(|_| TooMany),
                Err(_) if Instant::now() < end => {}
                Err(_) => return Err(TooMany),
            }
        }
    }

    fn line_up(&self, origin: Origin) -> Result<oneshot::Receiver<Place>, TooMany> {
        let Bounds { line, own_line, .. } = self.0.bounds;
        let mut state = self.lock();
        if state.waiting >= line
            || state
                .peers
                .get(&origin)
                .is_some_and(|peer| peer.line.len() >= own_line)
        {
            state.sweep();
        }
        if state.waiting >= line {
            return Err(TooMany);
        }
        let peer = state.peers.entry(origin.clone()).or_default();
        if peer.line.len() >= own_line {
            return Err(TooMany);
        }
        let (give, take) = oneshot::channel();
        let is_first = peer.line.is_empty();
        peer.line.push_back(give);
        state.waiting += 1;
        if is_first {
            state.turns.push_back(origin);
        }
        Ok(take)
    }

    /// Gives away the places that are free; how long until the rate gives more, where it is what stops.
    fn serve(&self) -> Option<Duration> {
        loop {
            let mut state = self.lock();
            if state.rate.as_ref().is_some_and(|rate| rate.left < 1.0) && state.waiting == 0 {
                return None;
            }
            let next = match state.next(self.0.bounds) {
                Next::Give(origin, give) => (origin, give),
                Next::Pause(pause) => return Some(pause),
                Next::Nobody => return None,
            };
            // Not under the lock: where nobody waits any more the place comes back, and that takes it.
            drop(state);
            let (origin, give) = next;
            drop(give.send(Place {
                budget: self.clone(),
                origin,
            }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many peers are remembered.
    #[cfg(test)]
    fn peers(&self) -> usize {
        self.lock().peers.len()
    }
}

enum Next {
    Give(Origin, oneshot::Sender<Place>),
    Pause(Duration),
    Nobody,
}

// === impl State ===

impl State {
    /// Whose turn it is. Who does not wait any more is passed over.
    fn next(&mut self, bounds: Bounds) -> Next {
        for _ in 0..self.turns.len() {
            if self.taken >= bounds.places {
                return Next::Nobody;
            }
            let Some(origin) = self.turns.pop_front() else {
                return Next::Nobody;
            };
            let Some(peer) = self.peers.get_mut(&origin) else {
                continue;
            };
            let before = peer.line.len();
            while peer.line.front().is_some_and(oneshot::Sender::is_closed) {
                peer.line.pop_front();
            }
            self.waiting -= before - peer.line.len();
            if peer.line.is_empty() {
                if peer.taken == 0 {
                    self.peers.remove(&origin);
                }
                continue;
            }
            if peer.taken >= bounds.own {
                self.turns.push_back(origin);
                continue;
            }
            if let Some(rate) = &mut self.rate
                && !rate.take()
            {
                let pause = rate.pause();
                self.turns.push_front(origin);
                return Next::Pause(pause);
            }
            let Some(give) = peer.line.pop_front() else {
                continue;
            };
            peer.taken += 1;
            if !peer.line.is_empty() {
                self.turns.push_back(origin.clone());
            }
            self.taken += 1;
            self.waiting -= 1;
            return Next::Give(origin, give);
        }
        Next::Nobody
    }

    /// Takes out who does not wait any more.
    fn sweep(&mut self) {
        self.waiting = 0;
        for peer in self.peers.values_mut() {
            peer.line.retain(|give| !give.is_closed());
            self.waiting += peer.line.len();
        }
        let peers = &self.peers;
        self.turns
            .retain(|origin| peers.get(origin).is_some_and(|peer| !peer.line.is_empty()));
        self.peers
            .retain(|_, peer| peer.taken > 0 || !peer.line.is_empty());
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.taken = state.taken.saturating_sub(1);
        if let Some(peer) = state.peers.get_mut(&self.origin) {
            peer.taken = peer.taken.saturating_sub(1);
            if peer.taken == 0 && peer.line.is_empty() {
                state.peers.remove(&self.origin);
            }
        }
        drop(state);
        self.budget.serve();
    }
}

#[cfg(test)]
mod tests;
