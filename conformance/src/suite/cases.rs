//! Every case, by area.

mod dealer;
mod handshake;
mod link;
mod lr;
mod psi;

use glob::Pattern;

use super::case::{Case, Role};

/// All of them, in the order of reports.
pub fn all() -> Vec<&'static Case> {
    [link::CASES, handshake::CASES, psi::CASES, psi::SUITES, dealer::CASES, dealer::SPU, lr::CASES]
        .into_iter()
        .flatten()
        .flat_map(|cases| cases.iter())
        .collect()
}

/// The case of that id.
pub fn named(id: &str) -> Option<&'static Case> {
    all().into_iter().find(|case| case.id == id)
}

/// Cases and roles whose id fits one of the patterns (`*` stands for anything), and whose
/// role is one of these; no pattern and no role is all.
///
/// # Errors
/// A pattern that is none.
pub fn selected(patterns: &[String], roles: &[Role]) -> Result<Vec<(&'static Case, Role)>, String> {
    let parse = |text: &String| Pattern::new(text).map_err(|error| format!("{text:?}: {error}"));
    let patterns: Vec<Pattern> = patterns.iter().map(parse).collect::<Result<_, _>>()?;
    let mut runs = Vec::new();
    for case in all() {
        if patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(case.id)) {
            let wanted = |role: &&Role| roles.is_empty() || roles.contains(role);
            runs.extend(case.roles.iter().filter(wanted).map(|role| (case, *role)));
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_slugs_and_unique() {
        let mut ids: Vec<_> = all().iter().map(|case| case.id).collect();
        for id in &ids {
            let is_slug = |part: &str| {
                !part.is_empty()
                    && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            assert!(id.split('/').count() >= 2 && id.split('/').all(is_slug), "{id}");
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn every_case_says_what_and_where() {
        for case in all() {
            assert!(case.requirement.ends_with('.') && case.requirement.len() > 20, "{}", case.id);
            assert!(!case.source.is_empty() && !case.roles.is_empty(), "{}", case.id);
            assert!(case.why.ends_with('.'), "{}", case.id);
        }
    }

    #[test]
    fn errata_exist() {
        let errata = include_str!("../../../docs/errata.md");
        for case in all() {
            if let Some(number) = case.erratum {
                assert!(errata.contains(&format!("\n## E{number:02}\n")), "{}: E{number:02}", case.id);
            }
        }
    }

    #[test]
    fn patterns_select() {
        let all_runs = selected(&[], &[]).unwrap().len();
        let link = selected(&["link/*".into()], &[Role::Rank1]).unwrap();
        assert!(!link.is_empty() && link.len() < all_runs);
        assert!(link.iter().all(|(case, role)| case.id.starts_with("link/") && *role == Role::Rank1));
        assert!(selected(&["a[".into()], &[]).is_err());
    }
}
