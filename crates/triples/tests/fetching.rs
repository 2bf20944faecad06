//! Fetching ahead: order, bounds, errors, and the end of the thread.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicBool, Ordering::SeqCst},
    mpsc,
};

use symbolon_triples::{
    AdjustRequest, Ahead, Cipher, Construction, Corrections, Dealer, DealerError, Op, Pending, Seed, Triples,
    TriplesConfig, TriplesError,
};

fn source(dealer: impl Dealer<u64> + 'static, ahead: Ahead) -> Triples<u64> {
    let config = TriplesConfig {
        rank: 0,
        world_size: 2,
        adjust_rank: 0,
        cipher: Cipher::Aes128,
        construction: Construction::CtrBigEndian,
        ahead,
    };
    Triples::new(&Seed::from_u128_le(1), config, Some(Box::new(dealer))).unwrap()
}

fn zeros(request: &AdjustRequest) -> Corrections<u64> {
    request.op.correction_lens().into_iter().map(|len| vec![0; len]).collect()
}

/// Tells of each request on a channel, and answers with zeros.
struct Telling(mpsc::Sender<Op>, Arc<AtomicBool>);

impl Dealer<u64> for Telling {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<u64>, DealerError> {
        let _ = self.0.send(request.op);
        Ok(zeros(request))
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.1.store(true, SeqCst);
    }
}

#[test]
fn scheduled_corrections_are_fetched_ahead_within_the_bounds() {
    let (tell, told) = mpsc::channel();
    let dropped = Arc::new(AtomicBool::new(false));
    let mut triples = source(Telling(tell, dropped.clone()), Ahead { max_requests: 3, max_bytes: 8 * 25 });
    let ops: Vec<Op> = (0..5).map(|i| Op::Mul { len: 10 + i }).collect();
    triples.schedule(ops.clone()).unwrap();
    // Before anything is drawn: 10 + 11 elements are within the bytes, 12 more are not.
    assert_eq!([told.recv().unwrap(), told.recv().unwrap()], [ops[0], ops[1]]);
    assert_eq!(triples.mul(10).unwrap().c.len(), 10);
    // 11 + 12 are within the bytes again
    assert_eq!(told.recv().unwrap(), ops[2]);
    assert!(told.try_recv().is_err());
    assert!(triples.mul(11).is_ok());
    assert_eq!(told.recv().unwrap(), ops[3]);
    assert!(triples.mul(12).is_ok());
    assert!(triples.mul(13).is_ok());
    assert_eq!(told.recv().unwrap(), ops[4]);
    assert_eq!(triples.scheduled(), 1);
    drop(triples);
    assert!(dropped.load(SeqCst), "the thread has ended and given its dealer up");
}

#[test]
fn the_number_of_requests_is_bounded_and_one_always_goes() {
    let (tell, told) = mpsc::channel();
    let mut triples = source(Telling(tell, Arc::default()), Ahead { max_requests: 2, max_bytes: u64::MAX });
    triples.schedule((1..6).map(|len| Op::RandBit { len })).unwrap();
    assert_eq!(told.recv().unwrap(), Op::RandBit { len: 1 });
    assert_eq!(told.recv().unwrap(), Op::RandBit { len: 2 });
    assert!(triples.rand_bit(1).is_ok());
    assert_eq!(told.recv().unwrap(), Op::RandBit { len: 3 });
    assert!(told.try_recv().is_err());

    let (tell, _told) = mpsc::channel();
    let mut triples = source(Telling(tell, Arc::default()), Ahead { max_requests: 0, max_bytes: 0 });
    triples.schedule([Op::Mul { len: 100 }, Op::Mul { len: 7 }]).unwrap();
    assert!(triples.mul(100).is_ok());
    assert!(triples.mul(7).is_ok());
    assert!(triples.mul(9).is_ok(), "on demand after the schedule");
}

#[test]
fn drawing_something_else_than_scheduled_is_refused_and_changes_nothing() {
    let (tell, _told) = mpsc::channel();
    let mut triples = source(Telling(tell, Arc::default()), Ahead::default());
    triples.schedule([Op::Dot { m: 1, k: 2, n: 3 }]).unwrap();
    let (scheduled, drawn) = (Op::Dot { m: 1, k: 2, n: 3 }, Op::Dot { m: 1, k: 3, n: 2 });
    assert_eq!(triples.dot(1, 3, 2).unwrap_err(), TriplesError::OursOutOfSchedule { scheduled, drawn });
    assert_eq!((triples.counter(), triples.scheduled()), (0, 1));
    assert!(triples.dot(1, 2, 3).is_ok());
    assert!(matches!(triples.mul(0), Err(TriplesError::OursOp { .. })));
    assert!(triples.mul(1).is_ok(), "an impossible operation changes nothing either");
}

/// Answers the n-th request with what the script says.
struct Scripted(std::vec::IntoIter<Result<Corrections<u64>, DealerError>>);

impl Dealer<u64> for Scripted {
    fn adjust(&mut self, _: &AdjustRequest) -> Result<Corrections<u64>, DealerError> {
        self.0.next().unwrap()
    }
}

#[test]
fn errors_surface_at_the_draw_that_they_belong_to_and_stay() {
    let refused = DealerError::PeerRefused { code: 2, message: "no such session".into() };
    let script = vec![Ok(vec![vec![1, 2]]), Err(refused.clone()), Ok(vec![vec![0, 0]])];
    let mut triples = source(Scripted(script.into_iter()), Ahead::default());
    triples.schedule([Op::RandBit { len: 2 }; 3]).unwrap();
    assert!(triples.rand_bit(2).is_ok());
    let want = TriplesError::Dealer { op: Op::RandBit { len: 2 }, counter: 1, source: refused };
    assert_eq!(triples.rand_bit(2).unwrap_err(), want);
    assert_eq!(triples.rand_bit(2).unwrap_err(), want);
    assert!(want.to_string().contains("block counter 1") && want.to_string().contains("no such session"));
}

#[test]
fn corrections_of_the_wrong_length_or_number_are_refused() {
    let op = Op::TruncPr { len: 2, bits: 1 };
    for (script, want) in [
        (vec![vec![0, 0]], TriplesError::PeerCorrectionCount { op, counter: 0, expected: 2, got: 1 }),
        (vec![vec![0, 0]; 3], TriplesError::PeerCorrectionCount { op, counter: 0, expected: 2, got: 3 }),
        (
            vec![vec![0, 0], vec![0]],
            TriplesError::PeerCorrectionLength { op, counter: 0, index: 1, expected: 2, got: 1 },
        ),
        (
            vec![vec![0, 0, 0], vec![0, 0]],
            TriplesError::PeerCorrectionLength { op, counter: 0, index: 0, expected: 2, got: 3 },
        ),
    ] {
        let mut triples = source(Scripted(vec![Ok(script)].into_iter()), Ahead::default());
        assert_eq!(triples.trunc_pr(2, 1).unwrap_err(), want);
    }
}

/// Only starts requests; each is answered when the gate opens.
struct Gated(Arc<(Mutex<bool>, Condvar)>, mpsc::Sender<Op>);

impl Dealer<u64> for Gated {
    fn adjust(&mut self, request: &AdjustRequest) -> Result<Corrections<u64>, DealerError> {
        self.start(request.clone())()
    }

    fn start(&mut self, request: AdjustRequest) -> Pending<u64> {
        let gate = Arc::clone(&self.0);
        self.1.send(request.op).unwrap();
        Box::new(move || {
            let mut open = gate.0.lock().unwrap();
            while !*open {
                open = gate.1.wait(open).unwrap();
            }
            Ok(zeros(&request))
        })
    }
}

#[test]
fn several_requests_are_under_way_before_the_first_is_answered() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let (tell, told) = mpsc::channel();
    let mut triples = source(Gated(Arc::clone(&gate), tell), Ahead::default());
    triples.schedule([Op::Mul { len: 1 }; 4]).unwrap();
    for _ in 0..4 {
        assert_eq!(told.recv().unwrap(), Op::Mul { len: 1 });
    }
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    for _ in 0..4 {
        assert!(triples.mul(1).is_ok());
    }
    triples.schedule([Op::Mul { len: 1 }; 4]).unwrap();
    drop(triples); // with requests under way: ends without waiting for them
}

struct Panicking;

impl Dealer<u64> for Panicking {
    fn adjust(&mut self, _: &AdjustRequest) -> Result<Corrections<u64>, DealerError> {
        std::panic::resume_unwind(Box::new("a defect"))
    }
}

#[test]
fn a_panicking_dealer_is_an_error_and_no_hang() {
    let mut triples = source(Panicking, Ahead::default());
    triples.schedule([Op::Mul { len: 1 }; 2]).unwrap();
    assert!(matches!(triples.mul(1), Err(TriplesError::Dealer { .. })));
    assert!(matches!(triples.mul(1), Err(TriplesError::Dealer { .. })));
}
