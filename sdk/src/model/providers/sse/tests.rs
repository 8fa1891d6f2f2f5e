use super::*;

fn events(pieces: &[&[u8]]) -> Vec<String> {
    let (mut events, mut seen) = (Events::default(), Vec::new());
    let mut take = |data: &[u8]| {
        seen.push(String::from_utf8(data.to_vec()).unwrap());
        Ok(true)
    };
    for piece in pieces {
        assert!(events.push(piece, &mut take).unwrap());
    }
    events.end(&mut take).unwrap();
    seen
}

#[test]
fn every_ending_of_a_line_cut_at_every_byte() {
    let parts: [&[u8]; 6] = [
        b"\xef\xbb\xbfdata: 1\n\n",
        b"event: x\r\ndata: {\"a\":\r\ndata:2}\r\n\r\n",
        b"data: 3\r\rid: 7\r: data\r\r",
        b"data:  \"4\"\n\r\n",
        b"retry: 1\ndata\n\n",
        b"data: 5\n",
    ];
    let whole = parts.concat();
    let right = ["1", "{\"a\":\n2}", "3", " \"4\"", "", "5"];
    assert_eq!(events(&[&whole]), right);
    for cut in 0..=whole.len() {
        let (before, after) = whole.split_at(cut);
        assert_eq!(events(&[before, b"", after]), right, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(events(&bytes), right);
}

#[test]
fn an_event_that_no_line_ended_counts_when_it_is_whole() {
    assert_eq!(events(&[b"data: {\"a\":1}"]), ["{\"a\":1}"]);
    assert_eq!(events(&[b"data: [DONE]"]), ["[DONE]"]);
    assert!(events(&[b"data: {\"a\":1"]).is_empty());
    assert!(events(&[b"data: [DON"]).is_empty());
}

#[test]
fn a_line_an_event_and_a_stream_are_bounded() {
    let piece = vec![b'x'; 1024 * 1024];
    let mut events = Events::default();
    let mut read = 0;
    let error = loop {
        match events.push(&piece, &mut |_| Ok(true)) {
            Ok(_) => read += piece.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(read, MAX_EVENT_BYTES);
    assert!(error.to_string().contains("a line"), "{error}");
    assert!(error.is_unsettled() && !error.is_transient());

    let mut line = b"data: ".to_vec();
    line.extend(&piece);
    line.push(b'\n');
    let mut events = Events::default();
    let mut lines = 0;
    while events.push(&line, &mut |_| Ok(true)).is_ok() {
        lines += 1;
    }
    assert_eq!(lines, 7);

    let mut events = Events::default();
    let many = b"data: 1\n\n".repeat(MAX_EVENTS);
    assert!(events.push(&many, &mut |_| Ok(true)).is_ok());
    assert!(events.push(b"data: 1\n\n", &mut |_| Ok(true)).is_err());

    let mut events = Events::default();
    let silence = [&piece[..], b"\n:"].concat();
    let mut read = 0;
    while events.push(&silence, &mut |_| Ok(true)).is_ok() {
        read += silence.len();
    }
    assert!(read <= MAX_STREAM_BYTES && read + silence.len() > MAX_STREAM_BYTES);
}

#[test]
fn a_byte_is_copied_twice_at_most_however_it_arrives() {
    let whole = format!("data: {}\n\n", "x".repeat(1024 * 1024));
    for size in [1, 4, 1000, usize::MAX] {
        let mut events = Events::default();
        for piece in whole.as_bytes().chunks(size) {
            events.push(piece, &mut |_| Ok(true)).unwrap();
        }
        assert!(events.copied() <= 2 * whole.len(), "{size}");
    }
}
