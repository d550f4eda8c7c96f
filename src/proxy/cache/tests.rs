use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const BOUNDS: Bounds = Bounds {
    entries: 64,
    bytes: 64 * 1024,
    stale: Duration::ZERO,
};

fn answer(value: u32, ttl: u64) -> Answer<u32> {
    Answer {
        value,
        ttl: Duration::from_millis(ttl),
        bytes: 0,
        may_be_stale: true,
    }
}

fn key(number: u32) -> Key {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    Key(key)
}

#[tokio::test]
async fn many_who_wait_ask_once() {
    let store = Arc::new(Remembered::new(BOUNDS));
    let asked = Arc::new(AtomicUsize::new(0));
    let mut all = Vec::new();
    for _ in 0..50 {
        let (store, asked) = (Arc::clone(&store), Arc::clone(&asked));
        all.push(tokio::spawn(async move {
            let ask = async {
                asked.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(30)).await;
                Ok(answer(7, 60_000))
            };
            store.get_or(key(1), || ask).await.unwrap().0
        }));
    }
    for one in all {
        assert_eq!(one.await.unwrap(), 7);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn errors_are_shared_by_who_waits_and_not_remembered() {
    let store = Remembered::<u32>::new(BOUNDS);
    for _ in 0..3 {
        assert_eq!(
            store.get_or(key(1), || async { Err(Missed::Unavailable) }).await,
            Err(Missed::Unavailable)
        );
        assert_eq!(store.count().await, 0);
    }
    assert_eq!(
        store.get_or(key(1), || async { Ok(answer(1, 60_000)) }).await,
        Ok((1, Source::Asked))
    );
    assert_eq!(
        store.get_or(key(1), || async { Err(Missed::Unavailable) }).await,
        Ok((1, Source::Remembered))
    );
}

#[tokio::test]
async fn who_asks_may_go_away() {
    let store = Arc::new(Remembered::new(BOUNDS));
    let slow = Arc::clone(&store);
    let gone = tokio::spawn(async move { slow.get_or(key(1), std::future::pending).await });
    tokio::task::yield_now().await;
    let waits = Arc::clone(&store);
    let waits = tokio::spawn(async move { waits.get_or(key(1), || async { Ok(answer(2, 60_000)) }).await });
    tokio::task::yield_now().await;
    gone.abort();
    assert_eq!(waits.await.unwrap(), Ok((2, Source::Asked)));
}

#[tokio::test]
async fn an_answer_ends() {
    let store = Remembered::new(BOUNDS);
    store
        .get_or(key(1), || async { Ok(answer(1, 40)) })
        .await
        .unwrap();
    assert_eq!(store.get(&key(1)).await, Some(1));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(store.get(&key(1)).await, None);
    assert_eq!(
        store.get_or(key(1), || async { Ok(answer(2, 0)) }).await,
        Ok((2, Source::Asked))
    );
    assert_eq!(
        store.get_or(key(1), || async { Ok(answer(3, 0)) }).await,
        Ok((3, Source::Asked)),
        "no time, no memory"
    );
}

#[tokio::test]
async fn a_yes_outlives_an_outage_where_that_is_wanted_and_a_no_never() {
    let away = || async { Err(Missed::Unavailable) };
    let store = Remembered::new(Bounds {
        stale: Duration::from_mins(1),
        ..BOUNDS
    });
    store
        .get_or(key(1), || async { Ok(answer(1, 20)) })
        .await
        .unwrap();
    let no = Answer {
        may_be_stale: false,
        ..answer(2, 20)
    };
    store.get_or(key(2), || async { Ok(no.clone()) }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert_eq!(store.get_or(key(1), away).await, Ok((1, Source::Stale)));
    assert_eq!(store.get_or(key(2), away).await, Err(Missed::Unavailable));
    assert_eq!(
        store.get_or(key(3), away).await,
        Err(Missed::Unavailable),
        "never asked about"
    );

    // A no that came since ends it.
    store.get_or(key(4), || async { Ok(answer(1, 0)) }).await.unwrap();
    store
        .get_or(key(4), || async {
            Ok(Answer {
                may_be_stale: false,
                ..answer(2, 0)
            })
        })
        .await
        .unwrap();
    assert_eq!(store.get_or(key(4), away).await, Err(Missed::Unavailable));
    store.get_or(key(5), || async { Ok(answer(1, 0)) }).await.unwrap();
    assert!(
        store
            .get_or(key(5), || async { Err(Missed::Nobody("ended")) })
            .await
            .is_err()
    );
    assert_eq!(store.get_or(key(5), away).await, Err(Missed::Unavailable));

    let off = Remembered::new(BOUNDS);
    off.get_or(key(1), || async { Ok(answer(1, 0)) }).await.unwrap();
    assert_eq!(off.get_or(key(1), away).await, Err(Missed::Unavailable));
}

#[tokio::test]
async fn number_and_bytes_are_bounded() {
    let by_number = Remembered::new(BOUNDS);
    for number in 0..20_000 {
        by_number.put(key(number), answer(number, 60_000)).await;
    }
    assert!(by_number.count().await <= 64);
    let by_bytes = Remembered::new(BOUNDS);
    for number in 0..2_000 {
        by_bytes
            .put(
                key(number),
                Answer {
                    bytes: 16 * 1024,
                    ..answer(number, 60_000)
                },
            )
            .await;
    }
    assert!(by_bytes.count().await <= 4);
    let none = Remembered::new(Bounds { entries: 0, ..BOUNDS });
    none.put(key(1), answer(1, 60_000)).await;
    assert!(none.count().await <= 1);
}

#[test]
fn everything_that_an_answer_depends_on_is_in_its_key() {
    let keys = Keys::new().unwrap();
    let user = |name: &str, uid: &str, groups: &[&str], extra: &[(&str, &[&str])]| {
        let extra: BTreeMap<_, _> = extra
            .iter()
            .map(|(key, values)| {
                (
                    (*key).to_owned(),
                    values.iter().map(|value| (*value).to_owned()).collect(),
                )
            })
            .collect();
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        User {
            name: name.into(),
            uid: uid.into(),
            groups,
            extra,
        }
    };
    let users = [
        user("ann", "", &[], &[]),
        user("an", "n", &[], &[]),
        user("", "ann", &[], &[]),
        user("ann", "u", &[], &[]),
        user("ann", "", &["a"], &[]),
        user("ann", "", &["a", "b"], &[]),
        user("ann", "", &["b", "a"], &[]),
        user("ann", "", &["ab"], &[]),
        user("ann", "", &["a"], &[("k", &["v"])]),
        user("ann", "", &["a"], &[("k", &["w"])]),
        user("ann", "", &["a"], &[("k", &["v", "w"])]),
        user("ann", "", &["a"], &[("k", &["v"]), ("w", &[])]),
        user("ann", "", &["a", "k"], &[("v", &[])]),
    ];
    let fields = [
        "namespace",
        "verb",
        "group",
        "version",
        "resource",
        "subresource",
        "name",
    ];
    let mut questions = vec![
        Attributes::Resource(Resource::default()),
        Attributes::NonResource {
            path: "/a".into(),
            verb: "get".into(),
        },
        Attributes::NonResource {
            path: "/".into(),
            verb: "aget".into(),
        },
    ];
    for field in fields {
        let mut resource = Resource::default();
        let slot = match field {
            "namespace" => &mut resource.namespace,
            "verb" => &mut resource.verb,
            "group" => &mut resource.group,
            "version" => &mut resource.version,
            "resource" => &mut resource.resource,
            "subresource" => &mut resource.subresource,
            _ => &mut resource.name,
        };
        "x".clone_into(slot);
        questions.push(Attributes::Resource(resource));
    }
    let mut seen = BTreeMap::new();
    for user in &users {
        for attributes in &questions {
            let before = seen.insert(keys.decision(user, attributes), (user, attributes));
            assert!(before.is_none(), "{user:?} {attributes:?} and {before:?}");
            assert_eq!(keys.decision(user, attributes), keys.decision(user, attributes));
        }
    }
    let token = |text: &str, audiences: &[&str]| {
        let audiences: Vec<_> = audiences.iter().map(|one| (*one).to_owned()).collect();
        keys.token(&Token::new(text), &audiences)
    };
    let all = [
        token("a", &[]),
        token("b", &[]),
        token("a", &["b"]),
        token("ab", &[]),
        token("a", &["b", "c"]),
        token("a", &["bc"]),
    ];
    for (number, one) in all.iter().enumerate() {
        assert!(!all[number + 1..].contains(one));
    }
    assert_ne!(
        Keys::new().unwrap().token(&Token::new("a"), &[]),
        token("a", &[]),
        "drawn anew"
    );
}
