//! Two or three SPU parties with our dealer between them.
//!
//! What SPU 0.9.5 asks the dealer for, as counted in the same programs: Dot, Mul and And wherever it multiplies or
//! compares; Eqz in the equality; RandBit and Square in the logistic function; Perm and RandBit in the sort; MulPriv in
//! precise truncation between two parties; Trunc or `TruncPr` in every truncation among three.

use serde_json::{Value, json};

use super::{SPU, certificates, dealer};
use crate::interop::scenario::{Actor, Place, Program, Scenario};

#[derive(Clone, Copy)]
pub(in crate::interop) struct Case {
    pub(in crate::interop) parties: usize,
    pub(in crate::interop) bits: u32,
    pub(in crate::interop) fraction_bits: u32,
    pub(in crate::interop) adjust_rank: usize,
    /// Truncation with the dealer's pairs, not locally.
    pub(in crate::interop) precise: bool,
    /// SPU's own way of packing openings.
    pub(in crate::interop) vectorized: bool,
    pub(in crate::interop) programs: &'static [&'static str],
    /// Largest distance from numpy's result.
    pub(in crate::interop) within: f64,
    /// Whether the dealer is reached over HTTPS.
    pub(in crate::interop) tls: bool,
}

pub(in crate::interop) const ARITHMETIC: &[&str] = &["matrix-product", "product", "square"];
pub(in crate::interop) const BITS: &[&str] = &["comparison", "equality", "maximum-of-rows"];
pub(in crate::interop) const MORE: &[&str] = &["sorted", "logistic"];
/// Products with one matrix whose mask SPU keeps, also transposed.
pub(in crate::interop) const CACHED: &[&str] = &["kept-mask", "kept-mask-transposed"];

/// Certificates of a scenario with TLS: the parties, and the dealer.
const MEMBERS: usize = 4;

impl Case {
    pub(in crate::interop) const PLAIN: Self = Self {
        parties: 2,
        bits: 64,
        fraction_bits: 18,
        adjust_rank: 0,
        precise: false,
        vectorized: false,
        programs: ARITHMETIC,
        within: 2e-4,
        tls: false,
    };
    pub(in crate::interop) const WIDE: Self =
        Self { bits: 128, fraction_bits: 26, within: 1e-6, ..Self::PLAIN };
    pub(in crate::interop) const NARROW: Self =
        Self { bits: 32, fraction_bits: 8, precise: true, within: 0.1, ..Self::PLAIN };
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let (plain, wide, narrow) = (Case::PLAIN, Case::WIDE, Case::NARROW);
    [
        ("arithmetic/ring-64", plain),
        ("arithmetic/ring-64/adjust-1", Case { adjust_rank: 1, ..plain }),
        ("arithmetic/ring-128", wide),
        ("arithmetic/ring-32-precise", narrow),
        ("arithmetic/ring-64-precise", Case { precise: true, ..plain }),
        ("arithmetic/ring-64-vectorized", Case { vectorized: true, ..plain }),
        ("arithmetic/ring-64/https", Case { tls: true, ..plain }),
        ("comparison/ring-64", Case { programs: BITS, ..plain }),
        ("comparison/ring-64-precise", Case { programs: BITS, precise: true, ..plain }),
        ("comparison/ring-128", Case { programs: BITS, ..wide }),
        ("comparison/ring-32-precise", Case { programs: BITS, ..narrow }),
        // A logistic function is compiled to exponentials: an approximation, coarser than the encoding.
        ("sort-and-logistic/ring-64", Case { programs: MORE, within: 0.02, ..plain }),
        ("three-parties/ring-64", Case { parties: 3, ..plain }),
        ("three-parties/ring-64-precise", Case { parties: 3, precise: true, ..plain }),
        ("three-parties/ring-128", Case { parties: 3, adjust_rank: 2, ..wide }),
        ("three-parties/ring-128-precise", Case { parties: 3, precise: true, ..wide }),
        ("kept-masks/ring-32-precise", Case { programs: CACHED, ..narrow }),
        ("kept-masks/ring-64", Case { programs: CACHED, ..plain }),
        ("kept-masks/ring-128", Case { programs: CACHED, ..wide }),
        ("sort-and-logistic/ring-128", Case { programs: MORE, within: 0.02, ..wide }),
    ]
    .into_iter()
    .map(|(name, case)| {
        let plain = Scenario::new(format!("dealer/{name}"), 90, move |place| cast(place, case));
        let cast = plain.cast;
        let prepared = move |place: &Place| {
            if case.tls {
                certificates::write(place, MEMBERS)?;
            }
            cast(place)
        };
        Scenario { cast: Box::new(prepared), ..plain }.checked(move |_, reports| check(case, reports))
    })
    .collect()
}

pub(in crate::interop) fn cast(place: &Place, case: Case) -> Vec<Actor> {
    let party = |rank: usize| {
        let settings = json!({
            "rank": rank,
            "parties": place.parties_told_to(rank, case.parties),
            "numbered": true,
            "timeout": 30,
            "bits": case.bits,
            "fraction_bits": case.fraction_bits,
            "dealer": place.dealer(),
            "dealer_key": super::dealer_key(place),
            "adjust_rank": case.adjust_rank,
            "precise": case.precise,
            "vectorized": case.vectorized,
            "programs": case.programs,
            "dealer_tls": case.tls.then(|| certificates::files(place, MEMBERS)),
        });
        Actor::new(SPU, Program::Python("programs.py"), settings)
    };
    let mut dealer = dealer(place);
    if case.tls
        && let Some(settings) = dealer.arguments.as_object_mut()
    {
        settings.insert("tls".into(), certificates::files(place, MEMBERS));
    }
    (0..case.parties).map(party).chain([dealer]).collect()
}

pub(in crate::interop) fn check(case: Case, reports: &[Value]) -> Result<String, String> {
    let mut largest: f64 = 0.0;
    for name in case.programs {
        for report in reports.iter().take(case.parties) {
            let apart = report.get("apart").and_then(|apart| apart.get(name)).and_then(Value::as_f64);
            let apart = apart.ok_or_else(|| format!("{name}: no result"))?;
            if apart.is_nan() || apart > case.within {
                return Err(format!("{name} is {apart:e} from numpy's result, more than {:e}", case.within));
            }
            largest = largest.max(apart);
        }
    }
    Ok(format!("{} within {largest:.1e} of numpy", case.programs.join(", ")))
}
