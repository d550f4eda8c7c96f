//! An argument inside a text: where it begins and ends, however the text is written.
//!
//! `NOTEBOOK_ARGS` holds one argument a line, or several with blanks between; a shell's command line holds them as well.
//! A value may be JSON with blanks in it, quoted or not.

use std::ops::Range;

/// The parts of `text` to leave out so that an argument is gone: each time it stands there its name, its value, and the
/// blanks or the line break that keep it apart from its neighbours.
pub fn cuts(text: &str, argument: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(argument).map(|at| from + at) {
        from = at + argument.len();
        if let Some(range) = whole(text, at, argument) {
            from = range.end;
            // Two with blanks between go as one.
            match found.last_mut() {
                Some(before) if text.get(before.end..range.start).is_some_and(is_blank) => {
                    before.end = range.end;
                }
                _ => found.push(range),
            }
        }
    }
    let mut cuts: Vec<Range<usize>> = Vec::new();
    for range in found {
        let cut = with_blanks(text, range, cuts.last().map_or(0, |before| before.end));
        match cuts.last_mut() {
            Some(before) if before.end >= cut.start => before.end = before.end.max(cut.end),
            _ => cuts.push(cut),
        }
    }
    cuts
}

/// A text without some of its parts, which are in order.
pub fn without(text: &str, parts: &[Range<usize>]) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut at = 0;
    for part in parts {
        rest.push_str(text.get(at..part.start).unwrap_or_default());
        at = part.end;
    }
    rest.push_str(text.get(at..).unwrap_or_default());
    rest
}

/// The value of an argument whose name and value are `text`: without quotes around it and without their escapes.
pub fn value<'a>(text: &'a str, argument: &str) -> &'a str {
    let name = text.find(argument).map_or(0, |at| at + argument.len());
    let rest = text[name..].trim();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim();
    rest.trim_matches(['\'', '"'])
}

/// Name and value, where the name at `at` stands by itself.
fn whole(text: &str, at: usize, argument: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let quote = at
        .checked_sub(1)
        .map(|before| bytes[before])
        .filter(|byte| matches!(byte, b'"' | b'\''));
    let start = if quote.is_some() { at - 1 } else { at };
    if start > 0 && !bytes[start - 1].is_ascii_whitespace() {
        return None;
    }
    let name = at + argument.len();
    let end = match bytes.get(name) {
        Some(b'=') => value_end(bytes, name + 1, quote),
        None => name,
        Some(byte) if Some(*byte) == quote => name + 1,
        Some(byte) if byte.is_ascii_whitespace() => {
            // `--name {…}`: a value of its own, where what follows on the line looks like one.
            let next = (name..bytes.len())
                .find(|at| !matches!(bytes[*at], b' ' | b'\t'))
                .unwrap_or(name);
            match bytes.get(next) {
                Some(b'{' | b'[' | b'"' | b'\'') if quote.is_none() => value_end(bytes, next, None),
                _ => name,
            }
        }
        Some(_) => return None,
    };
    Some(start..end)
}

/// The end of a value: the next blank outside quotes and braces; the end of the line where those are not closed. Inside a
/// quote that stood before the name: that quote.
fn value_end(bytes: &[u8], start: usize, outer: Option<u8>) -> usize {
    let line_end = (start..bytes.len())
        .find(|at| bytes[*at] == b'\n')
        .unwrap_or(bytes.len());
    let mut depth = 0_usize;
    let mut quote = None;
    let mut at = start;
    while at < bytes.len() {
        let byte = bytes[at];
        match (byte, quote) {
            (b'\\', Some(b'\'')) if depth == 0 => {}
            (b'\\', _) => at += 1,
            (byte, Some(open)) if byte == open => quote = None,
            (byte, None) if Some(byte) == outer => return at + 1,
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'{' | b'[', None) => depth += 1,
            (b'}' | b']', None) => depth = depth.saturating_sub(1),
            (byte, None) if depth == 0 && outer.is_none() && byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    if depth == 0 && quote.is_none() && outer.is_none() {
        bytes.len()
    } else {
        line_end
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// What goes with an argument: its line, if it has one to itself; otherwise the blanks in front of it, or behind it where
/// it is the line's first. Nothing before `floor`.
fn with_blanks(text: &str, range: Range<usize>, floor: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let blank = |at: &usize| matches!(bytes[*at], b' ' | b'\t');
    let start = (floor..range.start)
        .rev()
        .take_while(blank)
        .last()
        .unwrap_or(range.start);
    let end = (range.end..bytes.len())
        .take_while(blank)
        .last()
        .map_or(range.end, |at| at + 1);
    let first = start == 0 || bytes[start - 1] == b'\n';
    let last = end == bytes.len() || bytes[end] == b'\n';
    match (first, last) {
        (true, true) if start > floor => start - 1..end,
        (true, true) => start..(end + 1).min(bytes.len()),
        (true, false) => range.start..end,
        (false, _) => start..range.end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "--ServerApp.tornado_settings";

    fn cut(text: &str) -> String {
        let text = text.replace("T=", &format!("{NAME}="));
        without(&text, &cuts(&text, NAME))
    }

    #[test]
    fn a_line_goes_whole_and_the_others_stay() {
        for (text, rest) in [
            ("--a=1\n--b=''\nT={\"user\":\"alice\"}", "--a=1\n--b=''"),
            ("--a=1\nT={\"user\":\"alice\"}\n", "--a=1\n"),
            ("T={}\n--a=1\n", "--a=1\n"),
            ("--a\n  T={} \n --b", "--a\n --b"),
            ("--a\n\nT={}\n\n--b", "--a\n\n\n--b"),
            ("T={}", ""),
            ("T={}\n", ""),
            ("T={}\nT={}\n--a\nT={}", "--a"),
            ("--a\nT={}\nT={}", "--a"),
            ("--a\nT={\n  \"user\": \"alice\"\n}\n--b", "--a\n--b"),
            ("--a\nT={\"user\": \"al\n--b", "--a\n--b"),
        ] {
            assert_eq!(cut(text), rest, "{text}");
        }
    }

    #[test]
    fn among_others_on_a_line_it_goes_alone() {
        for (text, rest) in [
            ("--a=1 T={\"user\":\"alice\"} --b", "--a=1 --b"),
            ("--a=1 T={\"user\": \"a b\", \"x\": [1, 2]} --b", "--a=1 --b"),
            ("T={\"user\": \"}\"} --b", "--b"),
            ("--a T='{\"user\": \"a b\"}' --b", "--a --b"),
            ("--a T=\"{\\\"user\\\": \\\"a b\\\"}\" --b", "--a --b"),
            ("--a T={\\\"user\\\":\\\"a\\\"} --b", "--a --b"),
            ("--a 'T={\"user\": \"it is\"}' --b", "--a --b"),
            ("--a  T=x\t--b", "--a\t--b"),
            ("--a T={\"user\": \"a b\"", "--a"),
            ("T={}  T={} --b", "--b"),
            ("--a T={} T={}", "--a"),
            ("--a T={} T={}  T={}", "--a"),
            ("--a T={}\nT={} --b", "--a\n--b"),
            ("T={} T={}\nT={}\n--b", "--b"),
            ("'T=a 'T=b --c", ""),
            ("sh -c 'x $Y T={} z'", "sh -c 'x $Y z'"),
            ("start --ServerApp.tornado_settings {\"a\": 1} --b", "start --b"),
            ("start --ServerApp.tornado_settings --b", "start --b"),
        ] {
            assert_eq!(cut(text), rest, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_stays() {
        for text in [
            "--xT={}",
            "--ServerApp.tornado_settings_more={}",
            "a--ServerApp.tornado_settings",
            "--ServerApp.tornado={}",
            "",
        ] {
            assert_eq!(cut(text), text.replace("T=", &format!("{NAME}=")), "{text}");
        }
    }

    #[test]
    fn values_are_read_without_their_quotes() {
        for text in ["={\"a\":1}", "='{\"a\":1}'", " {\"a\":1}"] {
            assert_eq!(value(&format!("{NAME}{text}"), NAME), "{\"a\":1}");
        }
        assert_eq!(value(&format!("'{NAME}={{}}'"), NAME), "{}");
    }
}
