//! The pages of the demo in real browsers.

use std::path::PathBuf;

use serde_json::{Value, json};
use tidegate_tests::program::Program;
use tidegate_tests::tools;

use crate::scene::{MIB, Scene};

struct Browser {
    program: Program,
}

impl Browser {
    async fn launch(name: &str) -> Self {
        let browser = Self { program: Program::start(&tools::node(), "pages.mjs") };
        browser.ask("launch", json!({ "browser": name })).await;
        browser
    }

    async fn ask(&self, action: &str, arguments: Value) -> Value {
        let what = format!("{action} {arguments}");
        self.program.ask(action, arguments).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    async fn open(&self, tab: &str, url: &str) {
        self.ask("open", json!({ "tab": tab, "url": url, "width": 1100, "height": 1250 })).await;
    }

    async fn until(&self, tab: &str, expression: &str) {
        let arguments = json!({ "tab": tab, "expression": expression });
        if let Err(error) = self.program.ask("until", arguments).await {
            let shown = self.evaluate(tab, "document.body.innerText").await;
            panic!("until {expression}: {error}; {tab} shows {shown}");
        }
    }

    async fn evaluate(&self, tab: &str, expression: &str) -> Value {
        self.ask("evaluate", json!({ "tab": tab, "expression": expression })).await
    }

    async fn click(&self, tab: &str, selector: &str) {
        self.ask("click", json!({ "tab": tab, "selector": selector })).await;
    }

    /// Makes a file in a page, the same each time, and gives its hash.
    async fn make_file(&self, tab: &str, name: &str, bytes: u64) -> String {
        let hash = self.evaluate(tab, &format!("({FILE})({name:?}, {bytes})")).await;
        hash.as_str().unwrap().to_owned()
    }

    /// For somebody to look at, where there is a folder for it.
    async fn picture(&self, tab: &str, name: &str) {
        let Some(folder) = std::env::var_os("TIDEGATE_PICTURES").map(PathBuf::from) else { return };
        let path = folder.join(format!("uploads-{name}.png"));
        self.ask("screenshot", json!({ "tab": tab, "path": path.to_str().unwrap() })).await;
    }
}

/// Puts a file into `window.file`.
const FILE: &str = r#"async (name, bytes) => {
    const words = new Uint32Array(bytes / 4);
    let x = 0x9e3779b9;
    for (let index = 0; index < words.length; index += 1) {
        x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
        words[index] = x;
    }
    window.file = new File([words], name, { type: "video/x-matroska", lastModified: 1000000000000 });
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", words));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}"#;

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
    browser.picture("mine", &format!("{name}-uploading")).await;
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
    browser.ask("visit", json!({ "tab": "mine", "url": "about:blank" })).await;
    scene.proxy.cut_all();
    scene.proxy.release();
    // Now and then: every cut costs a pause, and a browser on a busy machine has only so long.
    scene.proxy.cut_within(Some(20 * MIB));
    browser.ask("visit", json!({ "tab": "mine", "url": scene.proxy.url("/upload.html") })).await;
    browser.until("mine", &is("#rows", "waiting")).await;
    assert!(browser.evaluate("mine", DURABLE).await.as_u64() >= Some(25));
    browser.picture("mine", &format!("{name}-reloaded")).await;

    browser.make_file("mine", "film.mkv", 64 * MIB).await;
    browser.evaluate("mine", DROP).await;
    browser.until("mine", &is("#rows", "done")).await;
    browser.until("viewer", &is("#viewer", "done")).await;
    browser.picture("mine", &format!("{name}-done")).await;
    browser.picture("viewer", &format!("{name}-viewer")).await;
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
    browser.picture("tutorial", &format!("{name}-tutorial")).await;
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
