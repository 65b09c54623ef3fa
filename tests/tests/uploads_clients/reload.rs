//! A page that is left in the middle of an upload, and comes back.

use crate::scene::{MIB, Scene};
use tidegate_tests::browser::Browser;

const LENGTH: u64 = 24 * MIB;
/// One request carries 16 MiB, so that much is on the disk before something is held.
const HELD: u64 = 20 * MIB;
const DURABLE: &str = r##"Number(document.querySelector("#rows .bar").getAttribute("aria-valuenow"))"##;
const NOTE: &str = r##"document.querySelector("#rows .upload-note").textContent"##;

/// Chooses `window.file` with a field.
fn choose(field: &str) -> String {
    format!(
        r#"(() => {{
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(window.file);
            const input = document.querySelector("{field}");
            input.files = dataTransfer.files;
            input.dispatchEvent(new Event("change"));
        }})()"#
    )
}

/// Chooses `window.file` as if it had been found on a disk. Nobody can drive the browser's dialog; the handle that it
/// gives is a real one, of the disk that a page has for itself.
const CHOOSE_WITH_HANDLE: &str = r##"(async () => {
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle("film.mkv", { create: true });
    const writable = await handle.createWritable();
    await writable.write(window.file);
    await writable.close();
    window.showOpenFilePicker = async () => [handle];
    document.querySelector("#files").click();
})()"##;

/// Counts the handles that the page keeps.
const HANDLES: &str = r#"() => new Promise((resolve) => {
    const opening = indexedDB.open("tidegate-uploads");
    opening.onsuccess = () => {
        const counting = opening.result.transaction("handles").objectStore("handles").count();
        counting.onsuccess = () => resolve(counting.result);
        opening.result.close();
    };
})"#;

const FIRST_BUTTON: &str = r##"document.querySelector("#rows .upload button").textContent"##;

fn is(state: &str) -> String {
    format!(r##"document.querySelector("#rows .upload")?.dataset.state === "{state}""##)
}

/// Starts an upload, and leaves the page in the middle of it. Comes back when the network has.
async fn is_left(scene: &Scene, browser: &Browser, start: impl Future<Output = ()>) {
    scene.proxy.hold_after(HELD);
    start.await;
    tokio::task::block_in_place(|| scene.proxy.until_held());
    browser.until("mine", &format!("{DURABLE} >= 66")).await;
    browser.visit("mine", "about:blank").await;
    scene.proxy.cut_all();
    scene.proxy.release();
    browser.visit("mine", &scene.proxy.url("/upload.html")).await;
    browser.until("mine", &is("waiting")).await;
    // It asks the server, which has some more than the page knew.
    browser.until("mine", &format!("{DURABLE} >= 66 && {NOTE} !== ''")).await;
}

/// The file of the one upload that the page has finished, and what it was of.
async fn is_whole(scene: &Scene, browser: &Browser, expected: &str, name: &str) {
    browser.until("mine", &is("done")).await;
    let url = browser.evaluate("mine", r##"document.querySelector("#rows .open").href"##).await;
    assert_eq!(scene.download(url.as_str().unwrap()), expected, "in {name}");
    // What was on the disk is not sent again. Chromium itself repeats a request that was cut.
    let passed = scene.proxy.passed();
    assert!(passed < HELD + LENGTH - 8 * MIB, "{passed} bytes in {name}");
}

async fn the_same_file_goes_on(name: &str) {
    let scene = Scene::demo(&format!("reload-{name}"));
    let browser = Browser::launch(name).await;
    browser.open("mine", &scene.proxy.url("/upload.html")).await;
    let expected = browser.make_file("mine", "film.mkv", LENGTH).await;
    is_left(&scene, &browser, browser.run("mine", &choose("#files"))).await;
    browser.open("other", &scene.proxy.url("/upload.html")).await;
    browser.until("other", &is("waiting")).await;
    browser.picture("mine", &format!("uploads-{name}-choose-again"), None).await;
    let note = browser.evaluate("mine", NOTE).await;
    assert!(note.as_str().unwrap().starts_with("To go on, choose the same file: film.mkv, "), "{note}");

    for (other, told) in [("film.mkv", "This file has changed"), ("clip.mkv", "clip.mkv is another file")] {
        browser.make_file("mine", other, MIB).await;
        browser.evaluate("mine", &choose("#rows .choose input")).await;
        browser.until("mine", &format!("{NOTE}.startsWith('{told}')")).await;
        assert_eq!(browser.evaluate("mine", &is("waiting")).await, true);
    }
    browser.picture("mine", &format!("uploads-{name}-another-file"), None).await;
    browser.make_file("mine", "film.mkv", LENGTH).await;
    browser.evaluate("mine", &choose("#rows .choose input")).await;
    is_whole(&scene, &browser, &expected, name).await;
    // Nobody goes on with it elsewhere.
    browser.until("other", "document.querySelector('#rows').children.length === 0").await;
}

async fn what_is_discarded_is_gone(name: &str) {
    let scene = Scene::demo(&format!("discard-{name}"));
    let browser = Browser::launch(name).await;
    browser.open("mine", &scene.proxy.url("/upload.html")).await;
    browser.make_file("mine", "film.mkv", LENGTH).await;
    is_left(&scene, &browser, browser.run("mine", &choose("#files"))).await;
    let url = browser.evaluate("mine", "JSON.parse(localStorage.getItem('tidegate-uploads'))[0].url").await;
    let ask = format!("fetch({url}, {{ method: 'HEAD', headers: {{ 'Tus-Resumable': '1.0.0' }} }})");
    assert_eq!(browser.evaluate("mine", &format!("{ask}.then(({{ status }}) => status)")).await, 200);
    browser.click("mine", "#rows .upload button").await;
    browser.until("mine", "document.querySelector('#rows').children.length === 0").await;
    browser.until("mine", &format!("{ask}.then(({{ status }}) => status === 404)")).await;
    browser
        .until("mine", "Object.keys(localStorage).every((key) => !key.startsWith('tidegate:upload:'))")
        .await;
    browser.visit("mine", &scene.proxy.url("/upload.html")).await;
    assert_eq!(browser.evaluate("mine", "document.querySelector('#rows').children.length").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_is_chosen_again_in_chromium() {
    the_same_file_goes_on("chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_is_chosen_again_in_firefox() {
    the_same_file_goes_on("firefox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_is_gone_in_both() {
    for name in ["chromium", "firefox"] {
        what_is_discarded_is_gone(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_keeps_the_way_to_a_file() {
    let scene = Scene::demo("handle");
    let browser = Browser::launch("chromium").await;
    browser.open("mine", &scene.proxy.url("/upload.html")).await;
    let expected = browser.make_file("mine", "film.mkv", LENGTH).await;
    is_left(&scene, &browser, browser.run("mine", CHOOSE_WITH_HANDLE)).await;
    assert_eq!(browser.evaluate("mine", FIRST_BUTTON).await, "Go on");
    assert_eq!(browser.evaluate("mine", &format!("({HANDLES})()")).await, 1);
    browser.picture("mine", "uploads-chromium-go-on", None).await;
    browser.click("mine", "#rows .upload button").await;
    is_whole(&scene, &browser, &expected, "chromium").await;
    browser.until("mine", &format!("({HANDLES})().then((count) => count === 0)")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_keeps_the_way_to_a_file_that_was_dropped() {
    let scene = Scene::demo("dropped");
    let browser = Browser::launch("chromium").await;
    browser.open("mine", &scene.proxy.url("/upload.html")).await;
    let (path, expected) = scene.file("film.mkv", LENGTH);
    is_left(&scene, &browser, browser.drop("mine", "#drop", &path)).await;
    // Here the browser would ask, and nobody can answer. The same file is taken without that.
    assert_eq!(browser.evaluate("mine", FIRST_BUTTON).await, "Go on");
    assert_eq!(browser.evaluate("mine", &format!("({HANDLES})()")).await, 1);
    browser.drop("mine", "#drop", &path).await;
    is_whole(&scene, &browser, &expected, "chromium").await;
}
