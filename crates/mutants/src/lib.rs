//! Mutants: parties and dealers that are wrong on purpose, in one known place each.
//!
//! The conformance suite is worth what it finds. `cargo xtask mutants` builds the program with the feature `mutants`,
//! switches one [`Mutant`] on after the other by the environment variable `SYMBOLON_MUTANT`, runs the suite against it
//! and demands that some case fails; `docs/conformance/detection.md` is the table of what was caught by which case.
//!
//! Code asks where the mistake would be made:
//!
//! ```
//! # use symbolon_mutants::Mutant;
//! # let (counter, step) = (4, 1);
//! let counter = if Mutant::P2pCounterAhead.is_on() { counter + 1 } else { counter };
//! ```
//!
//! Without the feature, which nothing turns on by default, [`Mutant::is_on`] is the constant `false`: no branch, no
//! variable that is read and no name is left in the program, which `cargo xtask mutants --check` holds a built
//! program against. This crate depends on nothing, so every other one may ask it.

/// The variable of the environment that names the mutant, in programs built with the feature `mutants`.
pub const VARIABLE: &str = "SYMBOLON_MUTANT";

/// Declares [`Mutant`] with what is known of each.
macro_rules! mutants {
    ($( $(#[doc = $about:literal])+ $variant:ident = $name:literal, )*) => {
        /// One mistake. Its documentation says what the party does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Mutant {
            $( $(#[doc = $about])+ $variant, )*
        }

        impl Mutant {
            /// All of them, by area.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];

            /// Its permanent name, `area/what`.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// What the party does, in one sentence.
            pub const fn about(self) -> &'static str {
                match self { $( Self::$variant => concat!($($about),+).trim_ascii(), )* }
            }
        }
    };
}

impl Mutant {
    /// The part of the name before the slash.
    pub fn area(self) -> &'static str {
        self.name().split('/').next().unwrap_or_default()
    }

    /// The mutant of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mutant| mutant.name() == name)
    }

    /// Whether this process is this mutant.
    #[cfg(not(feature = "mutants"))]
    #[inline(always)]
    pub const fn is_on(self) -> bool {
        false
    }

    /// Whether this process is this mutant.
    #[cfg(feature = "mutants")]
    pub fn is_on(self) -> bool {
        chosen() == Some(self)
    }
}

/// The mutant that this process is. An unknown name ends the process with exit code 70 and a list: nobody is to take
/// a sound party for a mutant that escaped.
#[cfg(feature = "mutants")]
pub fn chosen() -> Option<Mutant> {
    static CHOSEN: std::sync::OnceLock<Option<Mutant>> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var_os(VARIABLE)?;
        let mutant = name.to_str().and_then(Mutant::named);
        if mutant.is_none() {
            let names: Vec<_> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
            eprintln!("{VARIABLE}={name:?} is no mutant; there are\n{}", names.join("\n"));
            std::process::exit(70);
        }
        mutant
    })
}

mutants! {
    // link: keys and counters
    /// The counters of what it sends to a peer begin one too high.
    P2pCounterAhead = "link/p2p-counter-ahead",
    /// What it sends to a peer and what it receives from it are counted together.
    CounterOfBothDirections = "link/counter-of-both-directions",
    /// The counter of collectives is not advanced.
    CollectiveCounterStands = "link/collective-counter-stands",
    /// Keys name the receiver before the sender.
    KeyRanksSwapped = "link/key-ranks-swapped",
    /// The first sub-channel is number 1.
    SubChannelFromOne = "link/sub-channel-from-one",
    /// A key outside the grammar is answered with code 0.
    MalformedKeyAccepted = "link/malformed-key-accepted",
    /// A point-to-point key of another sender or receiver is accepted.
    KeyOfOthersAccepted = "link/key-of-others-accepted",
    // link: presence
    /// The presence of another rank than the sender's is accepted.
    PresenceOfOthersAccepted = "link/presence-of-others-accepted",
    /// It goes on before the peer has called.
    PresenceNotAwaited = "link/presence-not-awaited",
    /// The presence key has no sequence suffix.
    PresenceSuffixMissing = "link/presence-suffix-missing",
    // link: messages
    /// A message that comes before it is waited for is dropped.
    EarlyMessageDropped = "link/early-message-dropped",
    /// A message without bytes is dropped.
    EmptyMessageDropped = "link/empty-message-dropped",
    /// A repeated push of a numbered message is refused.
    RetryRefused = "link/retry-refused",
    /// A push of a rank outside the link counts as the peer's.
    UnknownSenderAccepted = "link/unknown-sender-accepted",
    /// A push of a rank outside the link is refused with INVALID_REQUEST.
    UnknownSenderCode = "link/unknown-sender-code",
    /// CHUNKED without chunk_info is read as MONO.
    ChunkedWithoutInfoAccepted = "link/chunked-without-info-accepted",
    // link: chunks
    /// Chunks are joined in the order of arrival.
    ChunkOffsetIgnored = "link/chunk-offset-ignored",
    /// A message is complete when its last byte is there, whatever is missing before.
    ChunkGapAccepted = "link/chunk-gap-accepted",
    /// Chunks that disagree about the same bytes are accepted.
    ChunkContradictionAccepted = "link/chunk-contradiction-accepted",
    /// A chunk may announce another length of its message than the first.
    ChunkLengthNotCompared = "link/chunk-length-not-compared",
    /// A chunk may reach beyond the announced end.
    ChunkBeyondEndAccepted = "link/chunk-beyond-end-accepted",
    /// The largest length of a message is not enforced.
    MessageLimitIgnored = "link/message-limit-ignored",
    // link: sequence numbers, acknowledgements, the end
    /// Every message has the sequence number 1.
    SequenceStands = "link/sequence-stands",
    /// Nothing is acknowledged.
    AckMissing = "link/ack-missing",
    /// It ends without the peer's acknowledgements.
    AckNotAwaited = "link/ack-not-awaited",
    /// It ends without FIN.
    FinMissing = "link/fin-missing",
    /// FIN counts one message more than was sent.
    FinCountsOneMore = "link/fin-counts-one-more",
    /// It ends without the peer's FIN.
    FinNotAwaited = "link/fin-not-awaited",
    // handshake: both algorithms
    /// Rank 0 takes a request of any version.
    VersionIgnored = "handshake/version-ignored",
    /// A request of another version is refused with INVALID_REQUEST.
    VersionCode = "handshake/version-code",
    /// Rank 0 does not look whether its algorithm is offered.
    AlgorithmNotChecked = "handshake/algorithm-not-checked",
    /// Parallel lists may differ in length.
    UnequalListsAccepted = "handshake/unequal-lists-accepted",
    /// The type name in google.protobuf.Any is not looked at.
    AnyTypeIgnored = "handshake/any-type-ignored",
    /// A request may claim another rank than its sender's.
    RequesterNotChecked = "handshake/requester-not-checked",
    /// A list of offers is read up to the first unknown value.
    UnknownValueEndsList = "handshake/unknown-value-ends-list",
    /// Rank 0 decides for its own first item, whatever the others offer.
    OwnFirstChosen = "handshake/own-first-chosen",
    /// A response may choose what was not offered.
    NotOfferedAccepted = "handshake/not-offered-accepted",
    /// A response may name another algorithm.
    ResponseAlgorithmNotChecked = "handshake/response-algorithm-not-checked",
    /// Rank 0 refuses without a word.
    RefusalNotSent = "handshake/refusal-not-sent",
    /// A refusal has code 0 in its header.
    RefusalWithoutCode = "handshake/refusal-without-code",
    // handshake: SS-LR
    /// Rank 0 takes plain gradient descent as offered.
    OptimizerNotChecked = "handshake-lr/optimizer-not-checked",
    /// The L2 penalty is used although not every party offers one.
    PenaltyOfOneKept = "handshake-lr/penalty-of-one-kept",
    /// A truncation mode counts for protocols that it is not offered for.
    CompatibleProtocolsIgnored = "handshake-lr/compatible-protocols-ignored",
    /// Rank 0 does not compare the numbers of rows.
    SampleSizeNotCompared = "handshake-lr/sample-size-not-compared",
    /// Rank 0 takes a party without columns.
    NoFeaturesAccepted = "handshake-lr/no-features-accepted",
    /// Two parties may have the label; the second one counts.
    SecondLabelAccepted = "handshake-lr/second-label-accepted",
    /// Without a label at any party rank 0 has it.
    MissingLabelAccepted = "handshake-lr/missing-label-accepted",
    /// Rank 1 takes a plan with another number of rows.
    PlanSamplesNotCompared = "handshake-lr/plan-samples-not-compared",
    /// Rank 1 takes a plan with another number of its columns.
    PlanFeaturesNotCompared = "handshake-lr/plan-features-not-compared",
    /// Rank 1 takes a plan with the label elsewhere.
    PlanLabelNotCompared = "handshake-lr/plan-label-not-compared",
    /// Rank 1 takes a penalty that it did not offer.
    PlanPenaltyNotOffered = "handshake-lr/plan-penalty-not-offered",
    // handshake: ECDH-PSI
    /// Curve, hash and map may come from different offers.
    SuitePartsMixed = "handshake-psi/suite-parts-mixed",
    /// Rank 0 does not look whether its point format is offered.
    PointFormatNotChecked = "handshake-psi/point-format-not-checked",
    /// Rank 0 does not compare who learns the result.
    ReceiverNotCompared = "handshake-psi/receiver-not-compared",
    /// A negative size of the set counts as 0.
    NegativeSizeAccepted = "handshake-psi/negative-size-accepted",
    /// Points are truncated although only rank 0 offers it.
    TruncationOfOne = "handshake-psi/truncation-of-one",
    /// Points are truncated to fewer bits than the sets need.
    TruncationUnsafe = "handshake-psi/truncation-unsafe",
    /// Rank 1 takes another receiver of the result.
    PlanReceiverNotCompared = "handshake-psi/plan-receiver-not-compared",
    /// Rank 1 takes a suite that it did not offer.
    PlanSuiteNotOffered = "handshake-psi/plan-suite-not-offered",
    // streams, ring, Semi2K
    /// A draw does not advance the counter of its stream.
    StreamCounterStands = "stream/counter-stands",
    /// The last block of a draw is not counted unless it is full.
    StreamPartialBlock = "stream/partial-block",
    /// Pairwise streams begin at the counter in big-endian form.
    StreamCounterBigEndian = "stream/counter-big-endian",
    /// Dealer streams are made like the pairwise ones.
    DealerStreamIsCtr = "stream/dealer-stream-is-ctr",
    /// Elements of shares travel in big-endian form.
    ElementsBigEndian = "semi2k/elements-big-endian",
    /// Numbers are rounded to the nearest fixed-point number.
    EncodingRounds = "semi2k/encoding-rounds",
    /// Products of public numbers are not rounded.
    PublicTruncationFloors = "semi2k/public-truncation-floors",
    /// The halves of 128-bit integers travel in the wrong order.
    SeedHalvesSwapped = "semi2k/seed-halves-swapped",
    /// Shares are truncated by a shift that does not keep the sign.
    TruncationLogical = "semi2k/truncation-logical",
    /// The other rank negates its share for truncation.
    TruncationSideSwapped = "semi2k/truncation-side-swapped",
    /// Rank 1 instead of rank 0 adds the product of the openings.
    ProductAtWrongRank = "semi2k/product-at-wrong-rank",
    /// The opening of the second factor travels first.
    OpeningsSwapped = "semi2k/openings-swapped",
    /// Rank 1 instead of rank 0 adds public numbers to shares.
    PublicAtWrongRank = "semi2k/public-at-wrong-rank",
    /// Rank 1 instead of rank 0 has the number in the share of a public number.
    SealAtWrongRank = "semi2k/seal-at-wrong-rank",
    /// The pairwise masks are added instead of subtracted.
    SealSign = "semi2k/seal-sign",
    /// The dealer's correction is subtracted.
    CorrectionSubtracted = "semi2k/correction-subtracted",
    /// The second factor of a triple is drawn first.
    OperandsDrawnInWrongOrder = "semi2k/operands-drawn-in-wrong-order",
    /// The dealer is asked with the counter of the first request.
    RequestCounterStale = "semi2k/request-counter-stale",
    // training
    /// The first rows instead of the last are left over.
    RowsFromTheEnd = "lr/rows-from-the-end",
    /// The penalty applies to the bias, too.
    BiasPenalised = "lr/bias-penalised",
    /// The agreed penalty is left out.
    PenaltyIgnored = "lr/penalty-ignored",
    /// In the first step the weights are made shares before the zero.
    PenaltyDrawsSwapped = "lr/penalty-draws-swapped",
    /// The error is label minus prediction.
    ErrorSign = "lr/error-sign",
    /// The columns of rank 1 come before those of rank 0.
    ColumnsOfRanksSwapped = "lr/columns-of-ranks-swapped",
    /// The step size is not divided by the batch size.
    StepSizeOfSum = "lr/step-size-of-sum",
    /// The slope of the sigmoid is 1/4.
    SigmoidSlope = "lr/sigmoid-slope",
    /// The labels are sent to the peer at the end.
    LabelsRevealed = "lr/labels-revealed",
    /// The own share of the weights is sent to the peer at the end.
    WeightsRevealed = "lr/weights-revealed",
    // dealer
    /// The second factor of a matrix product is read column by column.
    DotSecondTransposed = "dealer/dot-second-transposed",
    /// The stream of the last rank is left out.
    LastSeedLeftOut = "dealer/last-seed-left-out",
    /// Operands of And are summed instead of combined by exclusive or.
    SumsOfBits = "dealer/sums-of-bits",
    /// The shift of Trunc does not keep the sign.
    TruncLogical = "dealer/trunc-logical",
    /// The high part of TruncPr has the top bit.
    TruncPrKeepsTopBit = "dealer/trunc-pr-keeps-top-bit",
    /// All random bits are zero.
    RandBitsZero = "dealer/rand-bits-zero",
    /// All sessions are one.
    SessionsMixed = "dealer/sessions-mixed",
    /// An unknown session is answered, with seeds of zeros.
    UnknownSessionAnswered = "dealer/unknown-session-answered",
    /// A session is complete with its first rank.
    IncompleteSessionAnswered = "dealer/incomplete-session-answered",
    /// Errors of sessions have the code of errors of operations.
    SessionErrorCode = "dealer/session-error-code",
    /// A seed of any length is cut or filled up to 16 bytes.
    SeedLengthIgnored = "dealer/seed-length-ignored",
    /// Creating a session again replaces the seed.
    OtherSeedAccepted = "dealer/other-seed-accepted",
    /// The ranks of a session may name different adjust ranks.
    OtherAdjustRankAccepted = "dealer/other-adjust-rank-accepted",
    /// A version beyond the dealer's own is accepted.
    LaterVersionAccepted = "dealer/later-version-accepted",
    /// Blocks of the streams may serve twice.
    CountersReused = "dealer/counters-reused",
    /// A request repeated unchanged is refused.
    RepeatRefused = "dealer/repeat-refused",
    /// A deleted session is kept.
    SessionNotDeleted = "dealer/session-not-deleted",
    /// Sizes of buffers count elements instead of bytes.
    SizesInElements = "dealer/sizes-in-elements",
    /// Sizes of buffers need not fit the operation.
    BufferSizesNotCompared = "dealer/buffer-sizes-not-compared",
    /// The width in bits does not name a ring.
    FieldInBitsRefused = "dealer/field-in-bits-refused",
    /// Transposed factors of SPU's dialect are not transposed.
    TransposeIgnored = "dealer/transpose-ignored",
    // intersection
    /// Batches are counted from 1.
    BatchIndexFromOne = "psi/batch-index-from-one",
    /// Batches may come with any index.
    BatchIndexNotChecked = "psi/batch-index-not-checked",
    /// The separate end has the index of the batch before.
    EndIndexStands = "psi/end-index-stands",
    /// An empty own set is not announced by an end.
    EmptyOwnSetWithoutEnd = "psi/empty-own-set-without-end",
    /// Batches may name the other stream.
    BatchTypeNotChecked = "psi/batch-type-not-checked",
    /// Returned points are called "enc".
    BatchTypeWrong = "psi/batch-type-wrong",
    /// The count of a batch need not fit its points.
    CountNotChecked = "psi/count-not-checked",
    /// The peer may send another number of ids than announced.
    TotalNotChecked = "psi/total-not-checked",
    /// The peer may return another number of points than were sent.
    ReturnedNotCounted = "psi/returned-not-counted",
    /// The map of repeated ids may name points that are not there.
    RepeatMapNotChecked = "psi/repeat-map-not-checked",
    /// Points of low order are accepted on Curve25519.
    LowOrderAccepted = "psi/low-order-accepted",
    /// Points off the curve are accepted on SM2.
    OffCurveAccepted = "psi/off-curve-accepted",
    /// The format byte of compressed points is taken for even or odd whatever it is.
    FormatByteIgnored = "psi/format-byte-ignored",
    /// Own points are sent without the secret.
    IdsNotMasked = "psi/ids-not-masked",
    /// The peer's points are multiplied by the secret twice.
    SecretTwice = "psi/secret-twice",
    /// The peer's points are returned although it is not to learn the result.
    ReturnedToNonReceiver = "psi/returned-to-non-receiver",
    /// Each batch of returned points has the order reversed.
    ReturnedInReverse = "psi/returned-in-reverse",
    /// Truncated points keep the high bits of x.
    HighBitsKept = "psi/high-bits-kept",
    /// The short form of returned points has their first 12 bytes.
    FirstTwelveBytes = "psi/first-twelve-bytes",
    /// Returned points of 12 bytes are refused where nothing was agreed.
    TwelveBytesRefused = "psi/twelve-bytes-refused",
    /// Ids become points of odd instead of even y on SM2.
    OddY = "psi/odd-y",
    /// Try-and-rehash counts upwards instead.
    HashNotRepeated = "psi/hash-not-repeated",
    /// Uncompressed points of SM2 are big-endian.
    CoordinatesBigEndian = "psi/coordinates-big-endian",
    // the program
    /// A failure ends with exit code 0.
    FailureExitsZero = "program/failure-exits-zero",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_slugs_and_unique() {
        for (index, mutant) in Mutant::ALL.iter().enumerate() {
            let name = mutant.name();
            let parts: Vec<_> = name.split('/').collect();
            let is_slug = |part: &&str| {
                !part.is_empty()
                    && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            assert!(parts.len() == 2 && parts.iter().all(is_slug), "{name}");
            assert!(!Mutant::ALL.iter().take(index).any(|other| other.name() == name), "{name} twice");
            assert!(mutant.about().ends_with('.') && mutant.about().len() > 10, "{name}");
            assert_eq!(Mutant::named(name), Some(*mutant));
        }
        assert_eq!(Mutant::named("link/none"), None);
    }

    #[test]
    #[cfg(not(feature = "mutants"))]
    fn a_plain_build_is_sound() {
        assert!(!Mutant::ALL.iter().any(|mutant| mutant.is_on()));
    }
}
