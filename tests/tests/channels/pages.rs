//! The chat in real browsers: a page for each transport, and two tabs of a tutorial's client.

use serde_json::json;
use tidegate_tests::browser::Browser;

use crate::server::Server;

/// How the pages of the demo take part.
const TRANSPORTS: [&str; 5] = ["websocket", "event-stream", "stream", "long-poll", "poll"];
const NAMES: [&str; 5] = ["Ann", "Ben", "Cleo", "Dan", "Eve"];

/// Those that know nothing of positions.
const TABS: [&str; 2] = ["first tab", "second tab"];

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
        let shown = browser.evaluate(tab, texts(tab)).await;
        assert_eq!(shown, json!(said), "in {name}, {tab}");
    }
    // Each of the pages with its transport; those of the tutorial poll, too.
    let marks = r##"[...document.querySelectorAll("#chat-present .participant")]
        .map((item) => item.querySelector(".via").dataset.via).sort().join()"##;
    let expected = "event-stream,long-poll,long-poll,long-poll,poll,stream,websocket";
    browser.until("websocket", &format!("{marks} === {}", json!(expected))).await;
    let vias = r##"[...document.querySelectorAll("#chat-list .via")].map((mark) => mark.dataset.via)"##;
    let shown = browser.evaluate("poll", vias).await;
    assert_eq!(shown, json!([TRANSPORTS.as_slice(), &["long-poll"; 2]].concat()));
    for (tab, selector) in [("websocket", Some("#chat")), ("poll", Some("#chat")), ("first tab", None)] {
        browser.picture(tab, &format!("chat-{name}-{}", tab.replace(' ', "-")), selector).await;
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
