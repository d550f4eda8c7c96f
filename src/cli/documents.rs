//! The documents that are generated from the types: schemas, CRDs, the function's definition.

use serde_json::Value;

use super::{SchemaKind, streams};
use crate::error::Error;
use crate::input::schema;
use crate::krm::yaml::{Quoting, to_block};
use crate::kustomize::{names, openapi};
use crate::model::defaults;

/// How the function is used, in its definition.
const USAGE: &str = "List a Platform under `transformers:` (kustomize) or `pipeline.mutators` (kpt). Notebooks that carry \
notebooks.opendatahub.io/inject-auth: \"true\" get their guard, and the objects around it are added.";

/// What stands above kustomize's configuration.
const NAMES: &str =
    "# Written by `gatewright schema kustomize-names`. List it under `configurations:` of a kustomization.\n";

/// Prints the CRDs.
pub(super) fn crds() -> Result<(), Error> {
    streams::print(&to_block(
        &schema::platform_crd(&defaults::for_schema()),
        Quoting::WhereNeeded,
    ))
}

/// Prints a schema.
pub(super) fn schema(what: SchemaKind) -> Result<(), Error> {
    let fixed = defaults::for_schema();
    let text = match what {
        SchemaKind::Platform => pretty(&schema::platform_document(&fixed)),
        SchemaKind::Function => to_block(&schema::function_definition(&fixed, USAGE), Quoting::WhereNeeded),
        SchemaKind::Defaults => defaults::to_markdown(),
        SchemaKind::KustomizeNames => {
            let configuration = to_block(&names::configuration(), Quoting::WhereNeeded);
            format!("{NAMES}{configuration}")
        }
        SchemaKind::KustomizeOpenapi => pretty(&openapi::schema()),
    };
    streams::print(&text)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
