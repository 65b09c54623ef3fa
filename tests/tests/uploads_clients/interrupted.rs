//! What happens in the middle of an upload: to the command, to the server, to the file.

use std::fs;

use crate::scene::{MIB, Scene, content, hash};

#[test]
fn after_ctrl_c_the_same_command_goes_on() {
    let scene = Scene::new("ctrl-c");
    let (file, expected) = scene.file("film.mkv", 16 * MIB);
    for _ in 0..2 {
        scene.proxy.hold_after(5 * MIB);
        let mut upload = scene.start([file.as_str(), &scene.url()]);
        scene.proxy.until_held();
        upload.signal("INT");
        let left = upload.finish();
        assert_eq!((left.code, left.stdout.len()), (Some(1), 0));
        assert!(left.stderr.contains("; the same command goes on from there\n"), "{}", left.stderr);
        assert_eq!(scene.remembered(), 1);
        scene.proxy.cut_all();
        scene.proxy.release();
    }
    let left = scene.run([file.as_str(), &scene.url()]);
    assert!(left.stderr.starts_with("going on at "), "{}", left.stderr);
    assert_eq!(scene.uploaded(&left), expected);
    // What the server has is not sent again; what stood in a socket was not there yet.
    assert!(scene.proxy.passed() < 22 * MIB, "{} bytes", scene.proxy.passed());
    assert_eq!(scene.remembered(), 0);
}

#[test]
fn a_command_that_was_killed_goes_on_in_parts_as_well() {
    for parallel in ["1", "4"] {
        let scene = Scene::new(&format!("killed-{parallel}"));
        let (file, expected) = scene.file("film.mkv", 16 * MIB);
        scene.proxy.hold_after(8 * MIB);
        let mut upload = scene.start([file.as_str(), &scene.url(), "--parallel", parallel]);
        scene.proxy.until_held();
        upload.signal("KILL");
        upload.finish();
        scene.proxy.cut_all();
        scene.proxy.release();
        // In as many parts as it was begun with.
        let left = scene.run([file.as_str(), &scene.url()]);
        assert!(left.stderr.starts_with("going on at "), "{}", left.stderr);
        assert_eq!(scene.uploaded(&left), expected);
        assert!(scene.proxy.passed() < 22 * MIB, "{} bytes", scene.proxy.passed());
    }
}

#[test]
fn a_server_that_is_killed_and_comes_back_is_waited_for() {
    for parallel in ["1", "4"] {
        let mut scene = Scene::new(&format!("server-{parallel}"));
        let (file, expected) = scene.file("film.mkv", 48 * MIB);
        scene.proxy.hold_after(40 * MIB);
        let mut upload = scene.start([file.as_str(), &scene.url(), "--parallel", parallel]);
        scene.proxy.until_held();
        scene.kill_server();
        scene.proxy.release();
        let left = upload.finish();
        assert_eq!(scene.uploaded(&left), expected);
        // At most 16 MiB are sent twice, and what stood in sockets.
        assert!(scene.proxy.passed() < 72 * MIB, "{} bytes", scene.proxy.passed());
        let left = scene.run([file.as_str(), &scene.url()]);
        assert_eq!(scene.uploaded(&left), expected);
    }
}

#[test]
fn a_file_that_has_changed_is_uploaded_anew() {
    let scene = Scene::new("changed");
    let (file, _) = scene.file("film.mkv", 4 * MIB);
    let interrupt = |flags: &[&str]| {
        scene.proxy.hold_after(2 * MIB);
        let url = scene.url();
        let mut upload = scene.start([file.as_str(), url.as_str()].into_iter().chain(flags.iter().copied()));
        scene.proxy.until_held();
        upload.signal("TERM");
        upload.finish();
        scene.proxy.cut_all();
        scene.proxy.release();
    };
    interrupt(&[]);
    let other = content(4 * MIB + 1, "other");
    fs::write(&file, &other).unwrap();
    let left = scene.run([file.as_str(), &scene.url()]);
    assert!(left.stderr.contains(" has changed since its upload began: it begins anew\n"), "{}", left.stderr);
    assert_eq!(scene.uploaded(&left), hash(&other));
    // And one that has not, when that is asked for.
    interrupt(&["--parallel", "2"]);
    let left = scene.run([file.as_str(), &scene.url(), "--fresh"]);
    assert!(!left.stderr.contains("going on"), "{}", left.stderr);
    assert_eq!(scene.uploaded(&left), hash(&other));
}

#[test]
fn a_file_that_changes_meanwhile_is_told() {
    let scene = Scene::new("changes");
    let (file, _) = scene.file("film.mkv", 4 * MIB);
    scene.proxy.hold_after(2 * MIB);
    let mut upload = scene.start([file.as_str(), &scene.url()]);
    scene.proxy.until_held();
    fs::write(&file, content(5 * MIB, "other")).unwrap();
    scene.proxy.release();
    let left = upload.finish();
    assert_eq!((left.code, left.stdout.len()), (Some(1), 0));
    assert!(left.stderr.contains("has changed"), "{}", left.stderr);
}

#[test]
fn one_command_at_a_time_uploads_a_file_to_a_place() {
    let scene = Scene::new("busy");
    let (file, expected) = scene.file("film.mkv", 4 * MIB);
    scene.proxy.hold_after(2 * MIB);
    let mut upload = scene.start([file.as_str(), &scene.url()]);
    scene.proxy.until_held();
    let second = scene.run([file.as_str(), &scene.url()]);
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("is being uploaded there by another command"), "{}", second.stderr);
    scene.proxy.release();
    assert_eq!(scene.uploaded(&upload.finish()), expected);
}
