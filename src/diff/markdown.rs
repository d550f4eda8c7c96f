//! A comparison as a comment on a pull request: short enough for GitHub, with nothing in it that calls people.

use super::change::{Change, Diff, Effect, Happens};
use super::text::{NOTHING, SECTIONS, followers, following, happens, object_name, of, summary, upper};
use super::words;

/// GitHub takes comments of 65,536 characters; a bot may put something around ours.
const MAX_BYTES: usize = 60_000;
/// What of that is kept for the objects.
const FOR_OBJECTS: usize = 15_000;
/// By which a bot finds its own comment again.
const MARK: &str = "<!-- gatewright diff -->";

/// The whole comparison.
pub fn markdown(diff: &Diff) -> String {
    let mut text = format!("{MARK}\n");
    if !diff.changed {
        text.push_str(&format!("**{NOTHING}**\n"));
        return text;
    }
    text.push_str(&format!("**{}**\n", summary(diff)));
    let exposed = of(diff, Effect::Exposes).count();
    if exposed > 0 {
        text.push_str("\n> [!CAUTION]\n> This change exposes something that was not exposed before.\n");
    }
    let mut left_out = 0;
    for (effect, heading, _) in SECTIONS {
        let mut begun = false;
        for change in of(diff, effect) {
            let entry = entry(change);
            if text.len() + entry.len() > MAX_BYTES - FOR_OBJECTS {
                left_out += 1;
                continue;
            }
            if !begun {
                text.push_str(&format!("\n#### {heading}\n\n"));
                begun = true;
            }
            text.push_str(&entry);
        }
    }
    if left_out > 0 {
        text.push_str(&format!(
            "\n**{left_out} more changes of access do not fit into a comment; `gatewright diff` prints them.**\n"
        ));
    }
    objects(diff, &mut text);
    text
}

fn entry(change: &Change) -> String {
    let sentence = words::sentence(&change.what, &change.targets);
    let mut text = format!("- {}\n", upper(&sentence.markdown()));
    for line in words::details(&change.what, &change.targets) {
        text.push_str(&format!("  - {}\n", line.markdown()));
    }
    text
}

fn objects(diff: &Diff, text: &mut String) {
    if diff.objects.is_empty() {
        return;
    }
    let count = diff.objects.len();
    let noun = if count == 1 {
        "object changes"
    } else {
        "objects change"
    };
    text.push_str(&format!("\n<details><summary>{count} {noun}</summary>\n\n"));
    let mut left_out = 0;
    for object in diff
        .objects
        .iter()
        .filter(|object| object.change != Happens::Follows)
    {
        let mut entry = format!(
            "- {} {}",
            happens(object.change).1,
            object_name(object).markdown()
        );
        let fields = super::sentence::Sentence::new(": ").names(&object.fields);
        if !object.fields.is_empty() {
            entry.push_str(&fields.markdown());
        }
        entry.push('\n');
        if left_out > 0 || text.len() + entry.len() > MAX_BYTES {
            left_out += 1;
        } else {
            text.push_str(&entry);
        }
    }
    if left_out > 0 {
        text.push_str(&format!("- and {left_out} more\n"));
    }
    let follow = following(diff);
    if follow > 0 {
        text.push_str(&format!("- {}\n", followers(follow)));
    }
    text.push_str("\n</details>\n");
}
