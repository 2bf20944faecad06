//! What the `{name}`s of a testee's command stand for.

use std::collections::BTreeMap;

/// Values by name. Which there are depends on what is run:
///
/// | always | |
/// | --- | --- |
/// | `program` | the description's `program` |
/// | `case`, `dir` | the case's id; a folder of its own for this run of it |
/// | `suite_program` | the suite's own program |
/// | `params` | path of a JSON file with all of these values, as an object of texts |
/// | **a party** | |
/// | `rank`, `peer_rank` | the testee's rank and the suite's |
/// | `parties` | both addresses by rank, separated by a comma |
/// | `listen`, `peer` | the testee's own address and the suite's |
/// | `table` | its CSV: an `id` column (intersection), or features and then `label` (training) |
/// | `output` | where its result goes |
/// | **link** | |
/// | `script` | the operations, as the module `suite::collectives` has them; `parties` has all addresses |
/// | **intersection** | |
/// | `curve`, `hash`, `map`, `format` | the suite, as the protos name it, lower case, without prefix |
/// | `suite` | the testee's own name of it |
/// | `result_to_rank` | -1, 0 or 1; `result_to` has `all` for -1 |
/// | `truncate_bits` | bits of a doubly masked point to offer, or empty |
/// | **training** | |
/// | `table_with_ids` | the same table with an `id` column before the others |
/// | `has_label` | `true` or `false` |
/// | `epochs`, `batch_size`, `learning_rate`, `l2` | numbers |
/// | `field`, `fraction_bits` | width of the ring and fraction bits |
/// | `truncation` | `probabilistic` or `precise` |
/// | `dealer`, `session`, `adjust_rank` | the dealer's address, the session's name, who asks it |
/// | `dealer_form` | the testee's own name of the form of the dealer's service |
/// | `dealer_key` | PEM file of a dealer's public key, to seal seeds to; empty for the interconnection service |
/// | `dealer_key_base64` | that file's content in base64, as the reference takes it |
/// | `dealer_stream` | `blocks-little-endian` or `ctr-big-endian` (erratum E16) |
/// | **dealer** | |
/// | `listen` | where it has to listen |
/// | `spu_key`, `spu_public_key` | PEM files of an SM2 key pair, for the dialect of SPU |
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// These values and one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.insert(name.to_owned(), value.to_string());
        self
    }

    /// All of them, as a JSON object of texts.
    pub fn to_json(&self) -> String {
        let map: serde_json::Map<_, _> =
            self.0.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        format!("{:#}\n", serde_json::Value::Object(map))
    }

    /// `text` with every `{name}` replaced.
    ///
    /// # Errors
    /// A name that is not there, or a brace that is not closed.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| format!("{text:?}: a brace is not closed"))?;
            filled.push_str(before);
            filled.push_str(self.get(name).map_err(|problem| format!("{text:?}: {problem}"))?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Whether the value is neither empty nor `false`.
    ///
    /// # Errors
    /// A name that is not there.
    pub fn is_set(&self, name: &str) -> Result<bool, String> {
        self.get(name).map(|value| !value.is_empty() && value != "false")
    }

    fn get(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).map(String::as_str).ok_or_else(|| {
            let known: Vec<_> = self.0.keys().map(String::as_str).collect();
            format!("there is no value {{{name}}} here; there are {}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_or_named() {
        let values = Values::default().with("rank", 1).with("label", "false");
        assert_eq!(values.fill("--rank={rank}/{rank}").unwrap(), "--rank=1/1");
        assert!(values.fill("{rnak}").unwrap_err().contains("rnak"));
        assert!(values.fill("{rank").is_err());
        assert_eq!((values.is_set("rank"), values.is_set("label")), (Ok(true), Ok(false)));
        assert!(values.is_set("none").is_err());
    }
}
