//! Frames of the link as `PushRequest` bytes and back.

use bytes::Bytes;
use symbolon_link::{Chunk, Frame};
use symbolon_wire::Message as _;
use symbolon_wire::link::{ChunkInfo, PushRequest, TransType};

use crate::ConformanceError;

/// Reads a serialised `PushRequest`.
///
/// # Errors
/// The bytes are not such a message, or its transport type is unknown.
pub fn decode(request: &[u8]) -> Result<Frame, ConformanceError> {
    let request = PushRequest::decode(Bytes::copy_from_slice(request))
        .map_err(|error| ConformanceError::Recording(format!("a push does not decode: {error}")))?;
    let chunk = match TransType::try_from(request.trans_type) {
        Ok(TransType::Mono) => None,
        Ok(TransType::Chunked) => {
            let info = request.chunk_info.unwrap_or_default();
            Some(Chunk { message_length: info.message_length, offset: info.chunk_offset })
        }
        Err(_) => {
            return Err(ConformanceError::Recording(format!(
                "transport type {} is unknown",
                request.trans_type
            )));
        }
    };
    Ok(Frame { sender: request.sender_rank, key: request.key, value: request.value, chunk })
}

/// The `PushRequest` that carries a frame.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let trans_type = if frame.chunk.is_some() { TransType::Chunked } else { TransType::Mono };
    PushRequest {
        sender_rank: frame.sender,
        key: frame.key.clone(),
        value: frame.value.clone(),
        trans_type: trans_type.into(),
        chunk_info: frame
            .chunk
            .map(|chunk| ChunkInfo { message_length: chunk.message_length, chunk_offset: chunk.offset }),
    }
    .encode_to_vec()
}
