//! What can go wrong in ring arithmetic.

/// Every error of this crate.
///
/// All of them are `Ours`: the arithmetic knows no peers. A caller that feeds a peer's bytes into
/// [`Matrix::from_le_bytes`](crate::Matrix::from_le_bytes) names the peer when it wraps the error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// Two matrices do not fit together.
    #[error("{operation}: a {}x{} matrix does not fit a {}x{} matrix", left.0, left.1, right.0, right.1)]
    OursShape {
        /// The operation asked for.
        operation: &'static str,
        /// Rows and columns of the left (or first) operand.
        left: (usize, usize),
        /// Rows and columns of the right (or second) operand.
        right: (usize, usize),
    },
    /// A vector has another number of elements than the matrix it is to become.
    #[error("a {rows}x{cols} matrix cannot be made of {elements} elements")]
    OursElementCount {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        cols: usize,
        /// Elements given.
        elements: usize,
    },
    /// A byte string has another length than the matrix it is to become (or be added to).
    #[error("{bytes} bytes given where a {rows}x{cols} matrix over {field_bits} bits is expected")]
    OursByteCount {
        /// Rows expected.
        rows: usize,
        /// Columns expected.
        cols: usize,
        /// Bits of one ring element.
        field_bits: u32,
        /// Bytes given.
        bytes: usize,
    },
    /// The fraction bits leave no room for a product of two encoded numbers.
    #[error(
        "{fraction_bits} fraction bits are too many for a ring of {field_bits} bits: a product of two encoded \
         numbers has twice as many before it is truncated, and needs {head_room} bits above them for its sign \
         and whole part; choose at most {most}"
    )]
    ConfigFractionBits {
        /// Fraction bits asked for.
        fraction_bits: u32,
        /// Bits of the ring.
        field_bits: u32,
        /// Bits that must stay above `2 * fraction_bits`.
        head_room: u32,
        /// The largest number of fraction bits that this ring takes.
        most: u32,
    },
    /// NaN or an infinity was to be encoded.
    #[error("{value}{} is not a finite number and cannot be encoded", At(*at))]
    OursNotFinite {
        /// The value.
        value: f32,
        /// Row and column (from 0), when it stood in a matrix.
        at: Option<(usize, usize)>,
    },
    /// A number is too large for the ring and its fraction bits.
    #[error(
        "{value}{} is out of range: {fraction_bits} fraction bits in a ring of {field_bits} bits hold numbers \
         of magnitude below 2^{}", At(*at), i64::from(*field_bits) - 2 - i64::from(*fraction_bits)
    )]
    OursOutOfRange {
        /// The value.
        value: f32,
        /// Row and column (from 0), when it stood in a matrix.
        at: Option<(usize, usize)>,
        /// Fraction bits of the encoding.
        fraction_bits: u32,
        /// Bits of the ring.
        field_bits: u32,
    },
    /// The kernels that were asked for are not there.
    #[error("{variable} asks for {wanted:?}, but this machine has {available}")]
    ConfigBackend {
        /// The environment variable.
        variable: &'static str,
        /// What it says.
        wanted: String,
        /// The names that would do.
        available: String,
    },
    /// No ring has that many bits.
    #[error("there is no ring of {bits} bits: choose 32, 64 or 128")]
    ConfigField {
        /// Bits asked for.
        bits: u32,
    },
}

/// Prints ` at row r, column c` or nothing.
struct At(Option<(usize, usize)>);

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some((row, col)) => write!(f, " at row {row}, column {col}"),
            None => Ok(()),
        }
    }
}
