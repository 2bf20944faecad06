//! The response of logistic regression, out of a plan and back into one.

use symbolon_dialect::{DealerDialect, Dialect, ResponseStyle};
use symbolon_mutants::Mutant;
use symbolon_prg::Cipher;
use symbolon_ring::Field;
use symbolon_wire::{
    algos::{LrDataIoResult, LrHyperparamsResult, SgdOptimizer},
    common::ResponseHeader,
    handshake::{AlgoType, HandshakeResponse, OpType, ProtocolFamily},
    op::SigmoidParamsResult,
    pack_any,
    protocol::{PrgConfigResult, SsProtocolResult, TripleConfigResult, TruncationModeResult},
};

use crate::{
    error::HandshakeError,
    offer::LrOffer,
    plan::{DealerPlan, LrPlan, is_session_id},
    response::{offered, single, unpack, version},
    terms::{Coded, DISCARD, Optimizer, Protocol, Purpose, RAW, SGD, SigmoidMode, Truncation, VERSION, fits},
};

/// Characters of the longest dealer host.
const HOST_LONGEST: usize = 1024;

impl LrPlan {
    /// The response with which rank 0 tells the plan to the others.
    ///
    /// # Errors
    /// [`HandshakeError::Config`] for an item that has no number in the protocol.
    pub fn to_response(&self) -> Result<HandshakeResponse, HandshakeError> {
        let full = self.dialect.response_style == ResponseStyle::Full;
        let version = if full { VERSION } else { 0 };
        let number = |item: &'static str, code: Option<i32>| {
            code.ok_or(HandshakeError::Config { item, reason: "it has no number in the protocol".into() })
        };
        let long = |item: &'static str, count: u64| {
            i64::try_from(count).map_err(|error| HandshakeError::Config { item, reason: error.to_string() })
        };
        let int = |item: &'static str, count: u64| number(item, i32::try_from(count).ok());
        let rank = |item: &'static str, rank: usize| number(item, i32::try_from(rank).ok());

        let optimizer = match self.optimizer {
            Optimizer::Sgd { learning_rate } => pack_any(&SgdOptimizer { learning_rate }),
        };
        let algorithm = LrHyperparamsResult {
            version: VERSION,
            optimizer_name: SGD.into(),
            optimizer_param: Some(optimizer),
            num_epoch: long("epochs", self.epochs)?,
            batch_size: long("batch size", self.batch_size)?,
            last_batch_policy: DISCARD.into(),
            l0_norm: 0.0,
            l1_norm: 0.0,
            l2_norm: self.l2,
        };
        let operator =
            SigmoidParamsResult { version, sigmoid_mode: number("sigmoid mode", self.sigmoid.code())? };
        let triple = TripleConfigResult {
            version: if full { VERSION } else { self.dealer.version },
            server_host: self.dealer.host.clone(),
            sever_version: if full { self.dealer.version } else { 0 },
            session_id: if full { self.dealer.session_id.clone() } else { String::new() },
            adjust_rank: rank("adjust rank", self.dealer.adjust_rank)?,
        };
        let prg = PrgConfigResult { version, crypto_type: number("generator", self.prg.code())? };
        let family = SsProtocolResult {
            version,
            protocol: number("protocol", self.protocol.code())?,
            field_type: number("field", self.field.code())?,
            trunc_mode: Some(TruncationModeResult {
                version: VERSION,
                method: number("truncation mode", self.truncation.code())?,
            }),
            prg_config: full.then_some(prg),
            fxp_fraction_bits: int("fraction bits", self.fraction_bits.into())?,
            shard_serialize_format: RAW.into(),
            triple_config: Some(triple),
        };
        let data = LrDataIoResult {
            version: VERSION,
            sample_size: long("samples", self.samples)?,
            feature_nums: self
                .features
                .iter()
                .map(|&columns| int("features", columns.into()))
                .collect::<Result<_, _>>()?,
            label_rank: rank("label rank", self.label_rank)?,
        };
        Ok(HandshakeResponse {
            header: Some(ResponseHeader::ok()),
            algo: AlgoType::SsLr.into(),
            algo_param: Some(pack_any(&algorithm)),
            ops: vec![OpType::Sigmoid.into()],
            op_params: vec![pack_any(&operator)],
            protocol_families: vec![ProtocolFamily::Ss.into()],
            protocol_family_params: vec![pack_any(&family)],
            io_param: Some(pack_any(&data)),
        })
    }

    /// Reads rank 0's response at another rank and holds it against what this party offered.
    ///
    /// Fields that the reference leaves unset are read as erratum E14 to E18 say.
    ///
    /// # Errors
    /// [`HandshakeError::PeerRefused`] with rank 0's code and text, [`HandshakeError::PeerIncompatible`] for
    /// an item that was not offered, [`HandshakeError::PeerMisbehaved`] for a message that makes no sense.
    pub fn from_response(
        response: &HandshakeResponse,
        own: &LrOffer,
        rank: usize,
        world_size: usize,
        dialect: &Dialect,
    ) -> Result<Self, HandshakeError> {
        ResponseHeader::check(response.header.as_ref()).map_err(HandshakeError::PeerRefused)?;
        if response.algo != i32::from(AlgoType::SsLr) && !Mutant::ResponseAlgorithmNotChecked.is_on() {
            return Err(incompatible("algorithm", response.algo));
        }
        let algorithm: LrHyperparamsResult = unpack("algo_param", response.algo_param.as_ref())?;
        let operator: SigmoidParamsResult =
            single("op_params", &response.ops, &response.op_params, OpType::Sigmoid.into())?;
        let family: SsProtocolResult = single(
            "protocol_family_params",
            &response.protocol_families,
            &response.protocol_family_params,
            ProtocolFamily::Ss.into(),
        )?;
        let data: LrDataIoResult = unpack("io_param", response.io_param.as_ref())?;
        version("LrHyperparamsResult.version", algorithm.version)?;
        version("SigmoidParamsResult.version", operator.version)?;
        version("SSProtocolResult.version", family.version)?;
        version("LrDataIoResult.version", data.version)?;

        let field: Field = offered("field", family.field_type, &own.fields)?;
        let fraction_bits = natural("fraction bits", family.fxp_fraction_bits.into())?;
        fits(field, fraction_bits).map_err(|error| misbehaved("fraction bits", error.to_string()))?;
        if family.shard_serialize_format != i32::from(RAW) {
            return Err(incompatible("serialisation of shares", family.shard_serialize_format));
        }
        let truncation = family.trunc_mode.unwrap_or_default();
        version("TruncationModeResult.version", truncation.version)?;
        let prg = match family.prg_config {
            Some(config) => {
                version("PrgConfigResult.version", config.version)?;
                offered("generator", config.crypto_type, &own.ciphers)?
            }
            None if own.ciphers.contains(&Cipher::Aes128) => Cipher::Aes128,
            None => return Err(incompatible("generator", "unset (read as AES-128-CTR)")),
        };
        let (features, label_rank) = tables(&data, own, rank, world_size)?;
        let (optimizer, l2, epochs, batch_size) = hyperparameters(&algorithm, own)?;
        Ok(Self {
            dialect: dialect.clone(),
            world_size,
            purpose: own.purpose,
            optimizer,
            epochs,
            batch_size,
            l2,
            sigmoid: offered::<SigmoidMode>("sigmoid mode", operator.sigmoid_mode, &own.sigmoids)?,
            protocol: offered::<Protocol>("secret-sharing protocol", family.protocol, &own.protocols)?,
            field,
            truncation: offered::<Truncation>("truncation mode", truncation.method, &own.truncations)?,
            prg,
            fraction_bits,
            dealer: dealer(family.triple_config, own, world_size, dialect)?,
            samples: own.samples,
            features,
            label_rank,
        })
    }
}

/// Optimizer, penalty, epochs and batch size.
fn hyperparameters(
    algorithm: &LrHyperparamsResult,
    own: &LrOffer,
) -> Result<(Optimizer, f64, u64, u64), HandshakeError> {
    if algorithm.optimizer_name != i32::from(SGD) {
        return Err(incompatible("optimizer", algorithm.optimizer_name));
    }
    let SgdOptimizer { learning_rate } = unpack("optimizer_param", algorithm.optimizer_param.as_ref())?;
    if !(learning_rate.is_finite() && learning_rate > 0.0) {
        return Err(misbehaved("learning rate", format!("{learning_rate} is not a positive number")));
    }
    if algorithm.last_batch_policy != i32::from(DISCARD) {
        return Err(incompatible("policy for the last batch", algorithm.last_batch_policy));
    }
    let l2 = algorithm.l2_norm;
    if !(l2.is_finite() && l2 >= 0.0) {
        return Err(misbehaved("L2 penalty", format!("{l2} is not a number of at least 0")));
    }
    for (item, norm, offers) in [
        ("L0 penalty", algorithm.l0_norm, false),
        ("L1 penalty", algorithm.l1_norm, false),
        ("L2 penalty", l2, own.l2 > 0.0),
    ] {
        if norm != 0.0 && !offers && !Mutant::PlanPenaltyNotOffered.is_on() {
            return Err(incompatible(item, norm));
        }
    }
    if l2 == 0.0 && own.l2 > 0.0 {
        tracing::warn!("rank 0 uses no L2 penalty, though this party offers one");
    }
    let epochs: u64 = natural("epochs", algorithm.num_epoch)?;
    if (epochs == 0) != (own.purpose == Purpose::Predict) {
        return Err(incompatible("epochs", epochs));
    }
    let batch_size: u64 = natural("batch size", algorithm.batch_size)?;
    if batch_size == 0 || (own.purpose == Purpose::Train && batch_size > own.samples) {
        return Err(misbehaved("batch size", format!("{batch_size} of {} rows", own.samples)));
    }
    Ok((Optimizer::Sgd { learning_rate }, l2, epochs, batch_size))
}

/// Columns of each rank, and the rank with the labels.
fn tables(
    data: &LrDataIoResult,
    own: &LrOffer,
    rank: usize,
    world_size: usize,
) -> Result<(Vec<u32>, usize), HandshakeError> {
    if u64::try_from(data.sample_size) != Ok(own.samples) && !Mutant::PlanSamplesNotCompared.is_on() {
        let reason = format!("the plan has {} rows, this party has {}", data.sample_size, own.samples);
        return Err(misbehaved("sample_size", reason));
    }
    let columns = |&count: &i32| u32::try_from(count).ok().filter(|&count| count > 0);
    let features: Vec<u32> = data.feature_nums.iter().filter_map(columns).collect();
    if features.len() != data.feature_nums.len() || features.len() != world_size {
        let reason = format!("{world_size} positive numbers are needed, there are {}", features.len());
        return Err(misbehaved("feature_nums", reason));
    }
    if features.get(rank) != Some(&own.features) && !Mutant::PlanFeaturesNotCompared.is_on() {
        let reason = format!("this party has {} columns, the plan says otherwise", own.features);
        return Err(misbehaved("feature_nums", reason));
    }
    let label_rank = usize::try_from(data.label_rank).ok().filter(|&label| label < world_size);
    let Some(label_rank) = label_rank else {
        return Err(misbehaved("label_rank", format!("{} of {world_size} parties", data.label_rank)));
    };
    if own.has_label != (label_rank == rank) && !Mutant::PlanLabelNotCompared.is_on() {
        let reason = format!("it is {label_rank}; has_label of rank {rank} is {}", own.has_label);
        return Err(misbehaved("label_rank", reason));
    }
    Ok((features, label_rank))
}

/// The dealer: its version from either field (erratum E17), its session where the dialect has sessions.
fn dealer(
    triple: Option<TripleConfigResult>,
    own: &LrOffer,
    world_size: usize,
    dialect: &Dialect,
) -> Result<DealerPlan, HandshakeError> {
    let triple = triple.ok_or_else(|| misbehaved("triple_config", "it is missing".into()))?;
    let version = if triple.sever_version == 0 { triple.version } else { triple.sever_version };
    if !own.dealer_versions().contains(&version) {
        return Err(incompatible("version of the dealer's service", version));
    }
    if triple.server_host.len() > HOST_LONGEST || triple.server_host.chars().any(char::is_control) {
        return Err(misbehaved("server_host", "it is too long or has control characters".into()));
    }
    let adjust_rank = usize::try_from(triple.adjust_rank).ok().filter(|&rank| rank < world_size);
    let Some(adjust_rank) = adjust_rank else {
        return Err(misbehaved("adjust_rank", format!("{} of {world_size} parties", triple.adjust_rank)));
    };
    let session_id = match (dialect.dealer, dialect.response_style) {
        (DealerDialect::Spu | DealerDialect::InsecureRank0LearnsAllMasks, _) => String::new(),
        // A response in the reference's style cannot carry it: it is configured at each party.
        (DealerDialect::Interconnection, ResponseStyle::Reference) if triple.session_id.is_empty() => {
            own.dealer.session_id.clone()
        }
        (DealerDialect::Interconnection, _) => triple.session_id,
    };
    if dialect.dealer == DealerDialect::Interconnection && !is_session_id(&session_id) {
        let reason = "the dealer needs one: 1 to 64 of A-Z, a-z, 0-9, _ and -".into();
        return Err(misbehaved("session_id", reason));
    }
    Ok(DealerPlan { host: triple.server_host, session_id, adjust_rank, version })
}

fn incompatible(item: &'static str, found: impl ToString) -> HandshakeError {
    HandshakeError::PeerIncompatible { peer: 0, item, found: found.to_string() }
}

fn misbehaved(item: &'static str, reason: String) -> HandshakeError {
    HandshakeError::PeerMisbehaved { peer: 0, item, reason }
}

/// A number that is not negative.
fn natural<T: TryFrom<i64>>(item: &'static str, number: i64) -> Result<T, HandshakeError> {
    T::try_from(number).map_err(|_| misbehaved(item, format!("{number} is out of range")))
}
