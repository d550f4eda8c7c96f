//! How the program ends: not ready first, then no new connections, then a deadline.
//!
//! Two moments are announced: that draining has begun, and that the time is up. Whoever must be waited for keeps a [`Hold`].

use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Listeners are closed, requests that run are finished.
    Draining,
    /// What is left is cut.
    Over,
}

/// The side that announces.
#[derive(Debug)]
pub struct Drain {
    phase: watch::Sender<Phase>,
    released: mpsc::Receiver<()>,
}

/// The side that is told, and waited for while it exists. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Watch {
    phase: watch::Receiver<Phase>,
    hold: mpsc::Sender<()>,
}

/// The side that may ask, and is not waited for.
#[derive(Debug, Clone)]
pub struct Signal {
    phase: watch::Receiver<Phase>,
}

/// Kept by what draining waits for; dropped when it is done.
#[derive(Debug, Clone)]
pub struct Hold {
    _hold: mpsc::Sender<()>,
}

/// Both sides.
pub fn channel() -> (Drain, Watch) {
    let (sender, phase) = watch::channel(Phase::Serving);
    let (hold, released) = mpsc::channel(1);
    let drain = Drain {
        phase: sender,
        released,
    };
    (drain, Watch { phase, hold })
}

// === impl Drain ===

impl Drain {
    /// Announces the end, waits for every [`Hold`] (the caller's own [`Watch`] must be gone), at most this long, and then
    /// announces that the time is up. Whether everything was done by then.
    pub async fn drain(mut self, deadline: Duration) -> bool {
        self.phase.send_replace(Phase::Draining);
        let is_done = tokio::time::timeout(deadline, self.released.recv()).await.is_ok();
        self.phase.send_replace(Phase::Over);
        is_done
    }
}

// === impl Watch ===

impl Watch {
    /// Resolves when draining begins.
    pub fn signaled(&self) -> impl Future<Output = ()> + Send + use<> {
        self.reached(Phase::Draining)
    }

    /// Resolves when the time for draining is up.
    pub fn deadline(&self) -> impl Future<Output = ()> + Send + use<> {
        self.reached(Phase::Over)
    }

    /// Whether draining has begun.
    pub fn is_draining(&self) -> bool {
        *self.phase.borrow() > Phase::Serving
    }

    /// The same for somebody who goes on while everybody else ends.
    pub fn signal(&self) -> Signal {
        Signal {
            phase: self.phase.clone(),
        }
    }

    /// Something to wait for.
    pub fn hold(&self) -> Hold {
        Hold {
            _hold: self.hold.clone(),
        }
    }

    fn reached(&self, phase: Phase) -> impl Future<Output = ()> + Send + use<> {
        let mut watched = self.phase.clone();
        async move {
            // A sender that is gone announces nothing more: the program is ending another way.
            let _ = watched.wait_for(|now| *now >= phase).await;
        }
    }
}

// === impl Signal ===

impl Signal {
    /// Whether draining has begun.
    pub fn is_draining(&self) -> bool {
        *self.phase.borrow() > Phase::Serving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_what_is_held_and_no_longer() {
        let (drain, watch) = channel();
        let hold = watch.hold();
        let told = watch.signaled();
        assert!(!watch.is_draining());
        drop(watch);
        let waiting = tokio::spawn(drain.drain(Duration::from_secs(30)));
        told.await;
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert!(!waiting.is_finished());
        drop(hold);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_deadline_what_is_left_is_cut() {
        let (drain, watch) = channel();
        let hold = watch.hold();
        let over = watch.deadline();
        drop(watch);
        assert!(!drain.drain(Duration::from_secs(5)).await);
        over.await;
        drop(hold);
    }
}
