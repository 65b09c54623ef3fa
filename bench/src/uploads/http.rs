//! tus, as far as a load has to speak it: one request after the other on a connection that blocks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::failure::{Failure, fail};

/// A connection to a server of uploads.
pub(crate) struct Connection {
    pub(crate) stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// The head of an answer. Its body was read, and is of no interest.
pub(crate) struct Answer {
    line: String,
    fields: Vec<(String, String)>,
}

/// How long anything may take that is not a bulk of bytes.
const PATIENCE: Duration = Duration::from_secs(120);

/// The most of a body that is no upload.
const BODY: u64 = 64 * 1024;

/// What every request of tus says.
const TUS: &str = "Tus-Resumable: 1.0.0\r\n";

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).map_err(Failure::because("connecting"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.get_mut().write_all(bytes).map_err(Failure::because("sending"))
    }

    fn head(&mut self, method: &str, path: &str, lines: &str) -> Result<(), Failure> {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{TUS}{lines}\r\n", self.address);
        self.send(head.as_bytes())
    }

    /// Creates an upload, and gives its path.
    pub(crate) fn create(&mut self, uploads: &str, length: u64) -> Result<String, Failure> {
        // tuspyserver shows no upload to HEAD that has no name and no type.
        let lines = format!(
            "Upload-Length: {length}\r\nContent-Length: 0\r\nUpload-Metadata: filename YmVuY2g=,filetype YQ==\r\n"
        );
        self.head("POST", uploads, &lines)?;
        let answer = self.answer(true)?.must(201)?;
        let Some(place) = answer.field("location") else { fail!("no Location") };
        // Some say a whole URL, some a path.
        let path = place.split_once("://").map_or(Some(place), |(_, rest)| Some(&rest[rest.find('/')?..]));
        path.map(str::to_owned).ok_or_else(|| Failure(format!("Location: {place:?}")))
    }

    /// Begins the body of an upload.
    pub(crate) fn patch(&mut self, path: &str, length: u64) -> Result<(), Failure> {
        let lines = format!(
            "Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n"
        );
        self.head("PATCH", path, &lines)
    }

    /// How much of an upload there is.
    pub(crate) fn offset(&mut self, path: &str) -> Result<u64, Failure> {
        self.head("HEAD", path, "")?;
        let answer = self.answer(false)?.must(200)?;
        let offset = answer.field("upload-offset").and_then(|offset| offset.parse().ok());
        offset.ok_or_else(|| Failure("no Upload-Offset".into()))
    }

    /// The next final answer.
    pub(crate) fn answer(&mut self, has_body: bool) -> Result<Answer, Failure> {
        loop {
            let answer = Answer { line: self.line()?, fields: self.fields()? };
            if (100..200).contains(&answer.status()) {
                continue;
            }
            if has_body && answer.status() != 204 {
                self.skip_body(&answer)?;
            }
            return Ok(answer);
        }
    }

    fn skip_body(&mut self, answer: &Answer) -> Result<(), Failure> {
        if answer.field("transfer-encoding").is_none() {
            let length = answer.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            return self.skip(length);
        }
        // Chunks, the last of which is empty; and an empty line behind each, as nobody sends trailers here.
        loop {
            let line = self.line()?;
            let length = u64::from_str_radix(&line, 16).map_err(Failure::because(format!("{line:?}")))?;
            self.skip(length)?;
            self.line()?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn skip(&mut self, length: u64) -> Result<(), Failure> {
        if length > BODY {
            fail!("an answer of {length} bytes");
        }
        let mut body = Vec::new();
        self.stream.by_ref().take(length).read_to_end(&mut body)?;
        Ok(())
    }

    fn fields(&mut self) -> Result<Vec<(String, String)>, Failure> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            if let Some((name, value)) = line.split_once(':') {
                fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        let read = self.stream.by_ref().take(BODY).read_line(&mut line);
        if read.map_err(Failure::because("waiting for the answer"))? == 0 {
            fail!("the server closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Answer {
    fn status(&self) -> u16 {
        self.line.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Fails with the status line when the status is another one.
    pub(crate) fn must(self, status: u16) -> Result<Self, Failure> {
        if self.status() != status {
            fail!("{status} was expected, and came {:?}", self.line);
        }
        Ok(self)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| &**value)
    }
}
