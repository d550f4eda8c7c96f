//! `gatewright graph`: the pictures of the examples, and every format read by what reads it: Chromium, Mermaid, Graphviz.
//!
//! `make pictures` writes `examples/.pictures`. `tests/parts/picture/look.mjs` looks; here is what it should see.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::examples::{ALL, NOTEBOOKS};
use crate::parts;
use crate::program::{Folder, Run, gatewright, run};

/// Names that a page, a chart or a shell could stumble over.
const HOSTILE: [&str; 6] = [
    "</script><script>window.broken=1</script>",
    "\"]; end --> x[\"",
    "<img src=x onerror=window.broken=1>",
    "end",
    "a\\nb`**c**`&lt;#quot;${x}",
    "שלום-🦀-日本語",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file_of(example: &str) -> String {
    format!("examples/.expected/{}.yaml", example.replace('/', "-"))
}

/// Draws an input, which must succeed.
fn drawn(folder: &Folder, input: &str, name: &str, more: &[&str]) -> PathBuf {
    let file = folder.path().join(name);
    let mut arguments = vec!["graph", input, "-o", file.to_str().unwrap()];
    arguments.extend(more);
    let answer = gatewright(&arguments, b"");
    assert_eq!(answer.code, 0, "{input}: {}", answer.stderr);
    file
}

/// The example's Notebooks with their owner renamed, and Notebooks of every hostile name.
fn hostile(folder: &Folder) -> String {
    let mut text = fs::read_to_string(root().join(file_of(NOTEBOOKS))).unwrap();
    let owner = Value::from(HOSTILE[0]).to_string();
    let before = text.clone();
    text = text.replace("name: dana", &format!("name: {owner}"));
    assert_ne!(text, before);
    for name in HOSTILE {
        let name = Value::from(name).to_string();
        text.push_str(&format!(
            "---\napiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata: {{name: {name}, namespace: {name}}}\nspec: {{template: {{spec: {{containers: [{{name: {name}, image: {name}}}]}}}}}}\n"
        ));
    }
    folder.write("hostile.yaml", &text).to_str().unwrap().to_owned()
}

fn look(what: &str, files: &[PathBuf], search: &str) -> Vec<Value> {
    let mut command = Command::new("node");
    command
        .arg(root().join("tests/parts/picture/look.mjs"))
        .arg(what)
        .arg("--chromium")
        .arg(parts::find("chromium").unwrap())
        .args(files)
        .env("GATEWRIGHT_LOGIN_PACKAGES", parts::login_packages())
        .env("GATEWRIGHT_PICTURE_PACKAGES", parts::picture_packages())
        .env("GATEWRIGHT_SEARCH", search);
    let answer = run(command, b"");
    assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    let lines = answer.stdout.lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn list<'a>(seen: &'a Value, name: &str) -> Vec<&'a str> {
    let all = seen[name]
        .as_array()
        .unwrap_or_else(|| panic!("{name} of {seen}"));
    all.iter().map(|one| one.as_str().unwrap()).collect()
}

/// It did nothing: no request but for itself, no complaint, no script of a stranger's.
fn quiet(seen: &Value, requests: usize) {
    assert_eq!(list(seen, "requests").len(), requests, "{seen}");
    assert_eq!(list(seen, "complaints"), [""; 0], "{seen}");
    assert_eq!(seen["broken"], Value::Null, "{seen}");
}

#[test]
fn the_pictures_of_the_examples_are_what_graph_draws() {
    let folder = Folder::new("pictures");
    let mut wanted: Vec<(String, PathBuf)> = ALL
        .iter()
        .map(|example| {
            let name = format!("{}.svg", example.replace('/', "-"));
            let file = drawn(&folder, &file_of(example), &name, &[]);
            (name, file)
        })
        .collect();
    let name = "notebooks-for-dana.svg".to_owned();
    let file = drawn(&folder, &file_of(NOTEBOOKS), &name, &["--for", "User:dana"]);
    wanted.push((name, file));
    for (name, file) in &wanted {
        let committed = fs::read_to_string(root().join("examples/.pictures").join(name)).unwrap_or_default();
        let same = committed == fs::read_to_string(file).unwrap();
        assert!(
            same,
            "examples/.pictures/{name} is not what is drawn; run `make pictures`"
        );
    }
    let there = fs::read_dir(root().join("examples/.pictures")).unwrap().count();
    assert_eq!(there, wanted.len(), "a picture of nothing in examples/.pictures");
}

#[test]
fn a_browser_shows_every_text_within_its_box_and_readable_in_both_schemes() {
    if !parts::needs_browser() {
        return;
    }
    let folder = Folder::new("drawings");
    let mut files: Vec<PathBuf> = ALL
        .iter()
        .map(|example| {
            drawn(
                &folder,
                &file_of(example),
                &format!("{}.svg", example.replace('/', "-")),
                &[],
            )
        })
        .collect();
    files.push(drawn(&folder, &hostile(&folder), "hostile.svg", &[]));
    files.push(drawn(
        &folder,
        &hostile(&folder),
        "folded.svg",
        &["--collapse", "always"],
    ));
    for (file, seen) in files.iter().zip(look("drawing", &files, "")) {
        for scheme in ["light", "dark"] {
            let seen = &seen[scheme];
            assert!(seen["texts"].as_u64().unwrap() > 5, "{}: {seen}", file.display());
            assert_eq!(list(seen, "outside"), [""; 0], "{}: {seen}", file.display());
            assert!(
                seen["least"].as_f64().unwrap() >= 4.5,
                "{}: {seen}",
                file.display()
            );
            quiet(seen, 0);
        }
        assert!(
            seen["image"].as_u64().unwrap() > 300,
            "{}: {seen}",
            file.display()
        );
    }
}

#[test]
fn a_person_finds_ways_and_places_with_keys_and_with_clicks() {
    if !parts::needs_browser() {
        return;
    }
    let folder = Folder::new("page");
    let page = drawn(&folder, &file_of(NOTEBOOKS), "notebooks.html", &[]);
    let seen = &look("page", &[page], "dana")[0];
    quiet(seen, 1);
    assert_eq!(seen["title"], "Who reaches what through which guard");
    assert!(list(seen, "first").len() > 5);
    assert_eq!(list(seen, "searched"), ["dana user"]);
    assert!(seen["active"].as_str().unwrap().starts_with("dana"));
    assert_eq!(list(seen, "heading"), ["dana"]);
    let rows = list(seen, "rows");
    assert_eq!(rows.len(), 1, "{rows:?}");
    for part in [
        "dana",
        "data-science-gateway",
        "/notebook/sales-analytics/churn",
        "kube-rbac-proxy :8443",
        "churn Notebook",
    ] {
        assert!(rows[0].contains(part), "{part}: {rows:?}");
    }
    assert_eq!(seen["tabbed"], "dana user");
    assert!(
        seen["stepped"]
            .as_str()
            .unwrap()
            .starts_with("data-science-gateway")
    );
    assert_eq!(list(seen, "told"), ["data-science-gateway"]);
    assert_eq!(
        (&seen["escaped"], &seen["emptied"]),
        (&"search".into(), &"".into())
    );
    assert_eq!(list(seen, "clicked"), ["forecast in supply"]);
    // A file and a line.
    let place = list(seen, "clickedPlaces")[0];
    let (file, line) = place.rsplit_once(':').unwrap();
    let text = fs::read_to_string(root().join(file)).unwrap();
    let at = line.parse::<usize>().unwrap();
    let around: Vec<&str> = text.lines().skip(at - 1).take(3).collect();
    assert!(
        around.iter().any(|line| line.contains("kind: Notebook")),
        "{place}: {around:?}"
    );
    assert!(list(seen, "way")[0].ends_with("forecast"), "{seen}");
}

#[test]
fn names_of_strangers_do_nothing_on_the_page() {
    if !parts::needs_browser() {
        return;
    }
    let folder = Folder::new("strangers");
    let input = hostile(&folder);
    let page = drawn(&folder, &input, "hostile.html", &[]);
    for search in ["</script>", "<img"] {
        let seen = &look("page", std::slice::from_ref(&page), search)[0];
        quiet(seen, 1);
        assert_eq!(
            (&seen["markup"], &seen["scripts"]),
            (&0.into(), &2.into()),
            "{seen}"
        );
        assert!(list(seen, "searched")[0].contains(search), "{seen}");
    }
    let page = drawn(&folder, &input, "one.html", &["--for", HOSTILE[0]]);
    let seen = &look("page", &[page], "</script>")[0];
    quiet(seen, 1);
    assert_eq!(seen["title"], format!("What {} reaches", HOSTILE[0]));
}

#[test]
fn a_page_with_ten_thousand_workloads_answers_at_once() {
    if !parts::needs_browser() {
        return;
    }
    let folder = Folder::new("large");
    let notebooks: String = (0..10_000)
        .map(|number| {
            format!(
                "---\napiVersion: kubeflow.org/v1\nkind: Notebook\nmetadata: {{name: nb-{number:05}, namespace: team-{:03}}}\nspec: {{template: {{spec: {{containers: [{{name: nb, image: i}}]}}}}}}\n",
                number % 300
            )
        })
        .collect();
    let input = folder.write("notebooks.yaml", &notebooks);
    let page = drawn(&folder, input.to_str().unwrap(), "large.html", &[]);
    let seen = &look("large", &[page], "")[0];
    quiet(
        &serde_json::json!({"requests": seen["requests"], "complaints": seen["complaints"], "broken": null}),
        1,
    );
    assert!(list(seen, "searched")[0].starts_with("nb-09999"), "{seen}");
    assert_eq!(list(seen, "rows").len(), 1, "{seen}");
    let limit = |name: &str, most: f64| assert!(seen[name].as_f64().unwrap() < most, "{name}: {seen}");
    // Only what is looked at is drawn, so that a machine that is busy with other tests has time to spare.
    limit("elements", 3000.0);
    limit("most", 100.0);
    limit("opened", 10_000.0);
    limit("chosen", 10_000.0);
    limit("all", 10_000.0);
    assert!(seen["more"].as_u64() > seen["most"].as_u64(), "{seen}");
}

#[test]
fn mermaid_reads_every_name_as_a_name() {
    if !parts::needs_picture() {
        return;
    }
    let folder = Folder::new("mermaid");
    let files = [
        drawn(&folder, &file_of(NOTEBOOKS), "notebooks.mmd", &[]),
        drawn(
            &folder,
            &hostile(&folder),
            "hostile.mmd",
            &["--collapse", "never"],
        ),
    ];
    let seen = look("mermaid", &files, "");
    for seen in &seen {
        assert_eq!(seen["type"], "flowchart-v2");
        quiet(seen, 0);
    }
    assert!(list(&seen[0], "nodes").contains(&"danauser"), "{}", seen[0]);
    assert!(seen[0]["edges"].as_u64().unwrap() > 5);
    let nodes = list(&seen[1], "nodes");
    for name in HOSTILE {
        // A backslash is written as a character that only looks like one.
        let wanted = format!("{}Notebook", name.replace('\\', "\u{29F5}"));
        assert!(
            nodes.iter().any(|node| node.starts_with(&wanted)),
            "{wanted}: {nodes:#?}"
        );
    }
}

#[test]
fn graphviz_draws_every_name_as_a_name() {
    if !parts::needs_graphviz() {
        return;
    }
    let folder = Folder::new("graphviz");
    for (name, input) in [("notebooks", file_of(NOTEBOOKS)), ("hostile", hostile(&folder))] {
        let file = drawn(&folder, &input, &format!("{name}.dot"), &["--collapse", "never"]);
        let mut command = Command::new(parts::find("dot").unwrap());
        command.arg("-Tsvg").arg(&file);
        let answer = run(command, b"");
        assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{name}");
        let document = roxmltree::Document::parse_with_options(
            &answer.stdout,
            roxmltree::ParsingOptions {
                allow_dtd: true,
                ..roxmltree::ParsingOptions::default()
            },
        );
        let document = document.unwrap();
        let texts: Vec<String> = document
            .descendants()
            .filter(|node| node.tag_name().name() == "text")
            .map(|node| node.text().unwrap_or_default().replace('\u{a0}', " "))
            .collect();
        let wanted: Vec<&str> = if name == "hostile" {
            HOSTILE.to_vec()
        } else {
            vec!["dana", "churn", "forecast"]
        };
        for name in wanted {
            assert!(texts.iter().any(|text| text == name), "{name}: {texts:#?}");
        }
    }
}

#[test]
fn the_ending_says_the_format_and_mistakes_are_said() {
    let folder = Folder::new("formats");
    let input = file_of(NOTEBOOKS);
    let begins = |name: &str, more: &[&str]| -> String {
        let text = fs::read_to_string(drawn(&folder, &input, name, more)).unwrap();
        text.chars().take(12).collect()
    };
    assert_eq!(begins("a.mmd", &[]), "flowchart LR");
    assert_eq!(begins("a.dot", &[]), "digraph acce");
    assert_eq!(begins("a.svg", &[]), "<svg xmlns=\"");
    assert_eq!(begins("a.html", &[]), "<!DOCTYPE ht");
    assert_eq!(begins("a.txt", &["--format", "dot"]), "digraph acce");
    let answer = |arguments: &[&str], stdin: &[u8]| -> Run { gatewright(arguments, stdin) };
    let printed = answer(&["graph", &input], b"");
    assert!(printed.stdout.starts_with("flowchart LR\n"), "{}", printed.stdout);
    let piped = answer(&["graph", "-"], &fs::read(root().join(&input)).unwrap());
    assert_eq!(piped.stdout, printed.stdout, "{}", piped.stderr);
    let wrong = answer(&["graph", &input, "-o", "x.pdf"], b"");
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains(".svg"), "{}", wrong.stderr);
    let wrong = answer(&["graph", &input, "--for", "ServiceAccount:x"], b"");
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("ServiceAccount:NAMESPACE/x"),
        "{}",
        wrong.stderr
    );
    let stranger = answer(&["graph", &input, "--for", "User:dan"], b"");
    assert_eq!(stranger.code, 0);
    assert!(
        stranger
            .stderr
            .contains("nothing in the manifests names User:dan"),
        "{}",
        stranger.stderr
    );
    let broken = answer(&["graph", "-"], b"kind: [");
    assert_eq!((broken.code, broken.stdout.as_str()), (1, ""));
    let empty = answer(&["graph", "-"], b"");
    assert_eq!((empty.code, empty.stdout.as_str()), (1, ""));
}
