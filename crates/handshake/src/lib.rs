//! Under construction.
mod error;
mod exchange;
mod lists;
mod lr;
mod offer;
mod plan;
mod policy;
mod psi;
mod refusal;
mod response;
mod terms;

pub use error::HandshakeError;
pub use exchange::{exchange_lr, exchange_psi};
pub use lr::{LrRequest, negotiate_lr};
pub use offer::{LrOffer, PsiOffer};
pub use plan::{DealerPlan, LrPlan, Plan, PsiPlan, STEP_TOLERANCE};
pub use policy::{LrPolicy, PsiPolicy, TrustedDealer};
pub use psi::{PsiRequest, negotiate_psi};
pub use refusal::{Cause, Refusal};
pub use terms::{
    CurveType, EcSuite, HashToCurveStrategy, HashType, Optimizer, PointOctetFormat, Protocol, Purpose,
    ResultTo, SigmoidMode, Truncation,
};
