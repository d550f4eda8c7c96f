//! Who reaches what through which guard, drawn: Mermaid, DOT, SVG, and a page to search in.
//!
//! Pure. Takes what `access` answers and what `verify` judges; gives text. Names are those of strangers' manifests, and each
//! format has its own way to keep them from meaning anything: `escape`.

mod build;
mod collapse;
pub mod dot;
mod escape;
mod layout;
pub mod mermaid;
pub mod page;
pub mod picture;
#[cfg(test)]
mod samples;
pub mod subject;
pub mod svg;
#[cfg(test)]
mod tests;
mod words;
