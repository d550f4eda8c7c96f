//! Files: the one place that reads and writes them.
#![expect(
    clippy::disallowed_methods,
    reason = "the one place where files are read and written"
)]

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::krm::results::{FileRef, Finding};
use crate::krm::source::Source;

/// Endings of the files that hold manifests.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// A text from bytes, or the finding that says why it is none.
pub(super) fn source(name: &str, bytes: Vec<u8>) -> Result<Source, Finding> {
    Source::from_bytes(name, bytes).map_err(|(path, position, message)| {
        Finding::error(message).within(FileRef {
            path,
            index: 0,
            position: Some(position),
        })
    })
}

/// Reads a file under the name that messages give it.
pub(super) fn read(path: &Path, name: &str) -> Result<Result<Source, Finding>, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(name, error))?;
    Ok(source(name, bytes))
}

/// Reads a file's bytes.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::io(display(path), error))
}

/// Reads a file if it is there.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(display(path), error)),
    }
}

/// Writes a file, and the folders it needs.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Error::io(display(parent), error))?;
    }
    std::fs::write(path, text).map_err(|error| Error::io(display(path), error))
}

/// Removes a file, and the folders it leaves empty below `root`.
pub(super) fn remove(path: &Path, root: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io(display(path), error));
        }
        _ => {}
    }
    let mut folder = path.parent();
    while let Some(at) = folder.filter(|at| *at != root && at.starts_with(root)) {
        // Fails where something is left in it, which is what is wanted.
        if std::fs::remove_dir(at).is_err() {
            break;
        }
        folder = at.parent();
    }
    Ok(())
}

/// The manifests under a path: itself, or what a folder holds, recursively and in order. Hidden entries are skipped, links to
/// folders are not followed, and nothing below `except` is read.
pub(super) fn manifests(path: &Path, except: Option<&Path>) -> Result<Vec<PathBuf>, Error> {
    let info = std::fs::metadata(path).map_err(|error| Error::io(display(path), error))?;
    if !info.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    walk(
        path,
        except.and_then(|path| path.canonicalize().ok()).as_deref(),
        &mut found,
    )?;
    found.sort();
    Ok(found)
}

fn walk(folder: &Path, except: Option<&Path>, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    if except.is_some() && folder.canonicalize().ok().as_deref() == except {
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io(display(folder), error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::io(display(folder), error))?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry
            .file_type()
            .map_err(|error| Error::io(display(&path), error))?;
        if kind.is_dir() {
            walk(&path, except, found)?;
        } else if is_manifest(&path) && (kind.is_file() || path.is_file()) {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file's name ends like a manifest's.
pub(super) fn is_manifest(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Whether one path is the other or lies below it.
pub(super) fn contains(outer: &Path, inner: &Path) -> bool {
    match (outer.canonicalize(), inner.canonicalize()) {
        (Ok(outer), Ok(inner)) => inner.starts_with(outer),
        _ => false,
    }
}

/// A path as messages show it: with slashes, without a leading `./`.
pub(super) fn display(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', "/");
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}
