//! Logistic regression on a vertically split table, on shares (SS-LR, PPCA 7-2023).
//!
//! Rank r holds some columns of a table whose rows are aligned, one rank holds the label y. With X the
//! batch of B rows with a constant 1 as last column, f the sigmoid polynomial of the plan, η the learning
//! rate and λ the L2 weight, each step of mini-batch stochastic gradient descent is
//!
//! > w ← w - (η/B) · ( Xᵀ (f(X w) - y) + λ w₀ ),  w₀ = w with its bias replaced by 0,
//!
//! on fixed-point numbers, starting from w = 0. Batches are taken in row order, the rows after the last full
//! batch are not used, and this repeats for the epochs of the plan.
//!
//! - [`train`] leaves the model in shares: nobody learns a weight, a label or a score.
//! - [`predict`] reveals the scores f(x·w) to the one rank that the plan names.
//! - [`reference_inference`] exists for peers that insist on the reference implementation's last act, which
//!   gives every label and score to everybody (erratum E25).
//! - [`metrics`] judges scores in the clear; [`ideal`] is the same algorithm in the clear, with the bound
//!   that the shared one keeps.
//!
//! [`train_keeping_masks`] is [`train`] with every row of the table opened once, under one mask, instead of twice in every
//! step; [`training_requests`] names what a training asks of the dealer, so that it can be asked ahead of time.
//!
//! Operations and random draws come in the order of the reference implementation, so that a recorded run
//! can be recomputed byte for byte; erratum E23 (draws in the first step) and E08 (rounding of η/B) are
//! read from the plan. Works for any number of parties from two on.
//!
//! Numbers have f fraction bits in a ring of k bits. With probabilistic truncation, each element p of the
//! products X w and Xᵀ(…) (as real numbers) wraps with a probability of at most |p| · 2^(2f-k), and a wrap
//! spoils the model: about 2^-26 per element for |p| <= 4, f = 18, k = 64. Large tables, long runs and
//! unscaled features want 128 bits, or precise truncation ([`symbolon_semi2k::Truncation::Precise`]).
//!
//! Deliberately absent: other optimisers and norms, shuffling, feature scaling (a matter of the tables),
//! keeping the last partial batch, anything that reveals weights, and every kind of file or socket.
//!
//! ```
//! use symbolon_lr::{TrainPlan, ideal, metrics};
//! use symbolon_operators::Sigmoid;
//! # use symbolon_dialect::{FirstStepDraws, PublicTruncation};
//!
//! let plan = TrainPlan {
//!     epochs: 20,
//!     batch_size: 2,
//!     learning_rate: 0.5,
//!     l2: 0.0,
//!     sigmoid: Sigmoid::Minimax1,
//!     samples: 4,
//!     features: vec![1, 0], // all of them at rank 0, and
//!     label_rank: 1,        // the label at rank 1
//!     first_step_draws: FirstStepDraws::Reference,
//!     public_truncation: PublicTruncation::Round,
//!     step_size: None,
//! };
//! let (x, y) = ([-1.0, 2.0, -3.0, 1.5], [0.0, 1.0, 0.0, 1.0]);
//! let weights = ideal::train_float(&plan, &x, &y)?;
//! let scores = ideal::predict_float(plan.sigmoid, &weights, &x);
//! assert_eq!(metrics::auc(&y, &scores)?, 1.0);
//! # Ok::<(), symbolon_lr::LrError>(())
//! ```

mod error;
pub mod ideal;
pub mod metrics;
mod plan;
mod predict;
mod schedule;
mod table;
mod train;

pub use error::LrError;
pub use plan::{PredictPlan, StepSize, TrainPlan};
pub use predict::{ReferenceInference, predict, reference_inference};
pub use schedule::training_requests;
pub use train::{Progress, kept_elements, train, train_keeping_masks};
