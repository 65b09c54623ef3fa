//! HTTP responses, as far as the loads have to understand them.

/// Takes a connection's bytes apart into responses.
#[derive(Default)]
pub(crate) struct Responses {
    head: Vec<u8>,
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Head,
    /// So many bytes of the body are to come.
    Counted(u64),
    /// The head of a chunk, as far as it has come.
    ChunkHead(Vec<u8>),
    /// The rest of a chunk and of the line end behind it.
    Chunk(u64),
    /// The body ends with the connection.
    Endless,
}

/// What has come.
pub(crate) enum Part<'a> {
    Head(&'a Head),
    Body(&'a [u8]),
    /// The response is over.
    End,
}

/// A response's head.
pub(crate) struct Head {
    pub(crate) status: u16,
    text: String,
}

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, text }
    }

    /// The value of a header field, and of each further one of that name.
    pub(crate) fn fields<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let fields = self.text.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields(name).next()
    }

    pub(crate) fn line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    fn body(&self) -> State {
        // nginx says "Content-Length: 0" here.
        if self.status == 101 {
            return State::Endless;
        }
        if self.field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return State::ChunkHead(Vec::new());
        }
        match self.field("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => State::Counted(length),
            None if matches!(self.status, 204 | 304) => State::Counted(0),
            None => State::Endless,
        }
    }
}

impl Responses {
    /// Shows what is in the next bytes.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut show: impl FnMut(Part<'_>)) {
        while !bytes.is_empty() {
            let len = |left: u64| bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match &mut self.state {
                State::Head => {
                    bytes = self.feed_head(bytes, &mut show);
                }
                State::Counted(left) => {
                    let (part, rest) = bytes.split_at(len(*left));
                    *left -= part.len() as u64;
                    bytes = rest;
                    let is_over = *left == 0;
                    show(Part::Body(part));
                    if is_over {
                        self.state = State::Head;
                        show(Part::End);
                    }
                }
                State::ChunkHead(line) => {
                    line.push(bytes[0]);
                    bytes = &bytes[1..];
                    if let Some(size) = chunk_size(line) {
                        self.state = State::Chunk(size + 2);
                    }
                }
                State::Chunk(left) => {
                    let (part, rest) = bytes.split_at(len(*left));
                    let data = part.len().min(usize::try_from(left.saturating_sub(2)).unwrap_or(usize::MAX));
                    *left -= part.len() as u64;
                    bytes = rest;
                    if *left == 0 {
                        self.state = State::ChunkHead(Vec::new());
                    }
                    show(Part::Body(&part[..data]));
                }
                State::Endless => {
                    show(Part::Body(bytes));
                    return;
                }
            }
        }
    }

    /// Gives what is behind the head.
    fn feed_head<'a>(&mut self, bytes: &'a [u8], show: &mut impl FnMut(Part<'_>)) -> &'a [u8] {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let from = before.saturating_sub(3);
        let Some(at) = self.head[from..].windows(4).position(|window| window == b"\r\n\r\n") else {
            return &[];
        };
        let end = from + at + 4;
        let head = Head::parse(&self.head[..end]);
        self.head.clear();
        self.state = head.body();
        show(Part::Head(&head));
        if matches!(self.state, State::Counted(0)) {
            self.state = State::Head;
            show(Part::End);
        }
        &bytes[end - before..]
    }
}

/// The size of a chunk whose head has come whole. The last one's is not told: no load reads a chunked body to its end.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
    u64::from_str_radix(text.split(';').next()?.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_cut_anywhere_come_out_whole() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Place: 7\r\n\r\nhello\
            HTTP/1.1 204 No Content\r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n";
        for cut in 1..bytes.len() {
            let (mut responses, mut seen, mut body) = (Responses::default(), Vec::new(), Vec::new());
            for part in bytes.chunks(cut) {
                responses.feed(part, |part| match part {
                    Part::Head(head) => seen.push(format!("{} {:?}", head.status, head.field("x-place"))),
                    Part::Body(bytes) => body.extend_from_slice(bytes),
                    Part::End => seen.push("end".to_owned()),
                });
            }
            assert_eq!(seen, ["200 Some(\"7\")", "end", "204 None", "end", "200 None"], "{cut}");
            assert_eq!(body, b"helloabcde", "{cut}");
        }
    }
}
