//! One short conversation with PostgreSQL.

use crate::server;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;

/// Asks for the folder of the data. While it starts or recovers, the server answers with an error instead.
pub(crate) fn greet(stream: &mut TcpStream, folder: &Path) -> io::Result<()> {
    stream.write_all(&conversation())?;
    let mut answer = Vec::new();
    stream.take(server::ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    if answer.contains(&server::name(folder)) {
        Ok(())
    } else {
        Err(io::Error::other(format!("it answered {answer:?}")))
    }
}

/// Who is there, a question, and that this is all. The answer ends when the server hangs up.
fn conversation() -> Vec<u8> {
    const VERSION: [u8; 4] = [0, 3, 0, 0];
    let mut startup = VERSION.to_vec();
    startup.extend(b"user\0postgres\0database\0postgres\0\0");
    let mut bytes = with_length(&startup);
    bytes.push(b'Q');
    bytes.extend(with_length(b"SHOW data_directory\0"));
    bytes.push(b'X');
    bytes.extend(with_length(b""));
    bytes
}

/// A message is told with its length, which counts itself.
fn with_length(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len() + 4).expect("the messages are short");
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(message);
    bytes
}
