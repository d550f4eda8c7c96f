#![expect(clippy::disallowed_methods, reason = "tests write the files that are read")]

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair,
};

use super::*;

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issue(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    subject: &[(DnType, &str)],
    usage: ExtendedKeyUsagePurpose,
    until: i32,
) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params.extended_key_usages = vec![usage];
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    params.signed_by(&key, issuer).unwrap().der().clone()
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("gatewright-{}-{name}.pem", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

const CAROL: [(DnType, &str); 2] = [
    (DnType::OrganizationName, "viewers"),
    (DnType::CommonName, "carol"),
];

#[test]
fn the_subject_is_the_user() {
    let ours = authority("ours");
    let path = file("subject", &ours.pem());
    let certificates = ClientCertificates::new(&path).unwrap();
    let shown = issue(&ours, &CAROL, ExtendedKeyUsagePurpose::ClientAuth, 4000);
    let user = certificates.user(std::slice::from_ref(&shown)).unwrap();
    assert_eq!(
        (user.name.as_str(), user.groups.as_slice()),
        ("carol", &["viewers".to_owned()][..])
    );
    let id = &user.extra[CREDENTIAL_ID][0];
    assert!(
        id.strip_prefix("X509SHA256=")
            .is_some_and(|print| print.len() == 64),
        "{id}"
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_does_not_verify_is_nobody() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let path = file("nobody", &ours.pem());
    let certificates = ClientCertificates::new(&path).unwrap();
    for (why, shown) in [
        (
            "another authority's",
            issue(&theirs, &CAROL, ExtendedKeyUsagePurpose::ClientAuth, 4000),
        ),
        (
            "a server's",
            issue(&ours, &CAROL, ExtendedKeyUsagePurpose::ServerAuth, 4000),
        ),
        (
            "past its end",
            issue(&ours, &CAROL, ExtendedKeyUsagePurpose::ClientAuth, 2001),
        ),
        (
            "without a name",
            issue(&ours, &CAROL[..1], ExtendedKeyUsagePurpose::ClientAuth, 4000),
        ),
        (
            "with an empty name",
            issue(
                &ours,
                &[(DnType::CommonName, "")],
                ExtendedKeyUsagePurpose::ClientAuth,
                4000,
            ),
        ),
        ("no certificate", CertificateDer::from(vec![1, 2, 3])),
    ] {
        assert_eq!(certificates.user(&[shown]), None, "{why}");
    }
    assert_eq!(certificates.user(&[]), None);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn authorities_are_replaced_and_the_last_good_ones_stay() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let path = file("replaced", &ours.pem());
    let certificates = ClientCertificates::new(&path).unwrap();
    let by_ours = issue(&ours, &CAROL, ExtendedKeyUsagePurpose::ClientAuth, 4000);
    let by_theirs = issue(&theirs, &CAROL, ExtendedKeyUsagePurpose::ClientAuth, 4000);
    assert_eq!(certificates.reload(), Ok(false));
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nhalf").unwrap();
    assert!(certificates.reload().is_err());
    assert!(certificates.user(std::slice::from_ref(&by_ours)).is_some());
    std::fs::write(&path, theirs.pem()).unwrap();
    assert_eq!(certificates.reload(), Ok(true));
    assert!(certificates.user(&[by_ours]).is_none());
    assert!(certificates.user(&[by_theirs]).is_some());
    std::fs::remove_file(&path).unwrap();
    assert!(certificates.reload().is_err());
    assert!(ClientCertificates::new(&path).is_err());
}
