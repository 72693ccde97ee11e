//! Who publishes and subscribes where.

use std::ffi::OsString;

use crate::bench::plan::scenario::*;
use crate::cli::{Request, parse};
use crate::config::{Environment, Resolved, bench};

fn settings(line: &str) -> BenchSettings {
    let environment = Environment::empty();
    match parse(["mqt", "bench"].into_iter().chain(line.split_whitespace()).map(OsString::from)) {
        Ok(Request::Bench(args)) => {
            let Resolved { settings, .. } = bench(args.load, &environment).unwrap();
            settings
        }
        other => panic!("{line}: {other:?}"),
    }
}

/// The filters of each subscriber, without what is common to all, and the fan-out of each publisher.
fn audience(line: &str) -> (Vec<String>, Vec<u32>) {
    let settings = settings(line);
    let plan = Plan::new(&settings, 0xab).unwrap();
    let specs = plan.specs();
    let with = |role| specs.iter().filter(move |spec| spec.role == role);
    let filters = with(ClientRole::Subscriber)
        .map(|spec| {
            let filters = plan.filters(spec).unwrap().filters;
            let texts: Vec<String> =
                filters.iter().map(|filter| filter.replace("mqt/bench/00000000000000ab", "~")).collect();
            texts.join(" ")
        })
        .collect();
    let fan_out = plan.fan_out().unwrap();
    let sizes =
        with(ClientRole::Publisher).map(|spec| fan_out.get(&spec.number).copied().unwrap_or(0)).collect();
    (filters, sizes)
}

#[test]
fn each_scenario_has_its_audience() {
    for (line, filters, fan_out) in [
        ("e2e --publishers 2 --subscribers 2", "~/0|~/1", "1 1"),
        ("e2e --publishers 5 --subscribers 2", "~/0 ~/2 ~/4|~/1 ~/3", "1 1 1 1 1"),
        ("e2e --publishers 2 --subscribers 3", "~/0|~/1|~/0", "2 1"),
        ("p2p --publishers 2 --subscribers 2", "~/0|~/1", "1 1"),
        ("fan-in --publishers 3 --subscribers 1", "~/+", "1 1 1"),
        ("fan-out --publishers 1 --subscribers 3", "~/+|~/+|~/+", "3"),
        ("shared --publishers 2 --subscribers 2 --share-name g", "$share/g/~/+|$share/g/~/+", "1 1"),
        ("sub --subscribers 2 --filter $share/g/a", "$share/g/a|$share/g/a", ""),
        (
            "e2e --publishers 1 --subscribers 3 -t a --filter $share/g/a",
            "$share/g/a|$share/g/a|$share/g/a",
            "1",
        ),
        ("pub --publishers 2", "", "0 0"),
        ("e2e --publishers 2 --subscribers 2 --topic a/{client}", "a/mqt-000000ab-2|a/mqt-000000ab-3", "1 1"),
        ("e2e --publishers 2 --subscribers 2 --topic a/{seq} --filter a/#", "a/#|a/#", "2 2"),
        ("e2e --publishers 2 --subscribers 2 --topic a/{i} --filter a/{i}", "a/0|a/1", "1 1"),
        ("fan-out --publishers 2 --subscribers 2 --topic a --topic b/{i}/x{seq}", "a b/+/+|a b/+/+", "2 2"),
    ] {
        let (found, sizes) = audience(line);
        assert_eq!(found.join("|"), filters, "{line}");
        let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
        assert_eq!(sizes.join(" "), fan_out, "{line}");
    }
}

#[test]
fn a_subscriber_with_overlapping_filters_counts_once() {
    let (filters, fan_out) =
        audience("fan-out --publishers 1 --subscribers 2 --topic a/b --filter a/# --filter a/b");
    assert_eq!(filters, ["a/# a/b", "a/# a/b"]);
    assert_eq!(fan_out, [2]);
}

#[test]
fn client_identifiers_have_23_characters_at_most() {
    // 311:3.1.3-5: no server need take more, and some that speak 3.1 do not.
    let settings = settings("connect -n 10");
    let plan = Plan::new(&settings, u64::MAX).unwrap();
    let id = |number| plan.client_id(&ClientSpec { number, group: 0, role: ClientRole::Idle, index: number });
    assert_eq!((id(7).as_str(), id(u32::MAX).len()), ("mqt-ffffffff-7", 23));
}

#[test]
fn the_shards_have_every_client_once() {
    let mut all = Vec::new();
    for shard in ["0/3", "1/3", "2/3"] {
        let settings = settings(&format!(
            "fan-in --publishers 7 --subscribers 2 --run-id 00000000000000ab --shard {shard}"
        ));
        let plan = Plan::new(&settings, 0xab).unwrap();
        all.extend(plan.specs());
        assert_eq!(plan.fan_out().unwrap().len(), 7, "whoever publishes to other shards has to know");
    }
    all.sort_by_key(|spec| spec.number);
    assert_eq!(all.iter().map(|spec| spec.number).collect::<Vec<_>>(), (0..9).collect::<Vec<_>>());
    assert_eq!(all.iter().filter(|spec| spec.role == ClientRole::Subscriber).count(), 2);
}

#[test]
fn a_template_that_comes_out_as_no_topic_is_told() {
    let mut settings = settings("pub --publishers 1");
    settings.groups[0].topics = vec!["a/+".parse().unwrap()];
    let error = Plan::new(&settings, 1).unwrap_err().to_string();
    assert!(error.starts_with("the topic 'a/+' of group"), "{error}");
}
