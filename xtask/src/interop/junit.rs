//! The results as a JUnit file.

use std::fmt::Write as _;
use std::path::Path;

use symbolon_conformance::suite::report::escaped;

use super::{Outcome, Verdict};

pub(super) fn write(path: &Path, outcomes: &[Outcome]) -> Result<(), String> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(path, document(outcomes)).map_err(|error| format!("{}: {error}", path.display()))
}

fn document(outcomes: &[Outcome]) -> String {
    let count = |wanted: fn(&Verdict) -> bool| outcomes.iter().filter(|o| wanted(&o.verdict)).count();
    let failures = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"interop\" tests=\"{}\" failures=\"{failures}\" \
         skipped=\"{skipped}\">\n",
        outcomes.len()
    );
    for outcome in outcomes {
        let _ = write!(
            text,
            "  <testcase classname=\"interop {}\" name=\"{}\" time=\"{:.3}\">",
            escaped(&outcome.roles),
            escaped(&outcome.name),
            outcome.time.as_secs_f64()
        );
        match &outcome.verdict {
            Verdict::Passed(note) => {
                let _ = write!(text, "<system-out>{}</system-out>", escaped(note));
            }
            Verdict::Failed(problem) => {
                let _ = write!(text, "<failure>{}</failure>", escaped(problem));
            }
            Verdict::Skipped(reason) => {
                let _ = write!(text, "<skipped message=\"{}\"/>", escaped(reason));
            }
        }
        text.push_str("</testcase>\n");
    }
    text.push_str("</testsuite>\n");
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_verdict_is_told() {
        let outcome = |name: &str, verdict| Outcome {
            name: name.into(),
            roles: "SPU / Symbolon".into(),
            verdict,
            time: Duration::from_millis(1500),
        };
        let text = document(&[
            outcome("a", Verdict::Passed("fine".into())),
            outcome("b", Verdict::Failed("x < \"y\" & \u{1}".into())),
            outcome("c", Verdict::Skipped("no wheel".into())),
        ]);
        assert!(text.contains("tests=\"3\" failures=\"1\" skipped=\"1\""), "{text}");
        assert!(text.contains("<failure>x &lt; &quot;y&quot; &amp; \\u{1}</failure>"), "{text}");
        assert!(text.contains("time=\"1.500\""), "{text}");
    }
}
