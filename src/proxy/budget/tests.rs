use std::time::Duration;

use super::*;

fn peer(last: u8) -> Origin {
    Origin::peer(IpAddr::from([10, 0, 0, last]))
}

fn small() -> Bounds {
    Bounds {
        places: 4,
        own: 2,
        line: 6,
        own_line: 3,
        wait: Duration::from_millis(200),
    }
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_peer_leaves_places_to_others() {
    let budget = Budget::new(small(), 0, 0);
    let _one = budget.place(peer(1)).await.unwrap();
    let _two = budget.place(peer(1)).await.unwrap();
    let third = budget.clone();
    let third = tokio::spawn(async move { third.place(peer(1)).await });
    settle().await;
    assert!(!third.is_finished(), "its own places are taken");
    assert!(
        tokio::time::timeout(Duration::from_millis(50), budget.place(peer(2)))
            .await
            .unwrap()
            .is_ok()
    );
    assert_eq!(
        third.await.unwrap().err(),
        Some(TooMany),
        "it waited for as long as anybody"
    );
}

#[tokio::test]
async fn a_full_line_is_refused_at_once_and_others_still_line_up() {
    let budget = Budget::new(small(), 0, 0);
    let held = [
        budget.place(peer(1)).await.unwrap(),
        budget.place(peer(1)).await.unwrap(),
    ];
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let budget = budget.clone();
        waiting.push(tokio::spawn(async move { budget.place(peer(1)).await }));
        settle().await;
    }
    let refused = tokio::time::timeout(Duration::from_millis(50), budget.place(peer(1)))
        .await
        .unwrap();
    assert_eq!(refused.err(), Some(TooMany));
    assert!(budget.place(peer(2)).await.is_ok());
    drop(held);
    for one in waiting {
        assert!(one.await.unwrap().is_ok());
    }
    assert_eq!(budget.peers(), 0, "nobody is remembered who asks nothing");
}

#[tokio::test]
async fn peers_are_served_in_turn() {
    let bounds = Bounds {
        places: 1,
        own: 1,
        own_line: 100,
        line: 100,
        wait: Duration::from_secs(5),
    };
    let budget = Budget::new(bounds, 0, 0);
    let first = budget.place(peer(9)).await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for number in [1, 1, 1, 1, 2, 3] {
        let (budget, tell) = (budget.clone(), tell.clone());
        tokio::spawn(async move {
            let _place = budget.place(peer(number)).await.unwrap();
            tell.send(number).unwrap();
        });
        settle().await;
    }
    drop(first);
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(told.recv().await.unwrap());
    }
    assert_eq!(order, [1, 2, 3, 1, 1, 1]);
}

#[tokio::test]
async fn who_went_away_takes_no_place() {
    let budget = Budget::new(
        Bounds {
            places: 1,
            own: 1,
            ..small()
        },
        0,
        0,
    );
    let held = budget.place(peer(1)).await.unwrap();
    for _ in 0..20 {
        let waiting = budget.place(peer(2));
        assert!(
            tokio::time::timeout(Duration::from_millis(1), waiting)
                .await
                .is_err()
        );
    }
    drop(held);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), budget.place(peer(3)))
            .await
            .unwrap()
            .is_ok()
    );
    assert_eq!(budget.peers(), 0);
}

#[tokio::test]
async fn a_burst_from_a_gateway_is_not_refused() {
    let budget = Budget::new(Bounds::default(), 0, 0);
    let mut all = Vec::new();
    for _ in 0..100 {
        let budget = budget.clone();
        all.push(tokio::spawn(async move {
            let _place = budget.place(peer(1)).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, TooMany>(())
        }));
    }
    for one in all {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn a_rate_is_kept_where_one_is_given() {
    let budget = Budget::new(
        Bounds {
            wait: Duration::from_secs(5),
            ..Bounds::default()
        },
        20,
        2,
    );
    let begin = Instant::now();
    for _ in 0..6 {
        drop(budget.place(peer(1)).await.unwrap());
    }
    // Two at once and four at twenty a second.
    assert!(
        begin.elapsed() >= Duration::from_millis(190),
        "{:?}",
        begin.elapsed()
    );
    let slow = Budget::new(small(), 1, 1);
    drop(slow.place(peer(1)).await.unwrap());
    assert_eq!(
        slow.place(peer(1)).await.err(),
        Some(TooMany),
        "who waits too long for it is refused"
    );
}

#[test]
fn a_network_is_one_peer() {
    let of = |text: &str| Origin::peer(text.parse().unwrap());
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::7"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
}
