//! Certificates and sockets for the tests.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::net::TcpListener;

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
