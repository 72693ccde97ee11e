//! What every message of a load test carries at the front of its payload: who sent it, as which, and when
//! it was meant to be sent.

/// How many bytes a stamp has.
pub const STAMP_LEN: usize = 28;

/// The bits of the last word that hold the delay, in microseconds.
const DELAY_BITS: u32 = 30;
/// The longest delay that can be told apart, about 18 minutes, in microseconds.
const LONGEST_DELAY: u32 = (1 << DELAY_BITS) - 1;

/// To which part of a run a message belongs: decided when it is sent, so that nothing leaks into the
/// measurement from before or after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum StampPhase {
    /// Before the measurement.
    WarmUp = 0,
    /// Counted.
    Measured = 1,
}

impl StampPhase {
    const fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            0 => Some(Self::WarmUp),
            1 => Some(Self::Measured),
            _ => None,
        }
    }
}

/// The stamp of one message. Numbers are on the wire with their high byte first: the run in 4 bytes, the
/// publisher in 4, the sequence in 8, the intended time in 8, and 4 bytes with the phase in the upper two
/// bits and the delay in the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The lower half of the run's number.
    pub run: u32,
    /// The number of the publisher, from 0 on, over all shards of the run.
    pub publisher: u32,
    /// The number of the message, counted from 0 on for each publisher and phase.
    pub sequence: u64,
    /// When it was meant to be sent, in nanoseconds since 1970.
    pub intended: u64,
    /// The part of the run.
    pub phase: StampPhase,
    /// How much later than intended it was sent, in microseconds; at most about 18 minutes.
    pub delay: u32,
}

impl Stamp {
    /// The bytes for the front of the payload.
    #[must_use]
    pub fn encode(&self) -> [u8; STAMP_LEN] {
        let last = u32::from(self.phase as u8) << DELAY_BITS | self.delay.min(LONGEST_DELAY);
        let mut bytes = [0; STAMP_LEN];
        bytes[0..4].copy_from_slice(&self.run.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.publisher.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.intended.to_be_bytes());
        bytes[24..28].copy_from_slice(&last.to_be_bytes());
        bytes
    }

    /// The stamp at the front of a payload; `None` where there is none. Whether it belongs to this run, `run`
    /// tells.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let (run, rest) = payload.split_first_chunk()?;
        let (publisher, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (intended, rest) = rest.split_first_chunk()?;
        let (last, _) = rest.split_first_chunk()?;
        let last = u32::from_be_bytes(*last);
        Some(Self {
            run: u32::from_be_bytes(*run),
            publisher: u32::from_be_bytes(*publisher),
            sequence: u64::from_be_bytes(*sequence),
            intended: u64::from_be_bytes(*intended),
            phase: StampPhase::from_bits(last >> DELAY_BITS)?,
            delay: last & LONGEST_DELAY,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_description() {
        let stamp = Stamp {
            run: 0x0102_0304,
            publisher: 5,
            sequence: 0x0600_0000_0000_0007,
            intended: 0x0800_0000_0000_0009,
            phase: StampPhase::Measured,
            delay: 10,
        };
        let bytes = [1, 2, 3, 4, 0, 0, 0, 5, 6, 0, 0, 0, 0, 0, 0, 7, 8, 0, 0, 0, 0, 0, 0, 9, 0x40, 0, 0, 10];
        assert_eq!(stamp.encode(), bytes);
        assert_eq!(Stamp::decode(&bytes), Some(stamp));
        assert_eq!(Stamp::decode(&bytes[..27]), None, "too short");
        let mut other = bytes;
        other[24] = 0x80;
        assert_eq!(Stamp::decode(&other), None, "no such phase");
    }

    proptest! {
        #[test]
        fn what_was_stamped_is_read_back(
            run: u32, publisher: u32, sequence: u64, intended: u64, phase in 0_u32..2, delay: u32,
            padding in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let phase = StampPhase::from_bits(phase).unwrap();
            let stamp = Stamp { run, publisher, sequence, intended, phase, delay };
            let mut bytes = stamp.encode().to_vec();
            bytes.extend(padding);
            let expected = Stamp { delay: delay.min(LONGEST_DELAY), ..stamp };
            prop_assert_eq!(Stamp::decode(&bytes), Some(expected));
        }
    }
}
