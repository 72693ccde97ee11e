//! From settings to clients: who connects, publishes and subscribes where, and how many deliveries each
//! message is to have.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use crate::bench::plan::filling::{Values, filled};
use crate::cli::bench::{PayloadPiece, PayloadTemplate, Scenario, Shard};
use crate::config::bench::{BenchSettings, ClientGroup};
use mqt_process::random::Random;
use mqt_proto::{TopicError, TopicFilter, TopicName};

/// The lower half of a run id, which stamps and client identifiers bear.
#[must_use]
pub fn run_tag(run: u64) -> u32 {
    u32::try_from(run & u64::from(u32::MAX)).unwrap_or(0)
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientRole {
    /// It publishes.
    Publisher,
    /// It subscribes.
    Subscriber,
    /// It holds a connection.
    Idle,
}

/// A client of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSpec {
    /// Its number in the whole run, over all shards.
    pub number: u32,
    /// Which group it belongs to.
    pub group: u16,
    /// What it does.
    pub role: ClientRole,
    /// Its number among those of its group that do the same.
    pub index: u32,
}

/// Why settings make no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// What a template is filled to is no topic name.
    #[error("the topic '{text}' of group '{group}': {source}")]
    Topic {
        /// The name of the group.
        group: String,
        /// The template as it was typed.
        text: String,
        /// The rule that it breaks.
        source: TopicError,
    },
    /// What a template is filled to is no topic filter.
    #[error("the topic filter '{text}' of group '{group}': {source}")]
    Filter {
        /// The name of the group.
        group: String,
        /// The template as it was typed.
        text: String,
        /// The rule that it breaks.
        source: TopicError,
    },
    /// More clients than numbers.
    #[error("{0} clients are more than mqt can number")]
    TooMany(u64),
}

/// The subscriptions of one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filters {
    /// What it subscribes to; no filter twice.
    pub filters: Vec<TopicFilter>,
    /// All filters are shared under the same name: the group of subscribers counts as one.
    pub is_shared: bool,
}

/// Who takes part in a run.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    settings: &'a BenchSettings,
    run: u64,
}

/// Which of the clients of a role a shard has.
fn part(shard: Option<Shard>, total: u32) -> Range<u32> {
    shard.map_or(0..total, |shard| shard.part_of(total))
}

impl<'a> Plan<'a> {
    /// The plan of these settings under a run id.
    ///
    /// # Errors
    /// Templates that come out as no topic names and filters, and too many clients.
    pub fn new(settings: &'a BenchSettings, run: u64) -> Result<Self, PlanError> {
        let clients = settings.clients();
        if u32::try_from(clients).is_err() {
            return Err(PlanError::TooMany(clients));
        }
        let plan = Self { settings, run };
        for (group, at) in settings.groups.iter().zip(0_u16..) {
            for index in 0..u32::try_from(group.topics.len()).unwrap_or(0).min(group.publishers) {
                plan.topic(&plan.spec(at, ClientRole::Publisher, index))?;
            }
            if group.subscribers > 0 {
                plan.filters(&plan.spec(at, ClientRole::Subscriber, 0))?;
            }
        }
        Ok(plan)
    }

    /// The plan of settings that [`Self::new`] has accepted.
    #[must_use]
    pub const fn new_unchecked(settings: &'a BenchSettings, run: u64) -> Self {
        Self { settings, run }
    }

    /// The clients of this shard, in the order in which they connect: who only holds a connection first,
    /// publishers last.
    #[must_use]
    pub fn specs(&self) -> Vec<ClientSpec> {
        let mut specs = Vec::new();
        for (group, at) in self.settings.groups.iter().zip(0_u16..) {
            let roles = [
                (ClientRole::Idle, group.connections),
                (ClientRole::Subscriber, group.subscribers),
                (ClientRole::Publisher, group.publishers),
            ];
            for (role, total) in roles {
                specs.extend(part(self.settings.shard, total).map(|index| self.spec(at, role, index)));
            }
        }
        specs
    }

    /// The client identifier of a client: that of its login, or the template of all, with half of the run id:
    /// servers need not take more than 23 characters ([MQTT-3.1.3-5]).
    #[must_use]
    pub fn client_id(&self, spec: &ClientSpec) -> String {
        let own = self
            .group(spec)
            .and_then(|group| group.credentials.get(login_place(group, spec)?)?.client_id.clone());
        own.unwrap_or_else(|| {
            self.settings.client_id.fill(|piece| match piece {
                PayloadPiece::Index => Some(spec.number.to_string()),
                PayloadPiece::Run => Some(format!("{:08x}", run_tag(self.run))),
                // Others are refused in it.
                _ => None,
            })
        })
    }

    /// The group of a client.
    #[must_use]
    pub fn group(&self, spec: &ClientSpec) -> Option<&'a ClientGroup> {
        self.settings.groups.get(usize::from(spec.group))
    }

    /// The values of a template for one client.
    const fn values<'v>(&self, index: u32, client: &'v str) -> Values<'v> {
        Values { index, sequence: 0, client, now: 0, run: self.run }
    }

    /// The number of the first client of a group that has this role.
    fn first_number(&self, group: u16, role: ClientRole) -> u32 {
        let before = self.settings.groups.iter().take(usize::from(group));
        let mut first = before.map(|group| group.connections + group.subscribers + group.publishers).sum();
        if let Some(group) = self.settings.groups.get(usize::from(group)) {
            first += match role {
                ClientRole::Idle => 0,
                ClientRole::Subscriber => group.connections,
                ClientRole::Publisher => group.connections + group.subscribers,
            };
        }
        first
    }

    /// A client by its place in its group.
    fn spec(&self, group: u16, role: ClientRole, index: u32) -> ClientSpec {
        ClientSpec { number: self.first_number(group, role) + index, group, role, index }
    }

    /// The topic of a publisher, or one of them where it changes with each message.
    ///
    /// # Errors
    /// It is none.
    pub fn topic(&self, publisher: &ClientSpec) -> Result<TopicName, PlanError> {
        let Some((group, template)) =
            self.group(publisher).and_then(|group| Some((group, topic_template(group, publisher.index)?)))
        else {
            return Ok(TopicName::default());
        };
        let client = self.client_id(publisher);
        TopicName::new(filled(template, self.values(publisher.index, &client), &mut Random::new(0))).map_err(
            |source| PlanError::Topic { group: group.name.clone(), text: template.to_string(), source },
        )
    }

    /// What a subscriber subscribes to.
    ///
    /// # Errors
    /// It is no topic filter.
    pub fn filters(&self, subscriber: &ClientSpec) -> Result<Filters, PlanError> {
        let mut filters: Vec<TopicFilter> = Vec::new();
        let Some(group) = self.group(subscriber) else { return Ok(Filters { filters, is_shared: false }) };
        let client = self.client_id(subscriber);
        let mut known = HashSet::new();
        let mut add = |template: &PayloadTemplate, text: String| {
            let text = match &group.share_name {
                Some(name) => format!("$share/{name}/{text}"),
                None => text,
            };
            let filter = TopicFilter::new(text).map_err(|source| PlanError::Filter {
                group: group.name.clone(),
                text: template.to_string(),
                source,
            })?;
            if known.insert(filter.to_string()) {
                filters.push(filter);
            }
            Ok(())
        };
        if let Some(templates) = &group.filters {
            for template in templates {
                let values = self.values(subscriber.index, &client);
                add(template, filled(template, values, &mut Random::new(0)))?;
            }
        } else if let Some(publishers) = partners(group, subscriber.index) {
            for index in publishers {
                let publisher = self.spec(subscriber.group, ClientRole::Publisher, index);
                match topic_template(group, index) {
                    Some(template) if template.is_fixed_per_client() => {
                        add(template, self.topic(&publisher)?.to_string())?;
                    }
                    Some(template) => add(template, self.any_topic(template))?,
                    None => {}
                }
            }
        } else {
            for template in &group.topics {
                add(template, self.any_topic(template))?;
            }
        }
        // Anyone who has typed one shares it, too.
        let is_shared = !filters.is_empty() && filters.iter().all(|filter| filter.starts_with("$share/"));
        Ok(Filters { filters, is_shared })
    }

    /// The filter for whatever a template comes to: a level that changes becomes `+`.
    fn any_topic(&self, template: &PayloadTemplate) -> String {
        // No topic has this character.
        const MARK: &str = "\0";
        let marked = template.fill(|piece| {
            Some(if matches!(piece, PayloadPiece::Run) {
                format!("{:016x}", self.run)
            } else {
                MARK.to_owned()
            })
        });
        let levels: Vec<&str> =
            marked.split('/').map(|level| if level.contains(MARK) { "+" } else { level }).collect();
        levels.join("/")
    }

    /// How many deliveries a message of each publisher is to have, over all shards, by the number of the
    /// publisher in the run; those with none are left out.
    ///
    /// # Errors
    /// A template comes out as no topic or filter.
    pub fn fan_out(&self) -> Result<HashMap<u32, u32>, PlanError> {
        let mut audience = Audience::default();
        for (group, at) in self.settings.groups.iter().zip(0_u16..) {
            for index in 0..group.subscribers {
                audience.add(self.filters(&self.spec(at, ClientRole::Subscriber, index))?);
                let same_for_all = match &group.filters {
                    Some(filters) => filters.iter().all(is_the_same_for_all),
                    None => partners(group, index).is_none(),
                };
                if same_for_all {
                    audience.repeat_last(group.subscribers - 1);
                    break;
                }
            }
        }
        let mut fan_out = HashMap::new();
        if audience.is_empty() {
            return Ok(fan_out);
        }
        for (group, at) in self.settings.groups.iter().zip(0_u16..) {
            for index in 0..group.publishers {
                let publisher = self.spec(at, ClientRole::Publisher, index);
                let size = audience.size(&self.topic(&publisher)?);
                if size > 0 {
                    fan_out.insert(publisher.number, size);
                }
            }
        }
        Ok(fan_out)
    }
}

fn is_the_same_for_all(template: &PayloadTemplate) -> bool {
    template.pieces().iter().all(|piece| matches!(piece, PayloadPiece::Text(_) | PayloadPiece::Run))
}

/// Which of the logins of its group a client has; `None` when the group has none of its own.
#[must_use]
pub fn login_place(group: &ClientGroup, spec: &ClientSpec) -> Option<usize> {
    // Publishers and subscribers of one group share the list.
    let before = match spec.role {
        ClientRole::Idle => 0,
        ClientRole::Subscriber => group.connections,
        ClientRole::Publisher => group.connections + group.subscribers,
    };
    usize::try_from(before + spec.index).ok()?.checked_rem(group.credentials.len())
}

/// The topic template of a publisher.
pub fn topic_template(group: &ClientGroup, index: u32) -> Option<&PayloadTemplate> {
    let count = u32::try_from(group.topics.len()).ok().filter(|count| *count > 0)?;
    group.topics.get(usize::try_from(index % count).ok()?)
}

/// The publishers whose messages a subscriber is to have; `None`: of all of them.
fn partners(group: &ClientGroup, index: u32) -> Option<impl Iterator<Item = u32> + use<>> {
    let pairs = matches!(group.scenario, Scenario::E2e | Scenario::P2p | Scenario::Churn | Scenario::Storm);
    if !pairs || group.publishers == 0 {
        return None;
    }
    let step = usize::try_from(group.subscribers.max(1)).unwrap_or(usize::MAX);
    Some((index % group.publishers..group.publishers).step_by(step))
}

/// All subscriptions of a run, those that are the same only once.
#[derive(Debug, Default)]
struct Audience {
    /// Filters without wildcards, which match one topic: how many subscribers.
    exact: HashMap<String, u32>,
    /// Other filters of one subscriber, joined: the filters and how many subscribers.
    other: BTreeMap<String, (Vec<TopicFilter>, u32)>,
    /// What [`Self::repeat_last`] is about.
    last: Option<Filters>,
}

impl Audience {
    fn add(&mut self, subscriber: Filters) {
        self.add_many(&subscriber, 1);
        self.last = Some(subscriber);
    }

    fn repeat_last(&mut self, count: u32) {
        if let Some(last) = self.last.take() {
            self.add_many(&last, count);
        }
    }

    fn add_many(&mut self, Filters { filters, is_shared }: &Filters, count: u32) {
        if !is_shared && filters.iter().all(|filter| !filter.has_wildcard()) {
            for filter in filters {
                *self.exact.entry(filter.to_string()).or_default() += count;
            }
            return;
        }
        let key = filters.iter().map(|filter| &**filter).collect::<Vec<_>>().join("\0");
        let (_, subscribers) = self.other.entry(key).or_insert_with(|| (filters.clone(), 0));
        // Those that share a subscription get each message once together.
        *subscribers = if *is_shared { 1 } else { *subscribers + count };
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.other.is_empty()
    }

    fn size(&self, topic: &TopicName) -> u32 {
        let exact = self.exact.get(&**topic).copied().unwrap_or(0);
        let other: u32 = self
            .other
            .values()
            .filter(|(filters, _)| filters.iter().any(|filter| filter.matches(topic)))
            .map(|(_, subscribers)| subscribers)
            .sum();
        exact + other
    }
}

#[cfg(test)]
mod tests;
