//! Listeners and connections: from accept to drain.
