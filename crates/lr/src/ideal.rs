//! The same algorithm in the clear: as integers, and in double precision.

use symbolon_operators::{Sigmoid, ideal};
use symbolon_ring::{FixedPoint, Matrix, Ring};

use crate::{LrError, TrainPlan};

/// Training on the pooled table with the integers of the shared computation and floor truncation: the model
/// that [`crate::train`]'s shares sum to, up to [`weight_error_units`].
///
/// `features`: `plan.samples` rows of all ranks' features in rank order; `label`: one per row. The result
/// is (d+1)×1, the bias last.
///
/// # Errors
/// As [`crate::train`], less the protocol's.
pub fn train_fixed<R: Ring>(
    plan: &TrainPlan,
    fixed: FixedPoint<R>,
    features: &[f32],
    label: &[f32],
) -> Result<Matrix<R>, LrError> {
    plan.check()?;
    check_pooled(plan, features, label)?;
    let f = fixed.fraction_bits();
    let step_size = R::from_i128(plan.step_size(fixed)?.encoded);
    let l2 = plan.encoded_l2(fixed)?;
    let one = fixed.encode(1.0).map_err(|source| LrError::ConfigEncoding { field: "the bias", source })?;
    let encode = |table, cols, values: &[f32]| {
        fixed.encode_matrix(plan.samples, cols, values).map_err(|source| LrError::OursValue { table, source })
    };
    let x = encode("features", plan.feature_count(), features)?
        .hconcat(&Matrix::filled(plan.samples, 1, one))
        .map_err(LrError::OursShape)?;
    let y = encode("label", 1, label)?;

    let mut w = Matrix::zeros(x.cols(), 1);
    for _ in 0..plan.epochs {
        for batch in 0..plan.batches() {
            let rows = batch * plan.batch_size..(batch + 1) * plan.batch_size;
            let step = || {
                let x = x.row_range(rows.clone());
                let z = ideal::matmul(fixed, &x, &w)?;
                let error = ideal::sigmoid(fixed, plan.sigmoid, &z)?.sub(&y.row_range(rows))?;
                let mut gradient = ideal::matmul(fixed, &x.transpose(), &error)?;
                if let Some(l2) = l2 {
                    let weights = w.row_range(0..w.rows() - 1).vconcat(&Matrix::zeros(1, 1))?;
                    gradient.add_assign(&ideal::truncate(weights.scale(l2), f))?;
                }
                w.sub(&ideal::truncate(gradient.scale(step_size), f))
            };
            w = step().map_err(LrError::OursShape)?;
        }
    }
    Ok(w)
}

/// A bound, in units of 2^-f, on how far any weight of [`crate::train`] is from [`train_fixed`], provided
/// that nothing leaves the ring and no local truncation wraps.
///
/// Let e be the vector by which the weights differ before a step, X the batch with its ones column (real
/// numbers), B its rows, d + 1 its columns, p the step size, λ the L2 weight, s the largest slope of the
/// sigmoid (1/8, or 1/4 for Taylor-3). Both computations floor every product, at different places, and the
/// shared one may be off by one unit more, so each product contributes a noise below 2 per element. Hence
/// after the step
///
/// e' = (I - p (XᵀSX + λ I₀)) e - p (Xᵀ n₁ + n₂) - n₃
///
/// with S diagonal, its entries in \[0, s\], I₀ the identity without the bias, |n₁| < κ, |n₂| < 4 (2
/// without L2), |n₃| < 2 per element. κ is 2s (the product x·w) plus the sigmoid's own distance: 2.25 for
/// minimax-1, and 3.75 for Taylor-3 as long as |x·w| <= 1.9 and f >= 5 (outside, its slope is negative and
/// the bound does not hold). The matrix is symmetric with eigenvalues in \[1 - p (s‖X‖² + λ), 1\]. With ‖X‖
/// at most the Frobenius norm ‖X‖_F,
///
/// ‖e'‖ <= max(1, p (s‖X‖_F² + λ) - 1) ‖e‖ + p (κ √B ‖X‖_F + 4 √(d+1)) + 2 √(d+1),
///
/// so with a sensible step size (the maximum being 1) the distance grows at most linearly with the
/// number of steps. This function evaluates that recursion over the batches of `plan`; the result bounds the
/// Euclidean norm of the difference, and so each weight.
///
/// # Errors
/// As [`train_fixed`].
pub fn weight_error_units<R: Ring>(
    plan: &TrainPlan,
    fixed: FixedPoint<R>,
    features: &[f32],
) -> Result<f64, LrError> {
    plan.check()?;
    let columns = plan.feature_count();
    if plan.samples.checked_mul(columns) != Some(features.len()) {
        let samples = plan.samples;
        return Err(LrError::OursFeatureCount { values: features.len(), samples, features: columns });
    }
    let p = plan.step_size(fixed)?.effective;
    let (slope, noise) = match plan.sigmoid {
        Sigmoid::Minimax1 => (0.125, 2.25),
        Sigmoid::Taylor3 => (0.25, 3.75),
    };
    let penalty_noise = if plan.l2 == 0.0 { 2.0 } else { 4.0 };
    let (rows, width) = (plan.batch_size as f64, (columns as f64 + 1.0).sqrt());
    let mut distance = 0.0;
    for _ in 0..plan.epochs {
        for batch in features.chunks_exact(columns * plan.batch_size) {
            let squares: f64 = batch.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() + rows;
            let growth = (p * (slope * squares + plan.l2) - 1.0).max(1.0);
            let added = p * (noise * (rows * squares).sqrt() + penalty_noise * width) + 2.0 * width;
            distance = growth * distance + added;
        }
    }
    Ok(distance)
}

/// The same algorithm on the pooled table in double precision, with the sigmoid that the plan names. The d
/// weights in rank order and the bias last.
///
/// # Errors
/// `Config…` and `Ours…` as [`train_fixed`].
pub fn train_float(plan: &TrainPlan, features: &[f32], label: &[f32]) -> Result<Vec<f64>, LrError> {
    plan.check()?;
    check_pooled(plan, features, label)?;
    let columns = plan.feature_count();
    let step_size = plan.learning_rate / plan.batch_size as f64;
    let mut w = vec![0.0; columns + 1];
    for _ in 0..plan.epochs {
        let batches = features.chunks_exact(columns * plan.batch_size);
        for (x, y) in batches.zip(label.chunks_exact(plan.batch_size)) {
            let mut gradient: Vec<f64> = w.iter().map(|w| plan.l2 * w).collect();
            if let Some(bias) = gradient.last_mut() {
                *bias = 0.0;
            }
            for (x, &y) in x.chunks_exact(columns).zip(y) {
                let error = plan.sigmoid.value(margin(&w, x)) - f64::from(y);
                for (gradient, x) in gradient.iter_mut().zip(x.iter().chain(&[1.0])) {
                    *gradient += error * f64::from(*x);
                }
            }
            for (w, gradient) in w.iter_mut().zip(gradient) {
                *w -= step_size * gradient;
            }
        }
    }
    Ok(w)
}

/// The scores sigmoid(x·w + bias) in double precision, for rows of `weights.len() - 1` features.
pub fn predict_float(sigmoid: Sigmoid, weights: &[f64], features: &[f32]) -> Vec<f64> {
    let columns = weights.len().saturating_sub(1).max(1);
    features.chunks_exact(columns).map(|x| sigmoid.value(margin(weights, x))).collect()
}

/// x·w + bias.
fn margin(w: &[f64], x: &[f32]) -> f64 {
    w.iter().zip(x.iter().chain(&[1.0])).map(|(w, x)| w * f64::from(*x)).sum()
}

fn check_pooled(plan: &TrainPlan, features: &[f32], label: &[f32]) -> Result<(), LrError> {
    let (samples, columns) = (plan.samples, plan.feature_count());
    if samples.checked_mul(columns) != Some(features.len()) {
        return Err(LrError::OursFeatureCount { values: features.len(), samples, features: columns });
    }
    if label.len() != samples {
        return Err(LrError::OursLabelCount { labels: label.len(), samples });
    }
    Ok(())
}
