//! The response of set intersection, out of a plan and back into one.

use symbolon_dialect::{Dialect, ResponseStyle};
use symbolon_mutants::Mutant;
use symbolon_wire::{
    Any, Name,
    algos::{PsiDataIoProposal, PsiDataIoResult},
    common::ResponseHeader,
    handshake::{AlgoType, HandshakeResponse, ProtocolFamily},
    pack_any,
    protocol::EccProtocolResult,
};

use super::{COORDINATE_BITS, fewest_bits};
use crate::{
    error::HandshakeError,
    offer::PsiOffer,
    plan::PsiPlan,
    response::{single, unpack, version},
    terms::{EcSuite, ResultTo, VERSION},
};

/// Wire value for points that are not shortened.
const WHOLE: i32 = -1;

impl PsiPlan {
    /// The response with which rank 0 tells the plan to the others.
    ///
    /// In the reference's style it carries a `PsiDataIoProposal` with the size of rank 0's set, and no
    /// versions (errata E13 and E18).
    ///
    /// # Errors
    /// [`HandshakeError::Config`] for a number that has no place in the message.
    pub fn to_response(&self) -> Result<HandshakeResponse, HandshakeError> {
        let config = |item| HandshakeError::Config { item, reason: "too large for the message".into() };
        let full = self.dialect.response_style == ResponseStyle::Full;
        let result_to_rank = self.result_to.code().ok_or_else(|| config("result rank"))?;
        let family = EccProtocolResult {
            version: if full { VERSION } else { 0 },
            ec_suit: Some(self.suite.to_wire()),
            point_octet_format: self.suite.format.into(),
            bit_length_after_truncated: match self.truncate_bits {
                Some(bits) => i32::try_from(bits).map_err(|_| config("truncation"))?,
                None => WHOLE,
            },
        };
        let data = if full {
            pack_any(&PsiDataIoResult { version: VERSION, result_to_rank })
        } else {
            let items = self.items.first().copied().flatten().unwrap_or(0);
            let item_num = i64::try_from(items).map_err(|_| config("items"))?;
            pack_any(&PsiDataIoProposal { supported_versions: Vec::new(), item_num, result_to_rank })
        };
        Ok(HandshakeResponse {
            header: Some(ResponseHeader::ok()),
            algo: AlgoType::EcdhPsi.into(),
            protocol_families: vec![ProtocolFamily::Ecc.into()],
            protocol_family_params: vec![pack_any(&family)],
            io_param: Some(data),
            ..HandshakeResponse::default()
        })
    }

    /// Reads rank 0's response at another rank and holds it against what this party offered.
    ///
    /// # Errors
    /// [`HandshakeError::PeerRefused`] with rank 0's code and text, [`HandshakeError::PeerIncompatible`] for
    /// an item that was not offered, [`HandshakeError::PeerMisbehaved`] for a message that makes no sense.
    pub fn from_response(
        response: &HandshakeResponse,
        own: &PsiOffer,
        rank: usize,
        world_size: usize,
        dialect: &Dialect,
    ) -> Result<Self, HandshakeError> {
        ResponseHeader::check(response.header.as_ref()).map_err(HandshakeError::PeerRefused)?;
        if response.algo != i32::from(AlgoType::EcdhPsi) && !Mutant::ResponseAlgorithmNotChecked.is_on() {
            return Err(incompatible("algorithm", response.algo));
        }
        if response.ops.len() != response.op_params.len() {
            return Err(misbehaved("op_params", "ops and op_params differ in length".into()));
        }
        let family: EccProtocolResult = single(
            "protocol_family_params",
            &response.protocol_families,
            &response.protocol_family_params,
            ProtocolFamily::Ecc.into(),
        )?;
        version("EccProtocolResult.version", family.version)?;
        let suit = family.ec_suit.unwrap_or_default();
        let suite = EcSuite::from_wire(suit, family.point_octet_format)
            .filter(|suite| own.suites.contains(suite) || Mutant::PlanSuiteNotOffered.is_on())
            .ok_or_else(|| {
                let (curve, hash, map) = (suit.curve, suit.hash, suit.hash2curve_strategy);
                let format = family.point_octet_format;
                incompatible("suite", format!("curve {curve}, hash {hash}, map {map}, point format {format}"))
            })?;

        let (rank_0_items, result_to) = data(response.io_param.as_ref())?;
        if let ResultTo::Rank(receiver) = result_to
            && receiver >= world_size
        {
            return Err(misbehaved("result_to_rank", format!("{receiver} of {world_size} parties")));
        }
        if result_to != own.result_to && !Mutant::PlanReceiverNotCompared.is_on() {
            return Err(incompatible("receiver of the result", result_to));
        }
        let mut items = vec![None; world_size];
        if let Some(first) = items.first_mut() {
            *first = rank_0_items;
        }
        if let Some(own_items) = items.get_mut(rank) {
            *own_items = Some(own.items);
        }
        Ok(Self {
            dialect: dialect.clone(),
            world_size,
            suite,
            truncate_bits: truncation(family.bit_length_after_truncated, own, rank_0_items)?,
            result_to,
            items,
        })
    }
}

/// Size of rank 0's set, if told, and who learns the result: from either message (erratum E13).
fn data(any: Option<&Any>) -> Result<(Option<u64>, ResultTo), HandshakeError> {
    let proposal =
        any.is_some_and(|any| any.type_url.ends_with(&format!("/{}", PsiDataIoProposal::full_name())));
    let (items, receiver) = if proposal {
        let message: PsiDataIoProposal = unpack("io_param", any)?;
        let items = u64::try_from(message.item_num)
            .map_err(|_| misbehaved("item_num", format!("{} is negative", message.item_num)))?;
        (Some(items), message.result_to_rank)
    } else {
        let message: PsiDataIoResult = unpack("io_param", any)?;
        version("PsiDataIoResult.version", message.version)?;
        (None, message.result_to_rank)
    };
    let receiver = ResultTo::from_code(receiver)
        .ok_or_else(|| misbehaved("result_to_rank", format!("{receiver} is no rank and not -1")))?;
    Ok((items, receiver))
}

/// Bits kept of a doubly masked point; -1, and 0 as "not said", keep all. The size of rank 0's set may not be known yet:
/// the exchange of points holds the bits against both sizes once more.
fn truncation(bits: i32, own: &PsiOffer, rank_0_items: Option<u64>) -> Result<Option<u32>, HandshakeError> {
    if bits == WHOLE || bits == 0 {
        return Ok(None);
    }
    if own.truncate_bits.is_none() {
        return Err(incompatible("bit_length_after_truncated", bits));
    }
    let fewest = |level| fewest_bits(own.items, rank_0_items.unwrap_or(1), level);
    let (everybody, here) = (fewest(*PsiOffer::STATISTICAL_BITS.start()), fewest(own.statistical_bits));
    match u32::try_from(bits) {
        Ok(bits) if (here..=COORDINATE_BITS).contains(&bits) => Ok(Some(bits)),
        // Enough by the document, for a rank 0 that cannot know the level of this party.
        Ok(bits) if (everybody..here).contains(&bits) => Err(HandshakeError::PolicyRefused {
            item: "bit_length_after_truncated",
            found: bits.to_string(),
            allowed: format!("at least {here}, at the statistical level of {}", own.statistical_bits),
        }),
        _ => {
            Err(misbehaved("bit_length_after_truncated", format!("{bits} bits; {everybody} to 256 are safe")))
        }
    }
}

fn incompatible(item: &'static str, found: impl ToString) -> HandshakeError {
    HandshakeError::PeerIncompatible { peer: 0, item, found: found.to_string() }
}

fn misbehaved(item: &'static str, reason: String) -> HandshakeError {
    HandshakeError::PeerMisbehaved { peer: 0, item, reason }
}
