//! Globs of paths, as Go's `path.Match` reads them: `*`, `?`, `[a-z]`, `[^a-z]`, `\` in front of what is meant as itself. Pure.
//!
//! One thing is narrower than there: a class never stands for a slash. So no part of a glob crosses a segment's end.

/// A glob that is written correctly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    segments: Vec<Vec<Token>>,
}

/// A glob that ends in the middle of something, or whose class is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a glob's `[` needs its `]` and something in between, and `\\` something behind it")]
pub struct BadGlob;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Any characters, or none.
    Any,
    /// Any one character.
    One,
    /// This one.
    Literal(char),
    /// One of these, or one that is none of these.
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

// === impl Glob ===

impl Glob {
    /// Reads a glob.
    ///
    /// # Errors
    /// Where Go's `path.Match` says `ErrBadPattern`.
    pub fn new(text: &str) -> Result<Self, BadGlob> {
        let mut segments = vec![Vec::new()];
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let token = match c {
                '*' => Token::Any,
                '?' => Token::One,
                '[' => class(&mut rest)?,
                '\\' => Token::Literal(rest.next().ok_or(BadGlob)?),
                c => Token::Literal(c),
            };
            match (token, segments.last_mut()) {
                (Token::Literal('/'), _) | (_, None) => segments.push(Vec::new()),
                (token, Some(segment)) => segment.push(token),
            }
        }
        Ok(Self { segments })
    }

    /// Whether the whole path is one that the glob stands for.
    pub fn matches(&self, path: &str) -> bool {
        let mut written = path.split('/');
        self.segments
            .iter()
            .all(|tokens| written.next().is_some_and(|segment| stands_for(tokens, segment)))
            && written.next().is_none()
    }
}

/// Whether the tokens stand for the whole segment. Where a star's first try does not lead to the end it takes one character more;
/// stars in front of it need no second try, for the last one can take whatever they would have.
fn stands_for(tokens: &[Token], segment: &str) -> bool {
    let mut tokens_left = tokens;
    let mut rest = segment;
    let mut last_star: Option<(&[Token], &str)> = None;
    loop {
        let mut following = rest.chars();
        match (tokens_left.split_first(), following.next()) {
            (Some((Token::Any, behind)), _) => {
                last_star = Some((behind, rest));
                tokens_left = behind;
                continue;
            }
            (Some((token, behind)), Some(c)) if token.is(c) => {
                tokens_left = behind;
                rest = following.as_str();
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        let Some((behind, from)) = last_star else {
            return false;
        };
        let mut taken = from.chars();
        if taken.next().is_none() {
            return false;
        }
        last_star = Some((behind, taken.as_str()));
        tokens_left = behind;
        rest = taken.as_str();
    }
}

/// What stands behind `[`, to its `]`.
fn class(rest: &mut std::str::Chars<'_>) -> Result<Token, BadGlob> {
    let is_negated = rest.as_str().starts_with('^');
    if is_negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.as_str().starts_with(']') {
            rest.next();
            return Ok(Token::Class { is_negated, ranges });
        }
        let low = bound(rest)?;
        let mut high = low;
        if rest.as_str().starts_with('-') {
            rest.next();
            high = bound(rest)?;
        }
        ranges.push((low, high));
    }
}

/// One end of a range; something must stand behind it.
fn bound(rest: &mut std::str::Chars<'_>) -> Result<char, BadGlob> {
    let c = match rest.next() {
        None | Some('-' | ']') => return Err(BadGlob),
        Some('\\') => rest.next().ok_or(BadGlob)?,
        Some(c) => c,
    };
    if rest.as_str().is_empty() {
        return Err(BadGlob);
    }
    Ok(c)
}

// === impl Token ===

impl Token {
    fn is(&self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Literal(literal) => *literal == c,
            Self::Class { is_negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *is_negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        Glob::new(glob).unwrap().matches(path)
    }

    #[test]
    fn as_gos_path_match() {
        for (glob, path, expected) in [
            ("/metrics", "/metrics", true),
            ("/metrics", "/METRICS", false),
            ("/metrics", "/metrics/", false),
            ("/metrics", "/metrics;v=1", false),
            ("/exact/", "/exact/", true),
            ("/pub/*", "/pub/", true),
            ("/pub/*", "/pub", false),
            ("/pub/*", "/pub/a/b", false),
            ("/api/v1/label/*/values", "/api/v1/label/job/values", true),
            ("/api/v1/label/*/values", "/api/v1/label/name", false),
            ("/deep/*/*", "/deep/%2e%2e/secret", true),
            (" /two", "/two", false),
            ("/a?c", "/a/c", false),
            ("/a?c", "/aéc", true),
            ("/[a-c]x", "/bx", true),
            ("/[^a-c]x", "/bx", false),
            ("/a[^b]c", "/a/c", false),
            ("/[]-a]", "/x", false),
            ("/[\\]a]", "/]", true),
            ("/a]", "/a]", true),
            ("/\\*", "/*", true),
            ("/\\*", "/a", false),
            ("/*a*b*c", "/xaybzbc", true),
            ("", "", true),
            ("", "/", false),
        ] {
            if glob == "/[]-a]" {
                assert_eq!(Glob::new(glob), Err(BadGlob));
                continue;
            }
            assert_eq!(matches(glob, path), expected, "{glob} {path}");
        }
    }

    #[test]
    fn bad_globs_are_found_at_start() {
        for bad in [
            "/a[b", "/a[ ", "[", "[]", "[^]", "[a-]", "[-a]", "\\", "[\\", "/x/[a-", "[a\\",
        ] {
            assert_eq!(Glob::new(bad), Err(BadGlob), "{bad}");
        }
    }

    /// The same by trying everything, from the definition.
    fn reference(glob: &[char], path: &[char]) -> bool {
        match (glob.split_first(), path.split_first()) {
            (None, None) => true,
            (Some(('*', behind)), next) => {
                reference(behind, path) || next.is_some_and(|(c, rest)| *c != '/' && reference(glob, rest))
            }
            (Some(('?', behind)), Some((c, rest))) => *c != '/' && reference(behind, rest),
            (Some((literal, behind)), Some((c, rest))) => literal == c && reference(behind, rest),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_trying_everything(glob in "[ab/*?]{0,9}", path in "[ab/]{0,9}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&glob, &path), reference(&chars(&glob), &chars(&path)));
        }

        #[test]
        fn nothing_panics(glob in any::<String>(), path in any::<String>()) {
            let _ = Glob::new(&glob).map(|glob| glob.matches(&path));
        }
    }
}
