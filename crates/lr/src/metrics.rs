//! How well scores separate the classes; computed in the clear by whoever holds labels and scores.

use crate::LrError;

/// The area under the ROC curve: the probability that a random positive sample (label 1) scores higher than
/// a random negative one (label 0), ties counting one half.
///
/// Computed from ranks: with R the sum of the ranks of the P positives (ties share their mean rank) among all
/// P + N scores, AUC = (R - P(P+1)/2) / (P N). Takes O(n log n).
///
/// # Errors
/// [`LrError::OursMetricLength`], [`LrError::OursMetricLabel`] (a label other than 0 or 1),
/// [`LrError::OursMetricScore`] (NaN), and [`LrError::OursOneClass`] when one class is missing.
pub fn auc(labels: &[f32], scores: &[f64]) -> Result<f64, LrError> {
    let positive = classes(labels, scores)?;
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(positive).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = order.iter().filter(|(_, positive)| *positive).count();
    let negatives = order.len() - positives;
    if positives == 0 || negatives == 0 {
        return Err(LrError::OursOneClass { samples: labels.len() });
    }
    let mut rank_sum = 0.0;
    let mut below = 0;
    // `==` and not the total order: -0.0 ties with 0.0
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let mean_rank = count(below) + (count(tied.len()) + 1.0) / 2.0;
        rank_sum += mean_rank * count(tied.iter().filter(|(_, positive)| *positive).count());
        below += tied.len();
    }
    let (positives, negatives) = (count(positives), count(negatives));
    Ok((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// The share of samples on the right side of 0.5: label 1 with a score of at least 0.5, or label 0 with a
/// score below it.
///
/// # Errors
/// As [`auc`], but one class alone is fine.
pub fn accuracy(labels: &[f32], scores: &[f64]) -> Result<f64, LrError> {
    let positive = classes(labels, scores)?;
    let right =
        positive.iter().zip(scores).filter(|(positive, score)| **positive == (**score >= 0.5)).count();
    Ok(count(right) / count(labels.len()))
}

fn classes(labels: &[f32], scores: &[f64]) -> Result<Vec<bool>, LrError> {
    if labels.len() != scores.len() || labels.is_empty() {
        return Err(LrError::OursMetricLength { labels: labels.len(), scores: scores.len() });
    }
    if let Some(row) = scores.iter().position(|score| score.is_nan()) {
        return Err(LrError::OursMetricScore { row });
    }
    labels
        .iter()
        .enumerate()
        .map(|(row, &label)| match label {
            0.0 => Ok(false),
            1.0 => Ok(true),
            _ => Err(LrError::OursMetricLabel { row }),
        })
        .collect()
}

/// A count of rows as a double; exact below 2^53.
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_perfect_order_scores_one_and_its_reverse_zero() {
        assert_eq!(auc(&[0.0, 0.0, 1.0, 1.0], &[0.1, 0.2, 0.3, 0.4]).unwrap(), 1.0);
        assert_eq!(auc(&[1.0, 1.0, 0.0, 0.0], &[0.1, 0.2, 0.3, 0.4]).unwrap(), 0.0);
    }

    #[test]
    fn ties_count_one_half() {
        assert_eq!(auc(&[0.0, 1.0, 0.0, 1.0], &[0.5; 4]).unwrap(), 0.5);
        assert_eq!(auc(&[0.0, 1.0], &[-0.0, 0.0]).unwrap(), 0.5);
        // pairs: (.4,.4) ties, (.4,.1), (.8,.4), (.8,.1) in order: 3.5 of 4
        assert_eq!(auc(&[0.0, 0.0, 1.0, 1.0], &[0.1, 0.4, 0.4, 0.8]).unwrap(), 0.875);
    }

    #[test]
    fn bad_input_is_named() {
        assert!(matches!(auc(&[1.0, 1.0], &[0.1, 0.2]), Err(LrError::OursOneClass { samples: 2 })));
        assert!(matches!(auc(&[], &[]), Err(LrError::OursMetricLength { .. })));
        assert!(matches!(auc(&[1.0], &[0.1, 0.2]), Err(LrError::OursMetricLength { .. })));
        assert!(matches!(auc(&[0.0, 2.0], &[0.1, 0.2]), Err(LrError::OursMetricLabel { row: 1 })));
        assert!(matches!(auc(&[0.0, f32::NAN], &[0.1, 0.2]), Err(LrError::OursMetricLabel { row: 1 })));
        assert!(matches!(auc(&[0.0, 1.0], &[f64::NAN, 0.2]), Err(LrError::OursMetricScore { row: 0 })));
        assert!(matches!(accuracy(&[0.0, 3.0], &[0.1, 0.2]), Err(LrError::OursMetricLabel { row: 1 })));
    }

    #[test]
    fn accuracy_counts_one_half_as_positive() {
        assert_eq!(accuracy(&[1.0, 0.0, 1.0, 0.0], &[0.5, 0.5, 0.49, 0.1]).unwrap(), 0.5);
        assert_eq!(accuracy(&[1.0], &[0.9]).unwrap(), 1.0);
    }

    proptest! {
        #[test]
        fn auc_is_the_share_of_ordered_pairs(
            rows in proptest::collection::vec((any::<bool>(), 0_u8..8), 2..40),
        ) {
            let labels: Vec<f32> = rows.iter().map(|(positive, _)| f32::from(u8::from(*positive))).collect();
            let scores: Vec<f64> = rows.iter().map(|(_, score)| f64::from(*score) / 8.0).collect();
            let (mut won, mut pairs) = (0.0, 0.0);
            for (i, _) in labels.iter().enumerate().filter(|(_, label)| **label == 1.0) {
                for (j, _) in labels.iter().enumerate().filter(|(_, label)| **label == 0.0) {
                    pairs += 1.0;
                    won += match scores[i].total_cmp(&scores[j]) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
                }
            }
            match auc(&labels, &scores) {
                Ok(area) => prop_assert!((area - won / pairs).abs() < 1e-12),
                Err(error) => {
                    let one_class = matches!(error, LrError::OursOneClass { .. });
                    prop_assert!(one_class && pairs == 0.0);
                }
            }
        }
    }
}
