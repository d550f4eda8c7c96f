//! Whatever changes, and whichever tool takes it to the cluster: at no moment on the way anything is open.
//!
//! Random inputs, random pairs and sequences of them: modes of login, their configuration, gateways, addresses, people,
//! Notebooks and namespaces that come, go and change. Each is rendered, and `order::windows` looks at every moment of every tool.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use gatewright::cluster::manifests::Manifests;
use gatewright::cluster::object::Object;
use gatewright::krm::object_id::ObjectId;
use gatewright::krm::results::Severity;
use gatewright::model::keys;
use gatewright::order::change::Change;
use gatewright::order::walk::Walk;
use gatewright::order::{Tool, slices, windows};
use gatewright::verify;
use gatewright::verify::judgement::{Judgement, Rule};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::json;

use crate::graphs::closes;
use crate::worlds::{NAMESPACES, World, framed, lines, render_with, world};

// --- inputs ---

/// Where the platform keeps its own routes, and one of `NAMESPACES`.
const APPLICATIONS: &str = "opendatahub";

/// An input: what a World says, and what more there is to change.
#[derive(Debug, Clone)]
struct Scene {
    world: World,
    /// Whether it is at another address.
    moved: bool,
    /// Who may, by Platform.
    users: usize,
    /// Whether the namespaces are in the input.
    namespaces: bool,
    /// Ray clusters: in which namespace, of which kind, and whether guarded.
    rays: Vec<(usize, usize, bool)>,
}

prop_compose! {
    fn scene()(
        world in world(), moved in any::<bool>(), users in 0_usize..3, namespaces in any::<bool>(),
        rays in prop::collection::vec((0..NAMESPACES.len(), 0..RAYS.len(), prop::bool::weighted(0.8)), 0..3),
    ) -> Scene {
        Scene { world, moved, users, namespaces, rays }.sensible()
    }
}

/// Kinds that hold a Ray cluster, each with a name of its own and the fields around the cluster's.
const RAYS: [(&str, &str, &str); 3] = [
    ("RayCluster", "prep", ""),
    (
        "RayJob",
        "nightly",
        "  entrypoint: python a.py\n  rayClusterSpec:\n",
    ),
    (
        "RayService",
        "answers",
        "  serveConfigV2: 'applications: []'\n  rayClusterConfig:\n",
    ),
];

/// A Ray cluster of a kind.
fn ray((namespace, kind, on): (usize, usize, bool)) -> String {
    let (kind, name, around) = RAYS[kind];
    let cluster = "rayVersion: 2.52.0\nheadGroupSpec:\n  rayStartParams: {}\n  template: {spec: {containers: [{name: ray-head, image: \
                   'ray:2.52.0'}]}}\nworkerGroupSpecs:\n- groupName: small\n  minReplicas: 0\n  maxReplicas: 2\n  rayStartParams: {}\n  \
                   template: {spec: {containers: [{name: ray-worker, image: 'ray:2.52.0'}]}}\n";
    let indent = if around.is_empty() { "  " } else { "    " };
    let cluster: String = cluster.lines().map(|line| format!("{indent}{line}\n")).collect();
    let namespace = NAMESPACES[namespace];
    format!(
        "---\napiVersion: ray.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  annotations:\n    {}: \
         \"{on}\"\nspec:\n{around}{cluster}",
        keys::RAY_SECURE
    )
}

prop_compose! {
    /// What becomes of a scene: some of it is that of another, some Notebooks go, come, or are switched on or off.
    fn next(scene: Scene)(
        other in scene_strategy(), takes in prop::collection::vec(prop::bool::weighted(0.15), 24),
        fates in prop::collection::vec(0_usize..6, 4), scene in Just(scene),
    ) -> Scene {
        scene.become_like(&other, &takes, &fates)
    }
}

fn scene_strategy() -> impl Strategy<Value = Scene> {
    scene()
}

/// So many scenes, each made from the one before.
fn story() -> impl Strategy<Value = [Scene; 3]> {
    scene()
        .prop_flat_map(|first| (next(first.clone()), Just(first)))
        .prop_flat_map(|(second, first)| (next(second.clone()), Just(second), Just(first)))
        .prop_map(|(third, second, first)| [first, second, third])
}

// === impl Scene ===

impl Scene {
    fn become_like(&self, other: &Self, takes: &[bool], fates: &[usize]) -> Self {
        let mut next = self.clone();
        let mut at = takes.iter();
        macro_rules! take {
            ($($field:ident)*) => { $(if at.next() == Some(&true) { next.world.$field = other.world.$field; })* };
        }
        take!(openshift envoy newer load_balancer tls policies mode gateway client of_auth auth everyone operator store
            certificate authority two_pods tokens own_names old_istio);
        if at.next() == Some(&true) {
            next.moved = other.moved;
        }
        if at.next() == Some(&true) {
            next.users = other.users;
        }
        if at.next() == Some(&true) {
            next.namespaces = other.namespaces;
        }
        // Goes, is switched, or stays.
        let fates_of_own = next.world.notebooks.iter().zip(fates);
        let mut notebooks: Vec<(usize, usize, bool)> = fates_of_own
            .filter(|(_, fate)| **fate > 1)
            .map(|((namespace, name, on), fate)| (*namespace, *name, *on != (*fate == 2)))
            .collect();
        let come = other.world.notebooks.iter().zip(fates);
        notebooks.extend(
            come.filter(|(_, fate)| **fate % 2 == 0)
                .map(|(notebook, _)| *notebook),
        );
        next.world.notebooks = notebooks;
        next.world = next.world.sensible();
        let fates_of_own = next.rays.iter().zip(fates.iter().rev());
        let mut rays: Vec<(usize, usize, bool)> = fates_of_own
            .filter(|(_, fate)| **fate > 1)
            .map(|((namespace, kind, on), fate)| (*namespace, *kind, *on != (*fate == 2)))
            .collect();
        let come = other.rays.iter().zip(fates.iter().rev());
        rays.extend(come.filter(|(_, fate)| **fate % 2 == 0).map(|(ray, _)| *ray));
        next.rays = rays;
        next.sensible()
    }

    /// One of each kind in a namespace.
    fn sensible(mut self) -> Self {
        let mut seen = BTreeSet::new();
        self.rays
            .retain(|(namespace, kind, _)| seen.insert((*namespace, *kind)));
        self
    }

    fn objects(&self) -> Vec<Object> {
        let mut platform = self.world.platform();
        if self.moved {
            platform = platform.replace("apps.example.com", "apps.example.org");
        }
        platform.push_str(
            [
                "",
                "  notebooks: {users: {users: [erin]}}\n",
                "  notebooks: {users: {users: [dana], groups: [staff]}}\n",
            ][self.users],
        );
        let mut text = self.world.text();
        for name in NAMESPACES.iter().filter(|_| self.namespaces) {
            text.push_str(&format!(
                "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"
            ));
        }
        text.extend(self.rays.iter().map(|one| ray(*one)));
        rendered(&text, &platform)
    }
}

fn rendered(text: &str, platform: &str) -> Vec<Object> {
    let response = render_with(text, platform);
    assert!(
        !response.failed(),
        "{:#?}\n{platform}---\n{text}",
        lines(&response)
    );
    let output = framed(&response.output.unwrap());
    Manifests::read(vec![(output.source, output.stream)]).objects
}

// --- what is found ---

/// What is open in an output, but for what the input asks for: Notebooks and Ray clusters that are switched off have no guard, and one that is
/// written into the applications' namespace, where the platform's own routes are, has its users write routes there.
fn open(objects: &[Object]) -> Vec<Judgement> {
    let runs_code = |object: &&Object| object.id.kind == "Notebook" || object.id.group == "ray.io";
    let users = || objects.iter().filter(runs_code);
    let is_off = |id: &ObjectId| {
        let switch = if id.kind == "Notebook" {
            keys::INJECT_AUTH
        } else {
            keys::RAY_SECURE
        };
        let is_on = |object: &Object| object.value["metadata"]["annotations"][switch] == "true";
        objects.iter().any(|object| object.id == *id && !is_on(object))
    };
    let among_routes = users().any(|one| one.id.namespace == APPLICATIONS);
    let asked_for = |judgement: &Judgement| match judgement.rule {
        Rule::OpenPort => {
            judgement.message.ends_with("which has no guard") && workload(judgement).is_some_and(is_off)
        }
        Rule::ForeignRoutes => {
            let said = format!("users of namespace {APPLICATIONS} may take addresses");
            among_routes && judgement.message.starts_with(&said)
        }
        _ => false,
    };
    let mut found = verify::of(objects);
    found.retain(|judgement| judgement.rule.severity() == Severity::Error && !asked_for(judgement));
    found
}

/// The Notebook or Ray cluster that a way ends at.
fn workload(judgement: &Judgement) -> Option<&ObjectId> {
    judgement
        .way
        .iter()
        .map(|hop| &hop.object)
        .rfind(|id| id.kind == "Notebook" || id.group == "ray.io")
}

/// Whether a policy is the one that closes what runs workloads like this one in a namespace.
fn closes_such(policy: &Object, workload: &ObjectId) -> bool {
    if workload.kind == "Notebook" {
        return closes(&policy.value, &workload.namespace);
    }
    policy.id.kind == "NetworkPolicy"
        && policy.id.namespace == workload.namespace
        && policy.id.name == "rayclusters-closed"
}

/// The one moment that is left and named: one Kustomization of Flux makes a namespace's first Notebook or Ray cluster before the
/// policy that closes it. In a namespace that had a closing policy before there is none, whatever comes.
fn is_first_in_its_namespace(tool: Tool, judgement: &Judgement, old: &[Object]) -> bool {
    tool == Tool::Flux
        && judgement.message.ends_with("(open-port)")
        && workload(judgement).is_some_and(|id| !old.iter().any(|policy| closes_such(policy, id)))
}

/// What was looked at.
#[derive(Debug, Default, Clone)]
struct Seen {
    counts: BTreeMap<&'static str, usize>,
    /// Moments at which a hop is not verified, or no login asked for, by tool and in what order.
    moments: BTreeMap<String, usize>,
}

// === impl Seen ===

impl Seen {
    fn add(&mut self, what: &'static str, count: usize) {
        *self.counts.entry(what).or_default() += count;
    }

    fn count(&self, what: &str) -> usize {
        self.counts.get(what).copied().unwrap_or_default()
    }
}

/// Looks at one change with one tool: windows, but for the one that is named.
fn look(seen: &mut Seen, what: &str, tool: Tool, old: &[Object], new: &[Object]) -> Vec<Judgement> {
    let change = Change::new(old, new);
    let mut walk = Walk::new(&change, tool.steps(&change));
    seen.add("steps", walk.steps().len());
    while let Some(moment) = walk.next_state() {
        seen.add("moments", 1);
        let kinds: BTreeSet<&str> = moment
            .state
            .objects()
            .map(|object| object.id.kind.as_str())
            .collect();
        seen.add(
            "moments with Ray",
            usize::from(RAYS.iter().any(|(kind, ..)| kinds.contains(kind))),
        );
        let all = ["Notebook", "HTTPRoute", "NetworkPolicy"];
        seen.add(
            "moments with all of it",
            usize::from(all.iter().all(|kind| kinds.contains(kind))),
        );
    }
    let mut found = windows::find(old, new, &[tool]);
    for judgement in found
        .iter()
        .filter(|judgement| judgement.rule == Rule::UnverifiedMoment)
    {
        let turn = &judgement.at.object.kind;
        let rule = judgement.message.rsplit('(').next().unwrap_or_default();
        let of = judgement.way.last().map_or("", |hop| hop.object.kind.as_str());
        let line = format!(
            "{} {what}: {} of {turn}, ({rule} of {of}",
            tool.name(),
            judgement.at.says.split(',').next().unwrap_or_default()
        );
        *seen.moments.entry(line).or_default() += 1;
    }
    found.retain(|judgement| judgement.rule == Rule::OrderWindow);
    let all = found.len();
    found.retain(|judgement| !is_first_in_its_namespace(tool, judgement, old));
    seen.add("first of their namespace", all - found.len());
    found
}

fn none(what: &str, tool: Tool, found: &[Judgement]) -> Result<(), TestCaseError> {
    let said: Vec<&str> = found.iter().map(|judgement| judgement.message.as_str()).collect();
    prop_assert!(found.is_empty(), "{what}, {}: {said:#?}", tool.name());
    Ok(())
}

fn cases() -> u32 {
    (ProptestConfig::default().cases / 16).max(1)
}

fn run<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>)
where
    S::Value: std::fmt::Debug,
{
    let config = ProptestConfig {
        failure_persistence: None,
        cases: cases(),
        ..ProptestConfig::default()
    };
    if let Err(error) = TestRunner::new(config).run(&strategy, test) {
        panic!("{error}");
    }
}

/// Changes, first applies and removals, each way, with what a tool leaves behind.
#[test]
fn nothing_is_open_on_any_way() {
    let seen = RefCell::new(Seen::default());
    run(story(), |scenes| {
        let renders = scenes.each_ref().map(Scene::objects);
        for objects in &renders {
            let said: Vec<String> = open(objects)
                .into_iter()
                .map(|judgement| judgement.message)
                .collect();
            prop_assert_eq!(said, Vec::<String>::new());
        }
        let [first, second, third] = &renders;
        let mut seen = seen.borrow_mut();
        for tool in Tool::ALL {
            let mut one = |what: &str, old: &[Object], new: &[Object]| {
                none(what, tool, &look(&mut seen, what, tool, old, new))
            };
            one("first", &[], first)?;
            one("change", first, second)?;
            one("change back", second, first)?;
            one("removal", second, &[])?;
            // In the cluster is what was protected, too, and it still counts.
            let left = leaves(tool, first, second);
            one("change after a change", &left, third)?;
            let left = leaves(tool, &left, third);
            one("removal after changes", &left, &[])?;
            let left = leaves(tool, &left, &[]);
            one("all again", &left, first)?;
            let left_closed = left
                .iter()
                .any(|policy| closes(&policy.value, &policy.id.namespace));
            seen.add("policies left behind", usize::from(left_closed));
        }
        for (old, new) in [(first, second), (second, third)] {
            let namespaces = |objects: &[Object]| -> BTreeSet<String> {
                let guarded = objects
                    .iter()
                    .filter(|object| closes(&object.value, &object.id.namespace));
                guarded.map(|object| object.id.namespace.clone()).collect()
            };
            let (before, after) = (namespaces(old), namespaces(new));
            seen.add(
                "namespaces that lose their last",
                before.difference(&after).count(),
            );
            seen.add(
                "namespaces that get their first",
                after.difference(&before).count(),
            );
            seen.add("namespaces that stay", after.intersection(&before).count());
            let serves = |objects: &[Object]| objects.iter().any(|object| object.id.kind == "HTTPRoute");
            seen.add(
                "pairs that serve at one end",
                usize::from(serves(old) != serves(new)),
            );
            seen.add(
                "pairs that serve at both ends",
                usize::from(serves(old) && serves(new)),
            );
        }
        Ok(())
    });
    let seen = seen.into_inner();
    let cases = usize::try_from(cases()).unwrap();
    for (what, least) in [
        ("steps", 150),
        ("moments", 200),
        ("moments with all of it", 15),
        ("moments with Ray", 15),
    ] {
        assert!(seen.count(what) >= least * cases, "{what}: {seen:#?}");
    }
    // What comes up in every few cases only is asked of many.
    if cases >= 64 {
        for what in [
            "first of their namespace",
            "policies left behind",
            "namespaces that lose their last",
            "namespaces that get their first",
            "namespaces that stay",
            "pairs that serve at one end",
            "pairs that serve at both ends",
        ] {
            assert!(seen.count(what) >= 5, "{what}: {seen:#?}");
        }
    }
}

fn leaves(tool: Tool, old: &[Object], new: &[Object]) -> Vec<Object> {
    let change = Change::new(old, new);
    tool.leaves(&change).into_iter().cloned().collect()
}

/// What is open on the way, without the words about whose turn it is.
fn open_at_all(found: Vec<Judgement>) -> BTreeSet<(Rule, String)> {
    let words = |judgement: Judgement| {
        let (_, open) = judgement
            .message
            .split_once("until it is done with the rest, ")
            .unwrap();
        (judgement.rule, open.to_owned())
    };
    found.into_iter().map(words).collect()
}

/// Workload by workload the same is found as with everything looked at in one piece. Nothing is protected here, and what closes
/// comes late or early, so that there is something to find.
#[test]
fn in_slices_the_same_is_found_as_in_one_piece() {
    let found = RefCell::new((0, 0));
    let waves = prop::sample::select(vec!["-20", "5", "15"]);
    run(
        (story(), any::<bool>(), waves),
        |([first, second, _], protected, wave)| {
            let changed = [&first, &second].map(|scene| {
                let keys = keys::NEVER_PRUNED.map(|(key, _)| key);
                let mut objects = scene.objects();
                if !protected {
                    objects = without_annotations(&objects, &keys);
                }
                for object in objects.iter_mut().filter(|object| {
                    ["NetworkPolicy", "EnvoyFilter", "DestinationRule"].contains(&object.id.kind.as_str())
                }) {
                    object.value["metadata"]["annotations"][keys::SYNC_WAVE] = json!(wave);
                }
                objects
            });
            let empty = Vec::new();
            for (old, new) in [
                (&changed[0], &changed[1]),
                (&empty, &changed[1]),
                (&changed[0], &empty),
            ] {
                for tool in Tool::ALL {
                    let change = Change::new(old, new);
                    let mut whole = open_at_all(windows::within(&change, &[slices::whole(&change)], &[tool]));
                    let mut sliced = open_at_all(windows::find(old, new, &[tool]));
                    // How a gateway that is not in the manifests speaks is guessed from what stands beside it, other
                    // workloads' objects too; so of its hops a slice may say that they are not known.
                    let gateways = [old, new].map(|set| set.iter().any(|one| one.id.kind == "Gateway"));
                    if gateways.contains(&false) {
                        whole.retain(|(rule, _)| *rule == Rule::OrderWindow);
                        sliced.retain(|(rule, _)| *rule == Rule::OrderWindow);
                    }
                    if tool == Tool::ArgoCd {
                        // Of many that are written at once, more parts are looked at where there are fewer of them.
                        prop_assert!(whole.is_subset(&sliced), "{:#?}", whole.difference(&sliced));
                    } else {
                        prop_assert_eq!(&whole, &sliced, "{}", tool.name());
                    }
                    let mut found = found.borrow_mut();
                    found.0 += whole.len();
                    found.1 += sliced.len();
                }
            }
            Ok(())
        },
    );
    let (whole, sliced) = found.into_inner();
    assert!(whole >= usize::try_from(cases()).unwrap(), "{whole} of {sliced}");
}

// --- that it can fail ---

/// One Notebook behind a gateway, and a second one.
fn simple(notebooks: &[(usize, usize, bool)]) -> Vec<Object> {
    let world = World {
        openshift: false,
        envoy: false,
        newer: false,
        load_balancer: true,
        tls: 1,
        policies: None,
        mode: 1,
        gateway: 2,
        client: [true; 3],
        of_auth: false,
        auth: true,
        everyone: false,
        notebooks: notebooks.to_vec(),
        operator: false,
        store: false,
        certificate: 1,
        authority: false,
        two_pods: false,
        tokens: true,
        own_names: false,
        old_istio: false,
    };
    Scene {
        world,
        moved: false,
        users: 0,
        namespaces: true,
        rays: Vec::new(),
    }
    .objects()
}

fn without_annotations(objects: &[Object], keys: &[&str]) -> Vec<Object> {
    let mut objects = objects.to_vec();
    for object in &mut objects {
        if let Some(annotations) = object.value.pointer_mut("/metadata/annotations") {
            let annotations = annotations.as_object_mut().unwrap();
            annotations.retain(|key, _| !keys.contains(&key.as_str()));
        }
    }
    objects
}

/// The tools that leave something open on the way, and what they did last before.
fn open_with(old: &[Object], new: &[Object]) -> BTreeMap<Tool, BTreeSet<String>> {
    let mut found: BTreeMap<Tool, BTreeSet<String>> = BTreeMap::new();
    for tool in Tool::ALL {
        for judgement in windows::find(old, new, &[tool]) {
            if judgement.rule == Rule::OrderWindow {
                let turn = &judgement.at.object.kind;
                let verb = judgement.at.says.split(',').next().unwrap_or_default();
                found.entry(tool).or_default().insert(format!("{verb} {turn}"));
            }
        }
    }
    found
}

fn expected(rows: &[(Tool, &str)]) -> BTreeMap<Tool, BTreeSet<String>> {
    rows.iter()
        .map(|(tool, turn)| (*tool, BTreeSet::from([(*turn).to_owned()])))
        .collect()
}

#[test]
fn the_first_of_a_namespace_is_named_and_no_other() {
    let one = simple(&[(0, 0, true)]);
    let two = simple(&[(0, 0, true), (0, 1, true)]);
    let elsewhere = simple(&[(0, 0, true), (1, 1, true)]);
    let flux = expected(&[(Tool::Flux, "apply Notebook")]);
    assert_eq!(open_with(&[], &one), flux);
    assert_eq!(open_with(&one, &elsewhere), flux);
    let none = BTreeMap::new();
    for (old, new) in [
        (&one, &two),
        (&two, &one),
        (&elsewhere, &one),
        (&one, &Vec::new()),
        (&two, &Vec::new()),
    ] {
        assert_eq!(open_with(old, new), none);
    }
    // What was left behind closes those that come back.
    for tool in Tool::ALL {
        let left = leaves(tool, &one, &[]);
        assert_eq!(
            left.iter().filter(|object| closes(&object.value, "team")).count(),
            1,
            "{left:#?}"
        );
        assert_eq!(open_with(&left, &two), none, "{}", tool.name());
    }
}

#[test]
fn without_protection_a_prune_opens() {
    let keys = keys::NEVER_PRUNED.map(|(key, _)| key);
    let one = without_annotations(&simple(&[(0, 0, true)]), &keys);
    let two = without_annotations(&simple(&[(0, 0, true), (1, 1, true)]), &keys);
    let pruned = expected(&[
        (Tool::Flux, "delete NetworkPolicy"),
        (Tool::ArgoCd, "delete NetworkPolicy"),
    ]);
    assert_eq!(open_with(&one, &[]), pruned);
    assert_eq!(open_with(&two, &one), pruned);
}

#[test]
fn a_policy_in_a_late_wave_opens() {
    let mut one = simple(&[(0, 0, true)]);
    for policy in one.iter_mut().filter(|object| closes(&object.value, "team")) {
        policy.value["metadata"]["annotations"][keys::SYNC_WAVE] = json!("5");
    }
    let first = open_with(&[], &one);
    assert_eq!(
        first.get(&Tool::ArgoCd),
        Some(&BTreeSet::from(["apply Notebook".to_owned()])),
        "{first:#?}"
    );
    assert_eq!(first.get(&Tool::FluxTwo), None);
}

#[test]
fn a_policy_that_is_not_said_to_close_opens() {
    let one = without_annotations(&simple(&[(0, 0, true)]), &[keys::CLASS]);
    let first = open_with(&[], &one);
    assert_eq!(
        first.get(&Tool::FluxTwo),
        Some(&BTreeSet::from(["apply Notebook".to_owned()])),
        "{first:#?}"
    );
    assert_eq!(first.get(&Tool::ArgoCd), None);
}
