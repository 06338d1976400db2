//! Why connections and streams are ended, as the other side is told.

use quinn::VarInt;

/// A code; the same for connections and streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(u32);

impl Code {
    pub(crate) fn code(self) -> VarInt {
        VarInt::from_u32(self.0)
    }
}

/// Takes leave; it may come back.
pub(crate) const LEAVE: Code = Code(0);
/// The account has connected again.
pub(crate) const REPLACED: Code = Code(1);
/// What was sent is not the protocol.
pub(crate) const BREACH: Code = Code(2);
/// Nothing moved for too long, or the server shuts down.
pub(crate) const STALLED: Code = Code(3);
/// The upload is refused; an answer says why.
pub(crate) const REFUSED: Code = Code(4);
/// Trouble of our own.
pub(crate) const INTERNAL: Code = Code(5);
