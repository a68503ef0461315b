//! The proxy does to a server that echoes what networks do.

#![cfg(unix)]

use bookdrop_test_servers::{Direction, Proxy};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough to be sure that nothing comes.
const SILENCE: Duration = Duration::from_millis(200);

/// How long what has to come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that says back what it is told, for as long as this process lives.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            thread::spawn(move || io::copy(&mut &client, &mut &client));
        }
    });
    address
}

fn connect(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(proxy.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// A client whose connection is known to be there on both sides.
fn at_work(proxy: &Proxy) -> TcpStream {
    let client = connect(proxy);
    say(&client, b"hello");
    hear(&client, b"hello");
    client
}

fn say(mut client: &TcpStream, bytes: &[u8]) {
    client.write_all(bytes).unwrap();
}

fn hear(mut client: &TcpStream, bytes: &[u8]) {
    let mut heard = vec![0; bytes.len()];
    client.read_exact(&mut heard).unwrap();
    assert!(heard == bytes, "something else was heard");
}

fn hears_nothing(mut client: &TcpStream) {
    client.set_read_timeout(Some(SILENCE)).unwrap();
    let error = client.read(&mut [0]).expect_err("it is silent, and open");
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    client.set_read_timeout(Some(PATIENCE)).unwrap();
}

/// Whether it was closed, in one of the two ways in which that is told.
fn is_closed(mut client: &TcpStream) -> bool {
    match client.read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn what_is_said_is_passed_on_both_ways_to_the_end() {
    let proxy = Proxy::before(echo());
    let client = connect(&proxy);
    let story: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            say(&client, &story);
            client.shutdown(Shutdown::Write).unwrap();
        });
        hear(&client, &story);
    });
    assert!(is_closed(&client));
}

#[test]
fn a_cut_closes_what_is_there_and_nothing_that_comes() {
    let proxy = Proxy::before(echo());
    let (one, other) = (at_work(&proxy), at_work(&proxy));
    proxy.cut();
    assert!(is_closed(&one) && is_closed(&other));
    at_work(&proxy);
}

#[test]
fn who_refuses_keeps_the_connections_that_are_there() {
    let proxy = Proxy::before(echo());
    let client = at_work(&proxy);
    proxy.refuse();
    assert!(is_closed(&connect(&proxy)));
    say(&client, b"still there");
    hear(&client, b"still there");
    assert_eq!(proxy.refused(), 1);
    proxy.accept();
    at_work(&proxy);
}

#[test]
fn what_is_held_comes_later_and_whole() {
    let proxy = Proxy::before(echo());
    for direction in [Direction::ToServer, Direction::ToClient, Direction::Both] {
        let client = at_work(&proxy);
        proxy.hold(direction);
        say(&client, b"one");
        say(&client, b"two");
        hears_nothing(&client);
        proxy.release();
        hear(&client, b"onetwo");
    }
}

#[test]
fn one_way_is_open_while_the_other_is_held() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::before(server.local_addr().unwrap());
    let client = connect(&proxy);
    let (server, _) = server.accept().unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();

    proxy.hold(Direction::ToClient);
    say(&client, b"heard");
    hear(&server, b"heard");
    say(&server, b"held");
    hears_nothing(&client);
    proxy.release();
    hear(&client, b"held");

    proxy.hold(Direction::ToServer);
    say(&server, b"heard");
    hear(&client, b"heard");
    say(&client, b"held");
    hears_nothing(&server);
    proxy.release();
    hear(&server, b"held");
}

#[test]
fn nobody_is_told_that_the_other_is_gone_while_that_is_held() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::before(server.local_addr().unwrap());
    let client = connect(&proxy);
    let gone = server.accept().unwrap();
    proxy.hold(Direction::ToClient);
    drop(gone);
    say(&client, b"is anybody there?");
    hears_nothing(&client);
    say(&client, b"hello?");
    hears_nothing(&client);
    proxy.release();
    assert!(is_closed(&client));
}

#[test]
fn held_connections_can_be_cut() {
    let proxy = Proxy::before(echo());
    let client = at_work(&proxy);
    proxy.hold(Direction::Both);
    say(&client, b"lost");
    proxy.cut();
    assert!(is_closed(&client));
    let client = connect(&proxy);
    say(&client, b"held");
    hears_nothing(&client);
    proxy.release();
    hear(&client, b"held");
}

#[test]
fn nothing_passes_on_a_forgotten_connection_until_it_is_cut() {
    let proxy = Proxy::before(echo());
    let forgotten = at_work(&proxy);
    proxy.forget();
    say(&forgotten, b"does anybody hear me");
    hears_nothing(&forgotten);
    drop(at_work(&proxy));
    proxy.cut();
    assert!(is_closed(&forgotten));
}

#[test]
fn nothing_comes_before_its_delay_has_passed() {
    const DELAY: Duration = Duration::from_millis(100);
    let proxy = Proxy::before(echo());
    for (direction, delays) in [(Direction::ToServer, 1), (Direction::Both, 2)] {
        let client = at_work(&proxy);
        proxy.delay(direction, DELAY);
        let begun = Instant::now();
        say(&client, b"late");
        hear(&client, b"late");
        assert!(begun.elapsed() >= DELAY * delays);
        proxy.delay(Direction::Both, Duration::ZERO);
    }
}

#[test]
fn no_more_passes_in_a_second_than_the_way_is_wide() {
    const WIDTH: u32 = 1_000_000;
    let proxy = Proxy::before(echo());
    let client = at_work(&proxy);
    let before = proxy.passed(Direction::ToClient);
    proxy.narrow(Direction::ToClient, Some(WIDTH));
    let begun = Instant::now();
    let story = vec![7; WIDTH as usize / 5];
    thread::scope(|scope| {
        scope.spawn(|| say(&client, &story));
        hear(&client, &story);
    });
    // The last parcel is not waited for.
    assert!(begun.elapsed() >= Duration::from_millis(150));
    let passed = proxy.passed(Direction::ToClient) - before;
    assert_eq!(passed, story.len() as u64);
}

#[test]
fn a_server_that_is_not_there_hangs_up() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::before(nobody.local_addr().unwrap());
    drop(nobody);
    assert!(is_closed(&connect(&proxy)));
}

#[test]
fn a_drop_closes_everything_even_what_is_held() {
    let proxy = Proxy::before(echo());
    let address = proxy.address();
    let client = at_work(&proxy);
    proxy.hold(Direction::Both);
    say(&client, b"lost");
    drop(proxy);
    assert!(is_closed(&client));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_url_leads_through_the_proxy() {
    let server = echo();
    let proxy = Proxy::before(server);
    let url = proxy.url(&format!("postgres://postgres@{server}/postgres"));
    assert_eq!(
        url,
        format!("postgres://postgres@{}/postgres", proxy.address())
    );
}
