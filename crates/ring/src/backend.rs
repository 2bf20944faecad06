//! The one place that picks vector instructions.

use crate::{
    Ring,
    product::{self, Shape},
};

/// The instruction set of the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// What every machine of the target has.
    Serial,
}

impl Backend {
    /// The backend of this process.
    pub(crate) fn chosen() -> Self {
        Self::Serial
    }

    pub(crate) fn product<R: Ring>(self, shape: Shape, a: &[R], b: &[R], acc: &mut [R]) {
        product::plain(shape, a, b, acc);
    }
}
