//! RFC 6455 §9.1: negotiating extensions.

use tidegate_proto::websocket::{Extension, InvalidExtensions, MAX_EXTENSION_ITEMS};

fn parse(line: &str) -> Result<Vec<Extension>, InvalidExtensions> {
    Extension::parse_all([line])
}

fn extension(name: &str, params: &[(&str, Option<&str>)]) -> Extension {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
    Extension { name: name.to_owned(), params }
}

#[test]
fn the_examples_of_the_rfc() {
    assert_eq!(parse("foo"), Ok(vec![extension("foo", &[])]));
    assert_eq!(parse("bar; baz=2"), Ok(vec![extension("bar", &[("baz", Some("2"))])]));
    let both = Ok(vec![extension("foo", &[]), extension("bar", &[("baz", Some("2"))])]);
    assert_eq!(parse("foo, bar; baz=2"), both);
    assert_eq!(Extension::parse_all(["foo", "bar; baz=2"]), both);
    assert_eq!(
        parse("deflate-stream, mux; max-channels=4; flow-control, private-extension"),
        Ok(vec![
            extension("deflate-stream", &[]),
            extension("mux", &[("max-channels", Some("4")), ("flow-control", None)]),
            extension("private-extension", &[]),
        ])
    );
}

#[test]
fn no_line_is_no_extension() {
    assert_eq!(Extension::parse_all(Vec::<&str>::new()), Ok(vec![]));
}

#[test]
fn a_quoted_value_is_unescaped_and_must_be_a_token() {
    let ten = Ok(vec![extension("a", &[("b", Some("10"))])]);
    assert_eq!(parse(r#"a;b="10""#), ten);
    assert_eq!(parse(r#"a;b="1\0""#), ten);
    assert_eq!(parse(r#"a ; b = "10" "#), ten);
    for not_a_token in
        [r#"a;b="""#, r#"a;b="1 0""#, r#"a;b="1,0""#, r#"a;b="\"""#, r#"a;b="\\""#, "a;b=\"é\""]
    {
        assert_eq!(parse(not_a_token), Err(InvalidExtensions::QuotedNonToken), "{not_a_token}");
    }
    for unclosed in [r#"a;b=""#, r#"a;b="1"#] {
        assert_eq!(parse(unclosed), Err(InvalidExtensions::UnclosedQuote), "{unclosed}");
    }
    assert_eq!(parse(r#"a;b="1"2"#), Err(InvalidExtensions::MissingSeparator));
}

#[test]
fn whitespace_and_empty_elements_are_skipped() {
    let expected = Ok(vec![extension("a", &[("b", Some("c"))]), extension("d", &[])]);
    for line in ["a;b=c,d", " a ; b = c , d ", "\ta\t;\tb\t=\tc\t,\td\t", ",,a;b=c,,d,,", ", a;b=c , , d ,"] {
        assert_eq!(parse(line), expected, "{line:?}");
    }
    assert_eq!(Extension::parse_all(["", "a;b=c", ",", "d"]), expected);
}

#[test]
fn what_breaks_the_grammar() {
    for nothing in ["", " ", ",", " , ,"] {
        assert_eq!(parse(nothing), Err(InvalidExtensions::NamedNone), "{nothing:?}");
    }
    for tokenless in
        [";a", "a;", "a;;b", "a;=b", "a;b=", "a;b=;c", "=", "\"a\"", "a,;b", "a;b==c", "é", "(a)"]
    {
        assert_eq!(parse(tokenless), Err(InvalidExtensions::MissingToken), "{tokenless:?}");
    }
    for unseparated in ["a b", "a=b", "a;b c", "a;b=c d", "a;b=c=d", "a\"b\"", "a/1", "a\0", "a;b=c\u{7f}"] {
        assert_eq!(parse(unseparated), Err(InvalidExtensions::MissingSeparator), "{unseparated:?}");
    }
    // Two lines are one list, but an element may not go on in the next line.
    assert_eq!(Extension::parse_all(["a;b=\"1", "0\""]), Err(InvalidExtensions::UnclosedQuote));
}

#[test]
fn extensions_and_parameters_are_counted_together() {
    let names = vec!["a"; MAX_EXTENSION_ITEMS];
    assert_eq!(parse(&names.join(",")).map(|all| all.len()), Ok(MAX_EXTENSION_ITEMS));
    assert_eq!(parse(&names.join(";")).map(|all| all[0].params.len()), Ok(MAX_EXTENSION_ITEMS - 1));
    assert_eq!(parse(&(names.join(",") + ",a")), Err(InvalidExtensions::TooMany));
    assert_eq!(parse(&(names.join(";") + ";a")), Err(InvalidExtensions::TooMany));
    assert_eq!(Extension::parse_all(vec!["a"; MAX_EXTENSION_ITEMS + 1]), Err(InvalidExtensions::TooMany));
    assert_eq!(parse(&vec!["permessage-deflate"; 10_000].join(", ")), Err(InvalidExtensions::TooMany));
}

/// A quadratic parser would need hours for these.
#[test]
fn long_lines_take_linear_time() {
    let long = "x".repeat(4 << 20);
    assert_eq!(parse(&format!("{long};{long}={long}")).map(|all| all[0].params.len()), Ok(1));
    assert_eq!(
        parse(&format!("a;b=\"{}\"", "\\x".repeat(4 << 20))),
        Ok(vec![extension("a", &[("b", Some(&long))])])
    );
    assert_eq!(parse(&" ".repeat(4 << 20)), Err(InvalidExtensions::NamedNone));
    assert_eq!(parse(&",".repeat(4 << 20)), Err(InvalidExtensions::NamedNone));
    assert_eq!(parse(&format!("a{}b", " ".repeat(4 << 20))), Err(InvalidExtensions::MissingSeparator));
    assert_eq!(parse(&format!("a;b=\"{}", "x".repeat(4 << 20))), Err(InvalidExtensions::UnclosedQuote));
}

#[test]
fn every_short_line_is_parsed_or_refused() {
    let alphabet = *b"a,;=\"\\ \xff";
    let mut line = [0; 6];
    for number in 0..alphabet.len().pow(6) {
        let mut digits = number;
        for byte in &mut line {
            *byte = alphabet[digits % alphabet.len()];
            digits /= alphabet.len();
        }
        if let Ok(extensions) = Extension::parse_all([line]) {
            assert!(extensions.iter().all(|extension| !extension.name.is_empty()));
        }
    }
}
