//! The picture in DOT, for Graphviz.

use std::collections::BTreeMap;

use super::escape::dot as escape;
use super::picture::{Edge, EdgeKind, Kind, Node, Picture, State};

/// The graph.
pub fn text(picture: &Picture) -> String {
    let mut out = String::from("digraph access {\n");
    out.push_str(&format!(
        "  graph [rankdir=LR, ranksep=0.9, nodesep=0.25, fontname=\"Helvetica\", labelloc=t, label=\"{}\\n{}\"];\n",
        escape(&picture.title),
        escape(&picture.summary)
    ));
    out.push_str(
        "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11, margin=\"0.15,0.08\"];\n",
    );
    out.push_str("  edge [fontname=\"Helvetica\", fontsize=10];\n");
    let mut namespaces: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, node) in picture.nodes.iter().enumerate() {
        if matches!(node.kind, Kind::Guard | Kind::Workload) && !node.namespace.is_empty() {
            namespaces.entry(&node.namespace).or_default().push(index);
        } else {
            out.push_str(&format!("  {}\n", statement(index, node)));
        }
    }
    for (number, (namespace, nodes)) in namespaces.iter().enumerate() {
        out.push_str(&format!("  subgraph cluster_{number} {{\n"));
        out.push_str(&format!(
            "    label=\"namespace {}\"; color=\"#8c959f\"; style=\"rounded\";\n",
            escape(namespace)
        ));
        for index in nodes {
            out.push_str(&format!("    {}\n", statement(*index, &picture.nodes[*index])));
        }
        out.push_str("  }\n");
    }
    for edge in &picture.edges {
        out.push_str(&format!("  {}\n", line(edge)));
    }
    out.push_str("}\n");
    out
}

fn statement(index: usize, node: &Node) -> String {
    let (fill, stroke, text, width) = match node.state {
        State::Plain => ("#f6f8fa", "#57606a", "#1f2328", 1),
        State::Guarded => ("#dafbe1", "#1a7f37", "#0a3d1c", 1),
        State::Open => ("#ffebe9", "#cf222e", "#82071e", 3),
    };
    let shape = match node.kind {
        Kind::Person | Kind::Start => ", shape=ellipse, style=filled",
        Kind::Guard => ", shape=hexagon, style=filled",
        Kind::Note => ", shape=note, style=filled",
        Kind::Entry | Kind::Route | Kind::Workload => "",
    };
    let mut label = escape(&node.title);
    for text in node
        .lines
        .iter()
        .map(String::as_str)
        .chain(node.judged.iter().map(|judged| judged.rule))
    {
        label.push_str("\\n");
        label.push_str(&escape(text));
    }
    format!(
        "n{index} [label=\"{label}\", tooltip=\"{}\", fillcolor=\"{fill}\", color=\"{stroke}\", fontcolor=\"{text}\", penwidth={width}{shape}];",
        escape(&super::svg::told(node).join("; "))
    )
}

fn line(edge: &Edge) -> String {
    let (colour, style, width, head) = match edge.kind {
        EdgeKind::Asked => ("#0969da", "solid", 1, "normal"),
        EdgeKind::Admitted => ("#1a7f37", "solid", 1, "normal"),
        EdgeKind::Way => ("#57606a", "solid", 1, "normal"),
        EdgeKind::Named => ("#57606a", "dotted", 1, "normal"),
        EdgeKind::Open => ("#cf222e", "bold", 3, "normal"),
        EdgeKind::Closed => ("#57606a", "dashed", 1, "tee"),
        EdgeKind::Wide => ("#9a6700", "dashed", 2, "normal"),
        EdgeKind::Unknown => ("#9a6700", "dotted", 1, "normal"),
    };
    format!(
        "n{} -> n{} [label=\"{}\", color=\"{colour}\", fontcolor=\"{colour}\", style={style}, penwidth={width}, arrowhead={head}];",
        edge.from,
        edge.to,
        escape(&edge.label)
    )
}
