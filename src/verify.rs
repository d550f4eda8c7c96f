//! Whether manifests leave a way around a guard: judgements with the way that proves them.
//!
//! Pure. Takes what `access` answers and the objects behind it; gives `judgement::Judgement`s.

pub mod guards;
pub mod judgement;
pub mod login;
pub mod tls;
