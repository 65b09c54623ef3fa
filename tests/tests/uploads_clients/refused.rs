//! What cannot be uploaded, and what is told of it.

use std::net::TcpListener;

use crate::process::Tidegate;
use crate::scene::Scene;

#[test]
fn what_cannot_work_is_told_with_its_code() {
    let scene = Scene::new("refused");
    let (file, _) = scene.file("film.mkv", 10);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (nobody, elsewhere) = (format!("http://{nobody}/uploads"), scene.proxy.url("/elsewhere"));
    let missing = scene.path("missing");
    let cases = [
        (vec![file.as_str(), &nobody], 1, "refused the connection"),
        (vec![&file, &elsewhere], 1, "no uploads are taken at "),
        (vec![&file, "ftp://127.0.0.1/"], 2, "http://… or https://… is needed"),
        (vec![&file, "uploads"], 2, "is no URL"),
        (vec![&missing, &nobody], 2, "cannot read "),
        (vec!["/", &nobody], 2, "it is no file; from a pipe, upload -"),
        (vec![&file, &nobody, "--parallel", "0"], 2, "0 is not in 1..=64"),
        (vec![&file, &nobody, "--chunk-size", "0"], 2, "at least one byte"),
        (vec![&file], 2, "required arguments"),
    ];
    for (words, code, expected) in cases {
        let left = scene.run(words.iter().copied());
        assert_eq!((left.code, left.stdout.len()), (Some(code), 0), "{words:?}: {}", left.stderr);
        assert!(left.stderr.starts_with("tidegate: ") && left.stderr.contains(expected), "{}", left.stderr);
    }
    assert_eq!(scene.remembered(), 0);
}

#[test]
fn a_broken_pipe_loses_nothing() {
    let scene = Scene::new("pipe");
    let (file, expected) = scene.file("film.mkv", 1000);
    let mut upload = scene.start([file.as_str(), &scene.url()]);
    drop(upload.stdout.take());
    let left = upload.finish();
    assert_eq!(left.code, Some(1));
    assert!(left.stderr.contains("it is uploaded to http://"), "{}", left.stderr);
    // It is still remembered, so the URL can be asked for again.
    let left = scene.run([file.as_str(), &scene.url()]);
    assert_eq!(scene.uploaded(&left), expected);
}

#[test]
fn help_has_an_example() {
    let left = Tidegate::run(["upload", "--help"], b"");
    let help = String::from_utf8(left.stdout).unwrap();
    assert!(help.contains("tidegate upload film.mkv http://127.0.0.1:8080/uploads"), "{help}");
}
