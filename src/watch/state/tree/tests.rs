//! Rows, orders, filters and rates of the tree.

use crate::watch::state::tree::*;

fn tree(topics: &[&str]) -> TopicTree {
    let mut tree = TopicTree::default();
    for topic in topics {
        let id = tree.insert(topic, 0).unwrap();
        tree.count(id, 1, 0);
        tree.set_match(id, true);
    }
    tree
}

fn shown(tree: &TopicTree) -> Vec<&str> {
    let rows: Vec<NodeId> = (0..tree.rows()).map(|row| tree.at_row(row).unwrap()).collect();
    for (row, id) in rows.iter().enumerate() {
        assert_eq!(tree.row_of(*id), Some(row), "{}", tree.node(*id).path());
    }
    assert_eq!(tree.at_row(tree.rows()), None);
    rows.iter().map(|id| tree.node(*id).path()).collect()
}

#[test]
fn rows_follow_what_is_open() {
    let mut tree = tree(&["b/x/1", "a", "b/y", "b/x/2"]);
    assert_eq!(shown(&tree), ["a", "b", "b/x", "b/y"]);
    let x = tree.find("b/x").unwrap();
    tree.set_open(x, true);
    assert_eq!(shown(&tree), ["a", "b", "b/x", "b/x/1", "b/x/2", "b/y"]);
    tree.set_open_all(false);
    assert_eq!(shown(&tree), ["a", "b"]);
    assert_eq!(tree.row_of(x), None);
    tree.reveal(tree.find("b/x/2").unwrap());
    assert_eq!(shown(&tree), ["a", "b", "b/x", "b/x/1", "b/x/2", "b/y"]);
    tree.set_open_all(true);
    assert_eq!(tree.rows(), 6);
}

#[test]
fn empty_levels_are_levels() {
    let mut tree = tree(&["/a", "a//b", "/", "//"]);
    tree.set_open_all(true);
    let paths = shown(&tree);
    assert_eq!(paths.len(), 7, "{paths:?}");
    for topic in ["/a", "a//b", "/", "//"] {
        assert_eq!(tree.node(tree.find(topic).unwrap()).path(), topic);
        assert_eq!(tree.insert(topic, 0), Ok(tree.find(topic).unwrap()));
    }
    assert_eq!(tree.node(ROOT).topics, 4);
    assert_eq!(tree.len(), 8);
}

#[test]
fn a_filter_hides_topics_and_what_is_above_them() {
    let mut tree = tree(&["a/1", "a/2", "b/1"]);
    tree.set_match(tree.find("b/1").unwrap(), false);
    assert_eq!(shown(&tree), ["a", "a/1", "a/2"]);
    tree.hide_all();
    assert!(shown(&tree).is_empty());
    tree.set_match(tree.find("a/2").unwrap(), true);
    assert_eq!(shown(&tree), ["a", "a/2"]);
    assert_eq!(tree.matching(), 1);
}

#[test]
fn orders_by_rate_and_change() {
    let mut tree = tree(&["a", "b", "c"]);
    tree.set_order(SortOrder::Change);
    for (topic, now) in [("c", 10), ("a", 20), ("b", 30), ("b", 31)] {
        tree.count(tree.find(topic).unwrap(), 1, now);
    }
    while tree.settle(1) {}
    assert_eq!(shown(&tree), ["b", "a", "c"]);
    tree.set_order(SortOrder::Rate);
    for now in 0..50 {
        tree.count(tree.find("c").unwrap(), 1, 1_000_000 + now);
    }
    assert!(!tree.settle(10));
    assert_eq!(shown(&tree), ["c", "b", "a"]);
    tree.set_order(SortOrder::Name);
    // Piece by piece, and whole in between; one that comes about meanwhile finds its place.
    assert!(tree.settle(2));
    assert_eq!(shown(&tree).len(), 3);
    let id = tree.insert("aa", 60).unwrap();
    tree.set_match(id, true);
    assert!(!tree.settle(2));
    assert_eq!(shown(&tree), ["a", "aa", "b", "c"]);
}

#[test]
fn rates_are_right_from_the_first_second_on_and_fade() {
    let mut tree = tree(&[]);
    let id = tree.insert("a/b", 0).unwrap();
    for step in 0..400 {
        tree.count(id, 10, step * 10_000);
    }
    let now = 4_000_000;
    let rate = tree.node(ROOT).rate(now);
    assert!((90.0..110.0).contains(&rate), "{rate}");
    assert!(tree.node(id).rate(now + 60_000_000) < 0.1);
    assert_eq!((tree.node(ROOT).messages, tree.node(ROOT).bytes), (400, 4_000));
}

#[test]
fn a_topic_of_slashes_makes_few_nodes() {
    let mut tree = TopicTree::default();
    let topic = "/".repeat(65_535);
    let id = tree.insert(&topic, 0).unwrap();
    assert_eq!(tree.node(id).path(), topic);
    assert!(tree.len() <= MAX_DEPTH + 1);
}

#[test]
fn random_changes_keep_the_rows_as_a_plain_walk_counts_them() {
    let mut tree = TopicTree::default();
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    let mut most = 0;
    for step in 0..6_000_u64 {
        most = most.max(tree.rows());
        match next(10) {
            0..5 => {
                let topic = format!("{}/{}/{}", next(8), next(12), next(5));
                let id = tree.insert(&topic, step).unwrap();
                tree.count(id, 1, step);
                tree.set_match(id, next(4) != 0);
            }
            5..7 => {
                let id = next(tree.len() as u64) as NodeId;
                let open = next(2) == 0;
                tree.set_open(id, open);
            }
            7 => {
                tree.settle(20);
            }
            8 if next(50) == 0 => {
                tree.set_order([SortOrder::Name, SortOrder::Rate, SortOrder::Change][next(3) as usize])
            }
            _ if next(100) == 0 => tree.set_open_all(next(2) == 0),
            _ => {}
        }
        if step % 50 == 0 {
            assert_eq!(shown(&tree), walk(&tree));
        }
    }
    assert!(most > 100, "{most}");
}

fn walk(tree: &TopicTree) -> Vec<&str> {
    let mut paths = Vec::new();
    let mut at = tree.after(ROOT);
    let mut backwards = Vec::new();
    while let Some(id) = at {
        backwards.push(id);
        let mut above = tree.node(id).parent;
        let mut hidden = !tree.node(id).is_shown();
        while above != ROOT {
            hidden |= !tree.node(above).open;
            above = tree.node(above).parent;
        }
        if !hidden {
            paths.push(tree.node(id).path());
        }
        at = tree.after(id);
    }
    let mut at = tree.last();
    while let Some(id) = at {
        assert_eq!(backwards.pop(), Some(id));
        at = tree.before(id);
    }
    assert!(backwards.is_empty());
    paths
}
