//! The own columns of a vertically split table, and batches of them as shares.

use std::ops::Range;

use symbolon_mutants::Mutant;
use symbolon_ring::{Matrix, Ring};
use symbolon_semi2k::{Session, Share};

use crate::LrError;

/// The own columns, encoded once, and their place among the columns of all ranks.
///
/// As a share of the whole table, a party holds its own columns as they are and zero elsewhere; the parties'
/// shares sum to the table without any message.
pub(crate) struct Table<R> {
    own: Matrix<R>,
    columns_before: usize,
    columns_after: usize,
    one: R,
}

impl<R: Ring> Table<R> {
    /// `values` row by row, `samples` rows of `features[rank]` columns.
    pub(crate) fn encode(
        session: &Session<R>,
        samples: usize,
        features: &[usize],
        values: &[f32],
    ) -> Result<Self, LrError> {
        let (rank, parties) = (session.rank(), session.world_size());
        let Some((own, (before, after))) = features.get(rank).copied().zip(
            features.split_at_checked(rank).map(|(before, rest)| (before, rest.get(1..).unwrap_or_default())),
        ) else {
            return Err(LrError::ConfigParties { planned: features.len(), parties });
        };
        if features.len() != parties {
            return Err(LrError::ConfigParties { planned: features.len(), parties });
        }
        if samples.checked_mul(own) != Some(values.len()) {
            return Err(LrError::OursFeatureCount { values: values.len(), samples, features: own });
        }
        let fixed = session.fixed();
        let one =
            fixed.encode(1.0).map_err(|source| LrError::ConfigEncoding { field: "the bias", source })?;
        let own = fixed
            .encode_matrix(samples, own, values)
            .map_err(|source| LrError::OursValue { table: "features", source })?;
        let (before, after) =
            if Mutant::ColumnsOfRanksSwapped.is_on() { (after, before) } else { (before, after) };
        Ok(Self { own, columns_before: before.iter().sum(), columns_after: after.iter().sum(), one })
    }

    /// A share of those rows of the whole table with the constant 1 as last column, which is made a share
    /// anew each time (one draw from the pairwise streams).
    pub(crate) fn batch(&self, session: &mut Session<R>, rows: Range<usize>) -> Result<Share<R>, LrError> {
        let ones = session.seal(&Matrix::filled(rows.len(), 1, self.one))?.into_matrix();
        self.with_ones(rows, ones.as_slice())
    }

    /// As [`Table::batch`], with the constant at rank 0 and no draw: for a share that is only ever opened under a mask.
    pub(crate) fn plain(&self, rank: usize, rows: Range<usize>) -> Result<Share<R>, LrError> {
        let one = if rank == 0 { self.one } else { R::ZERO };
        self.with_ones(rows.clone(), &vec![one; rows.len()])
    }

    /// Those rows, with the own share of their last column.
    fn with_ones(&self, rows: Range<usize>, ones: &[R]) -> Result<Share<R>, LrError> {
        let width = self.columns_before + self.own.cols() + self.columns_after + 1;
        let mut data = Vec::with_capacity(rows.len() * width);
        let count = rows.len();
        for (row, &one) in rows.zip(ones) {
            let start = data.len();
            data.resize(start + self.columns_before, R::ZERO);
            data.extend_from_slice(self.own.row(row));
            data.resize(start + width - 1, R::ZERO);
            data.push(one);
        }
        Matrix::from_vec(count, width, data).map(Share::from_matrix).map_err(LrError::OursShape)
    }
}

/// The label as a share: the encoded values at their owner, zero elsewhere.
pub(crate) struct Label<R> {
    own: Option<Matrix<R>>,
}

impl<R: Ring> Label<R> {
    pub(crate) fn encode(
        session: &Session<R>,
        samples: usize,
        label_rank: usize,
        values: Option<&[f32]>,
    ) -> Result<Self, LrError> {
        let rank = session.rank();
        let own = match values {
            None if rank == label_rank => return Err(LrError::OursLabelMissing { rank }),
            None => None,
            Some(_) if rank != label_rank => return Err(LrError::OursLabelUnexpected { rank, label_rank }),
            Some(values) if values.len() != samples => {
                return Err(LrError::OursLabelCount { labels: values.len(), samples });
            }
            Some(values) => {
                let encoded = session.fixed().encode_matrix(samples, 1, values);
                Some(encoded.map_err(|source| LrError::OursValue { table: "label", source })?)
            }
        };
        Ok(Self { own })
    }

    /// A share of those labels, one column.
    pub(crate) fn batch(&self, rows: Range<usize>) -> Share<R> {
        match &self.own {
            Some(own) => Share::from_matrix(own.row_range(rows)),
            None => Share::zeros(rows.len(), 1),
        }
    }
}
