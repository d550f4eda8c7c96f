//! Text that means nothing but itself, in each format.

/// Text as one line: what would break a line or draw nothing becomes something that can be seen.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// Controls, and what would turn the direction of the text that follows, become a replacement character.
fn visible(character: char) -> char {
    match character {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        // Overrides, embeddings and isolates of the bidirectional algorithm, and marks that are not seen.
        '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}'
        | '\u{200B}'..='\u{200F}'
        | '\u{061C}'
        | '\u{FEFF}'
        | '\u{FFFE}'
        | '\u{FFFF}' => '\u{FFFD}',
        character if character.is_control() => '\u{FFFD}',
        character => character,
    }
}

/// Text of XML and HTML, in content and in quoted attributes.
pub(super) fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().map(visible) {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            character => out.push(character),
        }
    }
    out
}

/// Text between the quotes of a Mermaid label: everything that Mermaid, its Markdown or HTML could read becomes a number.
pub(super) fn mermaid(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().map(visible) {
        let plain = !character.is_ascii()
            || character.is_ascii_alphanumeric()
            || matches!(character, ' ' | '.' | ',' | ':' | '/' | '-');
        if plain {
            out.push(character);
        } else if character == '\\' {
            // Mermaid breaks lines at a backslash and an n, however they are written.
            out.push('\u{29F5}');
        } else {
            out.push_str(&format!("#{};", u32::from(character)));
        }
    }
    out
}

/// Text between the quotes of a DOT string. Graphviz reads HTML entities in them, and `\N` as the node's own name.
pub(super) fn dot(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().map(visible) {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '&' => out.push_str("&amp;"),
            character => out.push(character),
        }
    }
    out
}

/// JSON that stands in a `script` element: no byte of it can end the element or begin a comment.
pub(super) fn json_in_script(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "</script><b onclick=\"x('`')\">&amp; \\N end\n\u{202E}\u{7}";

    #[test]
    fn nothing_is_left_that_a_format_could_read() {
        assert_eq!(
            markup(HOSTILE),
            "&lt;/script&gt;&lt;b onclick=&quot;x(&#39;`&#39;)&quot;&gt;&amp;amp; \\N end \u{FFFD}\u{FFFD}"
        );
        assert_eq!(mermaid("a\"]--x end`#1;"), "a#34;#93;--x end#96;#35;1#59;");
        assert_eq!(dot("\"\\N &lt; {|}"), "\\\"\\\\N &amp;lt; {|}");
        let json = json_in_script(&serde_json::Value::from(HOSTILE).to_string());
        assert!(!json.contains(['<', '>', '&']), "{json}");
        let back: String = serde_json::from_str(&json).unwrap();
        assert_eq!(back, HOSTILE);
    }
}
