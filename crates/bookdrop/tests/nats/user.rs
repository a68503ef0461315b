//! A client of users, who asks the server for streams by hand: a line, and what stands behind it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use bookdrop_test_servers::Nats;
use serde_json::{Value, json};

use crate::server::PATIENCE;

/// A connection of a user.
pub(crate) struct User {
    server: BufReader<TcpStream>,
    /// What the server said of itself.
    greeting: String,
    inbox: String,
}

impl User {
    pub(crate) fn at(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server is there");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it is a time");
        let inbox = format!("answers.{}", fastrand::u64(..));
        let mut user = User {
            server: BufReader::new(stream),
            greeting: String::new(),
            inbox,
        };
        user.greeting = user.line();
        let subscription = format!("SUB {} 1\r\n", user.inbox);
        user.says("CONNECT {\"verbose\":false}\r\n");
        user.says(&subscription);
        user
    }

    /// What the server answers when JetStream is asked for something that a stream can do.
    pub(crate) fn asks(&mut self, what: &str, stream: &str, question: &Value) -> Value {
        let subject = format!("$JS.API.STREAM.{what}.{stream}");
        let question = question.to_string();
        let (inbox, length) = (&self.inbox, question.len());
        self.says(&format!("PUB {subject} {inbox} {length}\r\n{question}\r\n"));
        loop {
            let line = self.line();
            let length = line
                .strip_prefix("MSG ")
                .and_then(|rest| rest.split(' ').next_back());
            if let Some(length) = length {
                let mut answer = vec![0; length.parse().expect("a message has a length")];
                self.server.read_exact(&mut answer).expect("it comes");
                return serde_json::from_slice(&answer).expect("it is JSON");
            }
            match &*line {
                "PING" => self.says("PONG\r\n"),
                refused if refused.starts_with("-ERR") => panic!("{refused}"),
                _ => {}
            }
        }
    }

    /// Hears from now on what is said there.
    pub(crate) fn listens(&mut self, subject: &str) {
        self.says(&format!("SUB {subject} 2\r\n"));
    }

    /// Says something, to be answered there.
    pub(crate) fn tells(&mut self, to: &str, answer_to: &str, what: &str) {
        let length = what.len();
        self.says(&format!("PUB {to} {answer_to} {length}\r\n{what}\r\n"));
    }

    /// What is said next, and where.
    pub(crate) fn hears(&mut self) -> (String, Vec<u8>) {
        loop {
            let line = self.line();
            if line == "PING" {
                self.says("PONG\r\n");
            }
            if let Some(message) = line.strip_prefix("MSG ") {
                let (subject, rest) = message.split_once(' ').expect("it says where");
                let length = rest.split(' ').next_back().and_then(|it| it.parse().ok());
                let mut what = vec![0; length.expect("a message has a length")];
                self.server.read_exact(&mut what).expect("it comes");
                return (subject.to_owned(), what);
            }
        }
    }

    /// Whether the server tells clients of all these.
    pub(crate) fn knows(&self, cluster: &[Nats]) -> bool {
        let mut addresses = cluster.iter().map(|server| server.address().to_string());
        addresses.all(|address| self.greeting.contains(&address))
    }

    /// The major and the minor version of the server.
    pub(crate) fn version_of_server(&self) -> [u32; 2] {
        let (_, info) = self.greeting.split_once("INFO ").expect("it greets");
        let info: Value = serde_json::from_str(info).expect("it is JSON");
        let version = info["version"].as_str().expect("it says its version");
        let mut numbers = version.split('.').map(|number| number.parse());
        [(); 2].map(|()| {
            let number = numbers.next().expect("a version has two numbers");
            number.expect("it is a number")
        })
    }

    /// What JetStream says of a stream.
    pub(crate) fn info(&mut self, stream: &str) -> Value {
        self.asks("INFO", stream, &json!({}))
    }

    fn says(&mut self, what: &str) {
        let said = self.server.get_mut().write_all(what.as_bytes());
        said.expect("the server hears");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.server.read_line(&mut line).expect("the server speaks");
        assert!(!line.is_empty(), "the server has hung up");
        line.trim_end().to_owned()
    }
}
