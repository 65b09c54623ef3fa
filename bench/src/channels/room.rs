//! A channel with its readers and publishers, all of them on one thread that never sleeps.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::contender::{Contender, Place, Wire};
use super::response::{Part, Responses};
use super::tally::{PUBLISHERS, Tally, publication};
use crate::failure::{Failure, fail};
use crate::poll::Poll;

/// Numbers from here on are publishers'.
const FIRST_PUBLISHER: usize = 1 << 24;

pub(crate) struct Room {
    contender: Contender,
    address: SocketAddr,
    wire: Wire,
    poll: Poll,
    pub(crate) readers: Vec<Reader>,
    publishers: Vec<Publisher>,
    /// How many publications are still to be posted.
    pub(crate) orders: u64,
    /// How many POSTs got another answer than a success.
    pub(crate) refused: u64,
    /// Any publication.
    sample: Vec<u8>,
    input: Vec<u8>,
    ready: Vec<usize>,
    /// Publications that readers got.
    pub(crate) delivered: u64,
    bytes: u64,
    news_at: Instant,
}

pub(crate) struct Reader {
    stream: TcpStream,
    responses: Responses,
    place: Place,
    pub(crate) tally: Tally,
    /// The head of its first answer has come.
    pub(crate) is_in: bool,
    pub(crate) is_over: bool,
}

struct Publisher {
    stream: TcpStream,
    responses: Responses,
    /// What is sent, and how much of it has gone.
    request: Vec<u8>,
    sent: usize,
    accepted: u64,
    is_asking: bool,
}

impl Room {
    pub(crate) fn new(
        contender: Contender,
        address: SocketAddr,
        wire: Wire,
        size: usize,
    ) -> Result<Self, Failure> {
        Ok(Self {
            contender,
            address,
            wire,
            poll: Poll::new()?,
            readers: Vec::new(),
            publishers: Vec::new(),
            orders: 0,
            refused: 0,
            sample: publication(size, 0, 0),
            input: vec![0; 256 * 1024],
            ready: Vec::new(),
            delivered: 0,
            bytes: 0,
            news_at: Instant::now(),
        })
    }

    /// Lets so many readers in, and waits until the server has taken each.
    pub(crate) fn join(&mut self, count: usize) -> Result<(), Failure> {
        let first = self.readers.len();
        for number in first..first + count {
            let reader = self.reader(Tally::default())?;
            self.poll.add(&reader.stream, number, false)?;
            self.readers.push(reader);
            if number % 16 == 0 {
                self.turn(Duration::ZERO)?;
            }
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        let answers_later = matches!(self.wire, Wire::LongPoll | Wire::PlainLongPoll);
        while !answers_later && !self.readers[first..].iter().all(|reader| reader.is_in) {
            self.turn(Duration::from_millis(5))?;
            if Instant::now() > deadline {
                fail!("not all readers were let in");
            }
        }
        // A long poll says nothing when it has been taken; and a server may say so before it is.
        self.turn_for(Duration::from_millis(500))
    }

    /// Lets one in that is not read until it is.
    pub(crate) fn join_asleep(&mut self) -> Result<Reader, Failure> {
        self.reader(Tally::hearing())
    }

    fn reader(&self, tally: Tally) -> Result<Reader, Failure> {
        let mut stream = self.connect()?;
        let place = Place::default();
        stream.write_all(self.contender.reading(self.wire, &place).as_bytes())?;
        stream.set_nonblocking(true)?;
        let responses = Responses::default();
        Ok(Reader { stream, responses, place, tally, is_in: false, is_over: false })
    }

    fn connect(&self) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect(self.address).map_err(Failure::because("connecting"))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Has so many publishers begin with the orders that there are.
    pub(crate) fn publish(&mut self, publishers: usize) -> Result<(), Failure> {
        for number in 0..publishers.min(PUBLISHERS) {
            let stream = self.connect()?;
            stream.set_nonblocking(true)?;
            self.poll.add(&stream, FIRST_PUBLISHER + number, false)?;
            self.publishers.push(Publisher {
                stream,
                responses: Responses::default(),
                request: Vec::new(),
                sent: 0,
                accepted: 0,
                is_asking: false,
            });
        }
        self.news_at = Instant::now();
        self.order()
    }

    /// Has publishers that have nothing to do take orders.
    pub(crate) fn order(&mut self) -> Result<(), Failure> {
        for number in 0..self.publishers.len() {
            if self.orders > 0 && !self.publishers[number].is_asking {
                self.orders -= 1;
                let accepted = self.publishers[number].accepted;
                let body = publication(self.sample.len(), number, accepted);
                let publisher = &mut self.publishers[number];
                publisher.request = self.contender.publishing(&body);
                (publisher.sent, publisher.is_asking) = (0, true);
                publisher.send()?;
            }
        }
        Ok(())
    }

    /// What was posted with success.
    pub(crate) fn accepted(&self) -> u64 {
        self.publishers.iter().map(|publisher| publisher.accepted).sum()
    }

    pub(crate) fn are_publishers_done(&self) -> bool {
        self.orders == 0 && self.publishers.iter().all(|publisher| !publisher.is_asking)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing has come for so long.
    pub(crate) fn is_silent(&self, time: Duration) -> bool {
        self.news_at.elapsed() > time
    }

    pub(crate) fn turn_for(&mut self, time: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            self.turn(Duration::from_millis(5))?;
        }
        Ok(())
    }

    /// Takes what has come, and does what follows from it.
    pub(crate) fn turn(&mut self, limit: Duration) -> Result<(), Failure> {
        for publisher in &mut self.publishers {
            publisher.send()?;
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.poll.wait(limit, &mut ready)?;
        for &number in &ready {
            self.news_at = Instant::now();
            match number.checked_sub(FIRST_PUBLISHER) {
                Some(publisher) => self.hear_publisher(publisher)?,
                None => self.hear_reader(number)?,
            }
        }
        self.ready = ready;
        self.order()
    }

    fn hear_reader(&mut self, number: usize) -> Result<(), Failure> {
        let reader = &mut self.readers[number];
        let before = reader.tally.got;
        let (len, answers) = reader.read(self.wire, &mut self.input, &self.sample)?;
        self.bytes += len as u64;
        self.delivered += reader.tally.got - before;
        if reader.is_over {
            fail!("the server closed the connection of reader {number}");
        }
        for _ in 0..answers {
            reader.ask(self.contender, self.wire)?;
        }
        Ok(())
    }

    fn hear_publisher(&mut self, number: usize) -> Result<(), Failure> {
        let publisher = &mut self.publishers[number];
        let len = match publisher.stream.read(&mut self.input) {
            // A server that cannot take a publication may answer, or not, and close.
            Ok(0) => return self.reconnect_publisher(number),
            Ok(len) => len,
            Err(error) if is_later(&error) => return Ok(()),
            Err(error) if is_closed(&error) => return self.reconnect_publisher(number),
            Err(error) => return Err(error.into()),
        };
        let (mut status, mut is_answered) = (0, false);
        publisher.responses.feed(&self.input[..len], |part| match part {
            Part::Head(head) => status = head.status,
            Part::Body(_) => {}
            Part::End => is_answered = true,
        });
        // Heads come whole, for they are short; bodies may come later.
        match status {
            0 => {}
            200..300 => publisher.accepted += 1,
            _ => self.refused += 1,
        }
        publisher.is_asking &= !is_answered;
        Ok(())
    }

    fn reconnect_publisher(&mut self, number: usize) -> Result<(), Failure> {
        let stream = self.connect()?;
        stream.set_nonblocking(true)?;
        self.poll.add(&stream, FIRST_PUBLISHER + number, false)?;
        let publisher = &mut self.publishers[number];
        // The old one leaves the poll when it is closed, which is here.
        publisher.stream = stream;
        publisher.responses = Responses::default();
        publisher.request.clear();
        publisher.sent = 0;
        self.refused += u64::from(std::mem::take(&mut publisher.is_asking));
        Ok(())
    }

    /// Adds a reader that slept to the others.
    pub(crate) fn wake(&mut self, reader: Reader) -> Result<usize, Failure> {
        let number = self.readers.len();
        self.poll.add(&reader.stream, number, false)?;
        self.readers.push(reader);
        self.news_at = Instant::now();
        Ok(number)
    }
}

impl Reader {
    /// How many bytes came, and how many answers are over.
    pub(crate) fn read(
        &mut self,
        wire: Wire,
        input: &mut [u8],
        sample: &[u8],
    ) -> Result<(usize, usize), Failure> {
        let len = match self.stream.read(input) {
            Ok(len) => len,
            Err(error) if is_later(&error) => return Ok((0, 0)),
            Err(error) => return Err(error.into()),
        };
        self.is_over |= len == 0;
        let Self { responses, tally, place, is_in, .. } = self;
        let (mut answers, mut refusal) = (0, None);
        responses.feed(&input[..len], |part| match part {
            Part::Head(head) => {
                *is_in = true;
                if !matches!(head.status, 101 | 200 | 204 | 304) {
                    refusal = Some(head.line().to_owned());
                }
                place.remember(wire, head);
            }
            Part::Body(bytes) => tally.feed(bytes, sample),
            Part::End => answers += 1,
        });
        match refusal {
            Some(line) => fail!("a reader was answered {line:?}"),
            None => Ok((len, answers)),
        }
    }

    /// Polls again.
    pub(crate) fn ask(&mut self, contender: Contender, wire: Wire) -> Result<(), Failure> {
        // A request is short, and the last one was taken: there is room for it.
        Ok(self.stream.write_all(contender.reading(wire, &self.place).as_bytes())?)
    }
}

impl Publisher {
    fn send(&mut self) -> Result<(), Failure> {
        while self.sent < self.request.len() {
            match self.stream.write(&self.request[self.sent..]) {
                Ok(len) => self.sent += len,
                // Reading tells that it is closed.
                Err(error) if is_later(&error) || is_closed(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The proportional set size of a process in bytes. No server here has more than one.
pub(crate) fn pss(process: crate::watch::Process) -> Result<u64, Failure> {
    let path = format!("/proc/{}/smaps_rollup", process.0);
    let text = fs::read_to_string(&path).map_err(Failure::because(&path))?;
    let kib =
        text.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok());
    kib.map(|kib: u64| kib * 1024).ok_or_else(|| Failure(format!("{path} tells no Pss")))
}
