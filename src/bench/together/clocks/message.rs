//! What is asked and answered about clocks, as it is in payloads.

use bytes::Bytes;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// What time it is, in nanoseconds since 1970 by the clock of whoever asks.
    Time(u64),
    /// Nothing: whoever has asked will not do so again.
    Farewell,
}

impl Question {
    pub fn encode(self) -> Bytes {
        let (kind, asked) = match self {
            Self::Time(asked) => (0_u8, asked),
            Self::Farewell => (1, 0),
        };
        [&[kind][..], &asked.to_be_bytes()].concat().into()
    }

    pub fn decode(payload: &[u8]) -> Option<Self> {
        let (kind, rest) = payload.split_first()?;
        match kind {
            0 => Some(Self::Time(u64::from_be_bytes(*rest.first_chunk()?))),
            1 => Some(Self::Farewell),
            _ => None,
        }
    }
}

/// What is answered, and by whom: a number by chance, so that two processes with one run id are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockAnswer {
    /// The question, when it came and when its answer left.
    Time { by: u64, asked: u64, came: u64, left: u64 },
    /// It will soon be gone: who wants to know its clock once more must ask now.
    Ends { by: u64 },
}

impl ClockAnswer {
    pub fn encode(self) -> Bytes {
        let (kind, numbers) = match self {
            Self::Time { by, asked, came, left } => (0_u8, [by, asked, came, left]),
            Self::Ends { by } => (1, [by, 0, 0, 0]),
        };
        [&[kind][..], &numbers.map(u64::to_be_bytes).concat()].concat().into()
    }

    pub fn decode(payload: &[u8]) -> Option<Self> {
        let (kind, rest) = payload.split_first()?;
        let (by, rest) = rest.split_first_chunk()?;
        let (asked, rest) = rest.split_first_chunk()?;
        let (came, rest) = rest.split_first_chunk()?;
        let (left, _) = rest.split_first_chunk()?;
        let [by, asked, came, left] = [by, asked, came, left].map(|bytes| u64::from_be_bytes(*bytes));
        match kind {
            0 => Some(Self::Time { by, asked, came, left }),
            1 => Some(Self::Ends { by }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_are_read_as_they_were_written() {
        for question in [Question::Time(7), Question::Farewell] {
            assert_eq!(Question::decode(&question.encode()), Some(question));
        }
        for answer in
            [ClockAnswer::Time { by: 1, asked: 2, came: 3, left: u64::MAX }, ClockAnswer::Ends { by: 9 }]
        {
            let bytes = answer.encode();
            assert_eq!(ClockAnswer::decode(&bytes), Some(answer));
            assert_eq!(ClockAnswer::decode(&bytes[..32]), None, "too short");
        }
        assert_eq!((Question::decode(&[0, 1]), Question::decode(&[2; 9])), (None, None));
        assert_eq!((ClockAnswer::decode(&[2; 33]), ClockAnswer::decode(b"")), (None, None));
    }
}
