//! Which object a document is about.

use std::fmt;

/// Group, version, kind, namespace and name. Two documents are about the same object when all but the version agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ObjectId {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty if none is written.
    pub namespace: String,
    /// Name; empty if none is written.
    pub name: String,
    /// API version, last so that it does not decide the order.
    pub version: String,
}

// === impl ObjectId ===

impl ObjectId {
    /// An id from the fields as they are written.
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    /// `group/version`, or the version alone for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Whether both name the same object in a cluster.
    pub fn same_object(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// Group, kind, namespace and name: what an API server tells objects apart by.
    pub fn key(&self) -> (&str, &str, &str, &str) {
        (&self.group, &self.kind, &self.namespace, &self.name)
    }

    /// `group/Kind/namespace/name`, the form written into the source annotation: no file path, so that moving a file
    /// changes nothing.
    pub fn reference(&self) -> String {
        format!("{}/{}/{}/{}", self.group, self.kind, self.namespace, self.name)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(formatter, "{}/", self.namespace)?;
        }
        formatter.write_str(if self.name.is_empty() {
            "(no name)"
        } else {
            &self.name
        })
    }
}
