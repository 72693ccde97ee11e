//! Shared subscriptions (4.8.2): each message goes to one member of the group.

use std::collections::HashMap;

use bytestring::ByteString;

use super::slab::{GroupKey, SessionKey, Slab};
use super::topics::TopicSubscriber;

/// How well a member can take a message just now, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Readiness {
    /// It cannot take the message.
    No,
    /// The message would wait until it connects.
    Away,
    /// It is connected, and the message would wait in its queue.
    Busy,
    /// It can be sent to at once.
    Ready,
}

#[derive(Debug)]
struct ShareGroup {
    name: ByteString,
    members: Vec<TopicSubscriber>,
    next: usize,
}

/// All share groups. A group is known by its whole filter, `$share/NAME/FILTER`.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Slab<GroupKey, ShareGroup>,
    by_name: HashMap<ByteString, GroupKey>,
}

/// What joining a group did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The group.
    pub group: GroupKey,
    /// The group did not exist before.
    pub is_new_group: bool,
    /// The session was not a member before.
    pub is_new_member: bool,
}

impl Groups {
    /// Adds a member or replaces its subscription.
    pub(crate) fn join(&mut self, name: &ByteString, member: TopicSubscriber) -> Joined {
        let known = self.by_name.get(name).copied();
        let group = known.unwrap_or_else(|| {
            let group = ShareGroup { name: name.clone(), members: Vec::new(), next: 0 };
            let key = self.groups.insert(group);
            self.by_name.insert(name.clone(), key);
            key
        });
        let mut is_new_member = false;
        if let Some(group) = self.groups.get_mut(group) {
            match group.members.iter_mut().find(|old| old.session == member.session) {
                Some(old) => *old = member,
                None => {
                    group.members.push(member);
                    is_new_member = true;
                }
            }
        }
        Joined { group, is_new_group: known.is_none(), is_new_member }
    }

    /// Removes a member. Gives the key of the group back when it had no other and is gone.
    pub(crate) fn leave(&mut self, name: &ByteString, session: SessionKey) -> Option<GroupKey> {
        let key = self.by_name.get(name).copied()?;
        let group = self.groups.get_mut(key)?;
        group.members.retain(|member| member.session != session);
        if !group.members.is_empty() {
            return None;
        }
        self.groups.remove(key);
        self.by_name.remove(name);
        Some(key)
    }

    /// The group with this whole filter.
    pub(crate) fn find(&self, name: &ByteString) -> Option<GroupKey> {
        self.by_name.get(name).copied()
    }

    /// The member whose turn it is: the next of those that are best able to take the message.
    pub(crate) fn pick(
        &mut self,
        group: GroupKey,
        mut readiness: impl FnMut(&TopicSubscriber) -> Readiness,
    ) -> Option<(TopicSubscriber, ByteString)> {
        let group = self.groups.get_mut(group)?;
        let turns = group.members.iter().enumerate().cycle().skip(group.next).take(group.members.len());
        let mut best = Readiness::No;
        let mut picked = None;
        for (place, member) in turns {
            let readiness = readiness(member);
            if readiness > best {
                best = readiness;
                picked = Some((place, *member));
            }
            if best == Readiness::Ready {
                break;
            }
        }
        let (place, member) = picked?;
        group.next = (place + 1) % group.members.len();
        Some((member, group.name.clone()))
    }

    /// How many memberships there are.
    pub(crate) fn memberships(&self) -> usize {
        self.groups.iter().map(|(_, group)| group.members.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Key as _;
    use mqt_proto::{QoS, Subscription};

    fn key(number: usize) -> SessionKey {
        SessionKey::from_number(number)
    }

    fn member(session: usize) -> TopicSubscriber {
        TopicSubscriber::new(
            key(session),
            &Subscription::new("$share/g/a".parse().unwrap(), QoS::AtLeastOnce),
            0,
        )
    }

    #[test]
    fn members_take_turns_and_those_who_cannot_are_passed_over() {
        let mut groups = Groups::default();
        let name = ByteString::from_static("$share/g/a");
        let first = groups.join(&name, member(1));
        assert!(first.is_new_group && first.is_new_member);
        groups.join(&name, member(2));
        assert!(!groups.join(&name, member(2)).is_new_member);
        groups.join(&name, member(3));
        let mut turn = |readiness: fn(usize) -> Readiness| {
            let picked = groups.pick(first.group, |member| readiness(member.session.number()));
            picked.map(|(member, _)| member.session.number())
        };
        let all: Vec<_> = (0..4).map(|_| turn(|_| Readiness::Ready)).collect();
        assert_eq!(all, [Some(1), Some(2), Some(3), Some(1)]);
        let ready = |session| if session == 2 { Readiness::Busy } else { Readiness::Ready };
        assert_eq!(turn(ready), Some(3));
        let away = |session| if session == 1 { Readiness::Away } else { Readiness::Busy };
        assert_eq!(turn(away), Some(2));
        assert_eq!(turn(|session| if session == 2 { Readiness::Away } else { Readiness::No }), Some(2));
        assert_eq!(turn(|_| Readiness::No), None);
        assert_eq!(groups.leave(&name, key(1)), None);
        assert_eq!(groups.leave(&name, key(3)), None);
        assert_eq!(groups.memberships(), 1);
        assert_eq!(groups.leave(&name, key(2)), Some(first.group));
        assert_eq!(groups.find(&name), None);
    }
}
