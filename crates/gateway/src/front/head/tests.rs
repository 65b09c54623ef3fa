use super::*;

fn parsed<T>(text: &str, look: impl FnOnce(Result<Head<'_>, HeadError>) -> T) -> T {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    look(Head::parse(text.as_bytes(), &mut headers))
}

fn error(text: &str) -> Option<HeadError> {
    parsed(text, |head| head.err())
}

#[test]
fn the_end_is_found_whatever_the_pieces() {
    let text = b"GET / HTTP/1.1\r\nhost: x\r\n\r\nmore";
    let end = text.len() - 4;
    assert_eq!(find_end(text, 0), Ok(Some(end)));
    for cut in 0..end {
        assert_eq!(find_end(&text[..cut], 0), Ok(None), "{cut}");
        assert_eq!(find_end(text, cut), Ok(Some(end)), "{cut}");
    }
    assert_eq!(find_end(b"GET / HTTP/1.1\nhost: x\r\n\r\n", 0), Err(HeadError::LineEnding));
    assert_eq!(find_end(b"GET / HTTP/1.1\r\nhost: x\n\n", 0), Err(HeadError::LineEnding));
}

#[test]
fn the_target_has_a_path_and_a_query() {
    let seen = |target: &str| {
        parsed(&format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n"), |head| {
            head.map(|head| (head.path().to_owned(), head.query().to_owned()))
        })
    };
    let both = |path: &str, query: &str| Ok((path.to_owned(), query.to_owned()));
    assert_eq!(seen("/a/b?c=d?e"), both("/a/b", "c=d?e"));
    assert_eq!(seen("/"), both("/", ""));
    assert_eq!(seen("http://h.example/a?b"), both("/a", "b"));
    assert_eq!(seen("http://h.example"), both("/", ""));
    for target in ["a", "h.example:80", "*", "/a#b"] {
        assert_eq!(seen(target), Err(HeadError::Target), "{target}");
    }
}

#[test]
fn parameters_and_headers_are_found() {
    let text = "GET /?a=1&bc=2&b&a=3 HTTP/1.1\r\nhost: x\r\nX: one, Two\r\nx: three\r\n\r\n";
    parsed(text, |head| {
        let head = head.ok().unwrap();
        assert_eq!(head.parameter("a"), Some("1"));
        assert_eq!(head.parameter("b"), Some(""));
        assert_eq!(head.parameter("c"), None);
        assert_eq!(head.header("x"), Some("one, Two"));
        assert!(head.lists("X", "two") && head.lists("x", "three") && !head.lists("x", "four"));
    });
}

#[test]
fn where_the_body_ends_is_told_in_one_way() {
    let framing = |lines: &str| {
        parsed(&format!("POST / HTTP/1.1\r\nhost: x\r\n{lines}\r\n"), |head| head.map(|head| head.framing()))
    };
    assert_eq!(framing(""), Ok(Framing::None));
    assert_eq!(framing("content-length: 0\r\n"), Ok(Framing::None));
    assert_eq!(framing("content-length: 12\r\n"), Ok(Framing::Length(12)));
    assert_eq!(framing("transfer-encoding: Chunked\r\n"), Ok(Framing::Chunked));
    for lines in [
        "content-length: 1\r\ncontent-length: 1\r\n",
        "content-length: 1, 1\r\n",
        "content-length: +1\r\n",
        "content-length: -1\r\n",
        "content-length: \r\n",
        "content-length: 99999999999999999999\r\n",
        "content-length: 1\r\ntransfer-encoding: chunked\r\n",
    ] {
        assert_eq!(framing(lines), Err(HeadError::Length), "{lines}");
    }
    for lines in [
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert_eq!(framing(lines), Err(HeadError::Encoding), "{lines}");
    }
}

#[test]
fn what_is_not_http_is_refused() {
    assert_eq!(error("GET / HTTP/1.1\r\n\r\n"), Some(HeadError::Host));
    assert_eq!(error("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"), Some(HeadError::Host));
    assert_eq!(error("GET / HTTP/1.0\r\n\r\n"), None);
    assert_eq!(error("GET / HTTP/2.0\r\nhost: x\r\n\r\n"), Some(HeadError::Version));
    assert_eq!(error("GET /\r\nhost: x\r\n\r\n"), Some(HeadError::Malformed));
    assert_eq!(error("GET / HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n"), Some(HeadError::Malformed));
    assert_eq!(error("GET / HTTP/1.1\r\nhost: x\r\na b: c\r\n\r\n"), Some(HeadError::Malformed));
    let many = "a: b\r\n".repeat(MAX_HEADERS);
    assert_eq!(error(&format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n")), Some(HeadError::TooManyHeaders));
}

#[test]
fn whether_another_request_may_follow() {
    let keeps = |version: &str, lines: &str| {
        parsed(&format!("GET / HTTP/{version}\r\nhost: x\r\n{lines}\r\n"), |head| {
            head.ok().unwrap().keeps_alive()
        })
    };
    assert!(keeps("1.1", "") && !keeps("1.0", ""));
    assert!(!keeps("1.1", "connection: foo, Close\r\n") && keeps("1.0", "connection: Keep-Alive\r\n"));
}
