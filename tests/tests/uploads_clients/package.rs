//! The browser package in Node, against the real server.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tidegate_tests::tools;

use crate::scene::{MIB, Scene};

/// Starts `upload` of a file.
fn start(url: &str, file: &str, options: &Value) -> Child {
    let mut child = Command::new("node")
        .arg(tools::peer("upload.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let order = json!({ "url": url, "file": file, "options": options });
    writeln!(child.stdin.take().unwrap(), "{order}").unwrap();
    child
}

/// Uploads a file, and gives what it came to.
pub(crate) fn run(url: &str, file: &str, options: &Value) -> Value {
    end(start(url, file, options))
}

/// What it came to.
fn end(child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_file_arrives_whole_however_often_it_is_cut() {
    let scene = Scene::new("package");
    for (options, name) in [(json!({}), "one"), (json!({ "parallel": 3 }), "many")] {
        let (file, expected) = scene.file(name, 4 * MIB + 1);
        scene.proxy.cut_within(Some(700_000));
        let result = run(&scene.url(), &file, &options);
        let url = result["url"].as_str().unwrap_or_else(|| panic!("{result}"));
        assert_eq!(scene.download(url), expected);
        assert_eq!(result["durableDecreased"], false, "{result}");
        assert!(result["retries"].as_u64().unwrap() >= 3, "{result}");
        assert!(result["monitor"].as_str().unwrap().contains("/channels/upload-"), "{result}");
    }
}

#[test]
fn a_server_that_is_killed_and_comes_back_is_waited_for() {
    let mut scene = Scene::new("package-server");
    let (file, expected) = scene.file("film.mkv", 48 * MIB);
    scene.proxy.hold_after(40 * MIB);
    let upload = start(&scene.url(), &file, &json!({}));
    scene.proxy.until_held();
    scene.kill_server();
    scene.proxy.release();
    let result = end(upload);
    assert_eq!(scene.download(result["url"].as_str().unwrap_or_else(|| panic!("{result}"))), expected);
    assert!(scene.proxy.passed() < 72 * MIB, "{} bytes", scene.proxy.passed());
}
