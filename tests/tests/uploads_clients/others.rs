//! The upload libraries of others in real browsers: a page of another origin, over a network that cuts its connections.

use serde_json::{Value, json};

use crate::scene::{MIB, Scene};
use tidegate_tests::browser::Browser;

const LENGTH: u64 = 6 * MIB;
/// A connection is cut within so many bytes: by chance, of the same seed each time.
const CUT: u64 = 1_500_000;

async fn they_go_on_where_they_were_cut(name: &str) {
    let browser = Browser::launch(name).await;
    let origin = browser.serve("others_page.mjs").await;
    let scene = Scene::open_to(&format!("others-{name}"), &origin);
    scene.proxy.cut_within(Some(CUT));
    browser.open("page", &origin).await;
    for (number, (client, more)) in [
        ("uppy", json!({})),
        ("uppy", json!({ "chunkSize": 2 * MIB })),
        ("tusJs", json!({ "protocol": "tus-v1" })),
        ("tusJs", json!({ "protocol": "tus-v1", "chunkSize": 2 * MIB })),
        ("tusJs", json!({ "protocol": "tus-v1", "parallelUploads": 3 })),
        ("tusJs", json!({ "protocol": "ietf-draft-05" })),
    ]
    .into_iter()
    .enumerate()
    {
        // They remember what they have uploaded, by its name.
        let expected = browser.make_file("page", &format!("film-{number}.mkv"), LENGTH).await;
        let before = scene.proxy.cuts();
        let mut options = more;
        options["endpoint"] = Value::from(scene.url());
        let reply =
            browser.evaluate("page", &format!("window.clients.{client}(window.file, {options})")).await;
        let url = reply.as_str().unwrap_or_else(|| panic!("{client} {options}: {reply}"));
        assert_eq!(scene.download(url), expected, "{client} {options} in {name}");
        // The file is longer than what any three connections carry.
        let cuts = scene.proxy.cuts() - before;
        assert!(cuts >= 3, "{cuts} cuts of {client} {options} in {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uppy_and_tus_js_client_go_on_in_chromium() {
    they_go_on_where_they_were_cut("chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uppy_and_tus_js_client_go_on_in_firefox() {
    they_go_on_where_they_were_cut("firefox").await;
}
