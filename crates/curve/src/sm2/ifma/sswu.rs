//! Eight simplified SWU maps at a time: RFC 9380, section 6.6.2 with F.2 and F.2.1.2, for A = -3 and Z = -9.
//!
//! Nothing branches on the input.

use super::field::Tight;
use super::point::Jacobian;

/// The points of these field elements. The names are those of the RFC's appendix F.2.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn map_to_curve(u: &Tight) -> Jacobian {
    let b = Tight::curve_b();
    let square = u.square().carry().loose();
    let tv1 = Tight::zero().loose().minus(square.shifted::<3>()).minus(square).fold();
    let tv2 = tv1.square().plus(tv1.loose()).carry();
    let tv3 = tv2.loose().plus(Tight::one().loose()).fold().mul(&b).carry();
    // -3·(-tv2), or -3·Z where tv2 is zero.
    let tv4 = Tight::select(tv2.is_zero(), &tv2.loose().tripled().fold(), &Tight::integer(27));
    let tv4_squared = tv4.square().carry();
    let numerator = tv3.square().minus(tv4_squared.loose().tripled()).fold();
    let tv6 = tv4_squared.mul(&tv4).carry();
    let tv2 = numerator.mul(&tv3).plus(tv6.mul(&b)).carry();
    let x = tv1.mul(&tv3).carry();
    let (is_square, y1) = square_root_of_ratio(&tv2, &tv6);
    let y = tv1.mul(u).carry().mul(&y1).carry();
    let x = Tight::select(is_square, &x, &tv3);
    let y = Tight::select(is_square, &y, &y1);
    let y = Tight::select(u.is_odd() ^ y.is_odd(), &y, &y.negated());
    // x / tv4 and y, with tv4 as z.
    Jacobian { x: x.mul(&tv4).carry(), y: y.mul(&tv6).carry(), z: tv4 }
}

/// `sqrt_ratio` of appendix F.2.1.2: where u/v is a square its root, elsewhere that of Z·u/v.
#[target_feature(enable = "avx512f,avx512ifma")]
fn square_root_of_ratio(u: &Tight, v: &Tight) -> (u8, Tight) {
    let uv = u.mul(v).carry();
    let y1 = v.square().carry().mul(&uv).carry().inverse_root_power().mul(&uv).carry();
    // √(-Z) = 3.
    let y2 = y1.loose().tripled().fold();
    let is_square = y1.square().carry().mul(v).minus(u.loose()).fold().is_zero();
    (is_square, Tight::select(is_square, &y2, &y1))
}
