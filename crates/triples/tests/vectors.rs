//! Known answers: what real dealers returned, `vectors/triples`.

use std::{fs, path::Path};

use serde::Deserialize;
use symbolon_prg::CounterStream;
use symbolon_ring::Field;
use symbolon_triples::{
    AdjustRequest, BufferMeta, Cipher, Construction, Limits, LocalDealer, Mask, Op, Seed, Triples,
    TriplesConfig, adjust_bytes,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    header: Header,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Header {
    format: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    cipher: String,
    construction: Construction,
    field_bits: u32,
    seeds: Vec<String>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    #[serde(rename = "result")]
    _result: Valid,
    #[serde(rename = "flags")]
    _flags: Vec<String>,
    op: String,
    m: usize,
    k: usize,
    n: usize,
    inputs: Vec<Input>,
    corrections: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Valid {
    Valid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    counter: u64,
    bytes: u64,
}

const FILES: [&str; 4] = [
    "reference-adjust-rank-0.json",
    "reference-adjust-rank-1.json",
    "spu-0.9.5-compiled-steps.json",
    "spu-0.9.5-reference-order.json",
];

fn groups() -> Vec<Group> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/triples");
    let read = |name: &&str| -> Vec<Group> {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let file: File = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(file.header.format, "symbolon-vectors/dealer-corrections/1");
        file.groups
    };
    FILES.iter().flat_map(read).collect()
}

impl Group {
    fn seeds(&self) -> Vec<Seed> {
        assert_eq!(self.cipher, "aes-128");
        let seed = |text: &String| Seed::from_bytes(hex::decode(text).unwrap().try_into().unwrap());
        self.seeds.iter().map(seed).collect()
    }
}

impl Case {
    fn op(&self) -> Op {
        assert_eq!(self.op, "dot", "{}", self.id);
        Op::Dot { m: self.m, k: self.k, n: self.n }
    }

    fn inputs(&self) -> Vec<BufferMeta> {
        self.inputs.iter().map(|i| BufferMeta { counter: i.counter, bytes: i.bytes }).collect()
    }
}

#[test]
fn corrections_equal_those_of_real_dealers() {
    let mut ids = Vec::new();
    for group in groups() {
        let mut bits = CounterStream::new(Cipher::Aes128, Construction::CtrBigEndian, &Seed::from_u128_le(1));
        for case in &group.tests {
            let request = AdjustRequest {
                op: case.op(),
                field: Field::from_bits(group.field_bits).unwrap(),
                inputs: case.inputs(),
            };
            let got = adjust_bytes(
                &group.seeds(),
                Cipher::Aes128,
                group.construction,
                &request,
                &Limits::default(),
                &mut bits,
            )
            .unwrap();
            assert_eq!(got.iter().map(hex::encode).collect::<Vec<_>>(), case.corrections, "{}", case.id);
            ids.push(case.id.clone());
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "ids are unique");
}

/// The requests of a whole run follow from the operations alone.
#[test]
fn counters_and_lengths_follow_from_the_operations() {
    for group in groups() {
        let field = Field::from_bits(group.field_bits).unwrap();
        let mut counter = 0;
        for case in &group.tests {
            assert_eq!(case.op().inputs(field, counter).unwrap(), case.inputs(), "{}", case.id);
            counter = case.op().end(field, counter).unwrap();
        }
    }
}

/// Parties that draw the recorded operations hold shares of true products, in both stream constructions.
#[test]
fn recorded_runs_give_matrix_triples() {
    for group in groups() {
        let ops: Vec<Op> = group.tests.iter().map(Case::op).collect();
        let mut parties: Vec<Triples<u64>> = (0..2)
            .map(|rank| {
                let config = TriplesConfig {
                    rank,
                    world_size: 2,
                    adjust_rank: 1,
                    cipher: Cipher::Aes128,
                    construction: group.construction,
                    ahead: Default::default(),
                };
                let own = Seed::from_u128_le(7);
                let dealer = (rank == 1).then(|| {
                    LocalDealer::new(
                        group.seeds(),
                        Cipher::Aes128,
                        group.construction,
                        Limits::default(),
                        &own,
                    )
                    .unwrap()
                });
                let mut triples =
                    Triples::new(&group.seeds()[rank], config, dealer.map(|d| Box::new(d) as _)).unwrap();
                triples.schedule(ops.clone()).unwrap();
                triples
            })
            .collect();
        for case in &group.tests {
            let [one, two] = parties.get_disjoint_mut([0, 1]).unwrap();
            let (one, two) =
                (one.dot(case.m, case.k, case.n).unwrap(), two.dot(case.m, case.k, case.n).unwrap());
            let sum = |one: &Mask<u64>, two: &Mask<u64>| {
                one.to_matrix().unwrap().add(&two.to_matrix().unwrap()).unwrap()
            };
            let (a, b) = (sum(&one.a, &two.a), sum(&one.b, &two.b));
            assert_eq!(a.matmul(&b).unwrap(), one.c.add(&two.c).unwrap(), "{}", case.id);
        }
    }
}
