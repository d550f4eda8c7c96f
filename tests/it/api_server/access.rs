//! Who gets in with the emitted RBAC alone.
//!
//! The guard asks the API server a `SubjectAccessReview` for every request, with the attributes in its configuration. Here
//! these reviews are made as the guard makes them: with the attributes of the emitted `ConfigMap`, and with a token of the
//! emitted `ServiceAccount`. They must let in the people that the input names and nobody else, and neither those people
//! nor the guard may be able to do more than that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gatewright::config::kube_rbac_proxy::{ConfigFile, FILE, ResourceAttributes};
use gatewright::krm::yaml::Piece;
use gatewright::model::keys::{INJECT_AUTH, OWNER};
use serde_json::{Value, json};

use super::{APPLY, namespaces, objects, text_of};
use crate::control_plane::{self, ControlPlane};
use crate::program::gatewright;

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// What a program that takes the verb from the HTTP method asks for; `*` with a method that it does not know.
const METHODS: [&str; 6] = ["get", "create", "update", "patch", "delete", "*"];
/// What is not the Notebook: a field of the attributes, and what it is instead.
const ELSEWHERE: [(&str, &str); 7] = [
    ("name", "absent"),
    ("name", ""),
    ("namespace", "default"),
    ("namespace", ""),
    ("subresource", "other"),
    ("resource", "secrets"),
    ("group", ""),
];
/// Every verb that the API server knows on an object, and the one that stands for all.
const VERBS: [&str; 9] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "*",
];

/// How long the server may take to see a rule that was applied; it is a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(15);

const AUTHENTICATED: &str = "system:authenticated";
/// Who is named nowhere.
const STRANGER: Person<'static> = Person("mallory", &[AUTHENTICATED]);
/// Every account's group.
const ACCOUNTS: &str = "system:serviceaccounts";
/// An account that nobody gave anything.
const UNBOUND: Person<'static> = Person(
    "system:serviceaccount:default:unbound",
    &[AUTHENTICATED, ACCOUNTS, "system:serviceaccounts:default"],
);

/// One Platform, and the Notebooks rendered with it: in the namespaces `NAME-one` and `NAME-two`.
struct Setting {
    name: &'static str,
    program: &'static str,
    users: &'static [&'static str],
    groups: &'static [&'static str],
}

const SETTINGS: [Setting; 5] = [
    Setting {
        name: "stock",
        program: "kube-rbac-proxy",
        users: &["kim", "1e3"],
        groups: &["data-science", "yes"],
    },
    Setting {
        name: "stock-owners",
        program: "kube-rbac-proxy",
        users: &[],
        groups: &[],
    },
    Setting {
        name: "fork",
        program: "odh-kube-rbac-proxy",
        users: &["kim", "1e3"],
        groups: &["data-science", "yes"],
    },
    Setting {
        name: "fork-owners",
        program: "odh-kube-rbac-proxy",
        users: &[],
        groups: &[],
    },
    Setting {
        name: "everybody",
        program: "kube-rbac-proxy",
        users: &[],
        groups: &[AUTHENTICATED],
    },
];

/// Namespace, name and owner. Names and people are such as YAML readers take for something else.
const NOTEBOOKS: [(&str, &str, Option<&str>); 4] = [
    ("one", "yes", Some("dana")),
    ("one", "1e3", Some("no")),
    ("one", "plain", None),
    ("two", "yes", Some("erin@example.com")),
];

/// A user and the groups that came with the name.
#[derive(Debug, Clone, Copy)]
struct Person<'a>(&'a str, &'a [&'a str]);

const PEOPLE: [Person<'static>; 13] = [
    STRANGER,
    Person("dana", &[AUTHENTICATED]),
    Person("no", &[AUTHENTICATED]),
    Person("erin@example.com", &[AUTHENTICATED]),
    Person("kim", &[AUTHENTICATED]),
    Person("1e3", &[AUTHENTICATED]),
    Person("lee", &[AUTHENTICATED, "data-science"]),
    Person("max", &[AUTHENTICATED, "yes"]),
    // Users called like groups, groups called like users and Notebooks, and names that are nearly right.
    Person(
        "data-science",
        &[AUTHENTICATED, "dana", "kim", "erin@example.com"],
    ),
    Person("yes", &[AUTHENTICATED, "no", "1e3", "plain"]),
    Person("Dana", &[AUTHENTICATED, "data-science-admins"]),
    UNBOUND,
    Person("system:anonymous", &["system:unauthenticated"]),
];

/// A Notebook's guard, read off the emitted objects.
struct Guard {
    namespace: String,
    attributes: ResourceAttributes,
    account: String,
    owner: Option<&'static str>,
}

/// A review and its right answer.
struct Question {
    spec: Value,
    allowed: bool,
}

#[test]
fn the_people_whom_the_input_names_get_in_and_nobody_else() {
    for (plane, setting, guards) in applied() {
        for guard in guards {
            let questions: Vec<Question> = PEOPLE
                .into_iter()
                .flat_map(|person| guard.about(person, setting.names(guard, person)))
                .collect();
            let wrong = wrong_answers(plane, &[&guard.token(plane)], &questions);
            assert!(wrong.is_empty(), "{}: {}", setting.name, wrong.join("\n"));
        }
    }
}

/// With the stock program that is a right on a subresource that does not exist, and none on the Notebook itself.
#[test]
fn nobody_gets_a_right_but_to_come_in() {
    let all: Vec<_> = applied().collect();
    let Some((plane, _, _)) = all.first() else {
        return;
    };
    let places: Vec<(&Setting, &[Guard], String)> = all
        .iter()
        .flat_map(|(_, setting, guards)| {
            setting
                .namespaces()
                .map(|namespace| (*setting, *guards, namespace))
        })
        .collect();
    let namespaces: Vec<&str> = places
        .iter()
        .map(|(_, _, namespace)| namespace.as_str())
        .collect();
    // What strangers may do, by the groups that come with the way in which they logged in.
    let mut strangers = BTreeMap::new();
    for person in PEOPLE.into_iter().filter(Person::has_logged_in) {
        let stranger = Person(STRANGER.0, &person.system_groups());
        let of_stranger = strangers
            .entry(person.system_groups())
            .or_insert_with(|| rules(plane, stranger, &namespaces));
        let has = rules(plane, person, &namespaces);
        for (((setting, guards, namespace), has), anybody) in places.iter().zip(has).zip(of_stranger.iter()) {
            let of = |person: Person| -> BTreeSet<String> {
                let let_in = |guard: &&Guard| guard.namespace == *namespace && setting.names(guard, person);
                guards.iter().filter(let_in).map(Guard::rule).collect()
            };
            // Where everybody is let in, the stranger is too.
            assert!(anybody.is_superset(&of(STRANGER)), "{}", setting.name);
            let more: BTreeSet<String> = has.difference(anybody).cloned().collect();
            let expected: BTreeSet<String> = of(person).difference(&of(STRANGER)).cloned().collect();
            assert_eq!(more, expected, "{person:?} in {namespace}");
        }
    }
}

#[test]
fn the_guard_may_ask_and_nothing_else() {
    let reviews = |group: &str, resource: &str| rule("create", group, resource, None);
    let expected = BTreeSet::from([
        reviews("authentication.k8s.io", "tokenreviews"),
        reviews("authorization.k8s.io", "subjectaccessreviews"),
    ]);
    for (plane, setting, guards) in applied() {
        let mine = setting.namespaces();
        let namespaces = mine.each_ref().map(String::as_str);
        let of_unbound = rules(plane, UNBOUND, &namespaces);
        for guard in guards {
            let user = guard.user();
            let groups = [
                AUTHENTICATED,
                ACCOUNTS,
                &format!("{ACCOUNTS}:{}", guard.namespace),
            ];
            let has = rules(plane, Person(&user, &groups), &namespaces);
            for ((has, anybody), namespace) in has.iter().zip(&of_unbound).zip(&namespaces) {
                let more: BTreeSet<String> = has.difference(anybody).cloned().collect();
                assert_eq!(more, expected, "{user} in {namespace}");
            }
        }

        // With a real token: a review of that token works, and a look at anything does not.
        let guard = &guards[0];
        let token = guard.token(plane);
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": token.trim_start_matches("--token=") },
        });
        let answer = &plane.on(&["create", &token], &[review])[0];
        assert_eq!(answer["status"]["authenticated"], true, "{answer}");
        for resource in ["notebooks", "secrets", "configmaps", "pods"] {
            let answer = plane.kubectl(&["get", &token, "-n", &guard.namespace, resource], b"");
            assert!(answer.stderr.contains("(Forbidden)"), "{}", answer.stderr);
        }
    }
}

/// Why `login.tokenAudiences` says what it says: a guard's review names no audience, which stands for the API server's own.
#[test]
fn a_token_that_is_to_pass_gateway_and_guard_is_for_both_audiences() {
    let Some((plane, _, guards)) = applied().next() else {
        return;
    };
    let guard = &guards[0];
    let token = |audiences: &[&str]| {
        let flags: Vec<String> = audiences
            .iter()
            .map(|audience| format!("--audience={audience}"))
            .collect();
        let mut create = vec!["create", "token", "-n", &guard.namespace, &guard.account];
        create.extend(flags.iter().map(String::as_str));
        plane.output(&create, b"").trim().to_owned()
    };
    let review = |token: &str, audiences: &[&str]| {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": token, "audiences": audiences },
        });
        plane.on(&["create"], &[review])[0]["status"].clone()
    };
    let default = token(&[]);
    let own = review(&default, &[])["audiences"][0].as_str().unwrap().to_owned();
    for (token, at_gateway, at_guard) in [
        (default, false, true),
        (token(&["ai-gateway"]), true, false),
        (token(&["ai-gateway", &own]), true, true),
    ] {
        let passes = |audiences: &[&str]| review(&token, audiences)["authenticated"] == true;
        assert_eq!((passes(&["ai-gateway"]), passes(&[])), (at_gateway, at_guard));
    }
}

/// All settings, on the shared API server, which knows their rules; none where that is not installed.
fn applied() -> impl Iterator<Item = (&'static ControlPlane, &'static Setting, &'static [Guard])> {
    static APPLIED: OnceLock<Vec<Vec<Guard>>> = OnceLock::new();
    let plane = control_plane::shared();
    let guards: &[Vec<Guard>] = match plane {
        Some(plane) => APPLIED.get_or_init(|| SETTINGS.iter().map(|setting| setting.apply(plane)).collect()),
        None => &[],
    };
    plane.into_iter().flat_map(move |plane| {
        SETTINGS
            .iter()
            .zip(guards)
            .map(move |(setting, guards)| (plane, setting, guards.as_slice()))
    })
}

// === impl Setting ===

impl Setting {
    /// Its namespaces, and one that has nothing to do with it.
    fn namespaces(&self) -> [String; 3] {
        [self.namespace("one"), self.namespace("two"), "default".to_owned()]
    }

    fn namespace(&self, short: &str) -> String {
        format!("access-{}-{short}", self.name)
    }

    /// The input, as people write it but for the brackets.
    fn input(&self) -> String {
        let platform = json!({
            "apiVersion": "gatewright.dev/v1alpha1",
            "kind": "Platform",
            "metadata": { "name": "platform" },
            "spec": {
                "flavor": "OpenShift",
                "sidecar": { "program": self.program, "image": format!("quay.io/example/{}@{DIGEST}", self.program) },
                "notebooks": { "users": { "users": self.users, "groups": self.groups } },
            },
        });
        let mut documents = vec![platform];
        for (namespace, name, owner) in NOTEBOOKS {
            let mut annotations = json!({ INJECT_AUTH: "true" });
            if let Some(owner) = owner {
                annotations[OWNER] = json!(owner);
            }
            let container = json!({ "name": name, "image": "quay.io/example/jupyter:1" });
            documents.push(json!({
                "apiVersion": "kubeflow.org/v1",
                "kind": "Notebook",
                "metadata": { "name": name, "namespace": self.namespace(namespace), "annotations": annotations },
                "spec": { "template": { "spec": { "containers": [container] } } },
            }));
        }
        let documents: Vec<String> = documents.iter().map(Value::to_string).collect();
        documents.join("\n---\n")
    }

    /// Renders, applies, and waits until the server goes by the new rules, which is a moment later.
    fn apply(&self, plane: &ControlPlane) -> Vec<Guard> {
        let answer = gatewright(&["fn"], self.input().as_bytes());
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let emitted = objects(&answer.stdout);
        plane.namespaces(namespaces(&emitted));
        plane.on(&APPLY, &emitted);
        let guards = self.guards(&emitted);
        assert_eq!(guards.len(), NOTEBOOKS.len());
        // One who gets in with each binding, and each account that may ask.
        let mut questions = Vec::new();
        for guard in &guards {
            let named = PEOPLE.into_iter().find(|person| self.names(guard, *person));
            questions.extend(named.map(|person| Question {
                spec: guard.spec(person, guard.verbs()[0]),
                allowed: true,
            }));
            let ask = json!({ "group": "authorization.k8s.io", "resource": "subjectaccessreviews", "verb": "create" });
            questions.push(Question {
                spec: json!({ "user": guard.user(), "resourceAttributes": ask }),
                allowed: true,
            });
        }
        let since = Instant::now();
        loop {
            let wrong = wrong_answers(plane, &[], &questions);
            if wrong.is_empty() {
                return guards;
            }
            assert!(since.elapsed() < PATIENCE, "{}: {}", self.name, wrong.join("\n"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn guards(&self, emitted: &[Value]) -> Vec<Guard> {
        let read = |file: &str| {
            let value = Piece::new(file, 0..file.len(), 0).value().unwrap();
            serde_json::from_value::<ConfigFile>(value).unwrap()
        };
        let guard = |object: &Value| {
            let attributes = read(object["data"][FILE].as_str()?)
                .authorization
                .resource_attributes?;
            let namespace = text_of(&object["metadata"]["namespace"]).to_owned();
            let of = |(short, name, _): &&(&str, &str, Option<&str>)| {
                self.namespace(short) == namespace && *name == attributes.name
            };
            let (_, _, owner) = NOTEBOOKS.iter().find(of).unwrap();
            let notebook = |object: &&Value| {
                let metadata = &object["metadata"];
                object["kind"] == "Notebook"
                    && metadata["name"] == attributes.name
                    && metadata["namespace"] == namespace
            };
            let notebook = emitted.iter().find(notebook).unwrap();
            let account = text_of(&notebook["spec"]["template"]["spec"]["serviceAccountName"]).to_owned();
            Some(Guard {
                namespace,
                attributes,
                account,
                owner: *owner,
            })
        };
        emitted.iter().filter_map(guard).collect()
    }

    /// Whether the input lets a person into a Notebook.
    fn names(&self, guard: &Guard, person: Person) -> bool {
        let Person(user, groups) = person;
        guard.owner == Some(user)
            || self.users.contains(&user)
            || self.groups.iter().any(|group| groups.contains(group))
    }
}

// === impl Person ===

impl<'a> Person<'a> {
    fn has_logged_in(&self) -> bool {
        self.1.contains(&AUTHENTICATED)
    }

    fn system_groups(&self) -> Vec<&'a str> {
        let Person(_, groups) = self;
        groups
            .iter()
            .copied()
            .filter(|group| group.starts_with("system:"))
            .collect()
    }
}

// === impl Guard ===

impl Guard {
    /// Its `ServiceAccount`, as the API server calls it.
    fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.account)
    }

    /// The flag that makes kubectl that account.
    fn token(&self, plane: &ControlPlane) -> String {
        let create = ["create", "token", "-n", &self.namespace, &self.account];
        format!("--token={}", plane.output(&create, b"").trim())
    }

    /// What the program asks for.
    fn verbs(&self) -> Vec<&str> {
        match &self.attributes.verb {
            Some(verb) => vec![verb.as_str()],
            None => METHODS.to_vec(),
        }
    }

    /// A review with its attributes.
    fn spec(&self, Person(user, groups): Person, verb: &str) -> Value {
        let of = &self.attributes;
        json!({
            "user": user,
            "groups": groups,
            "resourceAttributes": {
                "namespace": of.namespace,
                "group": of.api_group,
                "version": of.api_version,
                "resource": of.resource,
                "subresource": of.subresource.clone().unwrap_or_default(),
                "name": of.name,
                "verb": verb,
            },
        })
    }

    /// What it asks about a person, and of those who get in also what they could ask for elsewhere.
    fn about(&self, person: Person, named: bool) -> Vec<Question> {
        let verbs = self.verbs();
        let as_configured = |verb: &&str| Question {
            spec: self.spec(person, verb),
            allowed: named,
        };
        let mut questions: Vec<Question> = verbs.iter().map(as_configured).collect();
        if named {
            let changed = |verb: &str, field: &str, other: &str| {
                let mut spec = self.spec(person, verb);
                spec["resourceAttributes"][field] = json!(other);
                spec
            };
            questions.extend(ELSEWHERE.map(|(field, other)| Question {
                spec: changed(verbs[0], field, other),
                allowed: false,
            }));
            // The Notebook itself: only a program that reads its verb from the configuration needs that one there.
            questions.extend(VERBS.map(|verb| Question {
                spec: changed(verb, "subresource", ""),
                allowed: self.attributes.verb.as_deref() == Some(verb),
            }));
        } else {
            questions.truncate(2); // a stranger has no rule, whatever the verb
        }
        questions
    }

    /// The one rule that lets people in.
    fn rule(&self) -> String {
        let of = &self.attributes;
        let mut resource = of.resource.clone();
        if let Some(subresource) = &of.subresource {
            resource = format!("{resource}/{subresource}");
        }
        let verb = of.verb.as_deref().unwrap_or("*");
        rule(verb, &of.api_group, &resource, Some(&of.name))
    }
}

// --- asking ---

/// Asks all questions, as whom the flags say; gives those that were answered otherwise than they should be.
fn wrong_answers(plane: &ControlPlane, flags: &[&str], questions: &[Question]) -> Vec<String> {
    let review = |question: &Question| {
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": question.spec,
        })
    };
    let reviews: Vec<Value> = questions.iter().map(review).collect();
    let create = [&["create"], flags].concat();
    let answers = plane.on(&create, &reviews);
    questions
        .iter()
        .zip(&answers)
        .filter(|(question, answer)| answer["status"]["allowed"] != question.allowed)
        .map(|(question, answer)| format!("{}: {}", question.spec, answer["status"]))
        .collect()
}

/// All that a person may do, by namespace.
fn rules(plane: &ControlPlane, Person(user, groups): Person, namespaces: &[&str]) -> Vec<BTreeSet<String>> {
    let mut arguments = vec!["create".to_owned(), format!("--as={user}")];
    arguments.extend(groups.iter().map(|group| format!("--as-group={group}")));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let review = |namespace: &&str| {
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": { "namespace": namespace },
        })
    };
    let reviews: Vec<Value> = namespaces.iter().map(review).collect();
    let of = |answer: Value| {
        let status = &answer["status"];
        assert_eq!(status["incomplete"], false, "{answer}");
        let kinds = ["resourceRules", "nonResourceRules"];
        let all = kinds.iter().filter_map(|kind| status[kind].as_array());
        all.flatten().map(in_order).collect()
    };
    plane.on(&arguments, &reviews).into_iter().map(of).collect()
}

/// A rule on one resource, as [`rules`] gives it.
fn rule(verb: &str, group: &str, resource: &str, name: Option<&str>) -> String {
    let mut rule = json!({ "verbs": [verb], "apiGroups": [group], "resources": [resource] });
    if let Some(name) = name {
        rule["resourceNames"] = json!([name]);
    }
    in_order(&rule)
}

/// A rule as text, whatever the order of its fields.
fn in_order(rule: &Value) -> String {
    let fields: BTreeMap<&String, &Value> = rule.as_object().unwrap().iter().collect();
    json!(fields).to_string()
}
