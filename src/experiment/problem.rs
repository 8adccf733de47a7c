//! What is wrong with an experiment, where, and what to do about it.

use super::source::Origin;

/// Everything that was found at once.
pub type Problems = Vec<Problem>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing runs.
    Error,
    /// A person should know; it runs.
    Warning,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub severity: Severity,
    pub message: String,
    /// Where it is; `None` if it is in no file.
    pub origin: Option<Origin>,
    /// Other places that matter, each with what is there.
    pub labels: Vec<(Origin, String)>,
    pub hint: Option<String>,
}

impl Problem {
    pub fn error(origin: &Origin, message: impl Into<String>) -> Problem {
        Problem { origin: Some(origin.clone()), ..Problem::nowhere(message) }
    }

    pub fn warning(origin: &Origin, message: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(origin, message) }
    }

    /// An error of no place.
    pub fn nowhere(message: impl Into<String>) -> Problem {
        let message = message.into();
        Problem { severity: Severity::Error, message, origin: None, labels: Vec::new(), hint: None }
    }

    pub fn label(mut self, origin: &Origin, text: impl Into<String>) -> Problem {
        if self.origin.as_ref() != Some(origin) {
            self.labels.push((origin.clone(), text.into()));
        }
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// Hints at the known names nearest to `asked`, or at all of them where they are few.
    pub fn hint_names<'a>(self, asked: &str, known: impl Iterator<Item = &'a str> + Clone) -> Problem {
        let near = nearest(asked, known.clone());
        if !near.is_empty() {
            return self.hint(format!("did you mean {}?", quoted_list(&near, "or")));
        }
        let mut all: Vec<&str> = known.collect();
        let mut seen = std::collections::HashSet::new();
        all.retain(|name| seen.insert(*name));
        if all.is_empty() || all.len() > 24 {
            return self;
        }
        self.hint(format!("known: {}", quoted_list(&all, "and")))
    }
}

/// Sorted by place; what is said of one place in the same words is said once.
pub fn tidy(mut problems: Problems) -> Problems {
    let place = |problem: &Problem| {
        problem.origin.as_ref().map(|origin| {
            let (rank, name, start, end) = origin.place();
            (rank, name.to_string(), start, end)
        })
    };
    problems.sort_by_cached_key(place);
    let mut kept: Problems = Vec::with_capacity(problems.len());
    for problem in problems {
        let same = |other: &&Problem| other.origin == problem.origin;
        let known = kept.iter().rev().take_while(same).any(|other| other.message == problem.message);
        if !known {
            kept.push(problem);
        }
    }
    kept
}

pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// The one to three known names most like `asked`; none if nothing is like it.
pub fn nearest<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let asked = asked.to_lowercase();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        let contains = asked.len() > 2 && name.len() > 2 && (name.contains(&asked) || asked.contains(&name));
        // A part of the whole is a likely slip, whatever its share of the length.
        let part = if contains { 0.75 } else { 0.0 };
        strsim::normalized_damerau_levenshtein(&asked, &name).max(part)
    };
    let mut ranked: Vec<(f64, &str)> = known.map(|name| (likeness(name), name)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    ranked.dedup_by_key(|(_, name)| *name);
    let best = ranked.first().map_or(0.0, |(likeness, _)| *likeness);
    // Two names of which one is much nearer need no alternative.
    let near = ranked.into_iter().filter(|(likeness, _)| *likeness >= 0.55 && *likeness >= best - 0.15);
    near.take(3).map(|(_, name)| name).collect()
}

/// `` `a`, `b` or `c` ``.
pub fn quoted_list<S: AsRef<str>>(names: &[S], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_few_and_likely() {
        let known = ["steps", "epochs", "seed", "network", "batch"];
        assert_eq!(nearest("stps", known.into_iter()), ["steps"]);
        assert_eq!(nearest("netwrok", known.into_iter()), ["network"]);
        assert!(nearest("colour", known.into_iter()).is_empty());
        assert_eq!(nearest("noise", ["gaussian-noise", "grid-noise", "edges"].into_iter()).len(), 2);
    }

    #[test]
    fn lists_read_as_a_sentence_does() {
        assert_eq!(quoted_list::<&str>(&[], "or"), "");
        assert_eq!(quoted_list(&["a"], "or"), "`a`");
        assert_eq!(quoted_list(&["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
