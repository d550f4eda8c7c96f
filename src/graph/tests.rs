use super::picture::{Collapse, EdgeKind, Kind, LIMIT, Picture, State};
use super::samples::{HOSTILE, access, drawn, judgements, many, odd};
use super::{dot, mermaid, svg};

fn all() -> Picture {
    drawn(&access(), &judgements(), &[], Collapse::Auto)
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "../../snapshots/graph",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// The edges as one reads them.
fn ways(picture: &Picture) -> Vec<String> {
    let said = picture.edges.iter().map(|edge| {
        let (from, to) = (&picture.nodes[edge.from], &picture.nodes[edge.to]);
        let kind = edge.kind.word();
        format!("{} -{kind}[{}]-> {}", from.title, edge.label, to.title)
    });
    said.collect()
}

#[test]
fn every_format_as_it_is_read() {
    let picture = all();
    snapshot("mermaid", &mermaid::text(&picture));
    snapshot("dot", &dot::text(&picture));
    snapshot("svg", &svg::text(&picture));
    let picture = drawn(&access(), &judgements(), &["Group:data-science"], Collapse::Auto);
    snapshot("svg-for-one-group", &svg::text(&picture));
    let picture = drawn(&many(1000, 12), &[], &[], Collapse::Auto);
    snapshot("svg-folded", &svg::text(&picture));
    snapshot(
        "mermaid-odd",
        &mermaid::text(&drawn(&odd(), &[], &[], Collapse::Never)),
    );
    snapshot("dot-odd", &dot::text(&drawn(&odd(), &[], &[], Collapse::Never)));
    snapshot("svg-odd", &svg::text(&drawn(&odd(), &[], &[], Collapse::Never)));
}

#[test]
fn the_ways_say_who_is_asked_and_who_is_not() {
    let said = ways(&all());
    for wanted in [
        "Outside -asked[asked for a login]-> data-science-gateway",
        "data-science -admitted[may get]-> kube-rbac-proxy :8443",
        "dana -admitted[may get]-> kube-rbac-proxy :8443",
        "/notebook/analytics/churn -way[TLS]-> kube-rbac-proxy :8443",
        "kube-rbac-proxy :8443 -way[:8888]-> churn",
        "/notebook/analytics/scratch -open[:8888 login alone]-> scratch",
        "Any pod of analytics -open[:8888 unasked]-> scratch",
        "Any pod, any address -open[4 ports unasked]-> training",
        "Notebook controller -named[:8888]-> churn",
        "/notebook/team-b/forecast -closed[stopped]-> kube-rbac-proxy :8443",
    ] {
        assert!(said.contains(&wanted.to_owned()), "{wanted}: {said:#?}");
    }
}

#[test]
fn what_verify_says_stands_on_what_it_is_about() {
    let picture = all();
    let scratch = picture.nodes.iter().find(|node| node.title == "scratch").unwrap();
    assert_eq!(scratch.state, State::Open);
    assert_eq!(scratch.judged[0].rule, "open-port");
    // What is about something that is not drawn is drawn for that reason.
    let note = picture.nodes.iter().find(|node| node.kind == Kind::Note).unwrap();
    assert_eq!(
        (note.title.as_str(), note.state),
        ("everybody-edits-routes", State::Open)
    );
}

#[test]
fn a_group_reaches_what_names_it_and_what_is_open() {
    let picture = drawn(&access(), &judgements(), &["Group:data-science"], Collapse::Auto);
    let workloads: Vec<&str> = picture
        .nodes
        .iter()
        .filter(|node| node.kind == Kind::Workload)
        .map(|node| node.title.as_str())
        .collect();
    // Its Notebooks run its code, and that reaches the Ray cluster; forecast lets in another group.
    assert_eq!(workloads, ["churn", "demand", "scratch", "training"]);
    assert!(picture.nodes.iter().all(|node| node.title != "dana"));
    assert_eq!(picture.title, "What data-science reaches");
}

#[test]
fn a_login_that_does_not_know_the_group_is_the_end() {
    let picture = drawn(&access(), &[], &["Group:team-b"], Collapse::Auto);
    let login = picture
        .edges
        .iter()
        .find(|edge| picture.nodes[edge.from].title == "Outside")
        .unwrap();
    assert_eq!(
        (login.kind, login.label.as_str()),
        (EdgeKind::Closed, "not in its groups")
    );
    // With a user alone, the groups are not known.
    let picture = drawn(&access(), &[], &["dana"], Collapse::Auto);
    let said = ways(&picture);
    let wanted = "Outside -asked[login, if in a group]-> data-science-gateway";
    assert!(said.contains(&wanted.to_owned()), "{said:#?}");
}

#[test]
fn whoever_is_not_named_reaches_what_is_open_alone() {
    let picture = drawn(&access(), &[], &["User:nobody"], Collapse::Auto);
    let workloads = |picture: &Picture| -> Vec<String> {
        let nodes = picture.nodes.iter().filter(|node| node.kind == Kind::Workload);
        nodes.map(|node| node.title.clone()).collect()
    };
    assert_eq!(workloads(&picture), ["scratch", "training"]);
    let mut closed = access();
    closed.workloads.retain(|workload| !workload.guards.is_empty());
    let picture = drawn(&closed, &[], &["User:nobody"], Collapse::Auto);
    assert!(super::subject::reaches_nothing(&picture), "{:#?}", ways(&picture));
    assert_eq!(picture.nodes.len(), 1);
    // A service account is a pod already.
    let picture = drawn(
        &access(),
        &[],
        &["ServiceAccount:analytics/default"],
        Collapse::Auto,
    );
    assert_eq!(workloads(&picture), ["scratch", "training"]);
    assert!(
        picture
            .nodes
            .iter()
            .any(|node| node.title == "Any pod of analytics")
    );
}

#[test]
fn folding_hides_no_exposure() {
    let access = many(1000, 12);
    let whole = drawn(&access, &[], &[], Collapse::Never);
    let open = |picture: &Picture| -> usize {
        let nodes = picture.nodes.iter().filter(|node| node.kind == Kind::Workload);
        nodes
            .filter(|node| node.state == State::Open)
            .map(|node| node.count)
            .sum()
    };
    let workloads = |picture: &Picture| -> usize {
        let nodes = picture.nodes.iter().filter(|node| node.kind == Kind::Workload);
        nodes.map(|node| node.count).sum()
    };
    for (notebooks, namespaces) in [(30, 2), (1000, 12), (700, 300)] {
        let access = many(notebooks, namespaces);
        let whole = drawn(&access, &[], &[], Collapse::Never);
        let folded = drawn(&access, &[], &[], Collapse::Always);
        assert!(folded.nodes.len() <= LIMIT + 20, "{}", folded.nodes.len());
        assert_eq!(open(&folded), open(&whole));
        assert_eq!(workloads(&folded), notebooks);
        // Nothing that is guarded is counted among what is open.
        for edge in folded.edges.iter().filter(|edge| edge.kind == EdgeKind::Open) {
            assert_eq!(folded.nodes[edge.to].state, State::Open);
        }
    }
    assert!(whole.nodes.len() > LIMIT);
}

#[test]
fn the_same_picture_has_the_same_bytes() {
    let mut turned = access();
    turned.workloads.reverse();
    for write in [mermaid::text, dot::text, svg::text] {
        assert_eq!(write(&all()), write(&all()));
        let other = write(&drawn(&turned, &judgements(), &[], Collapse::Auto));
        assert_eq!(write(&all()), other);
    }
}

#[test]
fn the_svg_is_xml_without_anything_that_acts() {
    for picture in [
        all(),
        drawn(&odd(), &[], &[], Collapse::Never),
        drawn(&many(300, 5), &[], &[], Collapse::Auto),
    ] {
        let text = svg::text(&picture);
        let document = roxmltree::Document::parse(&text).unwrap();
        for element in document.descendants().filter(roxmltree::Node::is_element) {
            let name = element.tag_name().name();
            let known = ["svg", "title", "desc", "style", "rect", "text", "g", "path"];
            assert!(known.contains(&name), "{name}");
            for attribute in element.attributes() {
                assert!(!attribute.name().starts_with("on"), "{}", attribute.name());
                assert!(!attribute.name().contains("href"), "{}", attribute.name());
            }
        }
        assert!(!text.contains("url("), "nothing is fetched");
        // Nothing is lost: every name is in a title, cut off or not.
        let titles: String = document
            .descendants()
            .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")))
            .filter_map(|node| node.text())
            .collect();
        for node in &picture.nodes {
            let name = super::escape::one_line(&node.title);
            assert!(titles.contains(&name), "{name}");
        }
    }
}

#[test]
fn boxes_do_not_overlap_and_lie_within() {
    for picture in [
        all(),
        drawn(&odd(), &[], &[], Collapse::Never),
        drawn(&many(1000, 12), &[], &[], Collapse::Auto),
        drawn(&many(40, 3), &[], &[], Collapse::Never),
    ] {
        let layout = super::layout::layout(&picture, 72);
        for (at, a) in layout.boxes.iter().enumerate() {
            assert!(a.y >= 72 && a.y + a.height <= layout.height, "{a:?}");
            assert!(a.x > 0 && a.x + a.width <= layout.width, "{a:?}");
            for (other, b) in layout.boxes.iter().enumerate().skip(at + 1) {
                let apart = a.x + a.width < b.x
                    || b.x + b.width < a.x
                    || a.y + a.height <= b.y
                    || b.y + b.height <= a.y;
                let names = (&picture.nodes[at].title, &picture.nodes[other].title);
                assert!(apart, "{names:?}: {a:?} {b:?}");
            }
        }
        // What stands in a namespace stands in its frame.
        for (node, place) in picture.nodes.iter().zip(&layout.boxes) {
            let framed = matches!(node.kind, Kind::Guard | Kind::Workload) && !node.namespace.is_empty();
            let frame = layout.frames.iter().find(|(name, _)| *name == node.namespace);
            if let Some((_, frame)) = frame.filter(|_| framed) {
                let inside = place.y >= frame.y && place.y + place.height <= frame.y + frame.height;
                assert!(inside, "{}: {place:?} {frame:?}", node.title);
            }
        }
    }
}

#[test]
fn hostile_names_stay_names() {
    let picture = drawn(&odd(), &[], &[], Collapse::Never);
    let chart = mermaid::text(&picture);
    for line in chart.lines() {
        let quotes = line.matches('"').count();
        assert!(quotes % 2 == 0, "{line}");
    }
    assert_eq!(
        chart.lines().filter(|line| line.trim() == "end").count(),
        HOSTILE.len()
    );
    let graph = dot::text(&picture);
    assert!(!graph.contains("\\N"), "{graph}");
}

#[test]
fn the_page_lets_nothing_out_of_its_elements() {
    for access in [access(), odd(), many(200, 3)] {
        let whole = drawn(&access, &judgements(), &[], Collapse::Never);
        let shown = drawn(&access, &judgements(), &[], Collapse::Auto);
        let page = super::page::text(&whole, &shown);
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(!page.contains("<img"));
        assert!(!page.contains("{{"), "the template is filled");
        for word in ["http://", "https://", "src=", "href="] {
            let own = page
                .replace("http://www.w3.org/2000/svg", "")
                .replace("img src=x", "");
            let outside = own.split("<script").next().unwrap();
            let loaded = format!("{word}\"");
            assert!(!outside.contains(&loaded), "{word}");
        }
        let json = page
            .split("id=\"data\">")
            .nth(1)
            .unwrap()
            .split("</script>")
            .next()
            .unwrap();
        assert!(!json.contains(['<', '>', '&']));
        let data: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(data["nodes"].as_array().unwrap().len(), whole.nodes.len());
    }
}
