//! What a test file says of itself, in its first comments or its `<meta>` elements.

/// The instructions of one test file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Scripts to load before the test.
    pub(crate) scripts: Vec<String>,
    /// Queries with which the test is run.
    pub(crate) variants: Vec<String>,
    /// Where a `.any.js` runs; a window and a dedicated worker when it does not say.
    pub(crate) globals: Vec<String>,
    /// Whether it takes longer than most.
    pub(crate) is_long: bool,
}

impl Meta {
    /// Reads `// META: key=value` lines.
    pub(crate) fn of_script(text: &str) -> Self {
        let mut meta = Self::default();
        for line in text.lines() {
            let Some((key, value)) =
                line.strip_prefix("// META:").and_then(|line| line.trim().split_once('='))
            else {
                continue;
            };
            match key {
                "script" => meta.scripts.push(value.to_owned()),
                "variant" => meta.variants.push(value.to_owned()),
                "global" => meta.globals.extend(value.split(',').map(str::to_owned)),
                "timeout" => meta.is_long = value == "long",
                _ => {}
            }
        }
        meta
    }

    /// Reads `<meta name=… content=…>` elements.
    pub(crate) fn of_page(text: &str) -> Self {
        let mut meta = Self::default();
        for element in text.split("<meta ").skip(1) {
            let element = element.split_once('>').map_or(element, |(element, _)| element);
            let (Some(name), Some(content)) = (attribute(element, "name"), attribute(element, "content"))
            else {
                continue;
            };
            match name {
                "variant" => meta.variants.push(content.to_owned()),
                "timeout" => meta.is_long = content == "long",
                _ => {}
            }
        }
        meta
    }

    /// Whether a `.any.js` runs in this kind of place.
    pub(crate) fn runs_in(&self, place: &str) -> bool {
        let is_worker = ["dedicatedworker", "sharedworker", "serviceworker"].contains(&place);
        match self.globals.as_slice() {
            [] => ["window", "dedicatedworker"].contains(&place),
            globals => globals.iter().any(|global| global == place || (global == "worker" && is_worker)),
        }
    }
}

/// An attribute's value, quoted or not.
fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (before, value) = element.split_once(&format!("{name}="))?;
    if !before.is_empty() && !before.ends_with(char::is_whitespace) {
        return None;
    }
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c));
    match quote {
        Some(quote) => value[1..].split(quote).next(),
        None => value.split([' ', '/', '\n']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_says_what_it_needs() {
        let meta = Meta::of_script(
            "// META: script=a.js\n// META: variant=?wss\n// META: global=window,worker\n\n1",
        );
        assert_eq!((meta.scripts, meta.variants), (vec!["a.js".to_owned()], vec!["?wss".to_owned()]));
        let meta = Meta::of_script("// META: global=window,worker\n// META: timeout=long");
        assert!(meta.runs_in("serviceworker") && meta.runs_in("window") && meta.is_long);
        let meta = Meta::of_script("");
        assert!(meta.runs_in("dedicatedworker") && !meta.runs_in("sharedworker"));
    }

    #[test]
    fn a_page_says_it_in_any_order_with_any_quotes() {
        let meta = Meta::of_page("<meta name=timeout content=long><meta content='?wss&x' name=\"variant\">");
        assert_eq!(meta.variants, ["?wss&x"]);
        assert!(meta.is_long);
        assert_eq!(Meta::of_page("<meta charset=utf-8>"), Meta::default());
    }
}
