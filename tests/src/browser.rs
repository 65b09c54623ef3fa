//! Real browsers whose pages a test drives.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::program::Program;
use crate::tools;

/// A browser with its tabs, by names. It ends when this is dropped.
pub struct Browser {
    program: Program,
}

#[expect(missing_docs, reason = "the verbs of a scripted browser speak for themselves")]
impl Browser {
    pub async fn launch(name: &str) -> Self {
        let browser = Self { program: Program::start(&tools::node(), "pages.mjs") };
        browser.ask("launch", json!({ "browser": name })).await;
        browser
    }

    pub async fn ask(&self, action: &str, arguments: Value) -> Value {
        let what = format!("{action} {arguments}");
        self.program.ask(action, arguments).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    pub async fn open(&self, tab: &str, url: &str) {
        self.ask("open", json!({ "tab": tab, "url": url, "width": 1100, "height": 1250 })).await;
    }

    pub async fn visit(&self, tab: &str, url: &str) {
        self.ask("visit", json!({ "tab": tab, "url": url })).await;
    }

    /// Serves a page of its own origin with a script of `tests/peers`, and gives the origin.
    pub async fn serve(&self, script: &str) -> String {
        self.ask("serve", json!({ "script": script }))
            .await
            .as_str()
            .expect("the origin is a text")
            .to_owned()
    }

    /// Waits until an expression is true in the page.
    pub async fn until(&self, tab: &str, expression: &str) {
        let arguments = json!({ "tab": tab, "expression": expression });
        if let Err(error) = self.program.ask("until", arguments).await {
            let shown = self.evaluate(tab, "document.body.innerText").await;
            panic!("until {expression}: {error}; {tab} shows {shown}");
        }
    }

    pub async fn evaluate(&self, tab: &str, expression: &str) -> Value {
        self.ask("evaluate", json!({ "tab": tab, "expression": expression })).await
    }

    /// Evaluates what has no value.
    pub async fn run(&self, tab: &str, expression: &str) {
        self.evaluate(tab, expression).await;
    }

    pub async fn click(&self, tab: &str, selector: &str) {
        self.ask("click", json!({ "tab": tab, "selector": selector })).await;
    }

    /// Drops a file of the disk on an element; in Chromium alone.
    pub async fn drop(&self, tab: &str, selector: &str, path: &str) {
        self.ask("drop", json!({ "tab": tab, "selector": selector, "path": path })).await;
    }

    /// Makes a file in a page, the same each time, and gives its hash.
    pub async fn make_file(&self, tab: &str, name: &str, bytes: u64) -> String {
        let hash = self.evaluate(tab, &format!("({FILE})({name:?}, {bytes})")).await;
        hash.as_str().expect("a hash is a text").to_owned()
    }

    /// For somebody to look at, where there is a folder for it: of an element, or of the whole page.
    pub async fn picture(&self, tab: &str, name: &str, selector: Option<&str>) {
        let Some(folder) = std::env::var_os("TIDEGATE_PICTURES").map(PathBuf::from) else { return };
        let path = folder.join(format!("{name}.png"));
        let path = path.to_str().expect("the folder is a text");
        self.ask("screenshot", json!({ "tab": tab, "path": path, "selector": selector })).await;
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
