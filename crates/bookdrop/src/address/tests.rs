use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

fn parsed(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// What an error says of the address.
fn said(error: OpenError) -> String {
    let said = error.to_string();
    said.trim_start_matches("the driver was not opened: ")
        .to_owned()
}

fn kind(error: OpenError) -> OpenErrorKind {
    error.kind().clone()
}

#[test]
fn an_address_has_a_scheme_a_place_and_options() {
    let mut address = parsed("Disk:/var/lib/a%20b?capacity=7&flush=30s&mode=a%26b");
    assert_eq!(
        (&*address.scheme, &*address.place),
        ("disk", &b"/var/lib/a b"[..])
    );
    let options = &mut address.options;
    assert_eq!(options.number("capacity", 1..=100).unwrap(), Some(7));
    let half_a_minute = Duration::from_secs(30);
    assert_eq!(options.duration("flush").unwrap(), Some(half_a_minute));
    assert_eq!(options.text("mode").unwrap().as_deref(), Some("a&b"));
    assert_eq!(options.text("none").unwrap(), None);
    address.options.end().unwrap();
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    for text in ["memory:", "memory:?", "memory:?&&"] {
        let address = parsed(text);
        assert_eq!((&*address.scheme, &*address.place), ("memory", &b""[..]));
        address.options.end().unwrap();
    }
}

#[test]
fn what_is_no_address_is_refused() {
    let long = "x".repeat(10_000);
    for text in [
        "",
        ":",
        "memory",
        "/var/lib",
        "1:x",
        "a b:x",
        "é:x",
        "disk:%",
        "disk:%4",
        "disk:%zz",
        "disk:%é",
        "disk:a?x=%ff",
        "disk:a#b",
        "disk:a?x",
        "disk:a?x=%",
        "disk:a?x=b?c",
        &long,
    ] {
        let error = Address::parse(text).unwrap_err();
        assert_eq!(kind(error), OpenErrorKind::Malformed, "{text}");
    }
}

#[test]
fn what_has_no_scheme_is_told_which_there_are() {
    for text in ["", "disk", "memory"] {
        let said = said(Address::parse(text).unwrap_err());
        for scheme in ["`disk:/", "`memory:?"] {
            assert!(said.contains(scheme), "{said}");
        }
    }
}

#[test]
fn a_path_alone_is_told_what_to_have_in_front() {
    for path in ["/var/lib/secret", "./secret", "../secret", "~/secret", "."] {
        let said = said(Address::parse(path).unwrap_err());
        assert!(
            said.contains("write `disk:` in front of its path"),
            "{said}"
        );
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn blanks_around_a_place_are_refused() {
    for text in [
        "disk: /secret",
        "disk:/secret ",
        "disk:/secret\n",
        "disk:\u{3000}secret?capacity=1",
        "disk:/secret ?capacity=1",
        "memory: ?capacity=1",
    ] {
        let error = Address::parse(text).unwrap_err();
        assert_eq!(kind(error.clone()), OpenErrorKind::Malformed, "{text}");
        let said = said(error);
        assert!(said.contains("written as `%20`"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    assert_eq!(parsed("disk:%20a b%20").place, b" a b ");
}

#[test]
fn options_without_their_question_mark_are_refused() {
    for text in [
        "disk:/secret&capacity=1",
        "disk:/secret&a&max_dead=1",
        "memory:&capacity=1",
    ] {
        let error = Address::parse(text).unwrap_err();
        assert_eq!(kind(error.clone()), OpenErrorKind::Malformed, "{text}");
        let said = said(error);
        assert!(said.contains("begin with `?`"), "{said}");
        assert!(said.contains("written as `%26`"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
    for place in ["a&b", "a=b", "a&=b", "a & b = c", "a%26b=c", "a&b=c?x=1"] {
        parsed(&format!("disk:{place}"));
    }
}

#[test]
fn options_that_are_wrong_are_told_apart() {
    let options = |text: &str| parsed(text).options;
    let error = options("x:?capacity=many").number::<u32>("capacity", 1..=100);
    assert_eq!(
        said(error.unwrap_err()),
        "the option `capacity` is `many`; make it a whole number, at least 1"
    );
    for (value, bound) in [
        ("0", "least 1"),
        ("-1", "least 1"),
        ("1.5", "least 1"),
        ("", "least 1"),
        ("101", "most 100"),
        ("99999999999999999999999", "most 100"),
    ] {
        let error = options(&format!("x:?capacity={value}")).number::<u32>("capacity", 1..=100);
        let error = error.unwrap_err();
        let expected =
            format!("the option `capacity` is `{value}`; make it a whole number, at {bound}");
        assert_eq!(said(error.clone()), expected);
        assert_eq!(kind(error), OpenErrorKind::InvalidOption);
    }
    for value in ["5", "soon", "", "-1s", "99999999999999999999y"] {
        let error = options(&format!("x:?spin={value}")).duration("spin");
        assert_eq!(kind(error.unwrap_err()), OpenErrorKind::InvalidOption);
    }
    let error = options("x:?a=1&a=1").text("a").unwrap_err();
    assert_eq!(kind(error), OpenErrorKind::InvalidOption);
    let error = options("x:?a=c").choice("a", &[("b", 1), ("d", 2)]);
    let expected = "the option `a` is `c`; make it one of `b`, `d`";
    assert_eq!(said(error.unwrap_err()), expected);

    let mut some = options("x:?size=1");
    some.number::<u32>("capacity", 1..=100).unwrap();
    let error = some.end().unwrap_err();
    let expected = "there is no option `size`; there are `capacity`";
    assert_eq!(said(error.clone()), expected);
    assert_eq!(kind(error), OpenErrorKind::UnknownOption);
}

#[test]
fn no_error_shows_more_than_it_has_to() {
    for text in [
        "secret",
        "u:secret%@host",
        "nats://u:secret@host/#",
        "nats://u:secret@host/?x",
        "nats://u:1?secret@host/?x=y",
    ] {
        let error = Address::parse(text).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

/// Texts of all that means something in an address, and of what does not.
fn texts(seed: u64) -> impl Iterator<Item = String> {
    const PIECES: [&str; 20] = [
        "memory",
        ":",
        "?",
        "&",
        "=",
        "%",
        "%2",
        "%25",
        "%c3%a9",
        "%ff",
        "/",
        "//",
        "#",
        "@",
        "é",
        " ",
        "0",
        "capacity",
        "\0",
        "\u{10ffff}",
    ];
    let mut state = seed;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    std::iter::repeat_with(move || {
        let count = random(12);
        (0..count).map(|_| PIECES[random(PIECES.len())]).collect()
    })
}

#[test]
fn no_text_makes_it_panic() {
    for text in texts(1).take(20_000) {
        if let Ok(mut address) = Address::parse(&text) {
            let _ = address.options.number::<u32>("capacity", 1..=100);
            let _ = address.options.duration("0");
            let _ = address.options.end();
        }
    }
}

#[test]
fn what_is_written_with_codes_is_read_as_it_was() {
    let mut parts = texts(2);
    for _ in 0..5_000 {
        let [place, key, value] = [(); 3].map(|()| parts.next().unwrap());
        let code = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let text = format!("a:{}?{}={}", code(&place), code(&key), code(&value));
        let address = parsed(&text);
        assert_eq!(address.place, place.as_bytes());
        // No option is given by an empty name alone.
        let key: &'static str = key.leak();
        let mut options = address.options;
        assert_eq!(options.text(key).unwrap(), Some(value), "{text}");
        options.end().unwrap();
    }
}
