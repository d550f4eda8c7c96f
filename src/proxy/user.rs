//! Who is calling.

use std::collections::BTreeMap;

/// The group of everybody who is known (kubernetes/apiserver `pkg/authentication/user`).
pub const AUTHENTICATED: &str = "system:authenticated";

/// A user, as a TokenReview, a certificate or an ID token names one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Name; never empty.
    pub name: String,
    /// Uid; empty where there is none.
    pub uid: String,
    /// Groups, in the order of whoever named them, [`AUTHENTICATED`] behind them where it is added.
    pub groups: Vec<String>,
    /// What else is known of the user: the credential's id, the pod of a ServiceAccount's token. Goes into reviews.
    pub extra: BTreeMap<String, Vec<String>>,
}
