//! Connections that stand still: nothing moves on them, and neither end is told.

use serde_json::json;

use crate::package;
use crate::scene::{MIB, Scene};
use tidegate_tests::browser::Browser;

/// Connections come so far, and the file is longer than all that stand still.
const WITHIN: u64 = 3 * MIB;
const STALLS: u64 = 4;
const LENGTH: u64 = STALLS * WITHIN + 4 * MIB;

/// Uploads `window.file`, and tells why it tried again.
const UPLOAD: &str = r#"(async () => {
    const { upload } = await import("/tidegate/upload.js");
    const whys = [];
    const onretry = ({ message }) => whys.push(message);
    const { url } = await upload(window.file, "/uploads", { silence: 1000, onretry });
    return { url, whys };
})()"#;

/// Lets the first connections from now on stand still.
fn stall(scene: &Scene) {
    scene.proxy.cut_within(Some(WITHIN));
    scene.proxy.stall(STALLS);
    // Those that are kept would go on as they are.
    scene.proxy.cut_all();
}

async fn a_page_goes_on_by_itself(name: &str) {
    let scene = Scene::demo(&format!("still-{name}"));
    let browser = Browser::launch(name).await;
    browser.open("mine", &scene.proxy.url("/upload.html")).await;
    let expected = browser.make_file("mine", "film.mkv", LENGTH).await;
    stall(&scene);
    let told = browser.evaluate("mine", UPLOAD).await;
    assert_eq!(scene.download(told["url"].as_str().unwrap()), expected, "{told}");
    assert_eq!(scene.proxy.stalls_left(), 0, "{told}");
    let whys = told["whys"].as_array().unwrap();
    assert!(whys.iter().any(|why| why == "nothing has moved for 1 s"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_goes_on_by_itself() {
    a_page_goes_on_by_itself("chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_goes_on_by_itself() {
    a_page_goes_on_by_itself("firefox").await;
}

#[test]
fn the_package_goes_on_by_itself_without_a_browser() {
    let scene = Scene::new("still-package");
    let (file, expected) = scene.file("film.mkv", LENGTH);
    stall(&scene);
    let result = package::run(&scene.url(), &file, &json!({ "silence": 1000 }));
    assert_eq!(scene.download(result["url"].as_str().unwrap_or_else(|| panic!("{result}"))), expected);
    assert_eq!(scene.proxy.stalls_left(), 0, "{result}");
    assert_eq!(result["durableDecreased"], false, "{result}");
}

#[test]
fn the_command_goes_on_by_itself() {
    for parallel in ["1", "3"] {
        let scene = Scene::new(&format!("still-{parallel}"));
        let (file, expected) = scene.file("film.mkv", LENGTH);
        stall(&scene);
        let left = scene.run([file.as_str(), &scene.url(), "--timeout", "1", "--parallel", parallel]);
        assert_eq!(scene.uploaded(&left), expected);
        assert_eq!(scene.proxy.stalls_left(), 0, "{}", left.stderr);
    }
}
