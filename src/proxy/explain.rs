//! What a request would meet, step by step as in [`super::gate`], and nobody is asked. Pure.

use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::{Value, json};

use super::attributes::{Attributes, Resource};
use super::options::Compatibility;
use super::paths::{Paths, Way};
use super::refusal::Refusal;
use super::respond;
use super::rules::Rules;
use super::target::Target;
use super::user::User;

/// A request, and who is taken to send it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its target, as the client sends it.
    pub target: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Who sends it; an empty name stands for anybody who is known.
    pub user: &'a User,
}

/// What a request would meet. Its JSON form is for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The request's method.
    pub method: String,
    /// Its target.
    pub target: String,
    /// The user's name; empty for anybody who is known.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// What becomes of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "outcome")]
pub enum Outcome {
    /// It is forwarded, and nobody is asked who sends it.
    Forwarded {
        /// The flag that says so.
        by: &'static str,
    },
    /// It is refused, and nobody is asked whether the user may.
    Refused {
        /// The field of the file whose rule is for it, where it comes as far as the rules.
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// The answer's status.
        status: u16,
        /// Why.
        reason: String,
    },
    /// It passes if all of this is allowed.
    Asked {
        /// The field of the file whose rule is for it; none for its own verb and path.
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// The questions, in their order.
        reviews: Vec<Review>,
    },
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// The SubjectAccessReview's `spec`, without what only the user's token says.
    pub spec: Value,
    /// The same for a terminal.
    pub kubectl: String,
    /// The rule that grants it, so that it is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<String>,
}

/// What a request would meet.
pub fn explain(asked: &Asked<'_>, paths: &Paths, rules: &Rules, compatibility: Compatibility) -> Explanation {
    Explanation {
        method: asked.method.to_owned(),
        target: asked.target.to_owned(),
        user: asked.user.name.clone(),
        groups: asked.user.groups.clone(),
        outcome: outcome(asked, paths, rules, compatibility),
    }
}

fn outcome(asked: &Asked<'_>, paths: &Paths, rules: &Rules, compatibility: Compatibility) -> Outcome {
    let refused = |rule: Option<String>, refusal: &Refusal| refused(rule, refusal, asked, compatibility);
    if asked.method == Method::CONNECT.as_str() {
        return refused(None, &Refusal::NotServed);
    }
    let target = match Target::parse(asked.target, !paths.is_empty() || rules.compares_paths()) {
        Ok(target) => target,
        Err(refusal) => return refused(None, &refusal),
    };
    match paths.way(&target) {
        Way::Refused => return refused(None, &Refusal::NotAllowedPath),
        Way::Ignored => return Outcome::Forwarded { by: "--ignore-paths" },
        Way::Asked => {}
    }
    let rule = rules.field(&target);
    match rules.questions(asked.method, &target, asked.headers, asked.user) {
        Ok(questions) => Outcome::Asked {
            rule,
            reviews: questions
                .iter()
                .map(|question| review(question, asked.user, rules))
                .collect(),
        },
        Err(refusal) => refused(rule, &refusal),
    }
}

fn refused(
    rule: Option<String>,
    refusal: &Refusal,
    asked: &Asked<'_>,
    compatibility: Compatibility,
) -> Outcome {
    let method = Method::from_bytes(asked.method.as_bytes()).unwrap_or_default();
    let reason = match refusal {
        Refusal::MovedTo(to) => format!("{}: {to}", respond::reason(refusal)),
        _ => respond::reason(refusal).to_owned(),
    };
    Outcome::Refused {
        rule,
        status: respond::response(refusal, compatibility, &method)
            .status()
            .as_u16(),
        reason,
    }
}

fn review(question: &Attributes, user: &User, rules: &Rules) -> Review {
    let mut spec = match question {
        Attributes::Resource(resource) => json!({ "resourceAttributes": resource }),
        Attributes::NonResource { path, verb } => {
            json!({ "nonResourceAttributes": { "path": path, "verb": verb } })
        }
    };
    if !user.name.is_empty() {
        spec["user"] = json!(user.name);
    }
    spec["groups"] = json!(user.groups);
    Review {
        spec,
        kubectl: kubectl(question, user),
        granted_by: rules.granted_by(user, question),
    }
}

/// The question as `kubectl auth can-i` takes it. RBAC does not look at versions, and neither does this.
fn kubectl(question: &Attributes, user: &User) -> String {
    let mut words = vec!["kubectl auth can-i".to_owned(), quoted(question.verb())];
    match question {
        Attributes::NonResource { path, .. } => words.push(quoted(path)),
        Attributes::Resource(Resource {
            namespace,
            group,
            resource,
            subresource,
            name,
            ..
        }) => {
            let mut what = resource.clone();
            for (between, part) in [(".", group), ("/", name)] {
                if !part.is_empty() {
                    what.push_str(between);
                    what.push_str(part);
                }
            }
            words.push(quoted(&what));
            if !subresource.is_empty() {
                words.push(quoted(&format!("--subresource={subresource}")));
            }
            words.push(if namespace.is_empty() {
                "--all-namespaces".into()
            } else {
                quoted(&format!("--namespace={namespace}"))
            });
        }
    }
    let name = if user.name.is_empty() { "USER" } else { &user.name };
    words.push(quoted(&format!("--as={name}")));
    words.extend(
        user.groups
            .iter()
            .map(|group| quoted(&format!("--as-group={group}"))),
    );
    words.join(" ")
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

// === impl Explanation ===

impl Explanation {
    /// For people.
    pub fn to_text(&self) -> String {
        let mut text = format!("{} {}\n", self.method, self.target);
        let rule = |rule: &Option<String>| match rule {
            Some(rule) => format!("rule: {rule}\n"),
            None => "rule: none; the request's own verb and path\n".to_owned(),
        };
        match &self.outcome {
            Outcome::Forwarded { by } => {
                text.push_str(&format!("forwarded, and nobody is asked who sends it ({by})\n"));
            }
            Outcome::Refused {
                rule: of,
                status,
                reason,
            } => {
                if of.is_some() {
                    text.push_str(&rule(of));
                }
                text.push_str(&format!("refused with {status}: {reason}\n"));
            }
            Outcome::Asked { rule: of, reviews } => {
                text.push_str(&rule(of));
                let known = if self.user.is_empty() {
                    "anybody who is known (401 for all others)"
                } else {
                    &self.user
                };
                text.push_str(&format!("passes for {known}, if all of this is allowed:\n"));
                for review in reviews {
                    let by = review.granted_by.as_ref();
                    let note = by.map_or_else(String::new, |by| format!(" # not asked: {by} grants it"));
                    text.push_str(&format!("  {}{note}\n", review.kubectl));
                }
            }
        }
        text
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{value:#}\n")
    }
}

#[cfg(test)]
mod tests;
