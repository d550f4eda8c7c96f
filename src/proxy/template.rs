//! Templates of attributes: what configuration files use of Go's `text/template`, and nothing else. Pure.
//!
//! `{{ .Value }}`, `{{ .FromHeader }}`, `{{ .FromQueryString }}` and `{{ .FromMethod }}`, with any blanks, with `{{-` and `-}}`, and text
//! around them. Anything else is an error at start: kube-rbac-proxy makes nothing of a field that it does not know, and a review
//! with less in it is one about more. Values are put in as they are and never read as templates.

/// A value that a template may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// `.Value`: whichever value there is.
    Value,
    /// `.FromHeader`.
    FromHeader,
    /// `.FromQueryString`.
    FromQueryString,
    /// `.FromMethod`: the verb of the request's method.
    FromMethod,
}

/// The values of one request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    /// Of the header.
    pub header: &'a str,
    /// Of the query's parameter.
    pub query: &'a str,
    /// The verb of the method.
    pub method: &'a str,
}

/// A text with places for values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(Variable),
}

// === impl Variable ===

impl Variable {
    const ALL: [Self; 4] = [
        Self::Value,
        Self::FromHeader,
        Self::FromQueryString,
        Self::FromMethod,
    ];

    /// As templates write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => ".Value",
            Self::FromHeader => ".FromHeader",
            Self::FromQueryString => ".FromQueryString",
            Self::FromMethod => ".FromMethod",
        }
    }
}

// === impl Template ===

impl Template {
    /// Reads a template in which these values may stand.
    ///
    /// # Errors
    /// What is not understood, and what could stand there.
    pub fn new(text: &str, known: &[Variable]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut trims_start = false;
        while let Some((in_front, behind)) = rest.split_once("{{") {
            let Some((action, behind)) = behind.split_once("}}") else {
                return Err("a `{{` has no `}}`".to_owned());
            };
            // As Go has it, a hyphen trims only where a blank stands between it and what is inside.
            let trims_end = action.starts_with('-') && action[1..].starts_with(BLANKS);
            let trims_next = action.ends_with('-') && action[..action.len() - 1].ends_with(BLANKS);
            push_text(&mut parts, in_front, trims_start, trims_end);
            let inner = &action[usize::from(trims_end)..action.len() - usize::from(trims_next)];
            parts.push(Part::Variable(variable(inner.trim_matches(BLANKS), known)?));
            trims_start = trims_next;
            rest = behind;
        }
        push_text(&mut parts, rest, trims_start, false);
        Ok(Self(parts))
    }

    /// The text with these values in it.
    pub fn fill(&self, values: Values<'_>) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            filled.push_str(match part {
                Part::Text(text) => text,
                Part::Variable(Variable::Value) if values.header.is_empty() => values.query,
                Part::Variable(Variable::Value | Variable::FromHeader) => values.header,
                Part::Variable(Variable::FromQueryString) => values.query,
                Part::Variable(Variable::FromMethod) => values.method,
            });
        }
        filled
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Go's `text/template` blanks.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

fn push_text(parts: &mut Vec<Part>, text: &str, trims_start: bool, trims_end: bool) {
    let mut text = text;
    if trims_start {
        text = text.trim_start_matches(BLANKS);
    }
    if trims_end {
        text = text.trim_end_matches(BLANKS);
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

fn variable(action: &str, known: &[Variable]) -> Result<Variable, String> {
    let names = known
        .iter()
        .map(|variable| format!("{{{{ {} }}}}", variable.name()))
        .collect::<Vec<_>>()
        .join(", ");
    match Variable::ALL
        .into_iter()
        .find(|variable| variable.name() == action)
    {
        Some(variable) if known.contains(&variable) => Ok(variable),
        Some(variable) => Err(format!(
            "nothing fills `{}` here; {}",
            variable.name(),
            if known.is_empty() {
                "values come from `rewrites`, and there are none".to_owned()
            } else {
                format!("what can stand here: {names}")
            }
        )),
        None if known.is_empty() => Err(format!(
            "`{{{{{action}}}}}` is not understood, and without `rewrites` nothing can be filled in"
        )),
        None => Err(format!(
            "`{{{{{action}}}}}` is not understood; what can stand here: {names}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALUES: Values<'static> = Values {
        header: "team-a",
        query: "team-b",
        method: "get",
    };

    fn fill(text: &str) -> String {
        Template::new(text, &Variable::ALL).unwrap().fill(VALUES)
    }

    #[test]
    fn values_are_put_in() {
        for (text, expected) in [
            ("", ""),
            ("team-a", "team-a"),
            ("{{ .Value }}", "team-a"),
            ("{{.Value}}", "team-a"),
            ("{{.FromHeader}}-{{ .FromQueryString }}", "team-a-team-b"),
            ("x {{\t.FromMethod\n}} y", "x get y"),
            ("x {{- .FromMethod -}} y", "xgety"),
            ("x {{- .FromMethod }} y", "xget y"),
            ("a }} b", "a }} b"),
            ("{ { .Value } }", "{ { .Value } }"),
        ] {
            assert_eq!(fill(text), expected, "{text}");
        }
        let from_query = Values { header: "", ..VALUES };
        let template = Template::new("{{ .Value }}", &[Variable::Value]).unwrap();
        assert_eq!(template.fill(from_query), "team-b");
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (text, names) in [
            ("{{ .Value", "`{{` has no `}}`"),
            ("{{ .Nope }}", "`{{.Nope}}` is not understood"),
            ("{{ Value }}", "`{{Value}}`"),
            ("{{ . }}", "`{{.}}`"),
            ("{{ }}", "`{{}}`"),
            ("{{-.Value}}", "`{{-.Value}}`"),
            ("{{.Value-}}", "`{{.Value-}}`"),
            ("{{-}}", "`{{-}}`"),
            ("{{ .Value | printf \"%s\" }}", "not understood"),
            ("{{ if .Value }}x{{ end }}", "`{{if .Value}}`"),
            ("{{/* a note */}}", "not understood"),
            ("{{ .FromMethod }}", "nothing fills `.FromMethod` here"),
        ] {
            let error = Template::new(text, &[Variable::Value]).unwrap_err();
            assert!(error.contains(names), "{text}: {error}");
        }
        let error = Template::new("{{ .Value }}", &[]).unwrap_err();
        assert!(error.contains("`rewrites`"), "{error}");
    }

    proptest! {
        #[test]
        fn a_value_is_never_read_as_a_template(value in any::<String>()) {
            let template = Template::new("<{{ .FromHeader }}>", &Variable::ALL).unwrap();
            let values = Values { header: &value, ..Values::default() };
            prop_assert_eq!(template.fill(values), format!("<{value}>"));
        }

        #[test]
        fn nothing_panics(text in "[{}\\-. aV]{0,16}|\\PC*") {
            let _ = Template::new(&text, &Variable::ALL);
        }
    }
}
