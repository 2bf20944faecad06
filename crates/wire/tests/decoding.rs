//! The decoder takes whatever a peer sends: no bytes panic, unknown fields and values are tolerated, and
//! large fields are not copied.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use symbolon_wire::{
    Any, Message, Name, algos, decode, google, handshake, link, op, pack_any, protocol, runtime, service,
    unpack_any,
};

/// Calls a macro with every message of the crate.
macro_rules! every_message {
    ($call:ident) => {
        $call!(
            google::protobuf::Any,
            symbolon_wire::common::ResponseHeader,
            algos::LrHyperparamsProposal,
            algos::LrDataIoProposal,
            algos::LrHyperparamsResult,
            algos::LrDataIoResult,
            algos::SgdOptimizer,
            algos::MomentumOptimizer,
            algos::AdagradOptimizer,
            algos::AdadeltaOptimizer,
            algos::RmSpropOptimizer,
            algos::AdamOptimizer,
            algos::AdamaxOptimizer,
            algos::NadamOptimizer,
            algos::PsiDataIoProposal,
            algos::PsiDataIoResult,
            algos::SgbParamsProposal,
            algos::SgbParamsResult,
            handshake::HandshakeVersionCheckHelper,
            handshake::HandshakeRequest,
            handshake::HandshakeResponse,
            op::SigmoidParamsProposal,
            op::SigmoidParamsResult,
            protocol::EcSuit,
            protocol::EccProtocolProposal,
            protocol::EccProtocolResult,
            protocol::PheProtocolProposal,
            protocol::PaillierParamsProposal,
            protocol::EcElGamalProposal,
            protocol::PheProtocolResult,
            protocol::PaillierParamsResult,
            protocol::EcElGamalResult,
            protocol::SsProtocolProposal,
            protocol::TruncationModeProposal,
            protocol::TripleConfigProposal,
            protocol::PrgConfigProposal,
            protocol::SsProtocolResult,
            protocol::TruncationModeResult,
            protocol::TripleConfigResult,
            protocol::PrgConfigResult,
            link::ChunkInfo,
            link::PushRequest,
            link::PushResponse,
            runtime::DataExchangeProtocol,
            runtime::Scalar,
            runtime::FScalarList,
            runtime::VScalarList,
            runtime::FNdArray,
            runtime::VNdArray,
            runtime::FNdArrayList,
            runtime::VNdArrayList,
            runtime::EcdhPsiCipherBatch,
            runtime::Bigint,
            runtime::PaillierPublicKey,
            runtime::PaillierCiphertext,
            runtime::EcElGamalPublicKey,
            runtime::EcElGamalCiphertext,
            service::CreateSessionRequest,
            service::CreateSessionResponse,
            service::DeleteSessionRequest,
            service::DeleteSessionResponse,
            service::PrgBufferMeta,
            service::AdjustMulRequest,
            service::AdjusDotRequest,
            service::AdjustAndRequest,
            service::AdjustTruncRequest,
            service::AdjustTruncPrRequest,
            service::AdjustRandBitRequest,
            service::AdjustResponse
        )
    };
}

/// Decodes; what decodes must encode and decode to the same bytes again, and format.
fn exercise<M: Message + Name + Default + std::fmt::Debug>(bytes: &Bytes) -> bool {
    let Ok(message) = decode::<M>(bytes.clone()) else { return false };
    let encoded = Bytes::from(message.encode_to_vec());
    let again: M = decode(encoded.clone()).expect("own encoding decodes");
    assert_eq!(again.encode_to_vec(), encoded, "{}", M::full_name());
    assert!(!format!("{message:?}").is_empty());
    true
}

macro_rules! exercise_all {
    ($($message:ty),*) => {
        |bytes: &Bytes| [$(exercise::<$message>(bytes)),*].into_iter().filter(|decoded| *decoded).count()
    };
}

macro_rules! names {
    ($($message:ty),*) => { vec![$(<$message>::full_name()),*] };
}

/// A valid field of any wire type with a number that no message has.
fn unknown_field() -> impl Strategy<Value = Vec<u8>> {
    let number = 1000u32..100_000;
    (number, 0u32..4, any::<u64>(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(
        |(number, kind, value, bytes)| {
            let (wire_type, payload) = match kind {
                0 => (0, varint(value)),
                1 => (1, value.to_le_bytes().to_vec()),
                2 => (2, [varint(bytes.len() as u64), bytes].concat()),
                _ => (5, value.to_le_bytes()[..4].to_vec()),
            };
            [varint(u64::from(number << 3 | wire_type)), payload].concat()
        },
    )
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn request() -> handshake::HandshakeRequest {
    handshake::HandshakeRequest {
        version: 2,
        requester_rank: 1,
        supported_algos: vec![2],
        algo_params: vec![pack_any(&algos::LrHyperparamsProposal::default())],
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        every_message!(exercise_all)(&Bytes::from(bytes));
    }

    #[test]
    fn damaged_messages_never_panic(position in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = request().encode_to_vec();
        let at = position.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        every_message!(exercise_all)(&Bytes::from(bytes));
    }

    #[test]
    fn unknown_fields_are_skipped(before in unknown_field(), after in unknown_field()) {
        let bytes = [before.clone(), request().encode_to_vec(), after.clone()].concat();
        prop_assert_eq!(decode::<handshake::HandshakeRequest>(bytes.into())?, request());
        // Every message tolerates a message made of unknown fields only.
        let decoded = every_message!(exercise_all)(&Bytes::from([before, after].concat()));
        prop_assert_eq!(decoded, every_message!(names).len());
    }

    #[test]
    fn unknown_enum_values_are_kept_as_integers(value in any::<i32>()) {
        let push = link::PushRequest { trans_type: value, ..Default::default() };
        let again: link::PushRequest = decode(push.encode_to_vec().into())?;
        prop_assert_eq!(again.trans_type, value);
        prop_assert_eq!(link::TransType::try_from(value).is_ok(), value == 0 || value == 1);
        let response = service::AdjustResponse { code: value, ..Default::default() };
        let again: service::AdjustResponse = decode(response.encode_to_vec().into())?;
        prop_assert_eq!(again.code, value);
    }

    #[test]
    fn packed_and_unpacked_lists_read_alike(values in prop::collection::vec(any::<i32>(), 0..10)) {
        let packed = op::SigmoidParamsProposal { sigmoid_modes: values.clone(), ..Default::default() };
        let unpacked: Vec<u8> = values.iter().flat_map(|&v| [vec![2 << 3], varint(i64::from(v) as u64)].concat()).collect();
        prop_assert_eq!(decode::<op::SigmoidParamsProposal>(unpacked.into())?, packed);
    }

    #[test]
    fn only_the_packed_type_unpacks(rate in prop::num::f64::NORMAL, domain in "[a-z.]{0,12}") {
        let sgd = algos::SgdOptimizer { learning_rate: rate };
        let mut any = pack_any(&sgd);
        any.type_url = any.type_url.replace("type.googleapis.com", &domain);
        prop_assert_eq!(unpack_any::<algos::SgdOptimizer>(&any)?.learning_rate, rate);
        prop_assert!(unpack_any::<algos::AdamOptimizer>(&any).is_err());
        any.type_url = algos::SgdOptimizer::full_name();
        prop_assert!(unpack_any::<algos::SgdOptimizer>(&any).is_err(), "a type URL has a slash");
    }
}

#[test]
fn messages_are_named_once() {
    let mut names = every_message!(names);
    assert_eq!(names.len(), 68 + 1, "messages of the protocol and Any");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 69);
}

/// Whether `part` lies inside `whole`.
fn within(part: &Bytes, whole: &Bytes) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

#[test]
fn bytes_are_views_into_the_received_buffer() {
    let value = Bytes::from(vec![7u8; 100_000]);
    let push =
        link::PushRequest { sender_rank: 1, key: "root:P2P-1:1->0".into(), value, ..Default::default() };
    let buffer = Bytes::from(push.encode_to_vec());
    let decoded: link::PushRequest = decode(buffer.clone()).expect("decodes");
    assert_eq!(decoded.value, push.value);
    assert!(within(&decoded.value, &buffer));

    // Nested: a field of a message inside an `Any`, and the items of a list.
    let batch = runtime::EcdhPsiCipherBatch { ciphertext: vec![9u8; 3200].into(), ..Default::default() };
    let buffer = Bytes::from(pack_any(&batch).encode_to_vec());
    let any: Any = decode(buffer.clone()).expect("decodes");
    let inner: runtime::EcdhPsiCipherBatch = unpack_any(&any).expect("unpacks");
    assert!(within(&inner.ciphertext, &buffer));
    let reply = service::AdjustResponse {
        adjust_outputs: vec![vec![1u8; 800].into(), vec![2u8; 400].into()],
        ..Default::default()
    };
    let buffer = Bytes::from(reply.encode_to_vec());
    let decoded: service::AdjustResponse = decode(buffer.clone()).expect("decodes");
    assert!(decoded.adjust_outputs.iter().all(|output| within(output, &buffer)));

    // The gRPC codec hands over a `BytesMut`; split off and frozen it behaves the same.
    let mut growing = BytesMut::from(&buffer[..]);
    let start = growing.as_ptr_range();
    let decoded = service::AdjustResponse::decode(&mut growing).expect("decodes");
    let output = decoded.adjust_outputs[0].as_ptr_range();
    assert!(start.start <= output.start && output.end <= start.end);
}

#[test]
fn maps_encode_in_the_order_of_their_keys() {
    let forwards = (0..50u32).map(|key| (key, key + 1)).collect();
    let backwards = (0..50u32).rev().map(|key| (key, key + 1)).collect();
    let batch = |map| runtime::EcdhPsiCipherBatch { duplicate_item_cnt_map: map, ..Default::default() };
    assert_eq!(batch(forwards).encode_to_vec(), batch(backwards).encode_to_vec());
}

#[test]
fn a_deeply_nested_message_is_refused() {
    let mut any = Any { type_url: "x".into(), value: Bytes::new() };
    for _ in 0..200 {
        any = Any { type_url: "x".into(), value: any.encode_to_vec().into() };
    }
    // An `Any` nests by bytes, so it decodes one level at a time; unknown groups nest by recursion.
    assert!(decode::<Any>(any.encode_to_vec().into()).is_ok());
    let groups = Bytes::from([0xFB, 0x3E].repeat(10_000));
    assert!(decode::<Any>(groups).is_err());
}
