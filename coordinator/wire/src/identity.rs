//! Who is at the other end of a connection: Ethereum accounts, bound to the TLS channel.
//!
//! Certificates say nothing here. On the first stream, in order:
//!
//! 1. owner → coordinator: `Hello`;
//! 2. coordinator → owner: `Greeting::Proof`, or the version that it speaks;
//! 3. owner → coordinator: [`IdentityProof`], once it knows that it talks to whom it wanted to;
//! 4. coordinator → owner: `Welcome`.
//!
//! A proof is an EIP-712 signature, for the plans' domain, over version, role, account and keying
//! material exported from this connection (RFC 8446 §7.5; as a channel binding: RFC 9266). Both
//! ends of one TLS connection have the same, no two connections do, and who terminates TLS in the
//! middle has two different ones: relayed and replayed proofs do not hold. The role keeps a proof
//! from being sent back to its maker, the domain from being used on another chain.

use alloy::primitives::{Address, B256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::Eip712Domain;
use quinn::Connection;
use zktrain_ledger::typed;

use super::frame::{IdentityProof, VERSION};

mod structs {
    #![allow(missing_docs)] // documented at `PeerRole` and in the module's header
    alloy::sol! {
        struct Channel {
            uint32 version;
            string role;
            address account;
            bytes32 exporter;
        }
    }
}

/// What keying material is exported for.
const LABEL: &[u8] = b"EXPORTER-zktrain-wire";

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerRole {
    /// The one that accepts.
    Coordinator,
    /// The one that connects.
    Owner,
}

/// Keying material of one connection. Not secret from its two ends, known to nobody else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Channel(B256);

impl Channel {
    /// Of a connection whose TLS handshake is over.
    ///
    /// # Errors
    /// Never for 32 bytes, says TLS.
    pub fn of(connection: &Connection) -> Result<Self, quinn::crypto::ExportKeyingMaterialError> {
        let mut material = [0; 32];
        connection.export_keying_material(&mut material, LABEL, &[])?;
        Ok(Self(material.into()))
    }

    fn message(self, role: PeerRole, account: Address) -> structs::Channel {
        let role = match role {
            PeerRole::Coordinator => "coordinator",
            PeerRole::Owner => "owner",
        };
        structs::Channel { version: VERSION, role: role.into(), account, exporter: self.0 }
    }

    /// Proves who we are on it.
    ///
    /// # Errors
    /// If the signer refuses.
    pub fn prove(
        self,
        role: PeerRole,
        signer: &PrivateKeySigner,
        domain: &Eip712Domain,
    ) -> alloy::signers::Result<IdentityProof> {
        let account = signer.address();
        let signature = typed::sign(&self.message(role, account), domain, signer)?;
        Ok(IdentityProof { account, signature: signature.into() })
    }

    /// Who proved to be there; none if the proof does not hold.
    pub fn proven(
        self,
        role: PeerRole,
        proof: &IdentityProof,
        domain: &Eip712Domain,
    ) -> Option<Address> {
        let signer = typed::signer(&self.message(role, proof.account), domain, &proof.signature)?;
        (signer == proof.account).then_some(signer)
    }
}
