use crate::Link;
use symbolon_dialect::Dialect;

pub fn network(_world_size: usize, _dialect: &Dialect) -> Vec<Link> {
    todo!()
}
