//! `wss`, with a throwaway authority.

use std::fs;
use std::path::PathBuf;

use tidegate_tests::certificates::Certificates;

use crate::process::Tidegate;

/// A directory with an authority, and a certificate of it for this machine; removed when dropped.
struct Files {
    directory: PathBuf,
}

impl Files {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("tidegate-cli-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let Certificates { ca, chain, key } = Certificates::make();
        for (name, pem) in [("ca.pem", ca), ("cert.pem", chain), ("key.pem", key)] {
            fs::write(directory.join(name), pem).unwrap();
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    fn listen(&self) -> (Tidegate, String) {
        let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
        let (server, url) = Tidegate::listen(["--tls-cert", &cert, "--tls-key", &key]);
        assert!(url.starts_with("wss://127.0.0.1:"), "{url}");
        (server, url)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn an_own_authority_is_trusted_when_named() {
    let files = Files::new("ca");
    let (_server, url) = files.listen();
    let input = "a line\n".repeat(10_000);
    let left = Tidegate::run(["connect", &url, "--ca", &files.path("ca.pem")], input.as_bytes());
    assert_eq!((left.code, left.stderr.as_str()), (Some(0), "closed 1000\n"));
    assert!(left.stdout == input.as_bytes(), "the lines differ");
}

#[test]
fn any_certificate_is_accepted_when_asked_for() {
    let files = Files::new("insecure");
    let (_server, url) = files.listen();
    let left = Tidegate::run(["connect", &url, "--insecure"], b"hi\n");
    assert_eq!((left.code, &left.stdout[..]), (Some(0), &b"hi\n"[..]));
}

#[test]
fn an_unknown_authority_is_refused() {
    let (files, other) = (Files::new("unknown"), Files::new("other"));
    let (_server, url) = files.listen();
    let other = other.path("ca.pem");
    for trust in [&[][..], &["--ca", &other]] {
        let left = Tidegate::run(["connect", &url].into_iter().chain(trust.iter().copied()), b"hi\n");
        assert_eq!((left.code, left.stdout.len()), (Some(1), 0));
        assert!(left.stderr.starts_with("tidegate: cannot connect: "), "{}", left.stderr);
    }
}

#[test]
fn a_key_of_another_certificate_is_wrong_usage() {
    let (files, other) = (Files::new("pair"), Files::new("key"));
    let (cert, key) = (files.path("cert.pem"), other.path("key.pem"));
    let left = Tidegate::run(["listen", ":0", "--tls-cert", &cert, "--tls-key", &key], b"");
    assert_eq!((left.code, left.stdout.len()), (Some(2), 0));
    assert!(left.stderr.contains("private key does not belong"), "{}", left.stderr);
}

#[test]
fn a_client_shows_its_certificate() {
    let files = Files::new("client");
    let (_server, url) = files.listen();
    let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| files.path(name));
    // This server does not ask; what matters here is that the files are read and fit.
    let left = Tidegate::run(["connect", &url, "--ca", &ca, "--cert", &cert, "--key", &key], b"hi\n");
    assert_eq!((left.code, &left.stdout[..]), (Some(0), &b"hi\n"[..]), "{}", left.stderr);
    let left = Tidegate::run(["connect", &url, "--ca", &ca, "--cert", &cert, "--key", &ca], b"hi\n");
    assert_eq!(left.code, Some(2), "{}", left.stderr);
}
