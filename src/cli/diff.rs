//! `diff`: what changes in access between two trees, renders or git revisions.

use std::path::{Path, PathBuf};

use super::git::{self, Repository};
use super::progress::Progress;
use super::trees::{self, Tree};
use super::{DiffArgs, DiffFormat, streams};
use crate::access::study;
use crate::diff::{self, Side};
use crate::error::Error;
use crate::model::platform::Environment;
use crate::verify;

/// Where the manifests of a side are.
enum Place {
    /// Files and folders as they lie there.
    Files(Vec<PathBuf>),
    /// A tree of git, and the paths in it.
    Tree(String, Vec<String>),
}

/// Compares, prints, and says whether anything changes.
pub(super) fn diff(args: &DiffArgs, environment: &Environment) -> Result<(), Error> {
    let progress = Progress::begin("comparing");
    let (base, head) = places(args)?;
    let (base_name, head_name) = names(args);
    let base = tree(&base, &base_name, args, environment)?;
    let head = tree(&head, &head_name, args, environment)?;
    if base.objects.is_empty() && head.objects.is_empty() {
        let message = "there is nothing to compare: no Kubernetes objects on either side";
        return Err(Error::Usage(message.to_owned()));
    }
    for (tree, name) in [(&base, &base_name), (&head, &head_name)] {
        if let Some(platform) = &tree.rendered {
            streams::say(&format!(
                "info: {name} is rendered before it is compared, as its Platform ({platform}) asks; --no-render compares it as written"
            ));
        }
    }
    let kustomizations = base.kustomizations.max(head.kustomizations);
    if kustomizations > 0 {
        streams::say(
            "info: kustomizations are not built; where they change anything, compare what kustomize builds of them",
        );
    }
    let (old, new) = (study::of(base.applied()), study::of(head.applied()));
    let (before, after) = (verify::judge(&old), verify::judge(&new));
    let answer = diff::compare(
        &Side {
            name: &base_name,
            study: &old,
            judgements: &before,
            objects: &base.objects,
            place: &|object| base.place(object),
        },
        &Side {
            name: &head_name,
            study: &new,
            judgements: &after,
            objects: &head.objects,
            place: &|object| head.place(object),
        },
    );
    drop(progress);
    streams::print(&match args.format {
        DiffFormat::Text => diff::text(&answer),
        DiffFormat::Markdown => diff::markdown(&answer),
        DiffFormat::Json => diff::json(&answer),
    })?;
    if answer.changed {
        Err(Error::Changes)
    } else {
        Ok(())
    }
}

fn tree(place: &Place, name: &str, args: &DiffArgs, environment: &Environment) -> Result<Tree, Error> {
    let sources = match place {
        Place::Files(paths) => trees::from_files(paths, args.platform.as_deref())?,
        Place::Tree(id, paths) => trees::from_git(id, paths, name)?,
    };
    let mode = match (args.render, args.no_render) {
        (true, _) => trees::Mode::Render,
        (_, true) => trees::Mode::AsWritten,
        _ => trees::Mode::WhereAPlatformIs,
    };
    trees::read(sources, mode, args.platform.as_deref(), environment)
}

/// What the sides are called in the answer.
fn names(args: &DiffArgs) -> (String, String) {
    let head = args.head.clone().unwrap_or_else(|| "the working tree".to_owned());
    (args.base.clone(), head)
}

fn exists(argument: &str) -> bool {
    Path::new(argument).exists()
}

/// What the arguments mean: what exists is a path, the rest are revisions.
fn places(args: &DiffArgs) -> Result<(Place, Place), Error> {
    let base_is_path = exists(&args.base);
    let head_is_path = args.head.as_deref().is_some_and(exists);
    if !args.paths.is_empty() && base_is_path && (head_is_path || args.head.is_none()) {
        let message = "paths behind -- go with git revisions; BASE and HEAD are paths already";
        return Err(Error::Usage(message.to_owned()));
    }
    if base_is_path && args.head.is_none() {
        let message = format!(
            "{} is a path: say what to compare it with, as in `gatewright diff {} HEAD-PATH`",
            args.base, args.base
        );
        return Err(Error::Usage(message));
    }
    // A revision beside a path: the same path in that revision.
    let mut paths = args.paths.clone();
    if paths.is_empty() && base_is_path != head_is_path {
        let path = if base_is_path {
            Some(&args.base)
        } else {
            args.head.as_ref()
        };
        paths.extend(path.cloned());
    }
    let base = place(&args.base, base_is_path, &paths)?;
    let head = match &args.head {
        Some(head) => place(head, head_is_path, &paths)?,
        None => working_tree(&args.base, &paths)?,
    };
    if let (Place::Tree(old, of), Place::Tree(new, _)) = (&base, &head) {
        nowhere(old, new, of)?;
    }
    Ok((base, head))
}

fn place(argument: &str, is_path: bool, paths: &[String]) -> Result<Place, Error> {
    if is_path {
        return Ok(Place::Files(vec![PathBuf::from(argument)]));
    }
    let unknown = |why: &str| {
        Error::Usage(format!(
            "{argument} is neither a path nor a git revision here{why}"
        ))
    };
    let repository = Repository::open().map_err(|why| unknown(&format!(": {why}")))?;
    let (revision, path) = match argument.split_once(':') {
        Some((revision, path)) => (revision, Some(path)),
        None => (argument, None),
    };
    let Some(tree) = git::tree(revision)? else {
        return Err(unknown(""));
    };
    let paths = match path {
        // As in git: from the root, unless it begins with a dot.
        Some(path) if path.starts_with("./") || path.starts_with("../") => {
            vec![inside(&repository, path)?]
        }
        Some(path) => vec![path.trim_matches('/').to_owned()],
        None => paths
            .iter()
            .map(|path| inside(&repository, path))
            .collect::<Result<_, _>>()?,
    };
    if path.is_some() && git::manifests(&tree, &paths)?.is_empty() {
        return Err(Error::Usage(format!(
            "{argument}: that revision has no manifests there"
        )));
    }
    Ok(Place::Tree(tree, paths))
}

fn inside(repository: &Repository, path: &str) -> Result<String, Error> {
    let found = repository.path_in(path);
    found.ok_or_else(|| {
        Error::Usage(format!(
            "{path} is outside the git repository {}",
            repository.root
        ))
    })
}

/// The files that lie there now, where a revision has them.
fn working_tree(base: &str, paths: &[String]) -> Result<Place, Error> {
    let repository = Repository::open().map_err(Error::Usage)?;
    let root = Path::new(&repository.root);
    let wanted = match base.split_once(':') {
        Some((_, path)) if path.starts_with("./") || path.starts_with("../") => vec![PathBuf::from(path)],
        Some((_, path)) => vec![root.join(path)],
        None if paths.is_empty() => vec![root.to_owned()],
        None => paths.iter().map(PathBuf::from).collect(),
    };
    Ok(Place::Files(
        wanted.into_iter().filter(|path| path.exists()).collect(),
    ))
}

/// A path that neither revision has is a slip of the keys.
fn nowhere(old: &str, new: &str, paths: &[String]) -> Result<(), Error> {
    for path in paths {
        let one = std::slice::from_ref(path);
        if git::manifests(old, one)?.is_empty() && git::manifests(new, one)?.is_empty() {
            return Err(Error::Usage(format!(
                "{path}: neither revision has manifests there"
            )));
        }
    }
    Ok(())
}
