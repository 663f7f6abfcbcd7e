//! A DNS server for tests, on a loopback port of its own.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, SRV, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// The time to live of every record, in seconds.
const TTL_SECS: u32 = 300;
/// The longest answer sent over UDP, in bytes; a longer one is marked as cut.
const UDP_BYTES_MAX: usize = 1400;
/// Aliases followed in one answer.
const CNAME_DEPTH_MAX: usize = 10;
/// The longest wait for a datagram before its thread looks whether to end.
const POLL: Duration = Duration::from_millis(50);

/// An authoritative DNS server for tests: UDP and TCP on one port of 127.0.0.1, gone when dropped.
///
/// Not for use outside tests: it panics on a zone that it cannot read.
#[derive(Debug)]
pub struct DnsServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    questions: Arc<AtomicUsize>,
}

/// How a name fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Failure {
    ServFail,
    Drop,
}

/// The zone text, read.
#[derive(Debug, Default)]
struct Zone {
    records: HashMap<String, Vec<RData>>,
    failures: HashMap<String, Failure>,
}

impl DnsServer {
    /// Starts a server for a zone text: `name TYPE data` lines, names without a dot at their end; types A AAAA MX PTR TXT
    /// CNAME NS SRV; SERVFAIL and DROP make every question for the name (with `*.`, all below) fail; `address PTR host` is
    /// allowed; a name that is not there does not exist.
    pub fn start(zone: &str) -> Self {
        let zone = Arc::new(Zone::parse(zone));
        let (udp, tcp) = sockets();
        let address = udp.local_addr().expect("bound");
        let stop = Arc::new(AtomicBool::new(false));
        let questions = Arc::new(AtomicUsize::new(0));
        udp.set_read_timeout(Some(POLL)).expect("a time limit can be set");
        thread::spawn({
            let (zone, stop, questions) = (Arc::clone(&zone), Arc::clone(&stop), Arc::clone(&questions));
            move || serve_udp(&udp, &zone, &stop, &questions)
        });
        thread::spawn({
            let stop = Arc::clone(&stop);
            move || serve_tcp(&tcp, &zone, &stop)
        });
        Self { address, stop, questions }
    }

    /// Returns where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many questions came over UDP.
    pub fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

/// Binds UDP and TCP sockets with the same free port.
fn sockets() -> (UdpSocket, TcpListener) {
    (0..100)
        .find_map(|_| {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
            Some((udp, tcp))
        })
        .expect("a free port for a DNS server")
}

/// Answers datagrams.
fn serve_udp(socket: &UdpSocket, zone: &Zone, stop: &AtomicBool, questions: &AtomicUsize) {
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::SeqCst) {
        let Ok((len, peer)) = socket.recv_from(&mut buffer) else { continue };
        questions.fetch_add(1, Ordering::SeqCst);
        if let Some(answer) = zone.answer(&buffer[..len], UDP_BYTES_MAX) {
            // A client that has gone is no error.
            let _ = socket.send_to(&answer, peer);
        }
    }
}

/// Answers connections, one at a time.
fn serve_tcp(socket: &TcpListener, zone: &Zone, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        if let Ok((stream, _)) = socket.accept() {
            // A client that has gone is no error.
            let _ = serve_stream(stream, zone);
        }
    }
}

/// Answers the questions of one connection.
fn serve_stream(mut stream: TcpStream, zone: &Zone) -> std::io::Result<()> {
    stream.set_read_timeout(Some(POLL * 20))?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question)?;
        if let Some(answer) = zone.answer(&question, usize::from(u16::MAX)) {
            stream.write_all(&u16::try_from(answer.len()).expect("cut to size").to_be_bytes())?;
            stream.write_all(&answer)?;
        }
    }
}

impl Zone {
    /// Reads a zone text.
    fn parse(text: &str) -> Self {
        let mut zone = Self::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                zone.read_line(line);
            }
        }
        zone
    }

    /// Takes in one line.
    fn read_line(&mut self, line: &str) {
        let mut words = line.splitn(3, char::is_whitespace);
        let mut word = || words.next().unwrap_or_default().trim();
        let (name, kind, data) = (word().to_lowercase(), word().to_uppercase(), word());
        let name = match name.parse::<IpAddr>() {
            Ok(address) if kind == "PTR" => {
                super::resolver::reverse_name(address).to_string().trim_end_matches('.').to_owned()
            }
            _ => name,
        };
        match kind.as_str() {
            "SERVFAIL" => drop(self.failures.insert(name, Failure::ServFail)),
            "DROP" => drop(self.failures.insert(name, Failure::Drop)),
            _ => {
                self.records.entry(name.clone()).or_default().push(rdata(&kind, data));
                // Empty names in between exist.
                for (dot, _) in name.match_indices('.') {
                    self.records.entry(name[dot + 1..].to_owned()).or_default();
                }
            }
        }
    }

    /// Returns what `table` says about a name or, with `*.`, about all below one of its parents.
    fn find<'a, T>(table: &'a HashMap<String, T>, name: &str) -> Option<&'a T> {
        let parents = name.match_indices('.').map(|(dot, _)| format!("*{}", &name[dot..]));
        table.get(name).or_else(|| parents.into_iter().find_map(|parent| table.get(&parent)))
    }

    /// Answers one question; `None` for silence.
    fn answer(&self, question: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).ok()?;
        let query = question.queries.first()?;
        let name = query.name().to_ascii().trim_end_matches('.').to_lowercase();
        let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata.authoritative = true;
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        match Self::find(&self.failures, &name) {
            Some(Failure::Drop) => return None,
            Some(Failure::ServFail) => answer.metadata.response_code = ResponseCode::ServFail,
            None => self.fill(&mut answer, name, query.query_type()),
        }
        let bytes = answer.to_vec().ok()?;
        if bytes.len() <= bytes_max { Some(bytes) } else { answer.truncate().to_vec().ok() }
    }

    /// Adds the records of a name, following aliases.
    fn fill(&self, answer: &mut Message, mut name: String, kind: RecordType) {
        for _ in 0..CNAME_DEPTH_MAX {
            let Some(records) = Self::find(&self.records, &name) else {
                answer.metadata.response_code = ResponseCode::NXDomain;
                return;
            };
            let owner = dns_name(&name);
            let hits: Vec<_> =
                records.iter().filter(|data| kind == RecordType::ANY || data.record_type() == kind).collect();
            let alias = records.iter().find(|data| data.record_type() == RecordType::CNAME);
            match (hits.as_slice(), alias) {
                ([], Some(RData::CNAME(target))) => {
                    answer.add_answer(Record::from_rdata(owner, TTL_SECS, RData::CNAME(target.clone())));
                    name = target.0.to_ascii().trim_end_matches('.').to_lowercase();
                }
                _ => {
                    answer.add_answers(
                        hits.into_iter().map(|data| Record::from_rdata(owner.clone(), TTL_SECS, data.clone())),
                    );
                    return;
                }
            }
        }
    }
}

/// Makes a DNS name of zone text.
fn dns_name(text: &str) -> Name {
    let labels = text.split('.').filter(|label| !label.is_empty());
    Name::from_labels(labels.map(str::as_bytes)).expect("a zone text has names of usable length")
}

/// Reads the data of a record.
fn rdata(kind: &str, data: &str) -> RData {
    let words: Vec<_> = data.split_whitespace().collect();
    let number = |place: usize| words[place].parse::<u16>().expect("a zone text has numbers where they belong");
    match kind {
        "A" => RData::A(A(data.parse().expect("an IPv4 address"))),
        "AAAA" => RData::AAAA(AAAA(data.parse().expect("an IPv6 address"))),
        "CNAME" => RData::CNAME(CNAME(dns_name(data))),
        "NS" => RData::NS(NS(dns_name(data))),
        "PTR" => RData::PTR(PTR(dns_name(data))),
        "MX" => RData::MX(MX::new(number(0), dns_name(words[1]))),
        "SRV" => RData::SRV(SRV::new(number(0), number(1), number(2), dns_name(words[3]))),
        "TXT" => RData::TXT(TXT::new(vec![data.trim_matches('"').to_owned()])),
        _ => panic!("a zone text has no records of type {kind}"),
    }
}
