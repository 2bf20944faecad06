//! A training, message by message: the suite is one party and the dealer, so it knows every seed, and with them every
//! byte that the testee has to send.
//!
//! Both parties are computed in one place from their tables and seeds, in integers modulo 2^k and with the streams of
//! [`streams`](super::streams); nothing of the crates that Symbolon trains with is used. Sources: PPCA 7-2023 (SS-LR)
//! and SPU 0.9.5 as recorded in vectors/recordings.

mod dealer;

use symbolon_dialect::{Construction, FirstStepDraws, TruncationSide};

use super::Bench;
use super::bench::{DealerForm, LrTask, Truncation};
use super::streams::{arithmetic_shift, draw, elements, mask, product};
use dealer::{high_part, top_bit};

pub use dealer::Dealer;

/// The suite's dealer seed.
pub const DEALER_SEED: [u8; 16] = *b"suite: the deal.";
/// The suite's pairwise seed.
pub const PAIRWISE_SEED: [u8; 16] = *b"suite: pairwise.";

/// A share at rank 0 and one at rank 1.
type Shared = [Vec<u128>; 2];

/// Both parties of a training.
pub struct Model {
    /// Width of the ring.
    pub bits: u32,
    fraction_bits: u32,
    truncation: Truncation,
    side: TruncationSide,
    construction: Construction,
    adjust_rank: usize,
    dealer_seeds: [[u8; 16]; 2],
    pairwise_seeds: [[u8; 16]; 2],
    dealer_counter: u64,
    pairwise_counter: u64,
    /// What each rank sends, opening by opening.
    pub openings: Vec<Shared>,
}

impl Model {
    /// The parties with these seeds, by rank.
    pub fn new(
        bench: &Bench,
        task: &LrTask,
        form: DealerForm,
        dealer_seeds: [[u8; 16]; 2],
        pairwise_seeds: [[u8; 16]; 2],
    ) -> Self {
        Self {
            bits: task.field,
            fraction_bits: task.fraction_bits,
            truncation: task.truncation,
            side: bench.dialect.truncation_side,
            construction: bench.dealer_stream(form),
            adjust_rank: task.adjust_rank,
            dealer_seeds,
            pairwise_seeds,
            dealer_counter: 0,
            pairwise_counter: 0,
            openings: Vec::new(),
        }
    }

    /// Trains; fills [`Model::openings`].
    pub fn train(&mut self, task: &LrTask, first_draws: FirstStepDraws) {
        let batch = usize::try_from(task.batch_size).unwrap_or(usize::MAX);
        let width = task.columns(0) + task.columns(1) + 1;
        let f = self.fraction_bits;
        let step_size = {
            let factor = self.encode(task.learning_rate as f32) * self.encode(1.0 / batch as f32);
            (factor >> f) + (factor >> (f - 1) & 1)
        };
        let mut weights: Option<Shared> = None;
        for _ in 0..task.epochs {
            for start in (0..task.samples() / batch).map(|index| index * batch) {
                let x = self.rows(task, start, batch);
                let y = self.labels(task, start, batch);
                let z = match &weights {
                    Some(weights) => {
                        let product = self.matmul(&x, &weights.clone(), [batch, width, 1]);
                        self.truncate(product)
                    }
                    // Public zeros: the product is local, and truncated as any other.
                    None => self.truncate([vec![0; batch], vec![0; batch]]),
                };
                let sloped = self.scale(&z, self.encode(0.125));
                let mut predicted = self.truncate(sloped);
                let half = self.encode(0.5);
                predicted[0].iter_mut().for_each(|value| *value = value.wrapping_add(half) & mask(self.bits));
                let error = self.zip(&predicted, &y, subtract);
                let transposed = x.map(|rows| transpose(&rows, batch, width));
                let gradient = self.matmul(&transposed, &error, [width, batch, 1]);
                let mut gradient = self.truncate(gradient);
                if task.l2 > 0.0
                    && let Some(penalised) = self.penalised(weights.as_ref(), width, first_draws)
                {
                    let penalty = self.scale(&penalised, self.encode(task.l2 as f32));
                    let penalty = self.truncate(penalty);
                    gradient = self.zip(&gradient, &penalty, add);
                }
                let step = self.scale(&gradient, step_size);
                let step = self.truncate(step);
                let before = weights.take().unwrap_or_else(|| [vec![0; width], vec![0; width]]);
                weights = Some(self.zip(&before, &step, subtract));
            }
        }
    }

    /// The weights with a zero, made a share anew, in the place of the bias.
    fn penalised(&mut self, weights: Option<&Shared>, width: usize, draws: FirstStepDraws) -> Option<Shared> {
        if weights.is_none() && draws == FirstStepDraws::OnesOnly {
            return None;
        }
        let zero = self.seal(&[0]);
        let mut all = match weights {
            Some(weights) => weights.clone().map(|mut share| {
                share.truncate(width - 1);
                share
            }),
            None => self.seal(&vec![0; width - 1]),
        };
        all.iter_mut().zip(&zero).for_each(|(share, zero)| share.extend(zero));
        Some(all)
    }

    /// Rows of both tables and the ones, which are made a share anew.
    fn rows(&mut self, task: &LrTask, start: usize, count: usize) -> Shared {
        let ones = self.seal(&vec![self.encode(1.0); count]);
        let columns = [task.columns(0), task.columns(1)];
        std::array::from_fn(|rank| {
            let mut all = Vec::new();
            for row in 0..count {
                for (owner, columns) in columns.iter().enumerate() {
                    let values = task.features.get(owner).and_then(|table| table.get(start + row));
                    let own = (owner == rank).then_some(values).flatten();
                    all.extend((0..*columns).map(|column| {
                        own.and_then(|row| row.get(column)).map_or(0, |value| self.encode(*value))
                    }));
                }
                all.push(ones.get(rank).and_then(|ones| ones.get(row)).copied().unwrap_or_default());
            }
            all
        })
    }

    fn labels(&self, task: &LrTask, start: usize, count: usize) -> Shared {
        std::array::from_fn(|rank| {
            let label = |row: usize| task.labels.get(start + row).map_or(0, |label| self.encode(*label));
            (0..count).map(|row| if rank == task.label_rank { label(row) } else { 0 }).collect()
        })
    }

    /// Toward zero, with the fraction bits.
    fn encode(&self, value: f32) -> u128 {
        let scaled = f64::from(value) * 2_f64.powi(self.fraction_bits.cast_signed());
        (scaled as i128).cast_unsigned() & mask(self.bits)
    }

    /// Fresh shares of public values: r_own - r_next, and the values at rank 0.
    fn seal(&mut self, public: &[u128]) -> Shared {
        let width = public.len() * self.bits as usize / 8;
        let counter = self.pairwise_counter;
        self.pairwise_counter += width.div_ceil(16) as u64;
        let of = |seed| elements(&draw(seed, Construction::CtrBigEndian, counter, width), self.bits);
        let [zero, one] = [of(&self.pairwise_seeds[0]), of(&self.pairwise_seeds[1])];
        let first = add(public, &subtract(&zero, &one, self.bits), self.bits);
        [first, subtract(&one, &zero, self.bits)]
    }

    /// C + D·B + A·E, and D·E at rank 0; opens D = X - A, then E = Y - B.
    fn matmul(&mut self, x: &Shared, y: &Shared, shape: [usize; 3]) -> Shared {
        let [m, k, n] = shape;
        let bits = self.bits;
        let ([a0, a1], [b0, b1], [c0, c1]) = (self.drawn(m * k), self.drawn(k * n), self.drawn(m * n));
        let joined = product(&add(&a0, &a1, bits), &add(&b0, &b1, bits), shape, bits);
        let correction = subtract(&joined, &add(&c0, &c1, bits), bits);
        let mut c = [c0, c1];
        if let Some(c) = c.get_mut(self.adjust_rank) {
            *c = add(c, &correction, bits);
        }
        let d = [subtract(&x[0], &a0, bits), subtract(&x[1], &a1, bits)];
        let e = [subtract(&y[0], &b0, bits), subtract(&y[1], &b1, bits)];
        let (open_d, open_e) = (add(&d[0], &d[1], bits), add(&e[0], &e[1], bits));
        self.openings.extend([d, e]);
        let part = |a: &[u128], b: &[u128], c: &[u128]| {
            let sum = add(c, &product(&open_d, b, shape, bits), bits);
            add(&sum, &product(a, &open_e, shape, bits), bits)
        };
        let first = add(&part(&a0, &b0, &c[0]), &product(&open_d, &open_e, shape, bits), bits);
        [first, part(&a1, &b1, &c[1])]
    }

    fn truncate(&mut self, x: Shared) -> Shared {
        match self.truncation {
            Truncation::Probabilistic => self.truncate_locally(x),
            Truncation::Precise => self.truncate_precisely(&x),
        }
    }

    /// Erratum E05.
    fn truncate_locally(&self, x: Shared) -> Shared {
        let (bits, by) = (self.bits, self.fraction_bits);
        let shift =
            |share: &[u128]| share.iter().map(|value| arithmetic_shift(*value, by, bits)).collect::<Vec<_>>();
        let negative = |share: &[u128]| subtract(&vec![0; share.len()], share, bits);
        let [zero, one] = x;
        let one = match self.side {
            TruncationSide::BothShift => shift(&one),
            TruncationSide::OneNegates => negative(&shift(&negative(&one))),
        };
        [shift(&zero), one]
    }

    /// With masks r, r without its top bit shifted, and its top bit t: opens c = x + 2^(k-2) + r. Then x / 2^f is
    /// (c mod 2^(k-1)) / 2^f less the second mask, plus 2^(k-1-f) where c's top bit differs from t, less 2^(k-2-f)
    /// (eprint 2020/338, section 5.1; SPU 0.9.5, semi2k `TruncAPr`).
    fn truncate_precisely(&mut self, x: &Shared) -> Shared {
        let (bits, by, count) = (self.bits, self.fraction_bits, x[0].len());
        let [r, mut high, mut top] = [self.drawn(count), self.drawn(count), self.drawn(count)];
        let whole = add(&r[0], &r[1], bits);
        for (share, wanted) in [(&mut high, high_part(&whole, by, bits)), (&mut top, top_bit(&whole, bits))] {
            let correction = subtract(&wanted, &add(&share[0], &share[1], bits), bits);
            if let Some(own) = share.get_mut(self.adjust_rank) {
                *own = add(own, &correction, bits);
            }
        }
        let offset = vec![1_u128 << (bits - 2); count];
        let masked = [add(&add(&x[0], &offset, bits), &r[0], bits), add(&x[1], &r[1], bits)];
        let c = add(&masked[0], &masked[1], bits);
        self.openings.push(masked);
        let part = |first: bool, high: &[u128], top: &[u128]| -> Vec<u128> {
            let one = |((c, high), top): ((&u128, &u128), &u128)| {
                let set = c >> (bits - 1);
                // t xor set, as shares: the public bit counts at rank 0.
                let differs = top.wrapping_sub(2_u128.wrapping_mul(set).wrapping_mul(*top));
                let differs = if first { differs.wrapping_add(set) } else { differs };
                let carried = (differs << (bits - 1 - by)).wrapping_sub(*high);
                let public = ((c & (mask(bits) >> 1)) >> by).wrapping_sub(1 << (bits - 2 - by));
                (if first { carried.wrapping_add(public) } else { carried }) & mask(bits)
            };
            c.iter().zip(high).zip(top).map(one).collect()
        };
        [part(true, &high[0], &top[0]), part(false, &high[1], &top[1])]
    }

    /// `count` elements of each party's dealer stream.
    fn drawn(&mut self, count: usize) -> Shared {
        let length = count * self.bits as usize / 8;
        let counter = self.dealer_counter;
        self.dealer_counter += length.div_ceil(16) as u64;
        self.dealer_seeds.map(|seed| elements(&draw(&seed, self.construction, counter, length), self.bits))
    }

    fn scale(&self, x: &Shared, factor: u128) -> Shared {
        let scale = |share: &Vec<u128>| {
            share.iter().map(|value| value.wrapping_mul(factor) & mask(self.bits)).collect::<Vec<_>>()
        };
        [scale(&x[0]), scale(&x[1])]
    }

    fn zip(&self, x: &Shared, y: &Shared, f: fn(&[u128], &[u128], u32) -> Vec<u128>) -> Shared {
        [f(&x[0], &y[0], self.bits), f(&x[1], &y[1], self.bits)]
    }
}

fn add(a: &[u128], b: &[u128], bits: u32) -> Vec<u128> {
    a.iter().zip(b).map(|(a, b)| a.wrapping_add(*b) & mask(bits)).collect()
}

fn subtract(a: &[u128], b: &[u128], bits: u32) -> Vec<u128> {
    a.iter().zip(b).map(|(a, b)| a.wrapping_sub(*b) & mask(bits)).collect()
}

fn transpose(rows: &[u128], height: usize, width: usize) -> Vec<u128> {
    let cell = |row: usize, column: usize| rows.get(row * width + column).copied().unwrap_or_default();
    (0..width).flat_map(|column| (0..height).map(move |row| (row, column))).map(|(r, c)| cell(r, c)).collect()
}

/// Elements as little-endian bytes.
pub fn bytes(elements: &[u128], bits: u32) -> Vec<u8> {
    let width = bits as usize / 8;
    elements.iter().flat_map(|element| element.to_le_bytes().into_iter().take(width)).collect()
}

/// A 128-bit integer as yacl sends it: a MessagePack array of two halves of eight bytes, the upper first.
pub fn integer(seed: &[u8; 16]) -> Vec<u8> {
    let value = u128::from_le_bytes(*seed).to_be_bytes();
    let (high, low) = value.split_at(8);
    [&[0x92, 0xcf], high, &[0xcf], low].concat()
}

/// The integer in such a message, in any of MessagePack's unsigned forms, as the bytes of a key.
pub fn key(message: &[u8]) -> Option<[u8; 16]> {
    let mut rest = message.strip_prefix(&[0x92])?;
    let mut value = 0_u128;
    for _ in 0..2 {
        let (&tag, after) = rest.split_first()?;
        let (half, after) = match tag {
            0..0x80 => (u128::from(tag), after),
            0xcc..=0xcf => {
                let (digits, after) = after.split_at_checked(1 << (tag - 0xcc))?;
                (digits.iter().fold(0, |value, digit| value << 8 | u128::from(*digit)), after)
            }
            _ => return None,
        };
        value = value << 64 | half;
        rest = after;
    }
    rest.is_empty().then(|| value.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precise_truncation_is_off_by_one_unit_at_most() {
        for (bits, by) in [(32, 8), (64, 18), (128, 26)] {
            let mut model = Model {
                bits,
                fraction_bits: by,
                truncation: Truncation::Precise,
                side: TruncationSide::OneNegates,
                construction: Construction::CtrBigEndian,
                adjust_rank: 1,
                dealer_seeds: [DEALER_SEED, PAIRWISE_SEED],
                pairwise_seeds: [DEALER_SEED, PAIRWISE_SEED],
                dealer_counter: 0,
                pairwise_counter: 0,
                openings: Vec::new(),
            };
            let edge = 1_i128 << (bits - 2);
            let values = [0, 1, -1, 12_345_678, -12_345_678, edge - 1, -edge];
            let one: Vec<_> =
                (0..7).map(|index| 0x9e37_79b9_7f4a_7c15_u128.wrapping_mul(index + 1) & mask(bits)).collect();
            let whole: Vec<_> = values.iter().map(|value| value.cast_unsigned() & mask(bits)).collect();
            let [a, b] = model.truncate([subtract(&whole, &one, bits), one.clone()]);
            for (value, found) in values.iter().zip(add(&a, &b, bits)) {
                let found = arithmetic_shift(found, 0, bits);
                let found = (found << (128 - bits)).cast_signed() >> (128 - bits);
                assert!(
                    (found - (value >> by)).abs() <= 1,
                    "{value} >> {by} in the ring of 2^{bits}: {found}"
                );
            }
            assert_eq!(model.openings.len(), 1);
        }
    }

    #[test]
    fn integers_are_read_as_written() {
        assert_eq!(key(&integer(&PAIRWISE_SEED)), Some(PAIRWISE_SEED));
        assert_eq!(key(&[0x92, 0x00, 0x05]).map(u128::from_le_bytes), Some(5));
        assert_eq!(key(&[0x92, 0x00, 0xcc, 0x80]).map(u128::from_le_bytes), Some(0x80));
        assert_eq!(key(&[0x92, 0x00]), None);
    }
}
