//! The picture as a Mermaid flowchart, as GitHub and GitLab draw in Markdown.

use std::collections::BTreeMap;

use super::escape::mermaid as escape;
use super::picture::{EdgeKind, Kind, Node, Picture};

/// Colours that are read on light and on dark pages: every box brings its own ground.
const CLASSES: &str = "  classDef plain fill:#f6f8fa,stroke:#57606a,color:#1f2328
  classDef guarded fill:#dafbe1,stroke:#1a7f37,color:#0a3d1c
  classDef open fill:#ffebe9,stroke:#cf222e,stroke-width:3px,color:#82071e
";

/// The flowchart.
pub fn text(picture: &Picture) -> String {
    let mut out = String::from("flowchart LR\n");
    out.push_str(&format!("  accTitle: {}\n", escape(&picture.title)));
    out.push_str(&format!("  accDescr: {}\n", escape(&picture.summary)));
    let mut namespaces: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, node) in picture.nodes.iter().enumerate() {
        let within = matches!(node.kind, Kind::Guard | Kind::Workload) && !node.namespace.is_empty();
        if within {
            namespaces.entry(&node.namespace).or_default().push(index);
        } else {
            out.push_str(&format!("  {}\n", shape(index, node)));
        }
    }
    for (number, (namespace, nodes)) in namespaces.iter().enumerate() {
        out.push_str(&format!(
            "  subgraph s{number}[\"namespace {}\"]\n",
            escape(namespace)
        ));
        for index in nodes {
            out.push_str(&format!("    {}\n", shape(*index, &picture.nodes[*index])));
        }
        out.push_str("  end\n");
    }
    let mut styles: BTreeMap<EdgeKind, Vec<String>> = BTreeMap::new();
    for (number, edge) in picture.edges.iter().enumerate() {
        let arrow = match edge.kind {
            EdgeKind::Open => "==>",
            EdgeKind::Closed => "-.-x",
            EdgeKind::Unknown | EdgeKind::Named | EdgeKind::Wide => "-.->",
            EdgeKind::Asked | EdgeKind::Admitted | EdgeKind::Way => "-->",
        };
        let label = if edge.label.is_empty() {
            String::new()
        } else {
            format!("|\"{}\"|", escape(&edge.label))
        };
        out.push_str(&format!("  n{} {arrow}{label} n{}\n", edge.from, edge.to));
        styles.entry(edge.kind).or_default().push(number.to_string());
    }
    out.push_str(CLASSES);
    for (kind, numbers) in styles {
        let style = match kind {
            EdgeKind::Asked => "stroke:#0969da",
            EdgeKind::Admitted => "stroke:#1a7f37",
            EdgeKind::Open => "stroke:#cf222e,stroke-width:4px",
            EdgeKind::Unknown | EdgeKind::Wide => "stroke:#9a6700",
            EdgeKind::Way | EdgeKind::Named | EdgeKind::Closed => "stroke:#6e7781",
        };
        out.push_str(&format!("  linkStyle {} {style}\n", numbers.join(",")));
    }
    out
}

fn shape(index: usize, node: &Node) -> String {
    let (open, close) = match node.kind {
        Kind::Person | Kind::Start => ("([", "])"),
        Kind::Guard => ("{{", "}}"),
        Kind::Entry | Kind::Workload => ("[", "]"),
        Kind::Route => ("[/", "/]"),
        Kind::Note => (">", "]"),
    };
    let mut label = escape(&node.title);
    for line in &node.lines {
        label.push_str("<br>");
        label.push_str(&escape(line));
    }
    for judged in &node.judged {
        label.push_str("<br>");
        label.push_str(&escape(judged.rule));
    }
    format!("n{index}{open}\"{label}\"{close}:::{}", node.state.word())
}
