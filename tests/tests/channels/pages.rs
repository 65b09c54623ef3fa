//! The chat in real browsers: a page for each transport, and two tabs of a tutorial's client.

use std::path::PathBuf;

use serde_json::{Value, json};
use tidegate_tests::program::Program;
use tidegate_tests::tools;

use crate::server::Server;

/// How the pages of the demo take part.
const TRANSPORTS: [&str; 5] = ["websocket", "event-stream", "stream", "long-poll", "poll"];
const NAMES: [&str; 5] = ["Ann", "Ben", "Cleo", "Dan", "Eve"];

/// Those that know nothing of positions.
const TABS: [&str; 2] = ["first tab", "second tab"];

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

    async fn until(&self, tab: &str, expression: &str) {
        self.ask("until", json!({ "tab": tab, "expression": expression })).await;
    }
}

/// What a tab shows of what was said.
fn texts(tab: &str) -> &'static str {
    if TABS.contains(&tab) {
        r##"[...document.querySelectorAll("#subscribe div")].flatMap((div) => div.textContent.split("\n"))
            .filter((line) => line).map((line) => line.split(": ")[1])"##
    } else {
        r##"[...document.querySelectorAll("#chat-list .message-text")].map((text) => text.textContent)"##
    }
}

async fn one_room(name: &str) {
    let server = Server::demo().await;
    let browser = Browser::launch(name).await;
    let host = &server.address;
    for (via, name) in TRANSPORTS.into_iter().zip(NAMES) {
        let url = format!("http://{host}/?via={via}&name={name}");
        browser.ask("open", json!({ "tab": via, "url": url })).await;
        browser.until(via, r##"document.querySelector("#chat-state").dataset.state === "open""##).await;
    }
    for tab in TABS {
        browser.ask("open", json!({ "tab": tab, "url": format!("http://{host}/tutorial") })).await;
    }
    let mut said = Vec::new();
    for tab in TRANSPORTS.into_iter().chain(TABS) {
        let field = if TABS.contains(&tab) { "#message" } else { "#chat-text" };
        browser.ask("enter", json!({ "tab": tab, "field": field, "text": tab })).await;
        said.push(tab);
        // It has been published when the socket shows it, so the order is known.
        let shown = format!("{}.length === {}", texts("websocket"), said.len());
        browser.until("websocket", &shown).await;
    }
    for tab in TRANSPORTS.into_iter().chain(TABS) {
        browser.until(tab, &format!("{}.length >= {}", texts(tab), said.len())).await;
        let shown = browser.ask("evaluate", json!({ "tab": tab, "expression": texts(tab) })).await;
        assert_eq!(shown, json!(said), "in {name}, {tab}");
    }
    // Each of the pages with its transport; those of the tutorial poll, too.
    let marks = r##"[...document.querySelectorAll("#chat-present .participant")]
        .map((item) => item.querySelector(".via").dataset.via).sort().join()"##;
    let expected = "event-stream,long-poll,long-poll,long-poll,poll,stream,websocket";
    browser.until("websocket", &format!("{marks} === {}", json!(expected))).await;
    let vias = r##"[...document.querySelectorAll("#chat-list .via")].map((mark) => mark.dataset.via)"##;
    let shown = browser.ask("evaluate", json!({ "tab": "poll", "expression": vias })).await;
    assert_eq!(shown, json!([TRANSPORTS.as_slice(), &["long-poll"; 2]].concat()));
    picture(&browser, name).await;
}

/// For somebody to look at, where there is a folder for it.
async fn picture(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("TIDEGATE_PICTURES").map(PathBuf::from) else { return };
    for (tab, selector) in [("websocket", Some("#chat")), ("poll", Some("#chat")), ("first tab", None)] {
        let path = folder.join(format!("chat-{name}-{}.png", tab.replace(' ', "-")));
        let path = path.to_str().unwrap();
        browser.ask("screenshot", json!({ "tab": tab, "path": path, "selector": selector })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transport_shows_the_same_in_chromium() {
    one_room("chromium").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transport_shows_the_same_in_firefox() {
    one_room("firefox").await;
}
