use super::*;

fn opened<T: DeserializeOwned>(json: &str) -> Result<Event<T>, String> {
    let opened = Codec::Json.decode(json.as_bytes());
    opened.map(|Opened(event)| event)
}

#[test]
fn an_event_is_one_object() {
    let event = Event::new("S")
        .with_header("b", "1")
        .with_header("a", "2")
        .with_value("n", 3)
        .with_body(4);
    let json = Codec::Json.encode(&Envelope(&event)).unwrap();
    let expected = r#"{"name":"S","headers":{"b":"1","a":"2"},"values":{"n":3},"body":4}"#;
    assert_eq!(String::from_utf8(json.to_vec()).unwrap(), expected);
    let json = Codec::Json.encode(&Envelope(&Event::new("S"))).unwrap();
    assert_eq!(
        String::from_utf8(json.to_vec()).unwrap(),
        r#"{"name":"S","body":null}"#
    );
}

#[test]
fn other_programs_may_leave_things_out_and_add_others() {
    let event = opened::<()>(r#"{"name":"S"}"#).unwrap();
    assert_eq!((event.name(), event.headers().count()), ("S", 0));
    assert_eq!(
        opened::<Option<u32>>(r#"{"name":"S"}"#).unwrap().body(),
        &None
    );
    let json = r#"{"later":{"x":[1]},"body":7,"name":"S","values":{"n":null}}"#;
    let event = opened::<u32>(json).unwrap();
    assert_eq!((event.name(), event.body()), ("S", &7));
    assert_eq!(event.value("n"), Some(&serde_json::Value::Null));
}

#[test]
fn what_is_no_event_is_told() {
    let headers: Vec<_> = (0..129).map(|n| format!(r#""{n}":"""#)).collect();
    let many = format!(r#"{{"name":"S","headers":{{{}}}}}"#, headers.join(","));
    for json in [
        "",
        "[]",
        "7",
        "{}",
        r#"{"name":7}"#,
        r#"{"name":"S","headers":[]}"#,
        r#"{"name":"S","headers":{"a":1}}"#,
        r#"{"name":"S","body":"text"}"#,
        r#"{"name":"S"} and more"#,
        &many,
    ] {
        assert!(opened::<()>(json).is_err(), "{json}");
    }
    let error = opened::<u32>(r#"{"name":"S"}"#).unwrap_err();
    assert!(error.contains("body"), "{error}");
}

#[test]
fn an_answer_is_a_reply_or_a_failure() {
    let torn = Failure::new("page 7 is torn")
        .with_code("torn")
        .with_details(7);
    for answer in [Ok(5), Err(torn), Err(Failure::new("no"))] {
        for codec in [Codec::Json, Codec::MessagePack] {
            let bytes = codec.encode(&Answering(&answer)).unwrap();
            let Answered(read) = codec.decode::<Answered<u32>>(&bytes).unwrap();
            assert_eq!(read, answer);
        }
    }
    for json in [
        "{}",
        "7",
        r#"{"what":1}"#,
        r#"{"failure":{}}"#,
        r#"{"reply":"text"}"#,
    ] {
        assert!(
            Codec::Json
                .decode::<Answered<u32>>(json.as_bytes())
                .is_err(),
            "{json}"
        );
    }
}
