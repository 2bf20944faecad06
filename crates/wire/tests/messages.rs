//! Headers, error codes, and what messages print.

use bytes::Bytes;
use symbolon_wire::{
    ErrorCode, Message, PeerError, WireError, algos,
    common::ResponseHeader,
    decode, link, pack_any, runtime,
    service::{AdjustResponse, CreateSessionRequest},
    unpack_any,
};

#[test]
fn error_codes_have_the_numbers_of_the_protocol() {
    for (code, number) in [
        (ErrorCode::Ok, 0),
        (ErrorCode::GenericError, 31_100_000),
        (ErrorCode::UnexpectedError, 31_100_001),
        (ErrorCode::NetworkError, 31_100_002),
        (ErrorCode::InvalidRequest, 31_100_100),
        (ErrorCode::InvalidResource, 31_100_101),
        (ErrorCode::HandshakeRefused, 31_100_200),
        (ErrorCode::UnsupportedVersion, 31_100_201),
        (ErrorCode::UnsupportedAlgo, 31_100_202),
        (ErrorCode::UnsupportedParams, 31_100_203),
    ] {
        assert_eq!(i32::from(code), number);
        assert_eq!(ErrorCode::try_from(number), Ok(code));
    }
    assert!(ErrorCode::try_from(31_100_003).is_err());
}

#[test]
fn a_header_is_checked_by_its_code() {
    assert_eq!(ResponseHeader::check(None), Ok(()));
    assert_eq!(ResponseHeader::check(Some(&ResponseHeader::ok())), Ok(()));
    assert!(ResponseHeader::ok().encode_to_vec().is_empty());

    let header = ResponseHeader::error(ErrorCode::HandshakeRefused, "no");
    let error = ResponseHeader::check(Some(&header)).expect_err("refused");
    assert_eq!(error.known(), Some(ErrorCode::HandshakeRefused));
    assert_eq!(error.to_string(), "HANDSHAKE_REFUSED (31100200): \"no\"");

    let unknown = ResponseHeader { error_code: -7, error_msg: String::new() };
    let error = ResponseHeader::check(Some(&unknown)).expect_err("not zero");
    assert_eq!((error.known(), error.name()), (None, "unknown error code"));
}

#[test]
fn a_peers_text_is_printed_short_and_harmless() {
    let error = PeerError { code: 31_100_000, message: format!("\u{1b}[2J\n\"{}", "x".repeat(10_000)) };
    let text = error.to_string();
    assert!(text.len() < 300 && !text.contains(char::is_control), "{text}");
    assert!(text.contains("\\u{1b}[2J\\n\\\"xxx") && text.ends_with("…\""), "{text}");
}

#[test]
fn a_wrong_any_names_both_types() {
    let any = pack_any(&algos::SgdOptimizer { learning_rate: 0.1 });
    let error = unpack_any::<algos::PsiDataIoResult>(&any).expect_err("another type");
    assert_eq!(
        error.to_string(),
        "expected a org.interconnection.v2.algos.PsiDataIoResult in google.protobuf.Any, the peer sent \
         \"type.googleapis.com/org.interconnection.v2.algos.SgdOptimizer\""
    );
    let mut broken = any;
    broken.value = Bytes::from_static(&[0x09, 0x01]);
    let error = unpack_any::<algos::SgdOptimizer>(&broken).expect_err("too short");
    assert!(
        matches!(&error, WireError::PeerSentMalformed { message, .. } if message.ends_with(".SgdOptimizer"))
    );
}

#[test]
fn secrets_are_not_printed() {
    let secret = Bytes::from_static(b"SECRETSECRETSECR");
    let printed = [
        format!("{:?}", link::PushRequest { value: secret.clone(), ..Default::default() }),
        format!("{:?}", runtime::EcdhPsiCipherBatch { ciphertext: secret.clone(), ..Default::default() }),
        format!("{:?}", CreateSessionRequest { prg_seed: secret.clone(), ..Default::default() }),
        format!("{:?}", AdjustResponse { adjust_outputs: vec![secret], ..Default::default() }),
    ];
    for text in printed {
        assert!(
            text.contains("<16 bytes>") && !text.contains("SECRET") && !text.contains("83, 69"),
            "{text}"
        );
    }
}

#[test]
fn scalars_encode_as_proto3_says() {
    // A negative int32 is a varint of ten bytes; zero is absent; fields come in the order of their numbers.
    let io = algos::PsiDataIoProposal { supported_versions: vec![1], item_num: 30, result_to_rank: -1 };
    let expected = [0x0a, 1, 1, 0x10, 30, 0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    assert_eq!(io.encode_to_vec(), expected);
    assert_eq!(decode::<algos::PsiDataIoProposal>(Bytes::copy_from_slice(&expected)), Ok(io));
    assert!(algos::PsiDataIoResult::default().encode_to_vec().is_empty());
}
