//! Sessions, connections, share groups and topic levels under small numbers, each kind with a key of its own.

use std::marker::PhantomData;

/// A key that is a type of its own, so that no session is looked for under the key of a connection.
pub(crate) trait Key: Copy {
    /// The key with this number.
    fn from_number(number: usize) -> Self;
    /// Its number.
    fn number(self) -> usize;
}

/// Defines keys.
macro_rules! keys {
    ($($(#[$doc:meta])* $visible:vis $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visible struct $name(usize);

        impl Key for $name {
            fn from_number(number: usize) -> Self {
                Self(number)
            }

            fn number(self) -> usize {
                self.0
            }
        }
    )+};
}

keys! {
    /// A connection. The key of one that is closed is given out again.
    pub ConnectionId;
    /// A session.
    pub(crate) SessionKey;
    /// A share group.
    pub(crate) GroupKey;
    /// A level in the tree of subscriptions.
    pub(crate) NodeKey;
}

/// Values under keys. A key stays valid until its value is removed, and is then given out again.
#[derive(Debug)]
pub(crate) struct Slab<K, V> {
    values: slab::Slab<V>,
    key: PhantomData<K>,
}

impl<K, V> Default for Slab<K, V> {
    fn default() -> Self {
        Self { values: slab::Slab::new(), key: PhantomData }
    }
}

impl<K: Key, V> Slab<K, V> {
    /// Takes a value and says under which key it is.
    pub(crate) fn insert(&mut self, value: V) -> K {
        K::from_number(self.values.insert(value))
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        self.values.try_remove(key.number())
    }

    /// The value under a key.
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.values.get(key.number())
    }

    /// The value under a key, to change it.
    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.values.get_mut(key.number())
    }

    /// Every key with its value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.values.iter().map(|(number, value)| (K::from_number(number), value))
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}
