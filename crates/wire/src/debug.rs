//! Formatting of messages that carry seeds, shares or masked points: their lengths only.

use std::fmt::{Debug, Formatter, Result};

use crate::{
    link::PushRequest,
    runtime::EcdhPsiCipherBatch,
    service::{AdjustResponse, CreateSessionRequest},
};

/// Prints as `<n bytes>`.
struct Length(usize);

impl Debug for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "<{} bytes>", self.0)
    }
}

impl Debug for PushRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("PushRequest")
            .field("sender_rank", &self.sender_rank)
            .field("key", &self.key)
            .field("value", &Length(self.value.len()))
            .field("trans_type", &self.trans_type)
            .field("chunk_info", &self.chunk_info)
            .finish()
    }
}

impl Debug for EcdhPsiCipherBatch {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("EcdhPsiCipherBatch")
            .field("type", &self.r#type)
            .field("batch_index", &self.batch_index)
            .field("is_last_batch", &self.is_last_batch)
            .field("count", &self.count)
            .field("ciphertext", &Length(self.ciphertext.len()))
            .field("duplicates", &self.duplicate_item_cnt_map.len())
            .finish()
    }
}

impl Debug for CreateSessionRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("CreateSessionRequest")
            .field("required_version", &self.required_version)
            .field("adjust_rank", &self.adjust_rank)
            .field("session_id", &self.session_id)
            .field("world_size", &self.world_size)
            .field("rank", &self.rank)
            .field("prg_seed", &Length(self.prg_seed.len()))
            .finish()
    }
}

impl Debug for AdjustResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("AdjustResponse")
            .field("code", &self.code)
            .field("message", &self.message)
            .field("adjust_outputs", &self.adjust_outputs.iter().map(|o| Length(o.len())).collect::<Vec<_>>())
            .finish()
    }
}
