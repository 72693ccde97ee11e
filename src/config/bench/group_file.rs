//! Groups of clients from a TOML file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use crate::cli::bench::{Arrival, ClientCount, LoadRate, LoadStage, PayloadSize, PayloadTemplate, Scenario};
use crate::cli::values::{Window, read_list, read_value};
use crate::error::Failure;
use mqt_process::text_file::{self, TextFile};
use mqt_proto::QoS;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupDocument {
    group: Vec<toml::Spanned<GroupTable>>,
}

/// A table `[[group]]`: what it does not say is taken from the options.
#[derive(Deserialize, Debug, Clone, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct GroupTable {
    pub name: Option<String>,
    pub scenario: Option<Scenario>,
    #[serde(deserialize_with = "read_value")]
    pub publishers: Option<ClientCount>,
    #[serde(deserialize_with = "read_value")]
    pub subscribers: Option<ClientCount>,
    #[serde(deserialize_with = "read_value")]
    pub connections: Option<ClientCount>,
    #[serde(deserialize_with = "read_list")]
    pub topic: Vec<PayloadTemplate>,
    #[serde(deserialize_with = "read_list")]
    pub filter: Vec<PayloadTemplate>,
    pub share_name: Option<String>,
    #[serde(deserialize_with = "read_value")]
    pub payload: Option<PayloadTemplate>,
    #[serde(deserialize_with = "read_value")]
    pub size: Option<PayloadSize>,
    pub file: Option<PathBuf>,
    #[serde(deserialize_with = "read_value")]
    pub qos: Option<QoS>,
    #[serde(deserialize_with = "read_value")]
    pub subscribe_qos: Option<QoS>,
    pub retain: Option<bool>,
    #[serde(deserialize_with = "read_value")]
    pub rate: Option<LoadRate>,
    #[serde(deserialize_with = "read_list")]
    pub stages: Vec<LoadStage>,
    #[serde(deserialize_with = "read_value")]
    pub inflight: Option<Window>,
    #[serde(deserialize_with = "arrival")]
    pub arrival: Option<Arrival>,
    pub credentials: Option<PathBuf>,
}

fn arrival<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arrival>, D::Error> {
    Arrival::deserialize(deserializer).map(Some)
}

/// A table and where it stands, for what is wrong with it as a whole.
pub(super) struct Placed {
    pub table: GroupTable,
    /// `groups.toml:7`
    pub place: String,
}

/// Reads the file. Paths in it are relative to its folder.
pub(super) fn read(path: &Path) -> Result<Vec<Placed>, Failure> {
    let file = TextFile::read(path, text_file::CONFIGURATION)?;
    let document: GroupDocument = toml::from_str(file.text()).map_err(|error| {
        let place = error.span().map_or_else(|| path.display().to_string(), |span| file.place_at(span.start));
        Failure::usage(format!("{place}: {}", error.message()))
            .hint("the file has tables [[group]]; `mqt bench --help` names their keys at --groups")
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let placed: Vec<Placed> = document
        .group
        .into_iter()
        .map(|spanned| {
            let place = file.place_at(spanned.span().start);
            let mut table = spanned.into_inner();
            for path in [&mut table.file, &mut table.credentials] {
                *path = path.take().map(|path| folder.join(path));
            }
            Placed { table, place }
        })
        .collect();
    for Placed { table, place } in &placed {
        check(table).map_err(|why| Failure::usage(format!("{place}: {why}")))?;
    }
    if placed.is_empty() {
        return Err(Failure::usage(format!("{} has no [[group]]", path.display())));
    }
    Ok(placed)
}

fn check(table: &GroupTable) -> Result<(), &'static str> {
    let contents = [table.payload.is_some(), table.size.is_some(), table.file.is_some()];
    let paces = [table.rate.is_some(), !table.stages.is_empty(), table.inflight.is_some()];
    let several = |given: [bool; 3]| given.into_iter().filter(|given| *given).count() > 1;
    if several(contents) {
        return Err("payload, size and file: give one of them");
    }
    if several(paces) {
        return Err("rate, stages and inflight: give one of them");
    }
    if table.arrival.is_some() && table.inflight.is_some() {
        return Err("arrival does not go with inflight");
    }
    Ok(())
}

/// Names a group that has none.
pub(super) fn name(table: &GroupTable, number: usize) -> String {
    table.name.clone().unwrap_or_else(|| format!("group-{}", number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(text: &str) -> Result<Vec<Placed>, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("groups.toml");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn a_group_says_what_its_clients_do() {
        let placed = groups(
            "[[group]]\nname = \"sensors\"\nscenario = \"pub\"\npublishers = \"2k\"\n\
             topic = [\"s/{i}\", \"t/{i}\"]\nsize = \"16-64\"\nqos = 1\nstages = [\"10s@1k\", \"5s@2k\"]\n\
             arrival = \"poisson\"\ncredentials = \"users.csv\"\n\n[[group]]\nscenario = \"sub\"\n\
             filter = \"s/#\"\nsubscribers = 3\n",
        )
        .unwrap();
        let first = &placed[0].table;
        assert_eq!((first.publishers, first.topic.len()), (Some(ClientCount(2_000)), 2));
        assert_eq!((first.stages.len(), first.arrival), (2, Some(Arrival::Poisson)));
        assert!(first.credentials.as_ref().unwrap().is_absolute());
        assert!(placed[1].place.ends_with("groups.toml:12"), "{}", placed[1].place);
        assert_eq!((name(first, 0).as_str(), name(&placed[1].table, 1).as_str()), ("sensors", "group-2"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, why) in [
            ("", "missing field `group`"),
            ("group = []", "has no [[group]]"),
            ("[[group]]\nname = \"a\"\npublisher = 3\n", "groups.toml:3: unknown field `publisher`"),
            ("[[group]]\nrate = \"fast\"\n", "groups.toml:2: not a rate"),
            ("[[group]]\nqos = 3\n", "groups.toml:2: "),
            ("[[group]]\nscenario = \"x\"\n", "groups.toml:2: unknown variant `x`"),
            ("[[group]]\nrate = 5\ninflight = 2\n", "groups.toml:1: rate, stages and inflight"),
            ("[[group]]\nsize = 5\nfile = \"x\"\n", "groups.toml:1: payload, size and file"),
            ("[[group]]\nrate = \"5\n", "groups.toml:2: "),
        ] {
            let failure = groups(text).err().unwrap();
            assert!(failure.what.contains(why), "{failure}");
        }
    }
}
