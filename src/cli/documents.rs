//! The documents that are generated from the types: schemas, CRDs, the function's definition.

use serde_json::{Value, json};

use super::{SchemaKind, streams};
use crate::config::access_graph;
use crate::error::Error;
use crate::input::{notebook, schema};
use crate::krm::yaml::{Quoting, to_block};
use crate::kustomize::{names, openapi};
use crate::model::{companion, defaults};

/// How the function is used, in its definition.
const USAGE: &str = "List a Platform under `transformers:` (kustomize) or `pipeline.mutators` (kpt). Notebooks that carry \
notebooks.opendatahub.io/inject-auth: \"true\" get their guard, and the objects around it are added.";

/// What stands above kustomize's configuration.
const NAMES: &str =
    "# Written by `gatewright schema kustomize-names`. List it under `configurations:` of a kustomization.\n";

/// Prints the CRDs.
pub(super) fn crds() -> Result<(), Error> {
    let graph = schema::crd_of(
        access_graph::KIND,
        access_graph::PLURAL,
        "What was written for one source document, and what the reporter found of it.",
        &schema::of::<access_graph::AccessGraphSpec>(),
        schema::of::<access_graph::AccessGraphStatus>(),
    );
    let platform = schema::platform_crd(&defaults::for_schema());
    let texts = [graph, platform].map(|crd| to_block(&crd, Quoting::WhereNeeded));
    streams::print(&texts.join("---\n"))
}

/// Prints a schema.
pub(super) fn schema(what: SchemaKind) -> Result<(), Error> {
    let fixed = defaults::for_schema();
    let text = match what {
        SchemaKind::Platform => pretty(&schema::platform_document(&fixed)),
        SchemaKind::Diff => pretty(&crate::diff::schema()),
        SchemaKind::Function => to_block(&schema::function_definition(&fixed, USAGE), Quoting::WhereNeeded),
        SchemaKind::Defaults => defaults::to_markdown(),
        SchemaKind::Argocd => to_block(&ignore_differences(), Quoting::WhereNeeded),
        SchemaKind::KustomizeNames => {
            let configuration = to_block(&names::configuration(), Quoting::WhereNeeded);
            format!("{NAMES}{configuration}")
        }
        SchemaKind::KustomizeOpenapi => pretty(&openapi::schema()),
    };
    streams::print(&text)
}

/// A part of an Application's `spec` (argoproj/argo-cd `pkg/apis/application/v1alpha1/types.go`).
fn ignore_differences() -> Value {
    json!({
        "ignoreDifferences": [{
            "group": notebook::GROUP,
            "kind": notebook::KIND,
            "jqPathExpressions": companion::ignored_paths()
        }]
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
