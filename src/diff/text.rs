//! A comparison for a terminal.

use super::change::{Change, Diff, Effect, Happens, ObjectChange};
use super::words;

/// The effects in the order of a report, with their headings and marks.
pub(super) const SECTIONS: [(Effect, &str, char); 6] = [
    (Effect::Exposes, "Newly exposed", '!'),
    (Effect::Opens, "Opens", '+'),
    (
        Effect::Warns,
        "Newly broken, wider than needed, or not known",
        '?',
    ),
    (Effect::Alters, "Changes, neither opening nor closing", '~'),
    (Effect::Closes, "Closes", '-'),
    (Effect::Repairs, "No longer wrong", '*'),
];
/// What is said where nothing changes.
pub(super) const NOTHING: &str =
    "Nothing changes: no access, and no object. Order, comments and formatting do not count.";

/// The whole comparison.
pub fn text(diff: &Diff) -> String {
    if !diff.changed {
        return format!("{NOTHING}\n");
    }
    let mut text = format!("{}\n", summary(diff));
    for (effect, heading, mark) in SECTIONS {
        let changes: Vec<&Change> = of(diff, effect).collect();
        if changes.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{heading}\n"));
        for change in changes {
            text.push_str(&format!("  {mark} {}\n", change.sentence));
            for line in words::details(&change.what, &change.targets) {
                text.push_str(&format!("      {}\n", line.plain()));
            }
        }
    }
    objects(diff, &mut text);
    text
}

fn objects(diff: &Diff, text: &mut String) {
    if diff.objects.is_empty() {
        return;
    }
    text.push_str("\nObjects\n");
    for object in diff
        .objects
        .iter()
        .filter(|object| object.change != Happens::Follows)
    {
        let (mark, word) = happens(object.change);
        text.push_str(&format!("  {mark} {word} {}\n", object_name(object).plain()));
        for field in &object.fields {
            text.push_str(&format!("      {field}\n"));
        }
    }
    let follow = following(diff);
    if follow > 0 {
        text.push_str(&format!("  ~ {}\n", followers(follow)));
    }
}

pub(super) fn object_name(object: &ObjectChange) -> super::sentence::Sentence {
    let name = words::reference(&object.object).with(words::place(&object.place));
    if object.kept {
        name.and(": it is protected from pruning, and stays in the cluster until somebody deletes it")
    } else {
        name
    }
}

pub(super) fn happens(change: Happens) -> (char, &'static str) {
    match change {
        Happens::Added => ('+', "added"),
        Happens::Removed => ('-', "removed"),
        Happens::Changed | Happens::Follows => ('~', "changed"),
    }
}

/// How many objects change only because others do.
pub(super) fn following(diff: &Diff) -> usize {
    let follow = diff
        .objects
        .iter()
        .filter(|object| object.change == Happens::Follows);
    follow.count()
}

pub(super) fn followers(count: usize) -> String {
    match count {
        1 => "changed 1 AccessGraph: the list of the objects above".to_owned(),
        _ => format!("changed {count} AccessGraphs: the lists of the objects above"),
    }
}

pub(super) fn of(diff: &Diff, effect: Effect) -> impl Iterator<Item = &Change> {
    diff.access.iter().filter(move |change| change.effect == effect)
}

/// One sentence on top.
pub(super) fn summary(diff: &Diff) -> String {
    let objects = match diff.objects.len() {
        0 => "no object changes".to_owned(),
        1 => "1 object changes".to_owned(),
        count => format!("{count} objects change"),
    };
    if diff.access.is_empty() {
        return format!("Access does not change; {objects}.");
    }
    let count = |effect: Effect| of(diff, effect).count();
    let part = |effect: Effect, one: &str, many: &str| match count(effect) {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {many}")),
    };
    let parts = [
        part(Effect::Exposes, "new exposure", "new exposures"),
        part(Effect::Opens, "change opens", "changes open"),
        part(Effect::Warns, "new warning", "new warnings"),
        part(Effect::Alters, "other change", "other changes"),
        part(Effect::Closes, "change closes", "changes close"),
        part(Effect::Repairs, "thing repaired", "things repaired"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("Access changes: {}; {objects}.", parts.join(", "))
}

/// With a capital letter at the beginning, where the sentence begins with a word of ours.
pub(super) fn upper(sentence: &str) -> String {
    let mut chars = sentence.chars();
    match chars.next() {
        Some(first) if first.is_ascii_lowercase() => first.to_uppercase().chain(chars).collect(),
        _ => sentence.to_owned(),
    }
}
