//! The picture as one page: search a person or group, see every way and guard, and where each is written.
//!
//! The page fetches nothing and runs nothing but its own script, which its security policy names by hash. What the manifests
//! say is JSON in an element that is never run; the script turns it into text, never into markup.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{AutoEscape, Environment, Value as Text, context};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::escape::{json_in_script, one_line};
use super::picture::{EdgeKind, Kind, Picture, Place, State};
use super::svg;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

const KINDS: [Kind; 7] = [
    Kind::Person,
    Kind::Start,
    Kind::Entry,
    Kind::Route,
    Kind::Guard,
    Kind::Workload,
    Kind::Note,
];
const STATES: [State; 3] = [State::Plain, State::Guarded, State::Open];

/// The page: everything is in it and can be found; `shown` is drawn, folded or not.
pub fn text(all: &Picture, shown: &Picture) -> String {
    let hooks = if all.nodes.len() == shown.nodes.len() {
        svg::Hooks::Nodes
    } else {
        svg::Hooks::Search
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = environment.render_str(
        PAGE,
        context! {
            title => one_line(&all.title),
            summary => one_line(&all.summary),
            style_hash => hash(STYLE),
            script_hash => hash(SCRIPT),
            drawing_hash => hash(svg::STYLE),
            style => Text::from_safe_string(STYLE.to_owned()),
            script => Text::from_safe_string(SCRIPT.to_owned()),
            drawing => Text::from_safe_string(svg::with_hooks(shown, hooks)),
            data => Text::from_safe_string(json_in_script(&data(all).to_string())),
        },
    );
    // The template is ours, and a test fills it.
    page.unwrap_or_default()
}

/// A source of a security policy. Browsers hash an element's text as it stands in the page.
fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// Each word once: ten thousand workloads say much the same.
#[derive(Default)]
struct Words {
    all: Vec<String>,
    index: BTreeMap<String, usize>,
    places: Vec<Value>,
    place_index: BTreeMap<String, usize>,
    judged: Vec<Value>,
}

// === impl Words ===

impl Words {
    fn word(&mut self, text: &str) -> usize {
        let text = one_line(text);
        if let Some(found) = self.index.get(&text) {
            return *found;
        }
        let index = self.all.len();
        self.all.push(text.clone());
        self.index.insert(text, index);
        index
    }

    fn places(&mut self, places: &[Place]) -> Vec<usize> {
        places.iter().map(|place| self.place(place)).collect()
    }

    fn place(&mut self, place: &Place) -> usize {
        let (file, line) = match &place.at {
            Some((file, line)) => (file.as_str(), *line),
            None => ("", 0),
        };
        let value = json!([
            self.word(&place.hop.object.to_string()),
            self.word(&place.hop.field),
            self.word(&place.hop.says),
            self.word(file),
            line
        ]);
        let key = value.to_string();
        if let Some(found) = self.place_index.get(&key) {
            return *found;
        }
        let index = self.places.len();
        self.places.push(value);
        self.place_index.insert(key, index);
        index
    }
}

fn data(picture: &Picture) -> Value {
    let mut words = Words::default();
    let mut nodes = Vec::with_capacity(picture.nodes.len());
    for node in &picture.nodes {
        let mut judged = Vec::new();
        for said in &node.judged {
            judged.push(words.judged.len());
            let value = json!([
                words.word(said.severity.word()),
                words.word(said.rule),
                words.word(&said.message),
                words.word(&said.advice)
            ]);
            words.judged.push(value);
        }
        let lines: Vec<usize> = node.lines.iter().map(|line| words.word(line)).collect();
        nodes.push(json!([
            KINDS.iter().position(|kind| *kind == node.kind),
            words.word(&node.namespace),
            words.word(&node.title),
            lines,
            STATES.iter().position(|state| *state == node.state),
            judged,
            words.places(&node.places)
        ]));
    }
    let mut edges = Vec::with_capacity(picture.edges.len());
    for edge in &picture.edges {
        edges.push(json!([
            edge.from,
            edge.to,
            EdgeKind::ALL.iter().position(|kind| *kind == edge.kind),
            words.word(&edge.label),
            words.places(&edge.places)
        ]));
    }
    json!({
        "kinds": KINDS.map(Kind::word),
        "states": STATES.map(State::word),
        "ways": EdgeKind::ALL.map(|kind| [kind.word(), kind.meaning()]),
        "nodes": nodes,
        "edges": edges,
        "words": words.all,
        "places": words.places,
        "judged": words.judged,
    })
}
