//! Known answers: what real dealers returned, `vectors/triples/*.json`. Every file of the folder is read.

use std::{fs, path::Path};

use serde::Deserialize;
use symbolon_prg::CounterStream;
use symbolon_ring::Field;
use symbolon_triples::{
    AdjustRequest, BufferMeta, Cipher, Construction, Limits, LocalDealer, Op, Seed, Triples, TriplesConfig,
    adjust_bytes,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    #[serde(rename = "about")]
    _about: String,
    provenance: String,
    cipher: String,
    construction: Construction,
    field_bits: u32,
    seeds: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    op: String,
    m: usize,
    k: usize,
    n: usize,
    inputs: Vec<Input>,
    corrections: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    counter: u64,
    bytes: u64,
}

fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/triples");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 4);
    let read = |path: &Path| -> File {
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap_or_else(|e| panic!("{path:?}: {e}"))
    };
    paths.iter().map(|path| read(path)).collect()
}

impl File {
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
    for file in files() {
        assert_eq!(file.format, "symbolon/triples/1");
        assert!(!file.provenance.is_empty());
        let mut bits = CounterStream::new(Cipher::Aes128, Construction::CtrBigEndian, &Seed::from_u128_le(1));
        for case in &file.cases {
            let request = AdjustRequest {
                op: case.op(),
                field: Field::from_bits(file.field_bits).unwrap(),
                inputs: case.inputs(),
            };
            let got = adjust_bytes(
                &file.seeds(),
                Cipher::Aes128,
                file.construction,
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
    for file in files() {
        let field = Field::from_bits(file.field_bits).unwrap();
        let mut counter = 0;
        for case in &file.cases {
            assert_eq!(case.op().inputs(field, counter).unwrap(), case.inputs(), "{}", case.id);
            counter = case.op().end(field, counter).unwrap();
        }
    }
}

/// Parties that draw the recorded operations hold shares of true products, in both stream constructions.
#[test]
fn recorded_runs_give_matrix_triples() {
    for file in files() {
        let ops: Vec<Op> = file.cases.iter().map(Case::op).collect();
        let mut parties: Vec<Triples<u64>> = (0..2)
            .map(|rank| {
                let config = TriplesConfig {
                    rank,
                    world_size: 2,
                    adjust_rank: 1,
                    cipher: Cipher::Aes128,
                    construction: file.construction,
                    ahead: Default::default(),
                };
                let own = Seed::from_u128_le(7);
                let dealer = (rank == 1).then(|| {
                    LocalDealer::new(file.seeds(), Cipher::Aes128, file.construction, Limits::default(), &own)
                        .unwrap()
                });
                let mut triples =
                    Triples::new(&file.seeds()[rank], config, dealer.map(|d| Box::new(d) as _)).unwrap();
                triples.schedule(ops.clone()).unwrap();
                triples
            })
            .collect();
        for case in &file.cases {
            let [one, two] = parties.get_disjoint_mut([0, 1]).unwrap();
            let (one, two) =
                (one.dot(case.m, case.k, case.n).unwrap(), two.dot(case.m, case.k, case.n).unwrap());
            let (a, b) = (one.a.add(&two.a).unwrap(), one.b.add(&two.b).unwrap());
            assert_eq!(a.matmul(&b).unwrap(), one.c.add(&two.c).unwrap(), "{}", case.id);
        }
    }
}
