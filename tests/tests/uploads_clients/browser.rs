//! The pages of the demo in real browsers.

use crate::scene::{MIB, Scene};
use tidegate_tests::browser::Browser;

const DROP: &str = r##"(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(window.file);
    const drop = document.querySelector("#drop");
    drop.dispatchEvent(new DragEvent("dragover", { bubbles: true, cancelable: true, dataTransfer }));
    drop.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer }));
})()"##;

const CHOOSE: &str = r##"(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(window.file);
    document.querySelector("#file").files = dataTransfer.files;
})()"##;

/// The state of the one upload in a list.
fn is(list: &str, state: &str) -> String {
    format!(r##"document.querySelector("{list} .upload")?.dataset.state === "{state}""##)
}

/// How much of it is on the disk, in percent.
const DURABLE: &str = r##"Number(document.querySelector("#rows .bar").getAttribute("aria-valuenow"))"##;

/// Pause, resume, a network that cuts, a reload, and somebody who looks on.
async fn a_file_goes_up(name: &str) {
    let scene = Scene::demo(&format!("page-{name}"));
    let browser = Browser::launch(name).await;
    browser.open("viewer", &scene.direct("/upload.html")).await;
    browser.until("viewer", r##"document.querySelector("#viewer-state").dataset.state === "open""##).await;
    browser.open("mine", &scene.proxy.url("/upload.html")).await;
    let expected = browser.make_file("mine", "film.mkv", 64 * MIB).await;

    scene.proxy.hold_after(24 * MIB);
    browser.evaluate("mine", DROP).await;
    browser.until("mine", &format!("{DURABLE} >= 25")).await;
    browser.until("viewer", &is("#viewer", "uploading")).await;
    browser.picture("mine", &format!("uploads-{name}-uploading"), None).await;
    browser.click("mine", "#rows button").await;
    browser.until("mine", &is("#rows", "paused")).await;
    scene.proxy.cut_all();
    scene.proxy.release();
    // No more than the file is sent for the first time; later Chromium itself repeats requests that were cut.
    assert!(scene.proxy.passed() < 26 * MIB, "{} bytes in {name}", scene.proxy.passed());

    scene.proxy.cut_within(Some(5 * MIB));
    scene.proxy.hold_after(16 * MIB);
    browser.click("mine", "#rows button").await;
    browser.until("mine", &is("#rows", "uploading")).await;
    let held = tokio::task::block_in_place(|| {
        scene.proxy.until_held();
        scene.proxy.cuts()
    });
    assert!(held >= 1, "{held} cuts in {name}");
    // The page is left in the middle, and loaded anew.
    browser.visit("mine", "about:blank").await;
    scene.proxy.cut_all();
    scene.proxy.release();
    // Now and then: every cut costs a pause, and a browser on a busy machine has only so long.
    scene.proxy.cut_within(Some(20 * MIB));
    browser.visit("mine", &scene.proxy.url("/upload.html")).await;
    browser.until("mine", &is("#rows", "waiting")).await;
    assert!(browser.evaluate("mine", DURABLE).await.as_u64() >= Some(25));
    browser.picture("mine", &format!("uploads-{name}-reloaded"), None).await;

    browser.make_file("mine", "film.mkv", 64 * MIB).await;
    browser.evaluate("mine", DROP).await;
    browser.until("mine", &is("#rows", "done")).await;
    browser.until("viewer", &is("#viewer", "done")).await;
    browser.picture("mine", &format!("uploads-{name}-done"), None).await;
    browser.picture("viewer", &format!("uploads-{name}-viewer"), None).await;
    let url = browser.evaluate("mine", r##"document.querySelector("#rows .open").href"##).await;
    assert_eq!(scene.download(url.as_str().unwrap()), expected, "in {name}");
    let kept = "Object.keys(localStorage).filter((key) => key.startsWith('tidegate:upload:')).length";
    assert_eq!(browser.evaluate("mine", kept).await, 0);
}

/// The requests of a tutorial's uploader, by our own page: how much is there, and then the rest.
async fn the_tutorial(name: &str) {
    let scene = Scene::demo(&format!("tutorial-{name}"));
    let browser = Browser::launch(name).await;
    let logged = |text: &str| format!("document.querySelector('#log').lastChild?.textContent === {text:?}");
    browser.open("tutorial", &scene.proxy.url("/tutorial-upload.html")).await;
    // A byte beyond ASCII, as browsers send it in a header.
    let expected = browser.make_file("tutorial", "fête.mkv", 16 * MIB).await;
    for _ in 0..2 {
        scene.proxy.hold_after(5 * MIB);
        browser.evaluate("tutorial", CHOOSE).await;
        browser.click("tutorial", "button[type=submit]").await;
        tokio::task::block_in_place(|| scene.proxy.until_held());
        browser.click("tutorial", "#stop").await;
        browser.until("tutorial", &logged("the connection was lost")).await;
        scene.proxy.cut_all();
        scene.proxy.release();
    }
    browser.click("tutorial", "button[type=submit]").await;
    browser.until("tutorial", &logged("done: the server has 16777216 bytes")).await;
    let log = "document.querySelector('#log').innerText";
    let log = browser.evaluate("tutorial", log).await;
    let starts: Vec<u64> = log
        .as_str()
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("the server has ")?.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!((starts.len(), starts[0]), (3, 0), "{log}");
    assert!(starts[1] > 0 && starts[2] > starts[1], "{log}");
    assert!(scene.proxy.passed() < 22 * MIB, "{} bytes in {name}", scene.proxy.passed());
    assert!(scene.has_stored(&expected));
    // Once more: it has all of it.
    browser.click("tutorial", "button[type=submit]").await;
    browser.until("tutorial", "document.querySelectorAll('#log div').length === 8").await;
    browser.until("tutorial", &logged("done: the server has 16777216 bytes")).await;
    browser.picture("tutorial", &format!("uploads-{name}-tutorial"), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_up_from_a_page_in_chromium() {
    a_file_goes_up("chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_up_from_a_page_in_firefox() {
    a_file_goes_up("firefox").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tutorials_uploader_goes_on_in_chromium() {
    the_tutorial("chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tutorials_uploader_goes_on_in_firefox() {
    the_tutorial("firefox").await;
}
