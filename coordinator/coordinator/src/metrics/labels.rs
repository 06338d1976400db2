//! What exported metrics are labelled with: few fixed words, never accounts, so that their number
//! is bounded whatever peers do.

use zktrain_wire::messages::Phase;

macro_rules! labels {
    ($($(#[$about:meta])* $name:ident: $key:literal { $($(#[$doc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The label's value.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            pub(super) fn label(self) -> Label {
                [($key, self.text())]
            }
        }
    )*};
}

/// Name and value of the one label that a metric has.
pub(super) type Label = [(&'static str, &'static str); 1];

labels! {
    /// How far members of a round have come.
    MemberState: "state" {
        /// In the plan.
        Planned = "planned",
        /// Have sent valid keys.
        Keyed = "keyed",
        /// Have sent valid shares.
        Shared = "shared",
        /// Have uploaded everything.
        Uploaded = "uploaded",
        /// Their updates are counted.
        Counted = "counted",
        /// Have confirmed whose updates are counted.
        Confirmed = "confirmed",
        /// Have sent their shares to unmask the sum.
        Unmasked = "unmasked",
    }
    /// A verdict on a proof.
    Judgement: "verdict" {
        /// It holds.
        Verified = "verified",
        /// It does not.
        Rejected = "rejected",
    }
    /// How a round ends.
    Ending: "outcome" {
        /// Its sum was proposed.
        Summed = "summed",
        /// Without a sum.
        Void = "void",
        /// Nothing was proposed until its deadline: the bond is lost.
        Late = "late",
    }
    /// How members of the domain stand with the coordinator.
    Standing: "state" {
        /// On the chain, they can be in rounds.
        Candidate = "candidate",
        /// Not asked for a while, as they were silent.
        Paused = "paused",
        /// Not asked any more.
        Barred = "barred",
        /// Registered, and heard of lately.
        Present = "present",
    }
    /// What members do wrong.
    Misdeed: "kind" {
        /// A message that is malformed or wrongly signed.
        Invalid = "invalid",
        /// Two messages where there is to be one.
        Conflict = "conflict",
        /// A complaint about its shares was right, or its own was wrong.
        Complaint = "complaint",
        /// A proof that does not hold.
        Proof = "proof",
        /// A masked vector that is not what was proven.
        Blamed = "blamed",
        /// Silence when the sum was wrong.
        Undefended = "undefended",
        /// Silence when others depended on the member.
        Absent = "absent",
    }
    /// Where bytes go.
    Direction: "direction" {
        /// From owners.
        In = "in",
        /// To owners.
        Out = "out",
    }
    /// What the store does.
    Table: "operation" {
        Read = "read",
        /// Writes and commits.
        Write = "write",
    }
    /// What becomes of a transaction.
    Sending: "outcome" {
        /// The chain has it.
        Mined = "mined",
        /// A contract refused it.
        Reverted = "reverted",
        /// No node took it, or none answered.
        Failed = "failed",
    }
}

/// All phases of a round, in order, with their labels.
pub(super) const PHASES: &[(Phase, Label)] = &[
    (Phase::Keys, [("phase", "keys")]),
    (Phase::Shares, [("phase", "shares")]),
    (Phase::Uploads, [("phase", "uploads")]),
    (Phase::Confirm, [("phase", "confirm")]),
    (Phase::Unmask, [("phase", "unmask")]),
    (Phase::Sum, [("phase", "sum")]),
    (Phase::Defence, [("phase", "defence")]),
    (Phase::Dispute, [("phase", "dispute")]),
    (Phase::Ended, [("phase", "ended")]),
];
