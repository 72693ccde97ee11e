//! The codec: bytes ⇄ [`Packet`](super::Packet), strict in both directions.
