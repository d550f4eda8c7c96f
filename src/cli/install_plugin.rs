//! `install-plugin`: the folder layout of kustomize's legacy exec plugins.
//!
//! Source: kubernetes-sigs/kustomize `api/konfig/plugins.go` and `api/internal/plugins/loader/loader.go`:
//! `HOME/GROUP/VERSION/kind/Kind`.

use std::path::{Path, PathBuf};

use super::{InstallPluginArgs, files, streams};
use crate::error::Error;
use crate::input::platform::{GROUP, KIND, VERSION};

/// Makes the link and says where.
pub(super) fn install(args: &InstallPluginArgs) -> Result<(), Error> {
    let home = match &args.dir {
        Some(dir) => dir.clone(),
        None => plugin_home()?,
    };
    let program = std::env::current_exe().map_err(|error| Error::io("this program", error))?;
    let link = home
        .join(GROUP)
        .join(VERSION)
        .join(KIND.to_lowercase())
        .join(KIND);
    let there = link.symlink_metadata().ok();
    if there.as_ref().is_some_and(|there| !there.is_symlink()) && !args.force {
        let message = format!(
            "{} is there and is no link of ours; --force replaces it",
            files::display(&link)
        );
        return Err(Error::Usage(message));
    }
    if there.is_some() {
        std::fs::remove_file(&link).map_err(|error| Error::io(files::display(&link), error))?;
    }
    make_link(&program, &link)?;
    streams::print(&format!("{}\n", files::display(&link)))
}

fn make_link(program: &Path, link: &Path) -> Result<(), Error> {
    if let Some(folder) = link.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::io(files::display(folder), error))?;
    }
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink(program, link);
    #[cfg(not(unix))]
    let made = std::fs::copy(program, link).map(|_| ());
    made.map_err(|error| Error::io(files::display(link), error))
}

fn plugin_home() -> Result<PathBuf, Error> {
    let variable = |name: &str| streams::variable(name).map(PathBuf::from);
    let in_config = |config: PathBuf| config.join("kustomize").join("plugin");
    variable("KUSTOMIZE_PLUGIN_HOME")
        .or_else(|| variable("XDG_CONFIG_HOME").map(in_config))
        .or_else(|| variable("HOME").map(|home| in_config(home.join(".config"))))
        .ok_or_else(|| Error::Usage("no home folder is known; name the plugin folder with --dir".to_owned()))
}
