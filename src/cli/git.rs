//! Files of a git revision, read by running git: names by `ls-tree`, contents by one `cat-file --batch`.
//!
//! Nothing is checked out, and no hook or filter of the repository runs.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::files;
use crate::error::Error;

/// The repository around the working directory.
pub(super) struct Repository {
    /// Its folder.
    pub(super) root: String,
    /// The working directory below that: empty, or ending in a slash.
    prefix: String,
}

/// A file of a revision.
pub(super) struct File {
    /// Path from the root of the repository.
    pub(super) path: String,
    /// Contents.
    pub(super) bytes: Vec<u8>,
}

struct Entry {
    mode: String,
    id: String,
    path: String,
}

/// The mode of a link.
const LINK: &str = "120000";
/// How many links lead from one to another before we take them for a circle.
const MAX_LINKS: usize = 8;

fn git(arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(["--literal-pathspecs", "--no-optional-locks"]);
    command.args(arguments).stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Result<Result<Vec<u8>, String>, Error> {
    let done = git(arguments).output().map_err(|error| Error::io("git", error))?;
    if done.status.success() {
        Ok(Ok(done.stdout))
    } else {
        Ok(Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()))
    }
}

/// What git answers, or its complaint as an error.
fn answer(arguments: &[&str]) -> Result<Vec<u8>, Error> {
    output(arguments)?.map_err(|complaint| {
        let first = complaint.lines().next().unwrap_or("git gave no reason");
        Error::Usage(format!("git: {first}"))
    })
}

// === impl Repository ===

impl Repository {
    /// The repository of the working directory, if that is in one.
    pub(super) fn open() -> Result<Self, String> {
        let found = match output(&["rev-parse", "--show-toplevel", "--show-prefix"]) {
            Ok(Ok(found)) => String::from_utf8_lossy(&found).into_owned(),
            Ok(Err(_)) => return Err("the working directory is in no git repository".to_owned()),
            Err(error) => return Err(format!("git cannot be run ({error})")),
        };
        let mut lines = found.lines();
        Ok(Self {
            root: lines.next().unwrap_or_default().to_owned(),
            prefix: lines.next().unwrap_or_default().to_owned(),
        })
    }

    /// A path as it was typed in the working directory, from the root of the repository. `None`: it lies outside.
    pub(super) fn path_in(&self, path: &str) -> Option<String> {
        let typed = Path::new(path);
        if typed.is_absolute() {
            let root = Path::new(&self.root).canonicalize().ok()?;
            let full = typed.canonicalize().ok()?;
            return full.strip_prefix(root).ok().map(files::display);
        }
        normal(&format!("{}{path}", self.prefix))
    }
}

/// The manifests of a tree below some paths, all of them where there is none; hidden files are skipped.
pub(super) fn manifests(tree: &str, paths: &[String]) -> Result<Vec<File>, Error> {
    let mut arguments = vec!["ls-tree", "-r", "-z", "--full-tree", tree, "--"];
    arguments.extend(paths.iter().filter(|path| !path.is_empty()).map(String::as_str));
    let listing = answer(&arguments)?;
    let entries: Vec<Entry> = listing
        .split(|byte| *byte == 0)
        .filter_map(|line| entry(&String::from_utf8_lossy(line)))
        .collect();
    let wanted: Vec<&Entry> = entries.iter().filter(|entry| is_wanted(entry, paths)).collect();
    let mut contents = contents(wanted.iter().map(|entry| entry.id.as_str()))?;
    let by_path: BTreeMap<&str, &Entry> = entries.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let mut found = Vec::new();
    for (entry, bytes) in wanted.into_iter().zip(&mut contents) {
        let bytes = if entry.mode == LINK {
            match follow(tree, entry, bytes, &by_path)? {
                Some(bytes) => bytes,
                None => continue,
            }
        } else {
            std::mem::take(bytes)
        };
        found.push(File {
            path: entry.path.clone(),
            bytes,
        });
    }
    Ok(found)
}

/// The tree of a revision, if there is such a revision.
pub(super) fn tree(revision: &str) -> Result<Option<String>, Error> {
    let name = format!("{revision}^{{tree}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &name];
    let found = output(&arguments)?;
    Ok(found
        .ok()
        .map(|id| String::from_utf8_lossy(&id).trim().to_owned()))
}

/// What a link leads to, if that is a file of the tree.
fn follow(
    tree: &str,
    link: &Entry,
    target: &[u8],
    known: &BTreeMap<&str, &Entry>,
) -> Result<Option<Vec<u8>>, Error> {
    let mut at = link.path.clone();
    let mut target = String::from_utf8_lossy(target).into_owned();
    for _ in 0..MAX_LINKS {
        let folder = at.rsplit_once('/').map_or("", |(folder, _)| folder);
        let Some(path) = normal(&format!("{folder}/{target}")).filter(|_| !target.starts_with('/')) else {
            return Ok(None);
        };
        let listed = if let Some(entry) = known.get(path.as_str()) {
            Some((entry.mode.clone(), entry.id.clone()))
        } else {
            {
                let line = answer(&["ls-tree", "-z", "--full-tree", tree, "--", &path])?;
                let line = String::from_utf8_lossy(&line).trim_end_matches('\0').to_owned();
                entry(&line).map(|entry| (entry.mode, entry.id))
            }
        };
        let Some((mode, id)) = listed.filter(|(mode, _)| is_file(mode)) else {
            return Ok(None);
        };
        let bytes = contents(std::iter::once(id.as_str()))?.pop().unwrap_or_default();
        if mode != LINK {
            return Ok(Some(bytes));
        }
        at = path;
        target = String::from_utf8_lossy(&bytes).into_owned();
    }
    Ok(None)
}

/// A line of `ls-tree -z`: `MODE TYPE ID\tPATH`.
fn entry(line: &str) -> Option<Entry> {
    let (head, path) = line.split_once('\t')?;
    let mut words = head.split(' ');
    let (mode, _, id) = (words.next()?, words.next()?, words.next()?);
    Some(Entry {
        mode: mode.to_owned(),
        id: id.to_owned(),
        path: path.to_owned(),
    })
}

/// Whether it is a file or a link, rather than another repository.
fn is_file(mode: &str) -> bool {
    mode == LINK || mode.starts_with("100")
}

/// Whether an entry is read: a file that was named, or a manifest below a named folder that is not hidden there.
fn is_wanted(entry: &Entry, paths: &[String]) -> bool {
    let below = |path: &String| {
        if path.is_empty() {
            Some(entry.path.as_str())
        } else {
            let rest = entry.path.strip_prefix(path.as_str())?;
            rest.strip_prefix('/').or(rest.is_empty().then_some(rest))
        }
    };
    let shown = |rest: &str| {
        rest.is_empty()
            || (files::is_manifest(Path::new(rest)) && !rest.split('/').any(|part| part.starts_with('.')))
    };
    let chosen = if paths.is_empty() {
        shown(&entry.path)
    } else {
        paths.iter().filter_map(below).any(shown)
    };
    chosen && is_file(&entry.mode)
}

/// The contents of blobs, by one run of git.
fn contents<'a>(ids: impl Iterator<Item = &'a str>) -> Result<Vec<Vec<u8>>, Error> {
    let ids: Vec<&str> = ids.collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let broken = |error| Error::io("git cat-file", error);
    let mut child = git(&["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(broken)?;
    let questions: String = ids.iter().map(|id| format!("{id}\n")).collect();
    let input = child.stdin.take();
    // Git answers while it is asked; one pipe may be full before the other is empty.
    let writer = std::thread::spawn(move || {
        if let Some(mut input) = input {
            let _ = input.write_all(questions.as_bytes());
        }
    });
    let mut answers = Vec::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_end(&mut answers).map_err(broken)?;
    }
    let _ = writer.join();
    child.wait().map_err(broken)?;
    let mut rest = answers.as_slice();
    let mut found = Vec::new();
    for id in ids {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size = head
            .rsplit(' ')
            .next()
            .and_then(|size| size.parse::<usize>().ok());
        let body = size.and_then(|size| rest.get(end + 1..end + 1 + size));
        let Some(body) = body else {
            return Err(Error::Usage(format!("git cannot read the object {id} ({head})")));
        };
        found.push(body.to_vec());
        rest = rest.get(end + 2 + body.len()..).unwrap_or_default();
    }
    Ok(found)
}

/// A path without `.` and `..`. `None`: it leads out.
fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_straight() {
        assert_eq!(normal("a/./b/../c/"), Some("a/c".to_owned()));
        assert_eq!(normal("a/../.."), None);
        assert_eq!(normal("./"), Some(String::new()));
    }

    #[test]
    fn hidden_files_are_read_where_they_are_named() {
        let entry = |path: &str| Entry {
            mode: "100644".to_owned(),
            id: String::new(),
            path: path.to_owned(),
        };
        assert!(is_wanted(&entry("a/b.yaml"), &[]));
        assert!(!is_wanted(&entry(".github/b.yaml"), &[]));
        assert!(is_wanted(&entry(".x/b.yaml"), &[".x".to_owned()]));
        assert!(is_wanted(&entry("a/b"), &["a/b".to_owned()]));
        assert!(!is_wanted(&entry("ab/c.yaml"), &["a".to_owned()]));
        assert!(!is_wanted(&entry("a/readme.md"), &["a".to_owned()]));
    }
}
