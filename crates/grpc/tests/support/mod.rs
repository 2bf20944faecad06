//! Certificates and sockets for the tests.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod nodes;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use symbolon_grpc::{PeerIdentity, TlsConfig};

/// An authority that signs members.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A member's certificate and key, as PEM texts.
pub struct Member {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn member(&self, name: &str) -> Member {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Member { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    pub fn tls(&self, member: &Member) -> TlsConfig {
        TlsConfig::from_pem(&self.pem(), &member.certificate, &member.key).unwrap()
    }
}

pub fn pinned(name: &str, member: &Member) -> PeerIdentity {
    PeerIdentity::from_pem(name, &member.certificate).unwrap()
}

/// A bound port of this machine.
pub fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

pub fn address(listener: &TcpListener) -> String {
    listener.local_addr().unwrap().to_string()
}

/// Passes bytes on to another address, until its connections are cut.
pub struct Proxy {
    address: String,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    pub fn start(target: &str) -> Self {
        let listener = listener();
        let proxy = Self { address: address(&listener), streams: Arc::default() };
        let (target, streams) = (target.to_owned(), proxy.streams.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(&target) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    streams.lock().unwrap().push(from.try_clone().unwrap());
                    std::thread::spawn(move || pass(from, to));
                }
            }
        });
        proxy
    }

    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Breaks all present connections; new ones are served.
    pub fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
