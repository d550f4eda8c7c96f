use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const UPGRADE: &[u8] = b"GET /u HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";

fn pair() -> (DuplexStream, Checked<DuplexStream>) {
    let (client, server) = duplex(64 * 1024);
    (client, Checked::new(server, BytesMut::new(), &Limits::default()))
}

/// What one read gives, in a buffer of this size.
async fn read(checked: &mut Checked<DuplexStream>, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let count = checked.read(&mut bytes).await?;
    bytes.truncate(count);
    Ok(bytes)
}

async fn is_silent(checked: &mut Checked<DuplexStream>) -> bool {
    let within = Duration::from_millis(20);
    tokio::time::timeout(within, read(checked, 100)).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn good_bytes_pass_whatever_the_reads() {
    let body = b"POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let sent = [GET, body, GET].concat();
    for size in [1, 7, 40, 8192] {
        for part in [1, 9, 50, 4096] {
            let (mut client, mut checked) = pair();
            let shared = checked.shared();
            let bytes = sent.clone();
            let writing = tokio::spawn(async move {
                for piece in bytes.chunks(part) {
                    client.write_all(piece).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            let mut got = Vec::new();
            while got.len() < sent.len() {
                let read = read(&mut checked, size).await.unwrap();
                assert!(!read.is_empty());
                got.extend(read);
            }
            writing.await.unwrap();
            assert_eq!(got, sent, "reads of {size}, writes of {part}");
            let targets: Vec<String> = std::iter::from_fn(|| shared.next())
                .map(|facts| facts.target.to_string())
                .collect();
            assert_eq!(targets, ["/a", "/b", "/a"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_head_is_not_seen_and_nothing_follows() {
    let (mut client, mut checked) = pair();
    client
        .write_all(&[GET, b"GET /b HTTP/1.1\nHost: h\n\n", GET].concat())
        .await
        .unwrap();
    let mut got = Vec::new();
    while got.len() < GET.len() + HARMLESS.len() {
        got.extend(read(&mut checked, 30).await.unwrap());
    }
    assert_eq!(got, [GET, HARMLESS].concat());
    assert!(is_silent(&mut checked).await);
    assert_eq!(checked.shared.next().unwrap().refusal, None);
    assert!(matches!(
        checked.shared.next().unwrap().refusal,
        Some(Refusal::Malformed(_))
    ));
    assert_eq!(checked.shared.next(), None);
}

/// Whoever writes what stands in place of a refused head is no better off for it.
#[tokio::test(start_paused = true)]
async fn the_harmless_head_is_a_request_like_any_other() {
    let (mut client, mut checked) = pair();
    client.write_all(HARMLESS).await.unwrap();
    assert_eq!(read(&mut checked, 8192).await.unwrap(), HARMLESS);
    assert_eq!(checked.shared.next().unwrap().refusal, None);
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_is_refused_and_a_silent_client_dropped() {
    let begun = Instant::now();
    let (mut client, mut checked) = pair();
    client.write_all(b"GET /a HTTP/1.1\r\nHost").await.unwrap();
    assert_eq!(read(&mut checked, 8192).await.unwrap(), HARMLESS);
    assert_eq!(
        begun.elapsed().as_secs(),
        Limits::default().head_timeout.as_secs()
    );
    assert_eq!(checked.shared.next().unwrap().refusal, Some(Refusal::TooSlow));

    let (_client, mut checked) = pair();
    assert!(read(&mut checked, 8192).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_second_head_runs_from_its_own_beginning() {
    let (mut client, mut checked) = pair();
    client.write_all(GET).await.unwrap();
    assert_eq!(read(&mut checked, 8192).await.unwrap(), GET);
    let begun = Instant::now();
    let writing = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(100)).await;
        client.write_all(b"GET").await.unwrap();
        client
    });
    assert_eq!(read(&mut checked, 8192).await.unwrap(), HARMLESS);
    let limit = Limits::default().head_timeout.as_secs();
    assert_eq!(begun.elapsed().as_secs(), 100 + limit);
    drop(writing.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_but_not_under_a_long_answer() {
    let limits = Limits::default();
    let (mut client, mut checked) = pair();
    client.write_all(GET).await.unwrap();
    read(&mut checked, 8192).await.unwrap();
    let answering = checked.shared().answering(&Arc::default());
    let hour = Duration::from_hours(1);
    assert!(tokio::time::timeout(hour, read(&mut checked, 10)).await.is_err());
    drop(answering);
    let begun = Instant::now();
    assert!(read(&mut checked, 10).await.unwrap().is_empty());
    assert!(begun.elapsed() <= limits.keep_alive_timeout * 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_is_cut() {
    let limits = Limits::default();
    let (mut client, mut checked) = pair();
    let head = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf";
    client.write_all(head).await.unwrap();
    assert_eq!(read(&mut checked, 8192).await.unwrap(), head);
    // Nobody reads for a while: that is not the client's fault.
    tokio::time::sleep(limits.body_idle_timeout * 3).await;
    let begun = Instant::now();
    let error = read(&mut checked, 8192).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(begun.elapsed() >= limits.body_idle_timeout);
    assert!(begun.elapsed() <= limits.body_idle_timeout * 2);
}

#[tokio::test(start_paused = true)]
async fn a_broken_body_is_an_error() {
    let (mut client, mut checked) = pair();
    let head = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    client
        .write_all(&[head, b"zz\r\n".as_slice()].concat())
        .await
        .unwrap();
    // What was good before it is not lost with it.
    assert_eq!(read(&mut checked, 8192).await.unwrap(), head);
    let error = read(&mut checked, 8192).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[tokio::test(start_paused = true)]
async fn bytes_behind_an_upgrade_wait_for_the_switch() {
    let (mut client, mut checked) = pair();
    client.write_all(&[UPGRADE, b"EARLY"].concat()).await.unwrap();
    assert_eq!(read(&mut checked, 8192).await.unwrap(), UPGRADE);
    assert!(is_silent(&mut checked).await);
    client.write_all(b" AND LATE").await.unwrap();
    assert!(is_silent(&mut checked).await);
    let shared = checked.shared();
    // A client that writes in another protocol already cannot go on with requests.
    assert!(!shared.stays());
    assert!(is_silent(&mut checked).await);
    shared.switched();
    let mut got = Vec::new();
    while got.len() < 14 {
        got.extend(read(&mut checked, 4).await.unwrap());
    }
    assert_eq!(got, b"EARLY AND LATE");
    client.write_all(b"\x00\xffany").await.unwrap();
    assert_eq!(read(&mut checked, 8192).await.unwrap(), b"\x00\xffany");
}

#[tokio::test(start_paused = true)]
async fn where_no_protocol_was_switched_requests_follow() {
    let (mut client, mut checked) = pair();
    client.write_all(UPGRADE).await.unwrap();
    assert_eq!(read(&mut checked, 8192).await.unwrap(), UPGRADE);
    let shared = checked.shared();
    assert!(shared.next().unwrap().asks_upgrade);
    let reading = tokio::spawn(async move {
        let got = read(&mut checked, 8192).await.unwrap();
        (got, checked)
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(shared.stays());
    client.write_all(GET).await.unwrap();
    assert_eq!(reading.await.unwrap().0, GET);
    assert!(!shared.next().unwrap().asks_upgrade);
}

#[tokio::test(start_paused = true)]
async fn what_the_client_still_sends_is_read_behind_the_last_answer() {
    let (mut client, mut checked) = pair();
    client.write_all(b"bad\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut checked, 8192).await.unwrap(), HARMLESS);
    let sending = tokio::spawn(async move {
        client.write_all(&vec![b'x'; 200_000]).await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        rest
    });
    checked.write_all(b"answer").await.unwrap();
    checked.shutdown().await.unwrap();
    assert_eq!(sending.await.unwrap(), b"answer");
}
