//! `tidegate upload` over a network that cuts its connections.

use crate::scene::{MIB, Scene, content, hash};

/// Every connection is cut within so many bytes.
const CUT: Option<u64> = Some(700_000);

#[test]
fn a_file_arrives_whole_however_often_it_is_cut() {
    let scene = Scene::new("cut");
    let (file, expected) = scene.file("film.mkv", 8 * MIB);
    scene.proxy.cut_within(CUT);
    let left = scene.run([file.as_str(), &scene.url()]);
    assert_eq!(scene.uploaded(&left), expected);
    assert!(scene.proxy.cuts() >= 8, "{} cuts", scene.proxy.cuts());
    assert_eq!(scene.remembered(), 0);
    // One line each: what was done is no noise for a script.
    assert_eq!(String::from_utf8(left.stdout).unwrap().lines().count(), 1);
    assert!(
        left.stderr.lines().count() == 1 && left.stderr.starts_with("8.00 MiB sent in "),
        "{}",
        left.stderr
    );
}

#[test]
fn parts_arrive_side_by_side_and_are_joined() {
    let scene = Scene::new("parallel");
    let (file, expected) = scene.file("film.mkv", 8 * MIB + 3);
    scene.proxy.cut_within(CUT);
    let left = scene.run([file.as_str(), &scene.url(), "--parallel", "4", "--quiet"]);
    assert_eq!(scene.uploaded(&left), expected);
    assert!(scene.proxy.cuts() >= 4, "{} cuts", scene.proxy.cuts());
    assert_eq!((scene.remembered(), left.stderr.as_str()), (0, ""));
}

#[test]
fn chunks_are_checked_by_the_server() {
    for name in ["sha256", "sha1"] {
        let scene = Scene::new(name);
        let (file, expected) = scene.file("film.mkv", 3 * MIB + 1);
        scene.proxy.cut_within(CUT);
        let left = scene.run([file.as_str(), &scene.url(), "--checksum", name, "--chunk-size", "256K"]);
        assert_eq!(scene.uploaded(&left), expected);
        // A head goes with each chunk, and what was cut goes again: it is no part of the upload yet.
        assert!(scene.proxy.cuts() >= 3, "{} cuts", scene.proxy.cuts());
    }
}

#[test]
fn standard_input_arrives_though_nobody_knows_its_length() {
    let scene = Scene::new("stdin");
    let piece = 128 * 1024;
    // Within a piece, at its end, and behind it.
    for bytes in [0, 5, piece - 1, piece, piece + 1, 4 * piece] {
        let content = content(bytes, "stdin");
        scene.proxy.cut_within(CUT);
        let mut upload = scene.start(["-", &scene.url(), "--chunk-size", "128K", "--checksum", "sha256"]);
        upload.feed(content.clone());
        assert_eq!(scene.uploaded(&upload.finish()), hash(&content), "{bytes} bytes");
    }
    assert_eq!(scene.remembered(), 0);
}

#[test]
fn small_and_empty_files_arrive() {
    let scene = Scene::new("small");
    for bytes in [0, 1, 3] {
        let (file, expected) = scene.file(&format!("{bytes}"), bytes);
        for parallel in ["1", "4"] {
            let left = scene.run([file.as_str(), &scene.url(), "--parallel", parallel]);
            assert_eq!(scene.uploaded(&left), expected, "{bytes} bytes, {parallel} parts");
        }
    }
}
