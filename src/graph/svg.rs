//! The picture as SVG: self-contained, for light and dark, without scripts or fonts.
//!
//! It may stand in a page or in an `img`. Every text is drawn on a ground of its own and cut off where its box ends; what is
//! cut off is in the box's `title`.

use std::collections::BTreeSet;

use super::escape::markup as escape;
use super::layout::{self, LINE, Layout, PADDING, STEP, TITLE, fitted, indent, width};
use super::picture::{EdgeKind, Kind, Node, Picture, Place, Start, State};

const MARGIN: i32 = 20;
/// Below the title and the summary.
const TOP: i32 = 72;

/// The style element's text; a page that holds the drawing allows it by its hash.
pub(super) const STYLE: &str = "
svg { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif; color-scheme: light dark }
.ground { fill: #ffffff }
.frame { fill: none; stroke: #8c959f; stroke-dasharray: 2 3 }
text { fill: #1f2328; font-size: 11px }
.head { font-size: 16px; font-weight: 600 }
.title { font-size: 13px; font-weight: 600 }
.quiet { fill: #57606a }
rect.plain { fill: #f6f8fa; stroke: #57606a }
rect.guarded { fill: #dafbe1; stroke: #1a7f37 }
rect.open { fill: #ffebe9; stroke: #cf222e; stroke-width: 2.5 }
text.guarded { fill: #0a3d1c }
text.open { fill: #82071e }
.icon { fill: none; stroke: #1f2328; stroke-width: 1.4 }
path.way, path.named, path.closed { stroke: #57606a }
path.asked { stroke: #0969da }
path.admitted { stroke: #1a7f37 }
path.open { stroke: #cf222e }
path.unknown, path.wide { stroke: #9a6700 }
text.way, text.named, text.closed { fill: #57606a }
text.asked { fill: #0969da }
text.admitted { fill: #1a7f37 }
text.loud { fill: #cf222e; font-weight: 600 }
text.unknown, text.wide { fill: #855b00 }
.label { stroke: #ffffff; stroke-width: 3px; paint-order: stroke; stroke-linejoin: round }
.line { fill: none; stroke-width: 1.5 }
path.line.open { stroke-width: 3.5 }
path.line.named, path.line.unknown { stroke-dasharray: 2 3 }
path.line.wide { stroke-dasharray: 4 3; stroke-width: 2.5 }
path.line.closed { stroke-dasharray: 7 4 }
path.tip { stroke: none }
.tip.way, .tip.named, .tip.closed { fill: #57606a }
.tip.asked { fill: #0969da }
.tip.admitted { fill: #1a7f37 }
.tip.open { fill: #cf222e }
.tip.unknown, .tip.wide { fill: #9a6700 }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117 }
.frame { stroke: #6e7681 }
text { fill: #e6edf3 }
.quiet { fill: #9da7b3 }
rect.plain { fill: #161b22; stroke: #8b949e }
rect.guarded { fill: #0f2a18; stroke: #3fb950 }
rect.open { fill: #3c1114; stroke: #ff7b72 }
text.guarded { fill: #aff5b4 }
text.open { fill: #ffc1ba }
.icon { stroke: #e6edf3 }
path.way, path.named, path.closed { stroke: #9da7b3 }
path.asked { stroke: #58a6ff }
path.admitted { stroke: #3fb950 }
path.open { stroke: #ff7b72 }
path.unknown, path.wide { stroke: #d29922 }
text.way, text.named, text.closed { fill: #9da7b3 }
text.asked { fill: #58a6ff }
text.admitted { fill: #3fb950 }
text.loud { fill: #ff7b72 }
text.unknown, text.wide { fill: #d29922 }
.label { stroke: #0d1117 }
.tip.way, .tip.named, .tip.closed { fill: #9da7b3 }
.tip.asked { fill: #58a6ff }
.tip.admitted { fill: #3fb950 }
.tip.open { fill: #ff7b72 }
.tip.unknown, .tip.wide { fill: #d29922 }
}
";

/// What a page needs to know of a box when it is clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hooks {
    /// The drawing stands alone.
    None,
    /// The node's number.
    Nodes,
    /// What to search for, where nodes are folded.
    Search,
}

/// The drawing.
pub fn text(picture: &Picture) -> String {
    with_hooks(picture, Hooks::None)
}

/// The drawing, for a page that answers clicks on its boxes.
pub(super) fn with_hooks(picture: &Picture, hooks: Hooks) -> String {
    let layout = layout::layout(picture, TOP);
    let wide = layout
        .width
        .max(width(&picture.summary, 12, false) + 2 * MARGIN)
        .max(640);
    let (legend, height) = legend(picture, wide, layout.height);
    // What can be used must not be hidden behind an image.
    let role = if hooks == Hooks::None { "img" } else { "group" };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{height}\" viewBox=\"0 0 {wide} {height}\" \
         role=\"{role}\" aria-labelledby=\"gw-title gw-desc\">\n<title id=\"gw-title\">{}</title>\n<desc id=\"gw-desc\">{}</desc>\n\
         <style>{STYLE}</style>\n",
        escape(&picture.title),
        escape(&described(picture))
    );
    out.push_str(&format!(
        "<rect class=\"ground\" width=\"{wide}\" height=\"{height}\"/>\n"
    ));
    out.push_str(&format!(
        "<text class=\"head\" x=\"{MARGIN}\" y=\"30\">{}</text>\n<text class=\"quiet\" x=\"{MARGIN}\" y=\"50\">{}</text>\n",
        escape(&fitted(&picture.title, wide - 2 * MARGIN, 16, true)),
        escape(&fitted(&picture.summary, wide - 2 * MARGIN, 12, false))
    ));
    for (name, place) in &layout.frames {
        let said = fitted(&format!("namespace {name}"), place.width - 16, LINE, false);
        out.push_str(&format!(
            "<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n<text class=\"quiet\" x=\"{}\" y=\"{}\">{}</text>\n",
            place.x,
            place.y,
            place.width,
            place.height,
            place.x + 8,
            place.y + 15,
            escape(&said)
        ));
    }
    lines(picture, &layout, &mut out);
    for (index, (node, place)) in picture.nodes.iter().zip(&layout.boxes).enumerate() {
        let hook = match hooks {
            Hooks::None => String::new(),
            Hooks::Nodes => format!(" data-node=\"{index}\" tabindex=\"0\" role=\"button\""),
            Hooks::Search => {
                let word = if node.count == 1 || node.namespace.is_empty() {
                    &node.title
                } else {
                    &node.namespace
                };
                let word = if node.count > 1 && node.namespace.is_empty() {
                    String::new()
                } else {
                    escape(word)
                };
                format!(" data-search=\"{word}\" tabindex=\"0\" role=\"button\"")
            }
        };
        boxed(node, *place, &hook, &mut out);
    }
    out.push_str(&legend);
    out.push_str("</svg>\n");
    out
}

/// The ways first without and then with their words, so that no line runs through a word.
fn lines(picture: &Picture, layout: &Layout, out: &mut String) {
    let drawn = || picture.edges.iter().zip(&layout.lines);
    for (edge, line) in drawn() {
        let class = edge.kind.word();
        let from = &picture.nodes[edge.from].title;
        let to = &picture.nodes[edge.to].title;
        let mut said = vec![format!("{from} → {to}: {}", edge.kind.meaning())];
        if !edge.label.is_empty() {
            said.push(edge.label.clone());
        }
        said.extend(edge.places.iter().map(written));
        let (x, y) = line.points.last().copied().unwrap_or_default();
        let closed = edge.kind == EdgeKind::Closed;
        let tip = if closed {
            // A bar, and not an arrow.
            format!("M{} {}h3v12h-3z", x - 9, y - 6)
        } else {
            format!("M{} {}l-8 -4v8z", x - 1, y)
        };
        out.push_str(&format!(
            "<g><title>{}</title><path class=\"line {class}\" d=\"{}\"/><path class=\"tip {class}\" d=\"{tip}\"/></g>\n",
            escape(&said.join("\n")).replace('\n', " "),
            bends(&line.points, closed)
        ));
    }
    for (edge, line) in drawn().filter(|(edge, _)| !edge.label.is_empty()) {
        let (x, y, room) = line.label;
        let class = if edge.kind == EdgeKind::Open {
            "loud"
        } else {
            edge.kind.word()
        };
        out.push_str(&format!(
            "<text class=\"label {class}\" x=\"{x}\" y=\"{y}\">{}</text>\n",
            escape(&fitted(&edge.label, room, LINE, edge.kind == EdgeKind::Open))
        ));
    }
}

/// A line that leaves and arrives level.
fn bends(points: &[(i32, i32)], stops: bool) -> String {
    let mut path = String::new();
    let mut before: Option<(i32, i32)> = None;
    for (at, (x, y)) in points.iter().copied().enumerate() {
        let x = if at + 1 == points.len() {
            x - if stops { 9 } else { 7 }
        } else {
            x
        };
        match before {
            None => path.push_str(&format!("M{x} {y}")),
            Some((_, last)) if last == y => path.push_str(&format!("H{x}")),
            Some((from, last)) => {
                let half = from + (x - from) / 2;
                path.push_str(&format!("C{half} {last} {half} {y} {x} {y}"));
            }
        }
        before = Some((x, y));
    }
    path
}

fn boxed(node: &Node, place: layout::Rect, hook: &str, out: &mut String) {
    let state = node.state.word();
    let round = match node.kind {
        Kind::Person | Kind::Start => 16,
        _ => 6,
    };
    out.push_str(&format!(
        "<g class=\"{}\"{hook}><title>{}</title><rect class=\"{state}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\"/>",
        node.kind.word(),
        escape(&told(node).join("\n")).replace('\n', " "),
        place.x,
        place.y,
        place.width,
        place.height
    ));
    let texts = layout::texts(node);
    let lines = i32::try_from(texts.len()).unwrap_or_default();
    let mut y = place.y + (place.height - lines * STEP) / 2 + STEP - 3;
    if let Some(icon) = icon(node) {
        out.push_str(&format!(
            "<path class=\"icon\" transform=\"translate({} {})\" d=\"{icon}\"/>",
            place.x + PADDING,
            y - 11
        ));
    }
    // Whatever a font makes of a text, it ends with its box.
    out.push_str(&format!(
        "<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" overflow=\"hidden\">",
        place.x, place.y, place.width, place.height
    ));
    let x = PADDING + indent(node);
    let room = place.width - x - PADDING;
    for (at, text) in texts.iter().enumerate() {
        let size = if at == 0 { TITLE } else { LINE };
        let class = match (at, node.state) {
            (0, State::Plain) => "title".to_owned(),
            (0, _) => format!("title {state}"),
            (_, State::Plain) => "quiet".to_owned(),
            _ => state.to_owned(),
        };
        out.push_str(&format!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{}\">{}</text>",
            y - place.y,
            escape(&fitted(text, room, size, at == 0))
        ));
        y += STEP;
    }
    out.push_str("</svg></g>\n");
}

/// Fourteen pixels square.
fn icon(node: &Node) -> Option<&'static str> {
    let group = node.count > 1
        || node
            .subject
            .as_ref()
            .is_some_and(|subject| subject.kind == "Group");
    match node.kind {
        Kind::Person if group => Some(
            "M4.5 1.5a2.3 2.3 0 1 0 .1 0zM.7 12c0-6 7.6-6 7.6 0M10 2.5a2 2 0 1 0 .1 0M9.5 7.6c2.600 -.2 4 1.500 4 4.400",
        ),
        Kind::Person => Some("M7 1.500a2.800 2.800 0 1 0 .1 0zM2 12.500c0 -7 10 -7 10 0"),
        Kind::Start
            if !matches!(
                node.start,
                Some(Start::Outside | Start::Everybody | Start::Addresses)
            ) =>
        {
            Some(
                "M7 .8l5.600 3.100v6.200l-5.600 3.100l-5.600 -3.100v-6.200zM1.400 3.900l5.600 3.100l5.600 -3.100M7 7v6.200",
            )
        }
        Kind::Start => Some("M7 1a6 6 0 1 0 .1 0zM1 7h12M7 1c-4 4 -4 8 0 12M7 1c4 4 4 8 0 12"),
        Kind::Guard => Some(
            "M7 .8l5.200 1.800v4.200c0 3.400 -2.400 5.200 -5.200 6.400c-2.800 -1.200 -5.200 -3 -5.200 -6.400v-4.200zM4.600 6.800l1.900 1.900l3.300 -3.600",
        ),
        Kind::Entry | Kind::Route | Kind::Workload | Kind::Note => None,
    }
}

/// Everything that is known of a node, a line each.
pub(super) fn told(node: &Node) -> Vec<String> {
    let mut said = vec![node.text()];
    said.extend(
        node.judged
            .iter()
            .map(|judged| format!("{} ({}): {}", judged.severity.word(), judged.rule, judged.message)),
    );
    said.extend(node.places.iter().map(written));
    said
}

/// `file.yaml:12: Notebook a/b: spec.x: what it says`.
fn written(place: &Place) -> String {
    let mut said = match &place.at {
        Some((file, line)) => format!("{file}:{line}: "),
        None => String::new(),
    };
    said.push_str(&place.hop.object.to_string());
    if !place.hop.field.is_empty() {
        said.push_str(&format!(" {}", place.hop.field));
    }
    if !place.hop.says.is_empty() {
        said.push_str(&format!(": {}", place.hop.says));
    }
    said
}

/// The picture in words, for those who do not see it; not more than can be listened to.
fn described(picture: &Picture) -> String {
    const SAID: usize = 40;
    let mut said = vec![format!("{}.", picture.summary)];
    let mut edges: Vec<_> = picture.edges.iter().collect();
    edges.sort_by_key(|edge| edge.kind != EdgeKind::Open);
    for edge in edges.iter().take(SAID) {
        let (from, to) = (&picture.nodes[edge.from], &picture.nodes[edge.to]);
        let label = if edge.label.is_empty() {
            edge.kind.meaning()
        } else {
            &edge.label
        };
        said.push(format!("{} to {}: {label}.", from.title, to.title));
    }
    if edges.len() > SAID {
        said.push(format!("And {} more ways.", edges.len() - SAID));
    }
    said.join(" ")
}

/// What the colours and lines that occur mean, and how high the picture is with that below it.
fn legend(picture: &Picture, wide: i32, top: i32) -> (String, i32) {
    let kinds: BTreeSet<EdgeKind> = picture.edges.iter().map(|edge| edge.kind).collect();
    let states: BTreeSet<State> = picture.nodes.iter().map(|node| node.state).collect();
    let (mut x, mut y) = (MARGIN, top + 16);
    let mut out = String::new();
    let mut entry = |sign: &dyn Fn(i32, i32) -> String, said: &str| {
        let needs = 42 + width(said, LINE, false) + 22;
        if x > MARGIN && x + needs > wide {
            x = MARGIN;
            y += 22;
        }
        out.push_str(&sign(x, y));
        out.push_str(&format!(
            "<text x=\"{}\" y=\"{}\">{}</text>\n",
            x + 42,
            y + 4,
            escape(said)
        ));
        x += needs;
    };
    for (state, said) in [
        (State::Guarded, "asks, or is behind something that asks"),
        (State::Open, "OPEN, or with findings"),
    ] {
        if states.contains(&state) {
            let sign = |x: i32, y: i32| {
                format!(
                    "<rect class=\"{}\" x=\"{x}\" y=\"{}\" width=\"34\" height=\"14\" rx=\"4\"/>",
                    state.word(),
                    y - 7
                )
            };
            entry(&sign, said);
        }
    }
    for kind in EdgeKind::ALL {
        if kinds.contains(&kind) {
            let word = kind.word();
            let sign = |x: i32, y: i32| {
                format!(
                    "<path class=\"line {word}\" d=\"M{x} {y}h28\"/><path class=\"tip {word}\" d=\"M{} {y}l-8 -4v8z\"/>",
                    x + 34
                )
            };
            entry(&sign, kind.meaning());
        }
    }
    (out, y + 24)
}
