//! The ways from outside to a workload that is on both sides: which open, close and move, and how they change.

use std::collections::BTreeMap;

use super::Found;
use super::change::{Reference, Target, What};
use super::portrait::{entry, guard_of, is_open, login, tls};
use super::settings::filters;
use crate::access::answer::{HopTls, Path, Workload};

/// What tells ways apart: entry and address, or a part of these.
type Likeness = fn(&Path) -> (String, String);

/// What tells the ways of a workload apart, from the closest to the loosest.
const LIKENESS: [Likeness; 4] = [
    |path| (entry(path.entry).to_owned(), path.url.clone()),
    |path| (String::new(), path.url.clone()),
    |path| (entry(path.entry).to_owned(), split(&path.url).1.to_owned()),
    |path| (entry(path.entry).to_owned(), split(&path.url).0.to_owned()),
];

/// Origin and path of a URL: `https://host` and `/path`.
pub(super) fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    url.split_at(end)
}

pub(super) fn compare(old: &Workload, new: &Workload, target: &Target, found: &mut Found<'_>) {
    let mut before: Vec<Option<&Path>> = old.paths.iter().filter(|path| is_open(path)).map(Some).collect();
    let mut after: Vec<Option<&Path>> = new.paths.iter().filter(|path| is_open(path)).map(Some).collect();
    for likeness in LIKENESS {
        let mut by_key: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (index, path) in before.iter().enumerate().rev() {
            if let Some(path) = path {
                by_key.entry(likeness(path)).or_default().push(index);
            }
        }
        for slot in &mut after {
            let Some(path) = *slot else { continue };
            let index = by_key.get_mut(&likeness(path)).and_then(Vec::pop);
            if let Some(earlier) = index.and_then(|index| before[index].take()) {
                *slot = None;
                both((earlier, old), (path, new), target, found);
            }
        }
    }
    for path in after.into_iter().flatten() {
        opens(path, new, target, found);
    }
    for path in before.into_iter().flatten() {
        closes(path, new, target, found);
    }
}

/// A way that is new.
fn opens(path: &Path, workload: &Workload, target: &Target, found: &mut Found<'_>) {
    let what = What::WayOpens {
        entry: entry(path.entry).to_owned(),
        origin: split(&path.url).0.to_owned(),
        login: login(path.login),
        guard: guard_of(path, workload),
    };
    let target = Target {
        url: path.url.clone(),
        by: found.head.steps(&path.hops),
        ..target.clone()
    };
    found.add(what, target);
}

/// A way that is gone, or stopped.
fn closes(path: &Path, after: &Workload, target: &Target, found: &mut Found<'_>) {
    let same = |other: &&Path| other.url == path.url && other.entry == path.entry && !is_open(other);
    let stopped = after.paths.iter().find(same);
    let what = What::WayCloses {
        entry: entry(path.entry).to_owned(),
        origin: split(&path.url).0.to_owned(),
        stopped: stopped
            .and_then(|path| path.stopped.first())
            .map(|hop| hop.says.clone())
            .unwrap_or_default(),
    };
    let by = match stopped {
        Some(path) => found.head.steps(&path.stopped),
        None => found.base.steps(&path.hops),
    };
    let target = Target {
        url: path.url.clone(),
        by,
        ..target.clone()
    };
    found.add(what, target);
}

/// A way that is on both sides.
fn both(old: (&Path, &Workload), new: (&Path, &Workload), target: &Target, found: &mut Found<'_>) {
    let ((before, old), (after, new)) = (old, new);
    let target = Target {
        url: after.url.clone(),
        by: found.head.steps(&after.hops),
        ..target.clone()
    };
    if (before.entry, &before.url) != (after.entry, &after.url) {
        let (from, to) = (split(&before.url), split(&after.url));
        let shown = |origin: &str, url: &str| if from.1 == to.1 { origin } else { url }.to_owned();
        let what = What::WayMoves {
            from_entry: entry(before.entry).to_owned(),
            from: shown(from.0, &before.url),
            to_entry: entry(after.entry).to_owned(),
            to: shown(to.0, &after.url),
        };
        found.add(what, target.clone());
    }
    let logins = (login(before.login), login(after.login));
    if logins.0 != logins.1 {
        let what = What::WayLogin {
            from: logins.0,
            to: logins.1,
        };
        found.add(what, target.clone());
    }
    let hops = (tls(&before.hop), tls(&after.hop));
    if hops.0 != hops.1 {
        let by = match (&after.hop, &before.hop) {
            (HopTls::Verified(hop) | HopTls::Unverified(hop), _) => vec![found.head.step(hop)],
            (_, HopTls::Verified(hop) | HopTls::Unverified(hop)) => vec![found.base.step(hop)],
            _ => Vec::new(),
        };
        let what = What::WayTls {
            from: hops.0,
            to: hops.1,
        };
        found.add(what, Target { by, ..target.clone() });
    }
    let guards = (guard_of(before, old), guard_of(after, new));
    let renamed = old.guards.len() == 1 && new.guards.len() == 1;
    if guards.0.is_empty() != guards.1.is_empty() || (guards.0 != guards.1 && !renamed) {
        let what = What::WayGuard {
            from: guards.0,
            to: guards.1,
        };
        found.add(what, target.clone());
    }
    let through = |path: &Path| -> Vec<Reference> {
        let mut objects: Vec<Reference> = path.hops.iter().map(|hop| Reference::from(&hop.object)).collect();
        objects.dedup();
        objects
    };
    let objects = (through(before), through(after));
    if objects.0 != objects.1 {
        let what = What::WayThrough {
            from: objects.0,
            to: objects.1,
        };
        found.add(what, target.clone());
    }
    let (from, to) = (filters(&found.base, before), filters(&found.head, after));
    if from != to {
        found.add(What::WayFilters { from, to }, target);
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn urls_are_split_behind_the_host() {
        assert_eq!(split("https://a.example/b/c"), ("https://a.example", "/b/c"));
        assert_eq!(split("https://a.example"), ("https://a.example", ""));
        assert_eq!(split("/b"), ("", "/b"));
        assert_eq!(split(""), ("", ""));
    }
}
