//! Patterns of `--allow-paths` and `--ignore-paths`: Go's `path.Match`. Pure.
