//! Parties and a dealer that prove who they are.

mod scene;

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use scene::Scene;

/// Writes `ca.pem`, and `{name}.pem` and `{name}.key` for each name, all for 127.0.0.1.
fn certificates(folder: &Path, names: &[&str]) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    for name in names {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

struct Secured {
    scene: Scene,
    tls: std::path::PathBuf,
}

impl Secured {
    fn new() -> Self {
        let scene = Scene::new();
        let tls = scene.folder(0).parent().unwrap().join("tls");
        certificates(&tls, &["rank0", "rank1", "dealer", "stranger"]);
        Self { scene, tls }
    }

    fn path(&self, name: &str) -> String {
        self.tls.join(name).to_str().unwrap().to_owned()
    }

    fn configure(&self, rank: usize, own: &str) {
        let label = if rank == 1 { "label = 'label'\n" } else { "" };
        let section = format!(
            "{label}[tls]\nca = '{}'\ncert = '{}'\nkey = '{}'\npeers = ['{}', '{}']",
            self.path("ca.pem"),
            self.path(&format!("{own}.pem")),
            self.path(&format!("{own}.key")),
            self.path("rank0.pem"),
            self.path("rank1.pem"),
        );
        self.scene.configure(rank, &section);
    }
}

#[test]
fn a_run_with_certificates() {
    let secured = Secured::new();
    let Secured { scene, .. } = &secured;
    secured.configure(0, "rank0");
    secured.configure(1, "rank1");
    let (ca, cert, key) = (secured.path("ca.pem"), secured.path("dealer.pem"), secured.path("dealer.key"));
    let _dealer = scene.start_dealer_with(&["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key]);
    for ended in scene.run_without_dealer("run", &["--dealer-cert", &cert]) {
        ended.expect(0, &["prediction agreed"]);
        assert!(!ended.log.contains("WARN"), "{}", ended.log);
    }
}

/// Seeds sealed to the dealer's key, and mutual TLS around them.
#[test]
fn a_run_with_certificates_and_a_dealer_of_spus_kind() {
    let secured = Secured::new();
    let Secured { scene, .. } = &secured;
    secured.configure(0, "rank0");
    secured.configure(1, "rank1");
    symbolon::keygen::run(&symbolon::cli::KeygenOptions { out: secured.tls.clone(), force: false }).unwrap();
    let (ca, cert, key) = (secured.path("ca.pem"), secured.path("dealer.pem"), secured.path("dealer.key"));
    let private = secured.path(symbolon::keygen::PRIVATE_KEY);
    let tls = ["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key, "--spu-key", &private];
    let mut dealer = scene.start_dealer_with(&tls);
    dealer.until("listening");
    let public = secured.path(symbolon::keygen::PUBLIC_KEY);
    for (dialect, form) in [("spu-0.9.5", "http"), ("reference", "unary"), ("reference", "unary-baidu-std")] {
        let flags = ["--dealer-public-key", &public, "--dialect", dialect, "--dealer-form", form];
        let stranger = secured.path("rank1.pem");
        let pinned = |certificate: &str| [&flags[..], &["--dealer-cert", certificate]].concat().join(" ");
        let run = |flags: &str, receive: &str| {
            let mut flags: Vec<&str> = flags.split(' ').collect();
            flags.extend(["--receive-timeout", receive]);
            scene.run_without_dealer("run", &flags)
        };
        for ended in run(&pinned(&cert), "8s") {
            ended.expect(0, &["prediction agreed"]);
            assert!(!ended.log.contains("WARN"), "{}", ended.log);
        }
        // Another member of the same authority is not the dealer.
        run(&pinned(&stranger), "1s")[0].expect(3, &["dealer", "not the one pinned"]);
    }
}

#[test]
fn a_stranger_with_a_certificate_of_the_same_authority_is_kept_out() {
    let secured = Secured::new();
    secured.configure(0, "rank0");
    secured.configure(1, "stranger");
    for ended in secured.scene.run_without_dealer("psi", &["--connect-timeout", "1500ms"]) {
        ended.expect(3, &["connect"]);
    }
    secured.scene.assert_no_output(0);
    secured.scene.assert_no_output(1);
}

#[test]
fn unusable_certificates_are_named() {
    let secured = Secured::new();
    secured.configure(0, "rank0");
    fs::write(secured.tls.join("rank0.pem"), "nothing").unwrap();
    secured.scene.start(0, "psi", &[]).wait().expect(2, &["TLS", "certificate"]);
    fs::remove_file(secured.tls.join("ca.pem")).unwrap();
    secured.scene.start(0, "psi", &[]).wait().expect(2, &["ca.pem"]);
}
