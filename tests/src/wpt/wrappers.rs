//! The pages and worker scripts that are generated around a test script.

use std::fs;
use std::path::Path;

use super::meta::Meta;

/// A generated file: its type and text.
pub(crate) type Generated = (&'static str, String);

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The module that puts the injected classes in place.
pub(crate) const ADAPTER: &str = "/__inject/__adapter.js";

/// The kinds of workers: how the page's name ends, and how a page makes one from `url`.
const WORKERS: [(&str, &str); 3] = [
    (".any.worker.html", "fetch_tests_from_worker(new Worker(url));"),
    (".any.sharedworker.html", "fetch_tests_from_worker(new SharedWorker(url));"),
    (".any.serviceworker.html", SERVICE_WORKER),
];

const SERVICE_WORKER: &str = "(async () => {
  const scope = url.replace(/[^/]*$/, 'a-scope-of-its-own/');
  const old = await navigator.serviceWorker.getRegistration(scope);
  await old?.unregister();
  const registration = await navigator.serviceWorker.register(url, { scope });
  add_completion_callback(() => registration.unregister());
  fetch_tests_from_worker(registration.installing);
})();";

/// What stands at `path` (without a leading slash) if it is generated.
pub(crate) fn find(root: &Path, path: &str, injects: bool) -> Option<Generated> {
    let script = |stem: &str, ending: &str| {
        let name = format!("{stem}{ending}");
        let text = fs::read(root.join(&name)).ok()?;
        Some((name, Meta::of_script(&String::from_utf8_lossy(&text))))
    };
    for ending in [".any", ".window"] {
        if let Some(stem) = path.strip_suffix(&format!("{ending}.html")) {
            let (name, meta) = script(stem, &format!("{ending}.js"))?;
            return Some((HTML, window(&name, &meta, injects)));
        }
    }
    for (ending, start) in WORKERS {
        if let Some(stem) = path.strip_suffix(ending) {
            let (_, meta) = script(stem, ".any.js")?;
            return Some((HTML, host(&format!("{stem}.any.worker.js"), start, &meta)));
        }
    }
    if let Some(stem) = path.strip_suffix(".any.worker.js") {
        let (name, meta) = script(stem, ".any.js")?;
        return Some((JAVASCRIPT, worker(&name, &meta, injects)));
    }
    // A `.worker.js` is a whole worker by itself.
    let stem = path.strip_suffix(".worker.html")?;
    let (name, meta) = script(stem, ".worker.js")?;
    Some((HTML, host(&name, WORKERS[0].1, &meta)))
}

/// The page that runs a script itself. With injected classes, its scripts wait for the module that brings them.
fn window(script: &str, meta: &Meta, injects: bool) -> String {
    let scripts = scripts(script, meta);
    let scripts = if injects {
        let list = json(&scripts);
        format!(
            "<script type=module>\nimport '{ADAPTER}';\nfor (const src of {list}) {{\n  \
             document.head.append(Object.assign(document.createElement('script'), {{ src, async: false }}));\n}}\n</script>"
        )
    } else {
        scripts.iter().map(|src| format!("<script src=\"{src}\"></script>\n")).collect()
    };
    let global = global("window");
    format!(
        "{}<script>{global}</script>\n<script src=/resources/testharness.js></script>\n\
         <script src=/resources/testharnessreport.js></script>\n<div id=log></div>\n{scripts}\n",
        head(meta)
    )
}

/// The page that only shows what a worker finds.
fn host(script: &str, start: &str, meta: &Meta) -> String {
    format!(
        "{}<script src=/resources/testharness.js></script>\n<script src=/resources/testharnessreport.js></script>\n\
         <div id=log></div>\n<script>\nconst url = '/{script}' + location.search;\n{start}\n</script>\n",
        head(meta)
    )
}

fn worker(script: &str, meta: &Meta, injects: bool) -> String {
    let scripts = json(&scripts(script, meta));
    let run = if injects {
        // `import` is allowed in every worker but a service worker.
        format!("import('{ADAPTER}').then(() => {{ importScripts(...{scripts}); done(); }});")
    } else {
        format!("importScripts(...{scripts});\ndone();")
    };
    format!("{}\nimportScripts('/resources/testharness.js');\n{run}\n", global("worker"))
}

fn head(meta: &Meta) -> String {
    let timeout = if meta.is_long { "<meta name=timeout content=long>" } else { "" };
    format!("<!doctype html>\n<meta charset=utf-8>{timeout}\n")
}

/// What test scripts ask to know where they run.
fn global(place: &str) -> String {
    let (window, worker) = (place == "window", place == "worker");
    format!(
        "self.GLOBAL = {{ isWindow: () => {window}, isWorker: () => {worker}, isShadowRealm: () => false }};"
    )
}

/// All scripts of a test by their paths, its own last.
fn scripts(script: &str, meta: &Meta) -> Vec<String> {
    let folder = script.rsplit_once('/').map_or("", |(folder, _)| folder);
    let absolute =
        |name: &String| if name.starts_with('/') { name.clone() } else { format!("/{folder}/{name}") };
    meta.scripts.iter().map(absolute).chain([format!("/{script}")]).collect()
}

fn json(list: &[String]) -> String {
    serde_json::Value::from(list.to_vec()).to_string()
}

/// The module that puts the injected classes in place; `settings` go to the constructor beside the test's own.
pub(crate) fn adapter(module: &str, settings: &str) -> String {
    format!(
        "import * as given from '/__inject/{module}';\n\
         const Base = given.WebSocketStream ?? globalThis.WebSocketStream;\n\
         const settings = {settings};\n\
         const also = (options) => (options === undefined ? settings : Object.assign({{}}, options, settings));\n\
         class WebSocketStream extends Base {{\n  \
         constructor(...given) {{\n    \
         const [url, options] = given;\n    \
         if (given.length === 0 || (options !== undefined && typeof options !== 'object')) super(...given);\n    \
         else super(url, also(options));\n  }}\n}}\n\
         globalThis.WebSocketStream = WebSocketStream;\n\
         globalThis.WebSocketError = given.WebSocketError ?? globalThis.WebSocketError;\n"
    )
}

/// Keeps the results where the runner finds them, and gives tests time on a busy machine.
pub(crate) const REPORT: &str = "setup({ output: false, timeout_multiplier: 4 });
add_completion_callback((tests, status) => {
  const names = ['PASS', 'FAIL', 'TIMEOUT', 'NOTRUN', 'PRECONDITION_FAILED'];
  window.__results = {
    harness: ['OK', 'ERROR', 'TIMEOUT', 'PRECONDITION_FAILED'][status.status],
    message: status.message ?? '',
    tests: tests.map(({ name, status, message }) => ({ name, status: names[status], message: message ?? '' })),
  };
});
";
