//! Certificates of a scenario's members: an authority of its own, for one run.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::interop::scenario::Place;

/// Writes an authority and `count` members into the scenario's folder; the files, as sides and drivers read them.
pub(super) fn write(place: &Place, count: usize) -> Result<Value, String> {
    issue(place, count).map_err(|error| format!("certificates: {error}"))
}

/// Where [`write()`] puts them.
pub(super) fn files(place: &Place, count: usize) -> Value {
    let of_all = |kind: &str| -> Vec<_> {
        (0..count).map(|member| place.file(&format!("member-{member}-{kind}.pem"))).collect()
    };
    json!({
        "authority": place.file("authority.pem"),
        "certificates": of_all("certificate"),
        "keys": of_all("key"),
    })
}

fn issue(place: &Place, count: usize) -> Result<Value, Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "interop authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    std::fs::write(place.file("authority.pem"), authority.pem())?;
    for member in 0..count {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, format!("member {member}"));
        let certificate = params.signed_by(&key, &authority)?;
        std::fs::write(place.file(&format!("member-{member}-certificate.pem")), certificate.pem())?;
        std::fs::write(place.file(&format!("member-{member}-key.pem")), key.serialize_pem())?;
    }
    Ok(files(place, count))
}
